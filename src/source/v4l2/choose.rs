//! Which of a camera's modes to take: a pure function.

use super::modes::{Mode, Rate};
use crate::frame::{PixelFormat, Size};
use std::fmt::Write as _;

/// Aimed at when no size is asked for.
const USUAL: Size = Size::new(1280, 720);

/// Above this area compressed frames are preferred: uncompressed ones fill a USB 2 bus.
const SMALL: Size = Size::new(640, 480);

/// The fastest rate taken when none is asked for, with room for 30000/1001 and the like.
const FASTEST: f64 = 30.5;

/// What is asked of a camera; what is absent is chosen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wanted {
    /// Picture size.
    pub size: Option<Size>,
    /// Frames a second.
    pub fps: Option<f64>,
    /// The layout.
    pub format: Option<PixelFormat>,
}

/// A mode, chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// The layout.
    pub format: PixelFormat,
    /// The picture size.
    pub size: Size,
    /// The rate to set; absent when the driver tells none and none is asked for.
    pub rate: Option<Rate>,
}

/// Chooses the size nearest to 1280x720 (the smallest that is not below, else the largest), then the
/// format (MJPEG, else NV12, above 640x480, YUYV up to it, others after), then the fastest rate up to 30; what is
/// `wanted` is kept to. The error lists what is offered.
pub fn choose(modes: &[Mode], wanted: &Wanted) -> Result<Choice, String> {
    let fits = |mode: &&Mode| {
        wanted.format.is_none_or(|format| format == mode.format)
            && wanted.size.is_none_or(|size| size == mode.size)
            && wanted.fps.is_none_or(|fps| mode.rates.is_empty() || rate_of(mode, fps).is_some())
    };
    let best = modes.iter().filter(fits).min_by_key(|mode| (size_order(mode.size), format_order(mode)));
    let Some(mode) = best else {
        return Err(refusal(modes, wanted));
    };
    let rate = match wanted.fps {
        Some(fps) => Some(rate_of(mode, fps).unwrap_or_else(|| Rate::from_fps(fps))),
        None => usual_rate(mode),
    };
    Ok(Choice { format: mode.format, size: mode.size, rate })
}

/// Smaller is better.
fn size_order(size: Size) -> (bool, usize) {
    let below = size.width < USUAL.width || size.height < USUAL.height;
    (below, if below { usize::MAX - size.area() } else { size.area() })
}

fn format_order(mode: &Mode) -> usize {
    use PixelFormat::{Gray8, Mjpeg, Nv12, Uyvy, Yuyv};
    let large = mode.size.area() > SMALL.area();
    let order = if large { [Mjpeg, Nv12, Yuyv, Uyvy, Gray8] } else { [Yuyv, Uyvy, Nv12, Mjpeg, Gray8] };
    order.iter().position(|&format| format == mode.format).unwrap_or(order.len())
}

/// The mode's rate that is `fps` within 1 %, so that 30 means 29.97 too.
fn rate_of(mode: &Mode, fps: f64) -> Option<Rate> {
    let distance = |rate: &Rate| (rate.fps() - fps).abs();
    let nearest = mode.rates.iter().copied().min_by(|a, b| distance(a).total_cmp(&distance(b)));
    nearest.filter(|rate| distance(rate) <= fps * 0.01)
}

fn usual_rate(mode: &Mode) -> Option<Rate> {
    let by_fps = |a: &Rate, b: &Rate| a.fps().total_cmp(&b.fps());
    let usual = mode.rates.iter().copied().filter(|rate| rate.fps() <= FASTEST).max_by(by_fps);
    usual.or_else(|| mode.rates.iter().copied().min_by(by_fps))
}

fn refusal(modes: &[Mode], wanted: &Wanted) -> String {
    /// More fill the screen; `edgecam cameras` has all.
    const MOST: usize = 12;
    let mut text = "it has no mode".to_owned();
    let parts = [
        wanted.format.map(|format| format.to_string()),
        wanted.size.map(|size| size.to_string()),
        wanted.fps.map(|fps| format!("at {fps} fps")),
    ];
    for part in parts.into_iter().flatten() {
        let _ = write!(text, " {part}");
    }
    if modes.is_empty() {
        return "it offers no format that edgecam reads (mjpeg, yuyv, uyvy, nv12, grey)".to_owned();
    }
    // What is nearest to the wish: the same format, or else the same size, where there is any.
    let format = |mode: &&Mode| wanted.format == Some(mode.format);
    let size = |mode: &&Mode| wanted.size == Some(mode.size);
    let near: Vec<&Mode> = if modes.iter().any(|mode| format(&mode)) {
        modes.iter().filter(format).collect()
    } else if modes.iter().any(|mode| size(&mode)) {
        modes.iter().filter(size).collect()
    } else {
        modes.iter().collect()
    };
    text.push_str("; it offers ");
    for (i, mode) in near.iter().take(MOST).enumerate() {
        let _ = write!(text, "{}{mode}", if i == 0 { "" } else { "; " });
    }
    if near.len() < modes.len() || near.len() > MOST {
        text.push_str(" and more, which edgecam cameras lists");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use PixelFormat::{Gray8, Mjpeg, Nv12, Yuyv};

    fn mode(format: PixelFormat, width: u32, height: u32, fps: &[u32]) -> Mode {
        let rates = fps.iter().map(|&frames| Rate { frames, seconds: 1 }).collect();
        Mode { format, size: Size::new(width, height), rates }
    }

    /// A webcam as they are: YUYV slow above VGA.
    fn webcam() -> Vec<Mode> {
        vec![
            mode(Yuyv, 640, 480, &[30, 15]),
            mode(Yuyv, 1280, 720, &[10, 5]),
            mode(Yuyv, 1920, 1080, &[5]),
            mode(Mjpeg, 640, 480, &[60, 30, 15]),
            mode(Mjpeg, 1280, 720, &[60, 30, 10]),
            mode(Mjpeg, 1920, 1080, &[30]),
        ]
    }

    fn chosen(modes: &[Mode], wanted: &Wanted) -> (PixelFormat, Size, f64) {
        let choice = choose(modes, wanted).expect("there is one");
        (choice.format, choice.size, choice.rate.map_or(0.0, Rate::fps))
    }

    #[test]
    fn untold_it_is_720p_mjpeg_at_30() {
        let none = Wanted::default();
        assert_eq!(chosen(&webcam(), &none), (Mjpeg, Size::new(1280, 720), 30.0));
        let without: Vec<Mode> = webcam().into_iter().filter(|m| m.size.width != 1280).collect();
        assert_eq!(chosen(&without, &none), (Mjpeg, Size::new(1920, 1080), 30.0));
    }

    #[test]
    fn a_small_camera_gives_its_largest_as_yuyv() {
        let modes = [
            mode(Mjpeg, 640, 480, &[30]),
            mode(Yuyv, 320, 240, &[30]),
            mode(Gray8, 640, 480, &[30]),
            mode(Yuyv, 640, 480, &[120, 90]),
        ];
        assert_eq!(chosen(&modes, &Wanted::default()), (Yuyv, Size::new(640, 480), 90.0));
    }

    #[test]
    fn what_is_wanted_is_kept_to() {
        let size = Some(Size::new(640, 480));
        assert_eq!(chosen(&webcam(), &Wanted { size, ..Wanted::default() }).0, Yuyv);
        let wanted = Wanted { size, format: Some(Mjpeg), fps: Some(15.0) };
        assert_eq!(chosen(&webcam(), &wanted), (Mjpeg, Size::new(640, 480), 15.0));
        let wanted = Wanted { format: Some(Yuyv), ..Wanted::default() };
        assert_eq!(chosen(&webcam(), &wanted), (Yuyv, Size::new(1280, 720), 10.0));
        let wanted = Wanted { fps: Some(15.0), ..Wanted::default() };
        assert_eq!(chosen(&webcam(), &wanted).1, Size::new(640, 480));
    }

    #[test]
    fn thirty_means_ntsc_thirty_too() {
        let ntsc = Rate { frames: 30_000, seconds: 1001 };
        let modes = [Mode { format: Nv12, size: Size::new(1280, 720), rates: vec![ntsc] }];
        let wanted = Wanted { fps: Some(30.0), ..Wanted::default() };
        assert_eq!(choose(&modes, &wanted).expect("there is one").rate, Some(ntsc));
        assert_eq!(choose(&modes, &Wanted::default()).expect("there is one").rate, Some(ntsc));
    }

    #[test]
    fn a_driver_that_tells_no_rates_is_asked_for_the_wanted_one() {
        let modes = [mode(Yuyv, 640, 480, &[])];
        assert_eq!(choose(&modes, &Wanted::default()).expect("there is one").rate, None);
        let wanted = Wanted { fps: Some(12.5), ..Wanted::default() };
        assert_eq!(choose(&modes, &wanted).expect("there is one").rate, Some(Rate::from_fps(12.5)));
    }

    #[test]
    fn a_refusal_lists_what_there_is() {
        let modes = &webcam()[..2];
        let wanted = Wanted { size: Some(Size::new(800, 600)), fps: Some(25.0), format: Some(Yuyv) };
        assert_eq!(
            choose(modes, &wanted).expect_err("there is none"),
            "it has no mode yuyv 800x600 at 25 fps; it offers yuyv 640x480 at 30, 15 fps; yuyv 1280x720 at 10, 5 fps"
        );
        let nv12 = Wanted { format: Some(Nv12), size: Some(Size::new(1280, 720)), fps: None };
        assert_eq!(
            choose(modes, &nv12).expect_err("there is none"),
            "it has no mode nv12 1280x720; it offers yuyv 1280x720 at 10, 5 fps and more, which edgecam cameras lists"
        );
        assert!(choose(&[], &wanted).expect_err("nothing").contains("offers no format"));
    }
}
