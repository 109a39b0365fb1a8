//! What the motion gate costs a frame, as a share of a core at 5 fps, and how many allocations it makes:
//! `cargo bench --bench motion`. Then, where the test data is, what share of each clip opens it.
#![expect(clippy::print_stdout, reason = "a bench reports to a terminal")]

use edgecam::allocations::{Counting, on_this_thread};
use edgecam::frame::{ColorSpace, Frame, PixelFormat, Size, Timestamp};
use edgecam::motion::{Gate, Settings};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const FPS: f64 = 5.0;
const FRAMES: usize = 16;
const ROUNDS: usize = 1500;
const WARM_UP: usize = 100;

fn main() {
    println!("motion gate, {ROUNDS} frames of a still scene with noise, {FPS} fps");
    let hd = Size::new(1280, 720);
    // As large as the plane of 720p, and looked at as it is.
    cost("gate alone, 159x90 plane", Size::new(159, 90), PixelFormat::Gray8);
    cost("1280x720 yuyv", hd, PixelFormat::Yuyv);
    cost("1280x720 yuv420p", hd, PixelFormat::I420);
    cost("1280x720 mjpeg", hd, PixelFormat::Mjpeg);
    cost("640x480 yuyv", Size::new(640, 480), PixelFormat::Yuyv);
    cost("1920x1080 yuyv", Size::new(1920, 1080), PixelFormat::Yuyv);
    clips();
}

fn cost(name: &str, size: Size, format: PixelFormat) {
    let mut frames: Vec<Frame> = (0..FRAMES).map(|seed| noisy(size, format, seed as u32)).collect();
    let start = Instant::now();
    let mut gate = Gate::new(Settings::default(), Vec::new()).expect("a JPEG decoder");
    let mut took = Vec::with_capacity(ROUNDS);
    let (mut moving, mut allocated) = (0, 0);
    for i in 0..ROUNDS {
        let frame = &mut frames[i * 7 % FRAMES];
        frame.captured.instant = start + Duration::from_secs_f64(i as f64 / FPS);
        let (before, began) = (on_this_thread(), Instant::now());
        let motion = gate.look(frame).expect("a good frame");
        let elapsed = began.elapsed();
        if i >= WARM_UP {
            took.push(elapsed);
            allocated += on_this_thread() - before;
            moving += usize::from(motion.moving);
        }
    }
    took.sort_unstable();
    let ms = |share: f64| took[(took.len() as f64 * share) as usize].as_secs_f64() * 1e3;
    println!(
        "{name:26} p50 {:.4} ms  p95 {:.4} ms  {:.3} % of a core  {allocated} allocations  {moving} open",
        ms(0.5),
        ms(0.95),
        ms(0.5) * FPS / 10.0
    );
}

/// A scene of waves and edges, with noise.
fn noisy(size: Size, format: PixelFormat, seed: u32) -> Frame {
    let (w, h) = (size.width as usize, size.height as usize);
    let mut state = seed.wrapping_mul(0x9E37_79B9) ^ 0x55;
    let luma: Vec<u8> = (0..w * h)
        .map(|i| {
            let (x, y) = ((i % w) as f64 / w as f64, (i / w) as f64 / h as f64);
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let wave = 110.0 + 40.0 * (x * 19.0).sin() * (y * 11.0).cos();
            let tile = ((x * 13.0) as usize, (y * 9.0) as usize);
            let edge = if tile.0.is_multiple_of(3) && tile.1.is_multiple_of(2) { 40.0 } else { 0.0 };
            (wave + edge) as u8 + (state >> 29) as u8
        })
        .collect();
    let data = match format {
        PixelFormat::Yuyv => luma.iter().flat_map(|&l| [l, 128]).collect(),
        PixelFormat::Mjpeg => {
            let rgb: Vec<u8> = luma.iter().flat_map(|&l| [l, l / 2 + 60, 255 - l]).collect();
            let format = turbojpeg::PixelFormat::RGB;
            let image = turbojpeg::Image { pixels: &rgb[..], width: w, pitch: w * 3, height: h, format };
            turbojpeg::compress(image, 80, turbojpeg::Subsamp::Sub2x1).expect("encodes").to_vec()
        }
        PixelFormat::Gray8 => luma,
        _ => {
            let mut data = luma;
            data.resize(format.bytes(size).expect("a raw format"), 128);
            data
        }
    };
    Frame { data, size, format, color: ColorSpace::default(), captured: Timestamp::now(), seq: 0 }
}

/// Clips of the test data, with their sizes and rates.
const CLIPS: [(&str, Size, f64); 6] = [
    ("frigate_test_motion_video-1.mp4", Size::new(178, 100), 6.0),
    ("frigate_test_motion_video-2.mp4", Size::new(178, 100), 6.0),
    ("frigate_test_motion_video-3.mp4", Size::new(178, 100), 6.0),
    ("car-detection.mp4", Size::new(768, 432), 5.0),
    ("bottle-detection.mp4", Size::new(640, 360), 5.0),
    ("carving_ice.mp4", Size::new(360, 360), 5.0),
];

fn clips() {
    for (name, size, fps) in CLIPS {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/video").join(name);
        if !path.exists() {
            continue;
        }
        let output = Command::new("ffmpeg")
            .args(["-v", "error", "-i"])
            .arg(&path)
            .args(["-r", &fps.to_string(), "-pix_fmt", "yuv420p", "-f", "rawvideo", "-"])
            .output();
        let Ok(output) = output else { return };
        let start = Instant::now();
        let mut gate = Gate::new(Settings::default(), Vec::new()).expect("a JPEG decoder");
        let bytes = PixelFormat::I420.bytes(size).expect("a raw format");
        let (mut open, mut learning, mut runs) = (0, 0, Vec::<(usize, usize, f32)>::new());
        let frames = output.stdout.chunks_exact(bytes);
        let all = frames.len();
        for (i, data) in frames.enumerate() {
            let captured =
                Timestamp { unix: Duration::ZERO, instant: start + Duration::from_secs_f64(i as f64 / fps) };
            let (format, color) = (PixelFormat::I420, ColorSpace::default());
            let frame = Frame { data: data.to_vec(), size, format, color, captured, seq: i as u64 };
            let motion = gate.look(&frame).expect("a good frame");
            open += usize::from(motion.moving);
            learning += usize::from(motion.learning);
            match runs.last_mut() {
                Some((_, end, largest)) if motion.moving && *end == i => {
                    (*end, *largest) = (i + 1, largest.max(motion.area));
                }
                _ if motion.moving => runs.push((i, i + 1, motion.area)),
                _ => {}
            }
        }
        let share = |n: usize| n as f64 * 100.0 / all.max(1) as f64;
        println!("{name}: {all} frames, {:.1} % open, {:.1} % learnt anew", share(open), share(learning));
        for (from, to, largest) in runs {
            let at = |i: usize| i as f64 / fps;
            println!("    {:6.1} to {:6.1} s, up to {:.2} % of the frame", at(from), at(to), largest * 100.0);
        }
    }
}
