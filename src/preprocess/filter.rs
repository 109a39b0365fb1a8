//! Bilinear resampling, antialiased when shrinking: Pillow's triangle filter, whose support grows with
//! the scale (<https://github.com/python-pillow/Pillow/blob/main/src/libImaging/Resample.c>).

/// The inputs of one output: weights of `first` and those after it, with the sum 1.
pub(super) struct Window {
    pub first: usize,
    pub weights: Vec<f64>,
}

/// Half the width of the triangle. Subsampled `chroma` stands for a plane that was first interpolated to
/// full size, a triangle of half-width 1, and then shrunk: variances add up.
pub(super) fn support(scale: f64, chroma: bool) -> f64 {
    if chroma { (1.0 + scale * scale).sqrt() } else { scale.max(1.0) }
}

/// The windows of `outputs` samples from `start..end` of `inputs`, by Pillow's `precompute_coeffs`.
pub(super) fn windows(
    inputs: usize,
    start: f64,
    end: f64,
    outputs: usize,
    chroma: bool,
) -> impl Iterator<Item = Window> {
    let scale = (end - start) / outputs as f64;
    let support = support(scale, chroma);
    (0..outputs).map(move |i| {
        let center = start + (i as f64 + 0.5) * scale;
        let first = ((center - support + 0.5).max(0.0) as usize).min(inputs - 1);
        let last = ((center + support + 0.5) as usize).clamp(first + 1, inputs);
        let weight = |x: usize| (1.0 - ((x as f64 - center + 0.5) * (1.0 / support)).abs()).max(0.0);
        let mut weights: Vec<f64> = (first..last).map(weight).collect();
        let sum: f64 = weights.iter().sum();
        for weight in &mut weights {
            *weight /= sum;
        }
        Window { first, weights }
    })
}
