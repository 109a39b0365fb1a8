//! Picture files as the frames of a camera, which are all of one size.

use super::Form;
use crate::frame::{ColorSpace, Frame, PixelFormat, Size};
use crate::source::files;
use anyhow::{Context, anyhow};
use std::path::{Path, PathBuf};

/// As many pictures are kept in memory at most.
const MOST: usize = 256;

/// The pictures of a folder, as the source `files` lists them, in the wanted form, with their files. Of
/// several sizes the most frequent one is kept, the first of equals; the number of pictures that are left
/// out comes with them.
pub fn load(folder: &Path, form: Form) -> anyhow::Result<(Vec<PathBuf>, Vec<Frame>, usize)> {
    let name = folder.to_str().with_context(|| format!("open pictures {}: not UTF-8", folder.display()))?;
    let mut paths = files::pictures(name)?;
    paths.truncate(MOST);
    let all: Vec<Frame> = paths
        .iter()
        .map(|path| frame(path, form).with_context(|| format!("read picture {}", path.display())))
        .collect::<anyhow::Result<_>>()?;
    let number = |size: Size| all.iter().filter(|frame| frame.size == size).count();
    let size = all.iter().rev().map(|frame| frame.size).max_by_key(|&size| number(size)).unwrap_or_default();
    let left_out = all.len() - number(size);
    let (paths, frames) = paths.into_iter().zip(all).filter(|(_, frame)| frame.size == size).unzip();
    Ok((paths, frames, left_out))
}

fn frame(path: &Path, form: Form) -> anyhow::Result<Frame> {
    let mut frame = Frame::empty();
    files::read(path, &mut frame).map_err(|e| anyhow!(e))?;
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
