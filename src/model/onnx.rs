//! The properties of an ONNX model: text by name, where exporters leave what a graph does not show.
//! Layout: `ModelProto.metadata_props` and `StringStringEntryProto` of `onnx/onnx.proto`, in protobuf's wire format.

/// Field numbers.
mod field {
    pub const METADATA_PROPS: u64 = 14;
    pub const KEY: u64 = 1;
    pub const VALUE: u64 = 2;
}

/// The value of a property; `None` where there is none, or the file is no protobuf.
pub fn property<'a>(file: &'a [u8], name: &str) -> Option<&'a str> {
    let part = |entry: &'a [u8], number| Fields(entry).find(|field| field.0 == number).map(|field| field.1);
    let entries = Fields(file).filter(|field| field.0 == field::METADATA_PROPS).map(|field| field.1);
    let mut named = entries.filter(|entry| part(entry, field::KEY) == Some(name.as_bytes()));
    std::str::from_utf8(part(named.next()?, field::VALUE)?).ok()
}

/// The fields of a message that have bytes, by number; ends where it breaks off.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = (u64, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let tag = self.varint()?;
            match tag & 7 {
                0 => drop(self.varint()?),
                1 => drop(self.take(8)?),
                2 => {
                    let length = usize::try_from(self.varint()?).ok()?;
                    return Some((tag >> 3, self.take(length)?));
                }
                5 => drop(self.take(4)?),
                _ => return None,
            }
        }
    }
}

impl<'a> Fields<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// Seven bits a byte, the lowest first, as long as bit 7 is set.
    fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = *self.take(1)?.first()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_property_is_found_behind_other_fields() {
        let file = b"\x08\x07\x12\x03abc\x72\x0a\x0a\x04task\x12\x02ab\x72\x09\x0a\x05names\x12\x00";
        assert_eq!(property(file, "task"), Some("ab"));
        assert_eq!(property(file, "names"), Some(""));
        assert_eq!(property(file, "stride"), None);
    }

    #[test]
    fn what_breaks_off_has_none() {
        for file in [&b""[..], b"\x72\x7f\x0a", b"\x72\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", b"\x77"]
        {
            assert_eq!(property(file, "task"), None, "{file:?}");
        }
    }
}
