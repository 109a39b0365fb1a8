//! A picture file as a frame.

use crate::frame::{ColorSpace, Frame, PixelFormat, Size, Timestamp};
use image::{ImageFormat, ImageReader, Limits};
use std::io::{BufReader, Cursor, Read, Seek};
use std::path::Path;

/// Larger files are no pictures a camera makes.
const MAX_BYTES: u64 = 256 << 20;

/// Reads the JPEG, PNG or BMP file `path` into `frame`, reusing its memory. A JPEG stays compressed. The
/// error names the file and the reason. EXIF orientation is not applied.
pub fn read(path: &Path, frame: &mut Frame) -> Result<(), String> {
    let name = path.display();
    let file = std::fs::File::open(path).map_err(|e| format!("read picture {name}: {e}"))?;
    let meta = file.metadata().map_err(|e| format!("read picture {name}: {e}"))?;
    if meta.is_dir() {
        return Err(format!("read picture {name}: it is a folder"));
    }
    if meta.len() > MAX_BYTES {
        return Err(format!("read picture {name}: {} bytes are too many for a picture", meta.len()));
    }
    frame.captured = Timestamp::now();
    let mut file = BufReader::new(file);
    frame.data.clear();
    file.read_to_end(&mut frame.data).map_err(|e| format!("read picture {name}: {e}"))?;
    match image::guess_format(&frame.data) {
        Ok(ImageFormat::Jpeg) => {
            (frame.format, frame.color) = (PixelFormat::Mjpeg, ColorSpace::Bt601Full);
            frame.size = Size::default();
            Ok(())
        }
        Ok(ImageFormat::Png | ImageFormat::Bmp) => {
            let encoded = std::mem::take(&mut frame.data);
            decode(Cursor::new(encoded), frame).map_err(|e| format!("read picture {name}: {e}"))
        }
        _ => Err(format!("read picture {name}: neither JPEG nor PNG nor BMP")),
    }
}

fn decode(encoded: impl std::io::BufRead + Seek, frame: &mut Frame) -> Result<(), image::ImageError> {
    let mut reader = ImageReader::new(encoded).with_guessed_format()?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(1 << 30);
    reader.limits(limits);
    let picture = reader.decode()?.into_rgb8();
    (frame.format, frame.color) = (PixelFormat::Rgb24, ColorSpace::default());
    frame.size = Size::new(picture.width(), picture.height());
    frame.data = picture.into_raw();
    Ok(())
}
