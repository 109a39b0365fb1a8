//! Anchors: the boxes that a detector's encodings are relative to. Each scheme is known by how many it
//! makes for an input size.

use crate::frame::Size;

/// Centre x, centre y, width and height, in fractions of the input.
pub type Anchor = [f32; 4];

/// How anchors are laid over the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// TensorFlow Object Detection API, `ssd_anchor_generator` with its defaults.
    Ssd,
    /// The same, `multiscale_anchor_generator` with its defaults (SSD with FPN, RetinaNet).
    Fpn,
    /// EfficientDet-D, `anchor_scale` 4.
    EfficientDet,
    /// EfficientDet-Lite, `anchor_scale` 3.
    EfficientDetLite,
    /// MediaPipe's BlazeFace, short range.
    BlazeFace,
    /// RetinaFace with MobileNet 0.25.
    RetinaFace,
    /// edgecam's own detector: a square a cell.
    Cells,
}

impl Scheme {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Ssd,
        Self::Fpn,
        Self::EfficientDet,
        Self::EfficientDetLite,
        Self::BlazeFace,
        Self::RetinaFace,
        Self::Cells,
    ];

    /// The name in a manifest.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ssd => "ssd",
            Self::Fpn => "fpn",
            Self::EfficientDet => "efficientdet",
            Self::EfficientDetLite => "efficientdet-lite",
            Self::BlazeFace => "blazeface",
            Self::RetinaFace => "retinaface",
            Self::Cells => "cells",
        }
    }

    /// The anchors for an input, in the order of the model's outputs.
    #[must_use]
    pub fn anchors(self, input: Size) -> Vec<Anchor> {
        match self {
            Self::Ssd => ssd(input),
            Self::Fpn => fpn(input),
            Self::EfficientDet => efficientdet(input, 4.0),
            Self::EfficientDetLite => efficientdet(input, 3.0),
            Self::BlazeFace => blazeface(),
            // `layers/functions/prior_box.py` of Pytorch_Retinaface, `cfg_mnet`.
            Self::RetinaFace => {
                squares(input, [(8, [16.0, 32.0]), (16, [64.0, 128.0]), (32, [256.0, 512.0])])
            }
            // Four strides wide: `models/train/edgecam_train/model.py`.
            Self::Cells => squares(input, [(8, [32.0]), (16, [64.0]), (32, [128.0])]),
        }
    }
}

/// Calls `cell` with the centre of each cell of a grid, row by row.
fn cells(columns: u32, rows: u32, mut cell: impl FnMut(f32, f32)) {
    for y in 0..rows {
        for x in 0..columns {
            cell((x as f32 + 0.5) / columns as f32, (y as f32 + 0.5) / rows as f32);
        }
    }
}

/// `create_ssd_anchors` of `object_detection/anchor_generators/multiple_grid_anchor_generator.py`: six
/// grids from 1/16 down, scales 0.2 to 0.95, aspect ratios 1, 2, 1/2, 3, 1/3 and one in between; three
/// boxes in the lowest.
fn ssd(input: Size) -> Vec<Anchor> {
    const LAYERS: usize = 6;
    let scale = |layer: usize| {
        if layer == LAYERS { 1.0 } else { 0.2 + 0.75 * layer as f32 / (LAYERS - 1) as f32 }
    };
    let mut anchors = Vec::new();
    let (mut columns, mut rows) = (input.width.div_ceil(16), input.height.div_ceil(16));
    // The base anchor is a square of the shorter side.
    let shorter = input.width.min(input.height) as f32;
    let (narrow_x, narrow_y) = (shorter / input.width as f32, shorter / input.height as f32);
    for layer in 0..LAYERS {
        let s = scale(layer);
        let boxes = if layer == 0 {
            vec![(0.1, 1.0), (s, 2.0), (s, 0.5)]
        } else {
            let between = (s * scale(layer + 1)).sqrt();
            vec![(s, 1.0), (s, 2.0), (s, 0.5), (s, 3.0), (s, 1.0 / 3.0), (between, 1.0)]
        };
        cells(columns, rows, |x, y| {
            anchors.extend(
                boxes
                    .iter()
                    .map(|&(s, r): &(f32, f32)| [x, y, s * r.sqrt() * narrow_x, s / r.sqrt() * narrow_y]),
            );
        });
        (columns, rows) = (columns.div_ceil(2), rows.div_ceil(2));
    }
    anchors
}

/// `multiscale_grid_anchor_generator.py` of the same: levels 3 to 7, anchor scale 4, aspect ratios 1, 2,
/// 1/2, two scales an octave.
fn fpn(input: Size) -> Vec<Anchor> {
    let boxes: Vec<_> =
        [1.0, 2.0, 0.5].into_iter().flat_map(|ratio| [(1.0, ratio), (2_f32.sqrt(), ratio)]).collect();
    let mut anchors = Vec::new();
    for (columns, rows, step) in levels(input) {
        let (w, h, stride) = (input.width as f32, input.height as f32, step as f32);
        // Half a stride only where the stride divides the input.
        let offset = |side: u32| if side.is_multiple_of(step) { stride / 2.0 } else { 0.0 };
        let (left, top) = (offset(input.width), offset(input.height));
        for (y, x) in (0..rows).flat_map(|y| (0..columns).map(move |x| (y, x))) {
            let (x, y) = ((x as f32 * stride + left) / w, (y as f32 * stride + top) / h);
            anchors.extend(boxes.iter().map(|&(scale, ratio): &(f32, f32)| {
                let side = 4.0 * stride * scale;
                [x, y, side * ratio.sqrt() / w, side / ratio.sqrt() / h]
            }));
        }
    }
    anchors
}

/// `efficientdet/tf2/anchors.py` of google/automl: levels 3 to 7, three scales an octave, aspect ratios
/// 1, 2, 1/2.
fn efficientdet(input: Size, anchor_scale: f32) -> Vec<Anchor> {
    let boxes: Vec<_> = (0..3_u8)
        .flat_map(|octave| [1.0, 2.0, 0.5].map(|ratio| (2_f32.powf(f32::from(octave) / 3.0), ratio)))
        .collect();
    let mut anchors = Vec::new();
    for (columns, rows, _) in levels(input) {
        // Strides are what is left of the input for each cell, not powers of two.
        let (stride_x, stride_y) = (1.0 / columns as f32, 1.0 / rows as f32);
        cells(columns, rows, |x, y| {
            anchors.extend(boxes.iter().map(|&(scale, ratio): &(f32, f32)| {
                let side = anchor_scale * scale;
                [x, y, side * ratio.sqrt() * stride_x, side / ratio.sqrt() * stride_y]
            }));
        });
    }
    anchors
}

/// Columns, rows and stride in pixels of the grids of levels 3 to 7.
fn levels(input: Size) -> impl Iterator<Item = (u32, u32, u32)> {
    (3..=7_u32)
        .map(move |level| (input.width.div_ceil(1 << level), input.height.div_ceil(1 << level), 1 << level))
}

/// `face_detection_short_range.pbtxt` of MediaPipe: strides 8, 16, 16, 16 of 128 pixels, two anchors of
/// size 1 a layer.
fn blazeface() -> Vec<Anchor> {
    let mut anchors = Vec::new();
    for (side, count) in [(16, 2), (8, 6)] {
        cells(side, side, |x, y| anchors.extend(std::iter::repeat_n([x, y, 1.0, 1.0], count)));
    }
    anchors
}

/// Squares with the given sides in the middle of each cell, a grid a stride, both in pixels; a last cell
/// may reach out of the input.
fn squares<const N: usize>(input: Size, grids: [(u32, [f32; N]); 3]) -> Vec<Anchor> {
    let mut anchors = Vec::new();
    let (w, h) = (input.width as f32, input.height as f32);
    for (step, sides) in grids {
        let (columns, rows) = (input.width.div_ceil(step), input.height.div_ceil(step));
        let step = step as f32;
        for y in 0..rows {
            for x in 0..columns {
                let (x, y) = ((x as f32 + 0.5) * step / w, (y as f32 + 0.5) * step / h);
                anchors.extend(sides.map(|side| [x, y, side / w, side / h]));
            }
        }
    }
    anchors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_as_the_known_models_have() {
        let count = |scheme: Scheme, w, h| scheme.anchors(Size::new(w, h)).len();
        assert_eq!(count(Scheme::Ssd, 300, 300), 1917);
        assert_eq!(count(Scheme::Ssd, 320, 320), 2034);
        assert_eq!(count(Scheme::Fpn, 640, 640), 51_150);
        assert_eq!(count(Scheme::EfficientDetLite, 320, 320), 19_206);
        assert_eq!(count(Scheme::BlazeFace, 128, 128), 896);
        assert_eq!(count(Scheme::RetinaFace, 320, 240), 3160);
        for (side, cells) in [(96, 189), (160, 525), (256, 1344), (320, 2100)] {
            assert_eq!(count(Scheme::Cells, side, side), cells);
        }
        assert_eq!(count(Scheme::Cells, 100, 60), 13 * 8 + 7 * 4 + 4 * 2);
    }

    #[test]
    fn the_first_of_each_is_where_its_reference_puts_it() {
        let close = |a: Anchor, b: Anchor| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
        let ssd = Scheme::Ssd.anchors(Size::new(300, 300));
        assert!(close(ssd[0], [0.5 / 19.0, 0.5 / 19.0, 0.1, 0.1]), "{:?}", ssd[0]);
        assert!(close(ssd[1], [0.5 / 19.0, 0.5 / 19.0, 0.282_842_7, 0.141_421_4]), "{:?}", ssd[1]);
        assert!(close(ssd[1916], [0.5, 0.5, 0.974_679_4, 0.974_679_4]), "{:?}", ssd[1916]);
        let lite = Scheme::EfficientDetLite.anchors(Size::new(320, 320));
        assert!(close(lite[0], [4.0 / 320.0, 4.0 / 320.0, 24.0 / 320.0, 24.0 / 320.0]), "{:?}", lite[0]);
        assert!(close(lite[9], [12.0 / 320.0, 4.0 / 320.0, 0.075, 0.075]), "{:?}", lite[9]);
        // Level 7 of an input that 128 does not divide: three cells of 106.67 pixels, four times that wide.
        let last = lite[lite.len() - 81];
        assert!(close(last, [1.0 / 6.0, 1.0 / 6.0, 1.0, 1.0]), "{last:?}");
        let oblong = Scheme::Ssd.anchors(Size::new(320, 160));
        assert!(close(oblong[0], [0.025, 0.05, 0.05, 0.1]), "{:?}", oblong[0]);
        let fpn = Scheme::Fpn.anchors(Size::new(320, 320));
        let last = fpn[fpn.len() - 54];
        assert!(close(last, [0.0, 0.0, 512.0 / 320.0, 512.0 / 320.0]), "{last:?}");
        let fpn = Scheme::Fpn.anchors(Size::new(640, 640));
        assert!(close(fpn[1], [4.0 / 640.0, 4.0 / 640.0, 0.070_710_7, 0.070_710_7]), "{:?}", fpn[1]);
        let face = Scheme::RetinaFace.anchors(Size::new(320, 240));
        assert!(close(face[1], [4.0 / 320.0, 4.0 / 240.0, 0.1, 32.0 / 240.0]), "{:?}", face[1]);
        let cells = Scheme::Cells.anchors(Size::new(320, 256));
        assert!(close(cells[41], [12.0 / 320.0, 12.0 / 256.0, 0.1, 0.125]), "{:?}", cells[41]);
        assert!(close(cells[40 * 32], [8.0 / 320.0, 8.0 / 256.0, 0.2, 0.25]), "{:?}", cells[40 * 32]);
        let last = cells[cells.len() - 1];
        assert!(close(last, [304.0 / 320.0, 240.0 / 256.0, 0.4, 0.5]), "{last:?}");
    }
}
