//! A reader of FlatBuffers that checks every offset against the file: whatever the bytes are, it
//! returns an answer or `Malformed`. Layout: <https://flatbuffers.dev/internals/>.

/// The file breaks the format at this byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Where, from the start of the file.
    pub offset: usize,
}

/// The result of a read.
pub type Read<T> = Result<T, Malformed>;

fn bytes<const N: usize>(file: &[u8], offset: usize) -> Read<[u8; N]> {
    file.get(offset..).and_then(|rest| rest.first_chunk()).copied().ok_or(Malformed { offset })
}

fn u16_at(file: &[u8], offset: usize) -> Read<usize> {
    bytes(file, offset).map(|b| usize::from(u16::from_le_bytes(b)))
}

fn u32_at(file: &[u8], offset: usize) -> Read<u32> {
    bytes(file, offset).map(u32::from_le_bytes)
}

/// Follows the unsigned 32-bit offset at `offset`.
fn follow(file: &[u8], offset: usize) -> Read<usize> {
    let to = u32_at(file, offset)?;
    let target = offset + to as usize;
    if to == 0 || target >= file.len() { Err(Malformed { offset }) } else { Ok(target) }
}

/// A table: fields by number, each of which may be absent.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a> {
    file: &'a [u8],
    at: usize,
    vtable: usize,
    fields: usize,
}

impl<'a> Table<'a> {
    /// The root table of a file.
    pub fn root(file: &'a [u8]) -> Read<Self> {
        Self::at(file, follow(file, 0)?)
    }

    fn at(file: &'a [u8], at: usize) -> Read<Self> {
        let back = i64::from(i32::from_le_bytes(bytes(file, at)?));
        let vtable = usize::try_from(at as i64 - back).map_err(|_| Malformed { offset: at })?;
        let (size, table) = (u16_at(file, vtable)?, u16_at(file, vtable + 2)?);
        if size < 4 || size % 2 != 0 || vtable + size > file.len() || at + table > file.len() {
            return Err(Malformed { offset: vtable });
        }
        Ok(Self { file, at, vtable, fields: (size - 4) / 2 })
    }

    /// Where field `n` is, if the table has it.
    fn field(&self, n: usize) -> Read<Option<usize>> {
        if n >= self.fields {
            return Ok(None);
        }
        let offset = u16_at(self.file, self.vtable + 4 + 2 * n)?;
        Ok((offset != 0).then_some(self.at + offset))
    }

    /// A byte, `default` when absent.
    pub fn i8(&self, n: usize, default: i8) -> Read<i8> {
        self.field(n)?.map_or(Ok(default), |at| bytes(self.file, at).map(i8::from_le_bytes))
    }

    /// An unsigned 32-bit number, 0 when absent.
    pub fn u32(&self, n: usize) -> Read<u32> {
        self.field(n)?.map_or(Ok(0), |at| u32_at(self.file, at))
    }

    /// An unsigned 64-bit number, 0 when absent.
    pub fn u64(&self, n: usize) -> Read<u64> {
        self.field(n)?.map_or(Ok(0), |at| bytes(self.file, at).map(u64::from_le_bytes))
    }

    /// A table, if there.
    pub fn table(&self, n: usize) -> Read<Option<Self>> {
        self.field(n)?.map(|at| Self::at(self.file, follow(self.file, at)?)).transpose()
    }

    /// An unsigned 16-bit number, 0 when absent.
    pub fn u16(&self, n: usize) -> Read<usize> {
        self.field(n)?.map_or(Ok(0), |at| u16_at(self.file, at))
    }

    /// A vector of elements of `size` bytes; empty when absent.
    pub fn vector(&self, n: usize, size: usize) -> Read<Vector<'a>> {
        match self.field(n)? {
            Some(field) => Vector::at(self.file, field, size),
            None => Ok(Vector { file: self.file, at: 0, len: 0, size }),
        }
    }

    /// A string; empty when absent, bytes that are no UTF-8 replaced.
    pub fn string(&self, n: usize) -> Read<String> {
        self.vector(n, 1).map(|v| String::from_utf8_lossy(v.bytes()).into_owned())
    }
}

/// A vector inside the file.
#[derive(Clone, Copy, Debug)]
pub struct Vector<'a> {
    file: &'a [u8],
    at: usize,
    len: usize,
    size: usize,
}

impl<'a> Vector<'a> {
    /// The vector that the offset at `field` leads to.
    fn at(file: &'a [u8], field: usize, size: usize) -> Read<Self> {
        let start = follow(file, field)?;
        let len = u32_at(file, start)? as usize;
        match len.checked_mul(size).and_then(|bytes| bytes.checked_add(start + 4)) {
            Some(end) if end <= file.len() => Ok(Self { file, at: start + 4, len, size }),
            _ => Err(Malformed { offset: start }),
        }
    }

    /// The number of elements.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The elements' bytes.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        &self.file[self.at..self.at + self.len * self.size]
    }

    /// Where the elements' bytes are in the file.
    #[must_use]
    pub const fn range(&self) -> std::ops::Range<usize> {
        self.at..self.at + self.len * self.size
    }

    /// Element `i` of a vector of tables.
    pub fn table(&self, i: usize) -> Read<Table<'a>> {
        if i >= self.len {
            return Err(Malformed { offset: self.at });
        }
        Table::at(self.file, follow(self.file, self.at + 4 * i)?)
    }

    /// The elements of a vector of tables.
    pub fn tables(self) -> impl Iterator<Item = Read<Table<'a>>> {
        (0..self.len).map(move |i| self.table(i))
    }

    /// The bytes of the strings in a vector of strings.
    pub fn strings(self) -> impl Iterator<Item = Read<&'a [u8]>> {
        (0..self.len).map(move |i| Self::at(self.file, self.at + 4 * i, 1).map(|string| string.bytes()))
    }

    /// The elements of a vector of 32-bit floats.
    pub fn f32s(self) -> impl Iterator<Item = f32> + 'a {
        self.bytes().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b))
    }

    /// The elements of a vector of 32-bit numbers.
    pub fn i32s(self) -> impl Iterator<Item = i32> + 'a {
        self.bytes().as_chunks::<4>().0.iter().map(|b| i32::from_le_bytes(*b))
    }
}
