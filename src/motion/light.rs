//! How the light of the whole picture changed: exposure, clouds and lamps multiply brightness, people
//! don't.

use super::background::Background;

/// Cells of the plane whose brightness is compared.
const CELL: (usize, usize) = (16, 8);
/// Darker cells say nothing about a ratio: mean level.
const DARK: u32 = 6;
/// Within these, a change of light from one frame to the next is made up for; beyond, it is a lamp.
const STEADY: std::ops::Range<f32> = 0.8..1.25;
/// A cell that brightens or darkens by as much has changed.
const CHANGED: f32 = 0.1;
/// Half of the cells have to agree with the light's change as closely.
const AGREE: f32 = 0.05;
/// As many of all cells changed alike are light.
const MOST: f32 = 0.8;

/// The light of a frame over that of the background.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Light {
    /// Multiplied by this, within [`STEADY`].
    Steady(f32),
    /// By more, in nearly all of the picture.
    Jumped,
}

/// Sums of cells, used again.
#[derive(Debug, Default)]
pub(super) struct Cells {
    sums: Vec<(u32, u32)>,
    ratios: Vec<f32>,
}

impl Cells {
    /// Compares `plane` with the background. The median of all cells is the light's, so that what moves
    /// may fill nearly half the picture.
    pub(super) fn compare(&mut self, plane: &[u8], background: &Background) -> Light {
        let width = background.width;
        let columns = width.div_ceil(CELL.0);
        self.ratios.clear();
        let rows = plane.chunks(width * CELL.1).zip(background.mean.chunks(width * CELL.1));
        for (now, (before, keep)) in
            rows.zip(background.keep.chunks(width * CELL.1)).map(|((a, b), k)| (a, (b, k)))
        {
            self.sums.clear();
            self.sums.resize(columns, (0, 0));
            let rows = now.chunks_exact(width).zip(before.chunks_exact(width)).zip(keep.chunks_exact(width));
            for ((now, before), keep) in rows {
                let cells = now.chunks(CELL.0).zip(before.chunks(CELL.0)).zip(keep.chunks(CELL.0));
                for (sums, ((now, before), keep)) in self.sums.iter_mut().zip(cells) {
                    for ((&now, &before), &keep) in now.iter().zip(before).zip(keep) {
                        sums.0 += u32::from(u16::from(now) & keep as u16);
                        sums.1 += u32::from((before & keep) as u16);
                    }
                }
            }
            let dark = DARK * (now.len() / columns) as u32;
            self.ratios.extend(
                self.sums
                    .iter()
                    .map(|&(now, before)| (now, before >> Background::BITS))
                    .filter(|&(now, before)| now >= dark && before >= dark)
                    .map(|(now, before)| now as f32 / before as f32),
            );
        }
        self.judge()
    }

    fn judge(&mut self) -> Light {
        if self.ratios.is_empty() {
            return Light::Steady(1.0);
        }
        let middle = self.ratios.len() / 2;
        let (_, &mut median, _) = self.ratios.select_nth_unstable_by(middle, f32::total_cmp);
        let share = |alike: &dyn Fn(f32) -> bool| {
            self.ratios.iter().filter(|ratio| alike(**ratio)).count() as f32 / self.ratios.len() as f32
        };
        if STEADY.contains(&median) {
            let agree = share(&|ratio| (ratio / median - 1.0).abs() < AGREE);
            return Light::Steady(if agree >= 0.5 { median } else { 1.0 });
        }
        let changed = |ratio: f32| if median > 1.0 { ratio > 1.0 + CHANGED } else { ratio < 1.0 - CHANGED };
        if share(&changed) >= MOST { Light::Jumped } else { Light::Steady(1.0) }
    }
}

/// Of the pixels that changed, the share that changed in the direction that most did.
pub(super) fn one_sided(brighter: usize, darker: usize) -> f32 {
    brighter.max(darker) as f32 / (brighter + darker).max(1) as f32
}

/// Whether the changed pixels still show the same things: most edges between neighbours that were there
/// are there in the same direction. `None` where there were too few to tell.
pub(super) fn same_things(plane: &[u8], background: &Background, noise: f32) -> Option<bool> {
    /// Levels from a pixel to its neighbour's neighbour that make an edge.
    const EDGE: f32 = 6.0;
    /// Levels are compared as they are in the background.
    const ONE: f32 = (1 << Background::BITS) as f32;
    let edge = EDGE.max(5.0 * noise) * ONE;
    let (mut edges, mut kept) = (0, 0);
    let rows = plane.chunks_exact(background.width).zip(background.mean.chunks_exact(background.width));
    for ((now, before), over) in rows.zip(background.over.chunks_exact(background.width)) {
        let pairs = now.iter().zip(&now[2.min(now.len())..]).zip(before.iter().zip(before.iter().skip(2)));
        for (((&n0, &n1), (&b0, &b1)), &over) in pairs.zip(over) {
            let before = f32::from(b1) - f32::from(b0);
            if over != 0 && before.abs() >= edge {
                edges += 1;
                kept += usize::from((f32::from(n1) - f32::from(n0)) * ONE / before > 0.25);
            }
        }
    }
    let enough = (plane.len() / 200).max(10);
    (edges >= enough).then(|| kept * 10 >= edges * 7)
}
