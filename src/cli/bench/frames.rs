//! Picture files as the frames of a camera.

use super::Form;
use crate::frame::{ColorSpace, Frame, PixelFormat, Size};
use crate::source::files;
use anyhow::{Context, anyhow, bail};
use std::path::Path;

/// As many pictures are kept in memory at most.
const MOST: usize = 256;

/// The pictures of a folder, in order, in the wanted form.
pub fn load(folder: &Path, form: Form) -> anyhow::Result<Vec<Frame>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("read folder {}", folder.display()))?;
    let mut paths: Vec<_> =
        entries.filter_map(|e| Some(e.ok()?.path())).filter(|path| is_picture(path)).collect();
    paths.sort();
    paths.truncate(MOST);
    if paths.is_empty() {
        bail!("no JPEG, PNG or BMP file in folder {}", folder.display());
    }
    paths.iter().map(|path| frame(path, form)).collect()
}

fn is_picture(path: &Path) -> bool {
    let known =
        |e: &std::ffi::OsStr| ["jpg", "jpeg", "png", "bmp"].iter().any(|known| e.eq_ignore_ascii_case(known));
    path.extension().is_some_and(known)
}

fn frame(path: &Path, form: Form) -> anyhow::Result<Frame> {
    let mut frame = Frame::empty();
    files::read(path, &mut frame).map_err(|e| anyhow!("read picture {}: {e}", path.display()))?;
    if form == Form::Mjpeg && frame.format == PixelFormat::Mjpeg {
        return Ok(frame);
    }
    let picture = image::ImageReader::open(path)?.with_guessed_format()?.decode()?.into_rgb8();
    frame.size = Size::new(picture.width() & !1, picture.height());
    match form {
        Form::Mjpeg => {
            let image = turbojpeg::Image {
                pixels: picture.as_raw().as_slice(),
                width: picture.width() as usize,
                pitch: picture.width() as usize * 3,
                height: picture.height() as usize,
                format: turbojpeg::PixelFormat::RGB,
            };
            frame.data = turbojpeg::compress(image, 90, turbojpeg::Subsamp::Sub2x1)?.to_vec();
            (frame.format, frame.color) = (PixelFormat::Mjpeg, ColorSpace::Bt601Full);
        }
        Form::Rgb => {
            frame.size = Size::new(picture.width(), picture.height());
            (frame.data, frame.format) = (picture.into_raw(), PixelFormat::Rgb24);
        }
        Form::Yuyv => {
            frame.data = yuyv(&picture);
            (frame.format, frame.color) = (PixelFormat::Yuyv, ColorSpace::Bt601Limited);
        }
    }
    Ok(frame)
}

/// ITU-R BT.601, limited range, an odd last column left out.
fn yuyv(picture: &image::RgbImage) -> Vec<u8> {
    let mut data = Vec::with_capacity(picture.as_raw().len());
    for row in picture.as_raw().chunks_exact(picture.width() as usize * 3) {
        for [a, b] in row.as_chunks::<3>().0.as_chunks::<2>().0 {
            let mean = std::array::from_fn(|c| f32::midpoint(f32::from(a[c]), f32::from(b[c])));
            let [r, g, b2] = mean;
            let level = |v: f32| v.round().clamp(0.0, 255.0) as u8;
            let luma = |[r, g, b]: [u8; 3]| {
                level(16.0 + 0.256_788 * f32::from(r) + 0.504_129 * f32::from(g) + 0.097_906 * f32::from(b))
            };
            let u = level(128.0 - 0.148_223 * r - 0.290_993 * g + 0.439_216 * b2);
            let v = level(128.0 + 0.439_216 * r - 0.367_788 * g - 0.071_427 * b2);
            data.extend([luma(*a), u, luma(*b), v]);
        }
    }
    data
}
