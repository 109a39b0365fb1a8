//! One output that is a grid of cells: FOMO's heat maps and YOLOv2.

use super::kind::unknown;
use super::{Evidence, Findings, SAID};
use crate::decode::{Fomo, Yolov2};
use crate::model::manifest::{Anchors, DecoderKind};

/// How many pixels wide the cells of a heat map are; a mask of the picture is finer.
const CELLS: std::ops::RangeInclusive<usize> = 4..=16;

/// What a grid of `[height, width, channels]` is; `None` where it could be anything.
pub(super) fn infer(
    e: &Evidence<'_>,
    [h, w, channels]: [usize; 3],
) -> Option<Result<(DecoderKind, String), String>> {
    let size = e.size();
    let (pixels_x, pixels_y) =
        ((size.width as usize).checked_div(w)?, (size.height as usize).checked_div(h)?);
    let softmax = e.maker(&e.outputs[0]) == Some("SOFTMAX");
    if softmax && channels > 1 && CELLS.contains(&pixels_x) && pixels_x == pixels_y {
        let why = format!("a softmax over {channels} channels for each cell of {pixels_x} pixels");
        return Some(Ok((DecoderKind::Fomo, why)));
    }
    if matches!(e.said.anchors, Some(Anchors::Sizes(_))) {
        return Some(Ok((DecoderKind::Yolov2, "a grid, and sizes of anchors are given".to_owned())));
    }
    let boxes = channels > 5 && CELLS.start() < &pixels_x;
    boxes.then(|| {
        let why = format!("its output is a grid of {w}x{h} cells with {channels} numbers each: perhaps YOLOv2's, whose anchors it does not show");
        Err(e.unclear(&why, "anchors = [[width, height], …] in cells"))
    })
}

pub(super) fn yolov2(e: &Evidence<'_>, f: &mut Findings) -> Result<Yolov2, String> {
    let [spec] = e.outputs else { return Err(unknown(e)) };
    let Some(Anchors::Sizes(anchors)) = &e.said.anchors else {
        return Err(e.unclear("YOLOv2 needs its anchors", "anchors = [[width, height], …] in cells"));
    };
    let good = matches!(*spec.shape, [1, _, _, channels]
        if !anchors.is_empty() && channels % anchors.len() == 0 && channels / anchors.len() > 5);
    if !good {
        return Err(e.unclear(&format!("{} anchors do not divide its channels", anchors.len()), "anchors"));
    }
    f.note("anchors", format!("{} a cell", anchors.len()), SAID);
    Ok(Yolov2 { spec: spec.clone(), anchors: anchors.iter().map(|size| size.0).collect() })
}

pub(super) fn fomo(e: &Evidence<'_>) -> Result<Fomo, String> {
    match e.outputs {
        [spec] if matches!(*spec.shape, [1, _, _, channels] if channels > 1) => {
            Ok(Fomo { spec: spec.clone() })
        }
        _ => Err(unknown(e)),
    }
}
