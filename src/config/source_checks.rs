//! The way to a `source` from what the user wrote.

use super::checker::{Checker, within};
use super::file;
use super::lenient::start;
use super::value::expanded;
use super::{Device, Source};
use crate::array::Array;
use crate::frame::{PixelFormat, Size};
use std::path::PathBuf;
use toml::Spanned;

const DEFAULT_RPICAM: (Size, f64) = (Size::new(1280, 720), 10.0);
const DEFAULT_PATTERN: (Size, f64, i64) = (Size::new(640, 480), 10.0, 1);

const ONE_OF: &str = "write one of v4l2, rpicam, command, files and test_pattern";

/// The source of camera `k`, whose table starts at `at`.
pub fn source(at: usize, k: &file::Camera, c: &mut Checker<'_>) -> Option<Source> {
    let Some(table) = &k.source else {
        if !c.taken_out.contains(&(at, "source".to_owned())) {
            c.problems.add(at, format!("source is missing; {ONE_OF}"));
        }
        return None;
    };
    let s = table.get_ref();
    let given = [
        s.v4l2.is_some(),
        s.rpicam.is_some(),
        s.command.is_some(),
        s.files.is_some(),
        s.test_pattern.is_some(),
    ];
    match given.into_iter().filter(|&g| g).count() {
        1 => {}
        // What was taken out has been told.
        0 if c.taken_out.iter().any(|(owner, _)| *owner == start(table)) => return None,
        n => {
            c.refuse(table, format!("source: {n} kinds of source; {ONE_OF}"));
            return None;
        }
    }
    match s {
        file::Source { v4l2: Some(t), .. } => v4l2(t, c),
        file::Source { rpicam: Some(t), .. } => Some(rpicam(t, c)),
        file::Source { command: Some(t), .. } => command(t, c),
        file::Source { files: Some(t), .. } => files(t, c),
        file::Source { test_pattern: Some(t), .. } => Some(test_pattern(t, c)),
        file::Source { .. } => None,
    }
}

fn size(&Array([w, h]): &Array<i64, 2>) -> Result<Size, String> {
    let fits = |v: i64| u32::try_from(v).ok().filter(|v| (1..=16_384).contains(v));
    match (fits(w), fits(h)) {
        (Some(w), Some(h)) => Ok(Size::new(w, h)),
        _ => Err(format!("[{w}, {h}] is no size; both are 1 to 16384 pixels")),
    }
}

/// A size whose chroma planes come out whole.
fn even(value: &Array<i64, 2>) -> Result<Size, String> {
    let size = size(value)?;
    if size.width % 2 == 0 && size.height % 2 == 0 {
        Ok(size)
    } else {
        Err(format!("{size}: both must be even"))
    }
}

/// Arguments of a program, which the kernel takes without NUL only.
fn arguments(list: &[String]) -> Result<Vec<String>, String> {
    match list.iter().find(|argument| argument.contains('\0')) {
        Some(argument) => Err(format!("a NUL in {argument:?}")),
        None => Ok(list.to_vec()),
    }
}

fn format(text: &str, known: &[PixelFormat]) -> Result<PixelFormat, String> {
    known
        .iter()
        .copied()
        .find(|f| text == f.name() || (text == "yuyv422" && *f == PixelFormat::Yuyv))
        .ok_or_else(|| {
            let names: Vec<_> = known.iter().map(|f| f.name()).collect();
            format!("{text:?} is no format here; known are {}", names.join(", "))
        })
}

fn v4l2(table: &Spanned<file::V4l2>, c: &mut Checker<'_>) -> Option<Source> {
    const KNOWN: [PixelFormat; 5] =
        [PixelFormat::Mjpeg, PixelFormat::Yuyv, PixelFormat::Uyvy, PixelFormat::Nv12, PixelFormat::Gray8];
    let t = table.get_ref();
    let device = c.checked("device", t.device.as_ref(), |value| match value {
        toml::Value::String(s) if s == "auto" => Ok(Device::Auto),
        toml::Value::String(s) if s.starts_with('/') && !s.contains('\0') => {
            Ok(Device::Path(PathBuf::from(s)))
        }
        toml::Value::Integer(n) => u32::try_from(*n)
            .ok()
            .filter(|n| *n < 256)
            .map(Device::Index)
            .ok_or_else(|| format!("{n} is no number of a /dev/video device")),
        _ => Err("write \"auto\", a path such as \"/dev/video0\", or a number".to_owned()),
    });
    let (size, fps) =
        (c.checked("size", t.size.as_ref(), size), c.checked("fps", t.fps.as_ref(), within(0.01, 1000.0)));
    let format = c.checked("format", t.format.as_ref(), |text| format(text, &KNOWN));
    let device = if t.device.is_none() { Some(Device::Auto) } else { device };
    Some(Source::V4l2 { device: device?, size, fps, format })
}

fn rpicam(table: &Spanned<file::Rpicam>, c: &mut Checker<'_>) -> Source {
    let t = table.get_ref();
    let camera = c.checked("camera", t.camera.as_ref(), within(0, 15)).unwrap_or(0) as u32;
    let size = c.checked("size", t.size.as_ref(), even).unwrap_or(DEFAULT_RPICAM.0);
    let fps = c.checked("fps", t.fps.as_ref(), within(0.1, 240.0)).unwrap_or(DEFAULT_RPICAM.1);
    let rotation = c.checked("rotation", t.rotation.as_ref(), |r| match r {
        0 => Ok(0),
        180 => Ok(180),
        other => Err(format!("{other} degrees; rpicam-vid turns by 0 or 180")),
    });
    let format =
        c.checked("format", t.format.as_ref(), |text| format(text, &[PixelFormat::Mjpeg, PixelFormat::I420]));
    let format = format.unwrap_or(PixelFormat::Mjpeg);
    let args = c.checked("args", t.args.as_ref(), |args| arguments(args)).unwrap_or_default();
    Source::Rpicam { camera, size, fps, rotation: rotation.unwrap_or(0), format, args }
}

fn command(table: &Spanned<file::Command>, c: &mut Checker<'_>) -> Option<Source> {
    const KNOWN: [PixelFormat; 5] =
        [PixelFormat::Mjpeg, PixelFormat::I420, PixelFormat::Nv12, PixelFormat::Yuyv, PixelFormat::Rgb24];
    let (at, t) = (start(table), table.get_ref());
    let argv = c.required(at, "argv", t.argv.as_ref(), |argv| match argv.first() {
        Some(program) if !program.is_empty() => arguments(argv),
        _ => Err("name a program and its arguments".to_owned()),
    });
    let format = c.required(at, "format", t.format.as_ref(), |text| format(text, &KNOWN));
    let even_only =
        format.is_some_and(|f| matches!(f, PixelFormat::I420 | PixelFormat::Nv12 | PixelFormat::Yuyv));
    let size = c.checked("size", t.size.as_ref(), if even_only { even } else { size });
    if let (Some(raw), None) = (format.filter(|f| *f != PixelFormat::Mjpeg), &t.size)
        && !c.taken_out.contains(&(at, "size".to_owned()))
    {
        c.problems.add(at, format!("size is missing: raw {raw} frames don't tell theirs"));
    }
    Some(Source::Command { argv: argv?, format: format?, size })
}

fn files(table: &Spanned<file::Files>, c: &mut Checker<'_>) -> Option<Source> {
    let (at, t) = (start(table), table.get_ref());
    let folder = c.folder.to_owned();
    let path = c.required(at, "path", t.path.as_ref(), |text| {
        let path = folder.join(expanded(text)?);
        let text = path.to_str().ok_or("the path is not UTF-8")?.to_owned();
        let matches = glob::glob(&text).map_err(|e| format!("{text}: {e}"))?;
        if path.exists() || matches.flatten().next().is_some() {
            Ok(text)
        } else {
            Err(format!("{text}: nothing there"))
        }
    });
    let fps = c.checked("fps", t.fps.as_ref(), within(0.001, 1000.0));
    Some(Source::Files { path: path?, fps, repeat: t.r#loop.unwrap_or(false) })
}

fn test_pattern(table: &Spanned<file::TestPattern>, c: &mut Checker<'_>) -> Source {
    let t = table.get_ref();
    let size = c.checked("size", t.size.as_ref(), size).unwrap_or(DEFAULT_PATTERN.0);
    let fps = c.checked("fps", t.fps.as_ref(), within(0.01, 1000.0)).unwrap_or(DEFAULT_PATTERN.1);
    let seed = c.checked("seed", t.seed.as_ref(), within(0, i64::MAX)).unwrap_or(DEFAULT_PATTERN.2);
    Source::TestPattern { size, fps, seed: seed as u64 }
}
