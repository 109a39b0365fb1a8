//! Whether a picture looks like one that was saved, whatever the light.

use super::Reason;
use std::collections::VecDeque;

/// Pixels of a thumbnail's side.
pub const SIDE: usize = 16;
/// How many saved pictures are remembered for each reason.
const REMEMBERED: usize = 32;
/// From this correlation on, two pictures show the same scene.
const SAME_SCENE: f32 = 0.8;
/// Up to this largest difference of a cell, in deviations, they are the same picture but for noise. A small thing that
/// moves changes a few cells a lot and the correlation hardly at all.
const SAME_PICTURE: f32 = 0.35;
/// A deviation of fewer levels is darkness or a covered lens.
const FLAT: f32 = 3.0;

/// The grey levels of a picture at 16x16, with their mean taken away and their deviation made 1: brightness
/// and contrast don't count. The product of two, averaged, is their normalised cross-correlation
/// (J. P. Lewis, "Fast Normalized Cross-Correlation", 1995).
#[derive(Clone, Debug, PartialEq)]
pub struct Thumbnail {
    levels: [f32; SIDE * SIDE],
    flat: bool,
}

impl Thumbnail {
    /// Of grey levels 0..255, row by row.
    #[must_use]
    pub fn new(grey: &[f32; SIDE * SIDE]) -> Self {
        let n = grey.len() as f32;
        let mean = grey.iter().sum::<f32>() / n;
        let deviation = (grey.iter().map(|v| (v - mean) * (v - mean)).sum::<f32>() / n).sqrt();
        Self { levels: grey.map(|v| (v - mean) / deviation.max(1e-6)), flat: deviation < FLAT }
    }

    /// -1..1.
    fn correlation(&self, other: &Self) -> f32 {
        self.levels.iter().zip(&other.levels).map(|(a, b)| a * b).sum::<f32>() / self.levels.len() as f32
    }

    /// Of the cell that differs most, in deviations.
    fn difference(&self, other: &Self) -> f32 {
        self.levels.iter().zip(&other.levels).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }
}

/// What was saved of a camera lately.
#[derive(Debug, Default)]
pub struct Scenes {
    saved: VecDeque<Thumbnail>,
    uncertain: VecDeque<Thumbnail>,
}

impl Scenes {
    /// Whether a picture, chosen for `reason`, is worth saving beside those that are saved already. What the
    /// model is unsure of may be a thing that stands there all day: once is enough.
    #[must_use]
    pub fn is_worth(&self, reason: Reason, picture: &Thumbnail) -> bool {
        let none = |saved: &VecDeque<Thumbnail>, like: &dyn Fn(&Thumbnail) -> bool| !saved.iter().any(like);
        match reason {
            Reason::Uncertain => none(&self.uncertain, &|other| picture.difference(other) <= SAME_PICTURE),
            Reason::Scene => {
                !picture.flat && none(&self.saved, &|other| picture.correlation(other) >= SAME_SCENE)
            }
            Reason::Negative => true,
        }
    }

    /// Remembers a saved picture.
    pub fn remember(&mut self, reason: Reason, picture: Thumbnail) {
        let push = |list: &mut VecDeque<Thumbnail>, picture| {
            if list.len() == REMEMBERED {
                list.pop_front();
            }
            list.push_back(picture);
        };
        if reason == Reason::Uncertain {
            push(&mut self.uncertain, picture.clone());
        }
        push(&mut self.saved, picture);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(f: impl Fn(usize, usize) -> f32) -> Thumbnail {
        Thumbnail::new(&std::array::from_fn(|i| f(i % SIDE, i / SIDE)))
    }

    #[test]
    fn light_and_noise_make_no_new_scene_but_another_view_does() {
        let mut scenes = Scenes::default();
        let street = |x: usize, y: usize| (x * 9 + if y > 8 { 60 } else { 0 }) as f32;
        assert!(scenes.is_worth(Reason::Scene, &picture(street)));
        scenes.remember(Reason::Scene, picture(street));
        let darker = picture(|x, y| street(x, y) * 0.4 + 12.0);
        let noisy = picture(|x, y| street(x, y) + ((x * 7 + y * 13) % 5) as f32);
        assert!(!scenes.is_worth(Reason::Scene, &darker) && !scenes.is_worth(Reason::Scene, &noisy));
        assert!(scenes.is_worth(Reason::Scene, &picture(|x, y| 200.0 - street(y, x))));
        assert!(!scenes.is_worth(Reason::Scene, &picture(|_, _| 4.0)));
        // The same view is still worth it for what the model is unsure of, once.
        assert!(scenes.is_worth(Reason::Uncertain, &noisy));
        scenes.remember(Reason::Uncertain, noisy.clone());
        assert!(!scenes.is_worth(Reason::Uncertain, &noisy));
        assert!(!scenes.is_worth(Reason::Uncertain, &picture(street)));
        let cat = picture(|x, y| if (4..6).contains(&x) && y == 9 { 250.0 } else { street(x, y) });
        assert!(scenes.is_worth(Reason::Uncertain, &cat) && !scenes.is_worth(Reason::Scene, &cat));
        assert!(scenes.is_worth(Reason::Negative, &noisy));
    }

    #[test]
    fn only_so_many_are_remembered() {
        let mut scenes = Scenes::default();
        for i in 0..100 {
            scenes.remember(Reason::Uncertain, picture(|x, y| ((x * i + y) % 17) as f32));
        }
        assert_eq!((scenes.saved.len(), scenes.uncertain.len()), (REMEMBERED, REMEMBERED));
    }
}
