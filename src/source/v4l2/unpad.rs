//! Copies a driver's buffer into tight rows.

use crate::frame::{PixelFormat, Size};

/// Copies the rows of an uncompressed picture to `to`, dropping what pads them to `stride` bytes (of the
/// first plane; 0 means tight). False when `from` is too short.
#[must_use]
pub fn copy(format: PixelFormat, size: Size, stride: usize, from: &[u8], to: &mut Vec<u8>) -> bool {
    to.clear();
    let (width, height) = (size.width as usize, size.height as usize);
    let half_rows = height.div_ceil(2);
    let planes: &[(usize, usize)] = match format {
        PixelFormat::Yuyv | PixelFormat::Uyvy => &[(width.div_ceil(2) * 4, height)],
        PixelFormat::Nv12 => &[(width, height), (width.div_ceil(2) * 2, half_rows)],
        PixelFormat::Gray8 => &[(width, height)],
        PixelFormat::Rgb24 => &[(width * 3, height)],
        PixelFormat::I420 | PixelFormat::Mjpeg => return false,
    };
    let mut rest = from;
    for &(row, rows) in planes {
        let stride = stride.max(row);
        // The last row of a picture may come without its padding.
        let Some(needed) = rows.checked_sub(1).map(|before| before * stride + row) else { return false };
        if rest.len() < needed {
            return false;
        }
        if stride == row {
            to.extend_from_slice(&rest[..needed]);
        } else {
            rest[..needed].chunks(stride).for_each(|padded| to.extend_from_slice(&padded[..row]));
        }
        rest = &rest[(rows * stride).min(rest.len())..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_dropped_and_tight_rows_are_copied() {
        let size = Size::new(4, 2);
        let mut to = Vec::new();
        let from: Vec<u8> = (0..24).collect();
        assert!(copy(PixelFormat::Yuyv, size, 12, &from, &mut to));
        assert_eq!(to, [0, 1, 2, 3, 4, 5, 6, 7, 12, 13, 14, 15, 16, 17, 18, 19]);
        assert!(copy(PixelFormat::Yuyv, size, 12, &from[..20], &mut to), "no padding after the last row");
        assert!(!copy(PixelFormat::Yuyv, size, 12, &from[..19], &mut to));
        for stride in [0, 8] {
            assert!(copy(PixelFormat::Uyvy, size, stride, &from, &mut to));
            assert_eq!(to, from[..16]);
        }
        assert!(copy(PixelFormat::Nv12, size, 6, &from, &mut to));
        assert_eq!(to, [0, 1, 2, 3, 6, 7, 8, 9, 12, 13, 14, 15]);
        assert_eq!(Some(to.len()), PixelFormat::Nv12.bytes(size));
        assert!(copy(PixelFormat::Gray8, Size::new(3, 3), 5, &from, &mut to));
        assert_eq!(to, [0, 1, 2, 5, 6, 7, 10, 11, 12]);
        assert!(!copy(PixelFormat::Gray8, Size::new(3, 0), 5, &from, &mut to));
    }
}
