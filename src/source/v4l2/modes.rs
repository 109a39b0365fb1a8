//! What a camera offers: formats, sizes, rates.

use super::choose::Wanted;
use crate::frame::{PixelFormat, Size};
use std::fmt;
use v4l::frameinterval::FrameIntervalEnum;
use v4l::framesize::{FrameSizeEnum, Stepwise};
use v4l::video::Capture;
use v4l::{Device, FourCC, Fraction};

/// Tried where a camera takes any size within limits.
const COMMON_SIZES: [Size; 8] = [
    Size::new(320, 240),
    Size::new(640, 360),
    Size::new(640, 480),
    Size::new(800, 600),
    Size::new(1280, 720),
    Size::new(1280, 960),
    Size::new(1920, 1080),
    Size::new(3840, 2160),
];

/// Tried where a camera takes any rate within limits.
const COMMON_RATES: [u32; 8] = [1, 5, 10, 15, 20, 25, 30, 60];

/// Frames a second as a fraction, since cameras have 30000/1001.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Frames in so many `seconds`.
    pub frames: u32,
    /// The time of `frames` frames.
    pub seconds: u32,
}

impl Rate {
    /// Frames a second; 0 when the driver says nonsense.
    #[must_use]
    pub fn fps(self) -> f64 {
        if self.seconds == 0 { 0.0 } else { f64::from(self.frames) / f64::from(self.seconds) }
    }

    /// The rate nearest to `fps` in thousandths.
    #[must_use]
    pub fn from_fps(fps: f64) -> Self {
        Self { frames: (fps * 1000.0).round() as u32, seconds: 1000 }
    }

    pub(super) fn from_interval(interval: Fraction) -> Self {
        Self { frames: interval.denominator, seconds: interval.numerator }
    }

    pub(super) fn interval(self) -> Fraction {
        Fraction::new(self.seconds, self.frames)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", (self.fps() * 100.0).round() / 100.0)
    }
}

/// One format at one size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mode {
    /// The layout.
    pub format: PixelFormat,
    /// The picture size.
    pub size: Size,
    /// The rates, fastest first; empty when the driver does not tell.
    pub rates: Vec<Rate>,
}

impl fmt::Display for Mode {
    /// `mjpeg 1280x720 at 30, 15 fps`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.format, self.size)?;
        for (i, rate) in self.rates.iter().enumerate() {
            write!(f, "{}{rate}", if i == 0 { " at " } else { ", " })?;
        }
        if self.rates.is_empty() { Ok(()) } else { f.write_str(" fps") }
    }
}

/// Our layout of a V4L2 pixel format; `None` for those we do not read.
#[must_use]
pub fn pixel_format(code: &[u8; 4]) -> Option<PixelFormat> {
    Some(match code {
        b"MJPG" | b"JPEG" => PixelFormat::Mjpeg,
        b"YUYV" => PixelFormat::Yuyv,
        b"UYVY" => PixelFormat::Uyvy,
        b"NV12" => PixelFormat::Nv12,
        b"GREY" => PixelFormat::Gray8,
        _ => return None,
    })
}

/// The modes of a device that we can read, with the code of each one's format. Where it takes any size
/// or rate within limits: the common ones and those `wanted`.
pub fn of(device: &Device, wanted: &Wanted) -> Vec<(Mode, FourCC)> {
    let mut modes: Vec<(Mode, FourCC)> = Vec::new();
    for code in device.enum_formats().unwrap_or_default().into_iter().map(|format| format.fourcc) {
        let Some(format) = pixel_format(&code.repr) else { continue };
        for size in sizes(device, code, wanted) {
            if !size.is_empty() && !modes.iter().any(|(mode, _)| mode.format == format && mode.size == size) {
                modes.push((Mode { format, size, rates: rates(device, code, size, wanted) }, code));
            }
        }
    }
    modes
}

fn sizes(device: &Device, code: FourCC, wanted: &Wanted) -> Vec<Size> {
    let Ok(sizes) = device.enum_framesizes(code) else {
        // Capture cards and loopbacks: the size is what comes in.
        let now = device.format().ok().filter(|now| now.fourcc == code);
        return now.map(|now| Size::new(now.width, now.height)).into_iter().collect();
    };
    let common = || COMMON_SIZES.into_iter().chain(wanted.size);
    let each = sizes.into_iter().flat_map(|size| match size.size {
        FrameSizeEnum::Discrete(one) => vec![Size::new(one.width, one.height)],
        FrameSizeEnum::Stepwise(range) => common().filter(|size| is_within(&range, *size)).collect(),
    });
    each.collect()
}

fn is_within(range: &Stepwise, size: Size) -> bool {
    let fits = |v: u32, min: u32, max: u32, step: u32| {
        (min..=max).contains(&v) && (v - min).is_multiple_of(step.max(1))
    };
    fits(size.width, range.min_width, range.max_width, range.step_width)
        && fits(size.height, range.min_height, range.max_height, range.step_height)
}

fn rates(device: &Device, code: FourCC, size: Size, wanted: &Wanted) -> Vec<Rate> {
    let intervals = device.enum_frameintervals(code, size.width, size.height).unwrap_or_default();
    let mut rates: Vec<Rate> = intervals
        .into_iter()
        .flat_map(|interval| match interval.interval {
            FrameIntervalEnum::Discrete(one) => vec![Rate::from_interval(one)],
            FrameIntervalEnum::Stepwise(range) => {
                within(Rate::from_interval(range.max), Rate::from_interval(range.min), wanted.fps)
            }
        })
        .filter(|rate| rate.fps() > 0.0)
        .collect();
    rates.sort_by(|a, b| b.fps().total_cmp(&a.fps()));
    rates.dedup_by(|a, b| (a.fps() - b.fps()).abs() < 0.001);
    rates
}

/// The limits, the common rates between them, and the wanted one.
fn within(slowest: Rate, fastest: Rate, wanted: Option<f64>) -> Vec<Rate> {
    let common = COMMON_RATES.into_iter().map(|frames| Rate { frames, seconds: 1 });
    let between = common.chain(wanted.map(Rate::from_fps));
    let between = between.filter(|rate| (slowest.fps()..=fastest.fps()).contains(&rate.fps()));
    [fastest, slowest].into_iter().chain(between).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_sizes_and_rates_has_the_common_ones_and_the_wanted_one() {
        let range = Stepwise {
            min_width: 16,
            max_width: 1920,
            step_width: 8,
            min_height: 16,
            max_height: 1080,
            step_height: 2,
        };
        assert!(is_within(&range, Size::new(1280, 720)) && is_within(&range, Size::new(320, 240)));
        assert!(!is_within(&range, Size::new(3840, 2160)) && !is_within(&range, Size::new(322, 240)));
        let rates = within(Rate { frames: 2, seconds: 1 }, Rate { frames: 30, seconds: 1 }, Some(7.5));
        let fps: Vec<f64> = rates.iter().map(|rate| rate.fps()).collect();
        assert_eq!(fps, [30.0, 2.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 7.5]);
    }

    #[test]
    fn modes_read_well() {
        let rates = vec![Rate { frames: 30_000, seconds: 1001 }, Rate { frames: 15, seconds: 2 }];
        let mode = Mode { format: PixelFormat::Mjpeg, size: Size::new(1280, 720), rates };
        assert_eq!(mode.to_string(), "mjpeg 1280x720 at 29.97, 7.5 fps");
        assert!(Rate { frames: 1, seconds: 0 }.fps() <= 0.0);
    }
}
