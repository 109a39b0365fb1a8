//! What the camera sees when nothing moves: for each pixel a running mean and how far it usually strays.
//!
//! All in 16-bit fixed point, each step a plain loop over the plane, so that compilers make SIMD of it.

/// Fractional bits of a difference.
const FINE: u32 = 5;
/// Fractional bits of a usual distance.
const FINER: u32 = 8;
/// The threshold is not raised above these levels by noise.
const HIGHEST: f32 = 40.0;
/// A pixel moves when it is as many standard deviations of the picture's noise away.
const DEVIATIONS: f32 = 6.0;
/// A pixel moves when it is this many times as far away as it usually is; 1.25 mean absolute deviations
/// are a standard deviation.
const USUAL: i16 = 5;

/// A pixel is not usually farther away: 125 levels, which fit 16 bits times [`USUAL`].
const FARTHEST: i16 = 125 << FINE;

/// The mean of each pixel, and what the last frame was next to it.
#[derive(Debug, Default)]
pub(super) struct Background {
    pub(super) width: usize,
    /// Levels with [`Background::BITS`] fractional bits.
    pub(super) mean: Vec<i16>,
    /// -1 where the picture counts, 0 where it is ignored.
    pub(super) keep: Vec<i16>,
    /// -1 where the last frame was over the threshold.
    pub(super) over: Vec<i16>,
    /// Mean distance from the mean, with [`FINER`] fractional bits.
    usual: Vec<i16>,
    difference: Vec<i16>,
    smooth: Vec<i16>,
    threshold: i16,
    histogram: Vec<u16>,
}

/// How many pixels of a frame are over the threshold.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Change {
    pub(super) brighter: usize,
    pub(super) darker: usize,
    /// Standard deviation of the smoothed difference where nothing moves, in levels.
    pub(super) noise: f32,
}

/// Shares of the way to the new frame, 0..0.5, in units of 2^-16.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rates {
    pub(super) still: i16,
    pub(super) moving: i16,
}

impl Rates {
    /// Exponential averages of time constants `still` and `moving`, after `elapsed`; all in seconds.
    pub(super) fn after(elapsed: f32, still: f32, moving: f32) -> Self {
        let rate = |tau: f32| ((1.0 - (-elapsed / tau).exp()).min(0.499) * 65536.0) as i16;
        Self { still: rate(still), moving: rate(moving) }
    }

    fn pick(self, over: i16) -> i16 {
        self.still ^ ((self.still ^ self.moving) & over)
    }
}

/// The product's upper half.
fn high(a: i16, b: i16) -> i16 {
    ((i32::from(a) * i32::from(b)) >> 16) as i16
}

impl Background {
    /// Fractional bits of a mean.
    pub(super) const BITS: u32 = 7;

    /// Begins with planes `width` wide, of which `keep` counts.
    pub(super) fn start(&mut self, width: usize, keep: Vec<i16>) {
        self.width = width;
        for plane in [&mut self.mean, &mut self.over, &mut self.usual, &mut self.difference, &mut self.smooth]
        {
            plane.clear();
            plane.resize(keep.len(), 0);
        }
        self.histogram.resize(512, 0);
        self.keep = keep;
    }

    /// Takes `plane` for what it is.
    pub(super) fn learn(&mut self, plane: &[u8]) {
        for (mean, &level) in self.mean.iter_mut().zip(plane) {
            *mean = i16::from(level) << Self::BITS;
        }
    }

    /// Multiplies its light.
    pub(super) fn relight(&mut self, by: f32) {
        let by = (by * 16384.0) as i32;
        for mean in &mut self.mean {
            *mean = ((i32::from(*mean) * by + (1 << 13)) >> 14).min(255 << Self::BITS) as i16;
        }
    }

    /// Compares `plane` with the mean: smoothed differences over the threshold are marked in `over`. It is
    /// `least` levels, and more where there is noise, of which `usual_noise` is expected.
    pub(super) fn compare(&mut self, plane: &[u8], least: f32, usual_noise: Option<f32>) -> Change {
        let pixels = plane.iter().zip(&self.mean).zip(&self.keep);
        for (out, ((&level, &mean), &keep)) in self.difference.iter_mut().zip(pixels) {
            *out = (((i16::from(level) << Self::BITS) - mean) >> (Self::BITS - FINE)) & keep;
        }
        self.blur();
        let seen = self.noise();
        // What moves may cover more than half of the picture: noise grows, but not by leaps.
        let noise = usual_noise.map_or(seen, |usual| seen.min(2.0 * usual + 0.5));
        let levels = (DEVIATIONS * noise).min(HIGHEST).max(least);
        self.threshold = (levels * f32::from(1_i16 << FINE)) as i16;
        let threshold = self.threshold;
        let (mut brighter, mut darker) = (0_usize, 0_usize);
        let rows = self.over.chunks_mut(256).zip(self.difference.chunks(256));
        for ((over, difference), (usual, keep)) in rows.zip(self.usual.chunks(256).zip(self.keep.chunks(256)))
        {
            let (mut plus, mut minus) = (0_i16, 0_i16);
            let pixels = difference.iter().zip(usual).zip(keep);
            for (over, ((&d, &usual), &keep)) in over.iter_mut().zip(pixels) {
                let limit = threshold.max((usual >> (FINER - FINE)) * USUAL);
                let (up, down) = (-i16::from(d > limit) & keep, -i16::from(d < -limit) & keep);
                plus -= up;
                minus -= down;
                *over = up | down;
            }
            brighter += plus as usize;
            darker += minus as usize;
        }
        Change { brighter, darker, noise }
    }

    /// Smoothes the differences by 1 2 1 along both axes.
    fn blur(&mut self) {
        let w = self.width;
        for (row, out) in self.difference.chunks_exact(w).zip(self.smooth.chunks_exact_mut(w)) {
            let last = w - 1;
            out[0] = (3 * row[0] + row[last.min(1)]) >> 2;
            out[last] = (row[last.saturating_sub(1)] + 3 * row[last]) >> 2;
            for (out, three) in out[1.min(last)..].iter_mut().zip(row.windows(3)) {
                *out = (three[0] + 2 * three[1] + three[2]) >> 2;
            }
        }
        let rows = self.smooth.len() / w;
        for (y, out) in self.difference.chunks_exact_mut(w).enumerate() {
            let row = |y: usize| &self.smooth[y * w..][..w];
            let (above, here, below) = (row(y.saturating_sub(1)), row(y), row((y + 1).min(rows - 1)));
            for (out, ((&a, &b), &c)) in out.iter_mut().zip(above.iter().zip(here).zip(below)) {
                *out = (a + 2 * b + c) >> 2;
            }
        }
    }

    /// The noise of the picture in levels: the median distance, over 0.6745 as of a normal distribution, so
    /// that what moves has no say. Of every fifth pixel.
    fn noise(&mut self) -> f32 {
        /// Bins a level.
        const BINS: u32 = 8;
        self.histogram.fill(0);
        let last = self.histogram.len() - 1;
        let mut counted = 0_u32;
        for (&d, _) in self.difference.iter().zip(&self.keep).step_by(5).filter(|(_, keep)| **keep != 0) {
            let bin = usize::from(d.unsigned_abs()) >> (FINE - BINS.ilog2());
            let count = &mut self.histogram[bin.min(last)];
            *count = count.saturating_add(1);
            counted += 1;
        }
        let mut below = 0;
        let median = self.histogram.iter().position(|&count| {
            below += u32::from(count);
            below * 2 >= counted
        });
        (median.unwrap_or(0) as f32 + 0.5) / BINS as f32 / 0.6745
    }

    /// Moves the mean towards `plane`.
    pub(super) fn follow(&mut self, plane: &[u8], rates: Rates) {
        for (mean, (&level, &over)) in self.mean.iter_mut().zip(plane.iter().zip(&self.over)) {
            *mean += high((i16::from(level) << Self::BITS) - *mean, rates.pick(over));
        }
    }

    /// Moves the usual distance towards that of the last frame, which counts for no more than twice the
    /// threshold.
    pub(super) fn remember_distance(&mut self, rates: Rates) {
        let most = (2 * self.threshold).min(FARTHEST);
        for (usual, (&d, &over)) in self.usual.iter_mut().zip(self.difference.iter().zip(&self.over)) {
            let distance = d.saturating_abs().min(most) << (FINER - FINE);
            *usual += high(distance - *usual, rates.pick(over));
        }
    }
}
