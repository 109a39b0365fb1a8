//! A reader of FlexBuffers, as far as a map of strings goes, that checks every offset: whatever the bytes are, it
//! returns an answer or nothing. Layout: <https://flatbuffers.dev/flatbuffers_internals/#flexbuffers>.

/// `flexbuffers::Type::FBT_MAP`.
const MAP: u8 = 9;

/// The little-endian number of `width` bytes at `at`.
fn number(bytes: &[u8], at: usize, width: usize) -> Option<usize> {
    let digits = bytes.get(at..at.checked_add(width)?)?;
    let wide = match width {
        1 | 2 | 4 | 8 => digits.iter().rev().fold(0_u64, |n, &digit| n << 8 | u64::from(digit)),
        _ => return None,
    };
    usize::try_from(wide).ok()
}

/// Follows the offset at `at`, which leads back.
fn follow(bytes: &[u8], at: usize, width: usize) -> Option<usize> {
    at.checked_sub(number(bytes, at, width)?)
}

/// The width that a type says its elements have: its low two bits are the logarithm.
const fn width(kind: u8) -> usize {
    1 << (kind & 3)
}

/// The bytes of the string or blob `key` of the map that a buffer's root is.
pub fn string<'a>(buffer: &'a [u8], key: &str) -> Option<&'a [u8]> {
    let (rest, &[kind, root]) = buffer.split_last_chunk::<2>()?;
    if kind >> 2 != MAP {
        return None;
    }
    let map = follow(buffer, rest.len().checked_sub(root.into())?, root.into())?;
    let wide = width(kind);
    let (count, keys) = (number(buffer, map.checked_sub(wide)?, wide)?, map.checked_sub(3 * wide)?);
    let (keys, key_width) = (follow(buffer, keys, wide)?, number(buffer, keys + wide, wide)?);
    let named = |i: usize| {
        let at = follow(buffer, keys.checked_add(i.checked_mul(key_width)?)?, key_width)?;
        let name = buffer.get(at..)?.strip_prefix(key.as_bytes())?;
        (name.first() == Some(&0)).then_some(i)
    };
    let index = (0..count.min(buffer.len())).find_map(named)?;
    let types = map.checked_add(count.checked_mul(wide)?)?;
    let size = width(*buffer.get(types.checked_add(index)?)?);
    let at = follow(buffer, map + index * wide, wide)?;
    buffer.get(at..at.checked_add(number(buffer, at.checked_sub(size)?, size)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `{"a": "xy", "bc": "z"}`, as the reference implementation writes it.
    const MAP_OF_TWO: &[u8] = b"a\0\x02xy\0bc\0\x01z\0\x02\x0d\x08\x02\x01\x02\x0f\x09\x14\x14\x04\x24\x01";

    #[test]
    fn a_maps_strings_are_found_by_key() {
        assert_eq!(string(MAP_OF_TWO, "a"), Some(&b"xy"[..]));
        assert_eq!(string(MAP_OF_TWO, "bc"), Some(&b"z"[..]));
        assert_eq!((string(MAP_OF_TWO, "b"), string(MAP_OF_TWO, ""), string(b"", "a")), (None, None, None));
    }

    #[test]
    fn any_bytes_give_an_answer() {
        for at in 0..MAP_OF_TWO.len() {
            for value in 0..=255 {
                let mut bytes = MAP_OF_TWO.to_vec();
                bytes[at] = value;
                string(&bytes, "a");
                string(&bytes[..at], "bc");
            }
        }
    }
}
