//! Where a box will be: a Kalman filter of its centre and size with constant velocity.
//!
//! As in SORT and ByteTrack the noise of the four numbers is independent and grows with the box, so that the
//! filter falls apart into four of two states each. Time is in seconds, not frames: process noise is that of
//! white acceleration (Bar-Shalom, Li, Kirubarajan 2001, 6.2.2), and any frame rate will do.

use crate::geometry::NormBox;
use std::time::Duration;

/// Standard deviation of a detection's edges, in box sizes.
const MEASURED: f32 = 0.06;
/// Standard deviation of a new box's velocity, in box sizes a second: a walk across.
const STARTING: f32 = 1.5;
/// Root of the power of acceleration, in box sizes.
const ACCELERATION: f32 = 1.2;
/// Of a size's velocity and acceleration, against those of a centre.
const SIZE: f32 = 0.3;
/// An object that is not seen loses its velocity with this time constant, in seconds.
const COASTING: f32 = 1.0;

/// One number and its velocity, with their covariance.
#[derive(Clone, Copy, Debug)]
struct Axis {
    value: f32,
    velocity: f32,
    /// Of value, of both, of velocity.
    p: [f32; 3],
}

impl Axis {
    fn new(value: f32, measured: f32, starting: f32) -> Self {
        Self { value, velocity: 0.0, p: [measured * measured, 0.0, starting * starting] }
    }

    fn predict(&mut self, dt: f32, acceleration: f32) {
        let q = acceleration * acceleration;
        let [a, b, c] = self.p;
        self.value += self.velocity * dt;
        self.p = [
            a + dt * (2.0 * b + dt * c) + q * dt * dt * dt / 3.0,
            b + dt * c + q * dt * dt / 2.0,
            c + q * dt,
        ];
    }

    fn correct(&mut self, value: f32, measured: f32) {
        let [a, b, c] = self.p;
        let s = a + measured * measured;
        let (k, kv) = (a / s, b / s);
        let off = value - self.value;
        self.value += k * off;
        self.velocity += kv * off;
        self.p = [a * (1.0 - k), b * (1.0 - k), c - kv * b];
    }
}

/// The filter of one box.
#[derive(Clone, Copy, Debug)]
pub struct BoxModel {
    /// Centre x, centre y, width, height, in fractions of the frame.
    axes: [Axis; 4],
    at: Duration,
}

impl BoxModel {
    /// A box that was seen once.
    pub fn new(b: NormBox, at: Duration) -> Self {
        let (values, size) = (values(b), size(b));
        let weights = [1.0, 1.0, SIZE, SIZE];
        let axis = |i: usize| Axis::new(values[i], MEASURED * size, STARTING * size * weights[i]);
        Self { axes: std::array::from_fn(axis), at }
    }

    /// The box as it is thought to be now.
    pub fn bounds(&self) -> NormBox {
        let [x, y, w, h] = self.axes.map(|axis| axis.value);
        NormBox::around(x, y, w.max(1e-4), h.max(1e-4))
    }

    /// Moves on to `at`; `coasting` says that the box was not seen last time.
    pub fn predict(&mut self, at: Duration, coasting: bool) {
        let dt = at.saturating_sub(self.at).as_secs_f32();
        self.at = self.at.max(at);
        if dt <= 0.0 {
            return;
        }
        let size = size(self.bounds());
        for (i, axis) in self.axes.iter_mut().enumerate() {
            axis.predict(dt, ACCELERATION * size * if i < 2 { 1.0 } else { SIZE });
            if coasting {
                axis.velocity *= (-dt / COASTING).exp();
            }
        }
    }

    /// Takes in where the box was seen.
    pub fn correct(&mut self, b: NormBox) {
        let (values, size) = (values(b), size(b));
        for (axis, value) in self.axes.iter_mut().zip(values) {
            axis.correct(value, MEASURED * size);
        }
    }

    /// It stood still up to `at`.
    pub fn rest(&mut self, at: Duration) {
        self.at = self.at.max(at);
        self.axes.iter_mut().for_each(|axis| axis.velocity = 0.0);
    }
}

fn values(b: NormBox) -> [f32; 4] {
    let middle = f32::midpoint;
    [middle(b.x_min, b.x_max), middle(b.y_min, b.y_max), b.x_max - b.x_min, b.y_max - b.y_min]
}

/// The side that noise is measured by.
fn size(b: NormBox) -> f32 {
    f32::midpoint(b.x_max - b.x_min, b.y_max - b.y_min).max(1e-3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_walk_is_foreseen_at_any_frame_rate() {
        for fps in [30.0, 10.0, 3.0] {
            let at = |t: f32| NormBox::around(0.1 + 0.15 * t, 0.5, 0.1, 0.3);
            let time = |t: f32| Duration::from_secs_f32(t);
            let mut model = BoxModel::new(at(0.0), time(0.0));
            for n in 1..=(3.0 * fps) as u32 {
                let t = n as f32 / fps;
                model.predict(time(t), false);
                model.correct(at(t));
            }
            model.predict(time(3.0 + 1.0 / fps), false);
            let iou = model.bounds().iou(at(3.0 + 1.0 / fps));
            assert!(iou > 0.9, "{fps} fps: {iou}");
        }
    }

    #[test]
    fn what_is_not_seen_comes_to_rest() {
        let mut model = BoxModel::new(NormBox::around(0.5, 0.5, 0.1, 0.1), Duration::ZERO);
        for n in 1..=10 {
            model.predict(Duration::from_millis(100 * n), false);
            model.correct(NormBox::around(0.5 + 0.01 * n as f32, 0.5, 0.1, 0.1));
        }
        for n in 11..=110 {
            model.predict(Duration::from_millis(100 * n), true);
        }
        let x = f32::midpoint(model.bounds().x_min, model.bounds().x_max);
        assert!((0.6..0.75).contains(&x), "{x}");
    }
}
