//! Frames of a scene that does nothing but what a test says.

use super::*;

/// Shows frames of a fixed scene, with noise, at a steady rate.
pub struct Stage {
    pub fps: f32,
    pub sigma: f32,
    pub format: PixelFormat,
    pub start: Instant,
    size: Size,
    scene: Vec<f32>,
    /// Numbers of a normal distribution.
    normal: Vec<f32>,
    state: u64,
    index: u32,
}

impl Stage {
    pub fn new(size: Size, fps: f32, sigma: f32) -> Self {
        let mut state = 42;
        let uniform = |state: &mut u64| (random(state) >> 40) as f32 / (1 << 24) as f32;
        let normal = (0..100_003).map(|_| (0..12).map(|_| uniform(&mut state)).sum::<f32>() - 6.0).collect();
        let things: Vec<[f32; 5]> = (0..40).map(|_| std::array::from_fn(|_| uniform(&mut state))).collect();
        let level = |x: f32, y: f32| {
            // Sky, ground with some texture, and forty boxes.
            let mut level = 150.0 - 60.0 * y + 8.0 * (x * 90.0).sin() * (y * 70.0).cos();
            for [left, top, width, height, bright] in &things {
                let inside = (x - left) / (0.05 + 0.1 * width);
                let below = (y - top) / (0.05 + 0.2 * height);
                if (0.0..1.0).contains(&inside) && (0.0..1.0).contains(&below) {
                    level = 30.0 + 140.0 * bright;
                }
            }
            level
        };
        let (w, h) = (size.width as f32, size.height as f32);
        let scene = (0..size.height)
            .flat_map(|y| (0..size.width).map(move |x| (x as f32 / w, y as f32 / h)))
            .map(|(x, y)| level(x, y))
            .collect();
        let (format, start) = (PixelFormat::Yuyv, Instant::now());
        Self { fps, sigma, format, start, size, scene, normal, state: 7, index: 0 }
    }

    /// When the last frame was captured.
    pub fn now(&self) -> Instant {
        self.start + Duration::from_secs_f32(self.index as f32 / self.fps)
    }

    /// The next frame: of each pixel of the scene what `change` makes of its level and place.
    pub fn next(&mut self, change: impl Fn(f32, f32, f32) -> f32) -> Frame {
        self.index += 1;
        let mut luma = Vec::with_capacity(self.size.area());
        let (w, h) = (self.size.width as usize, self.size.height as usize);
        for (y, row) in self.scene.chunks_exact(w).enumerate() {
            let from = random(&mut self.state) as usize % (self.normal.len() - w);
            for (x, (&level, noise)) in row.iter().zip(&self.normal[from..]).enumerate() {
                let level = change(level, x as f32 / w as f32, y as f32 / h as f32);
                luma.push((level + noise * self.sigma).round() as u8);
            }
        }
        let captured = Timestamp { unix: Duration::ZERO, instant: self.now() };
        let data = self.pack(&luma);
        Frame { data, size: self.size, format: self.format, color: ColorSpace::default(), captured, seq: 0 }
    }

    fn pack(&self, luma: &[u8]) -> Vec<u8> {
        let (w, h) = (self.size.width as usize, self.size.height as usize);
        let pairs = |first: usize| {
            let mut data = Vec::new();
            for pair in luma.chunks_exact(w).flat_map(|row| row.chunks(2)) {
                let mut bytes = [128; 4];
                (bytes[first], bytes[first + 2]) = (pair[0], pair[pair.len() - 1]);
                data.extend(bytes);
            }
            data
        };
        match self.format {
            PixelFormat::Yuyv => pairs(0),
            PixelFormat::Uyvy => pairs(1),
            PixelFormat::Rgb24 => luma.iter().flat_map(|&l| [l; 3]).collect(),
            PixelFormat::Gray8 => luma.to_vec(),
            PixelFormat::Nv12 | PixelFormat::I420 => {
                let mut data = luma.to_vec();
                data.resize(self.format.bytes(self.size).expect("a raw format"), 128);
                data
            }
            PixelFormat::Mjpeg => {
                let format = turbojpeg::PixelFormat::GRAY;
                let image = turbojpeg::Image { pixels: luma, width: w, pitch: w, height: h, format };
                turbojpeg::compress(image, 60, turbojpeg::Subsamp::Gray).expect("encodes").to_vec()
            }
        }
    }
}

/// Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
