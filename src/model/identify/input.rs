//! How a model wants its input: range, colours, fit.

use super::{Evidence, Finding, Findings, SAID};
use crate::decode::{Decoder, Scheme};
use crate::geometry::Fit;
use crate::infer::ElementType;
use crate::model::graph::Scaling;
use crate::model::manifest::{Channels, DecoderKind};
use crate::preprocess::Normalization;

/// Levels as they are.
const LEVELS: Normalization = Normalization::uniform(0.0, 1.0);
/// 0..1
const UNIT: Normalization = Normalization::uniform(0.0, 255.0);
/// -1..1
const CENTRED: Normalization = Normalization::uniform(127.5, 127.5);
/// Means and deviations of ImageNet in levels, as torchvision's models use them.
const IMAGENET: Normalization =
    Normalization { mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375] };

/// Whether the input is a picture.
pub(super) fn check(e: &Evidence<'_>) -> Result<(), String> {
    if e.size().is_empty() {
        return Err(format!(
            "its input {} has the shape {:?}; edgecam feeds [1, height, width, 3 or 1] and [1, 3 or 1, height, width]",
            e.input.name, e.input.shape
        ));
    }
    Ok(())
}

/// How a frame is usually brought to the input's size, and why.
pub(super) fn usual_fit(decoder: &Decoder) -> (Fit, String) {
    let (fit, why) = match (decoder.kind(), decoder.scheme()) {
        (DecoderKind::Yolo | DecoderKind::Yolox | DecoderKind::Rows, _) => {
            (Fit::Letterbox, "YOLO is trained on letterboxed pictures")
        }
        (_, Some(Scheme::Cells)) => (Fit::Letterbox, "edgecam's own are trained on letterboxed pictures"),
        (DecoderKind::Classify, _) => (Fit::Stretch, "classifiers are measured on stretched pictures"),
        _ => (Fit::Stretch, "detectors of this kind are trained on stretched pictures"),
    };
    (fit, why.to_owned())
}

/// The order of the colours.
pub(super) fn channels(e: &Evidence<'_>, decoder: &Decoder, f: &mut Findings) -> Result<Channels, String> {
    f.said_or("channels", e.said.channels, || {
        let bgr =
            |name: &str| Ok((Channels::Bgr, format!("{name} is trained on pictures as OpenCV reads them")));
        match (decoder.kind(), decoder.scheme()) {
            (DecoderKind::Yolox, _) => bgr("YOLOX"),
            (_, Some(Scheme::RetinaFace)) => bgr("RetinaFace"),
            _ => Ok((Channels::Rgb, "usual".to_owned())),
        }
    })
}

/// How a level 0..255 becomes an input's number.
pub(super) fn normalization(e: &Evidence<'_>, kind: DecoderKind, f: &mut Findings) -> Normalization {
    let inferred = inferred(e, kind);
    let mut assumed = inferred.is_none();
    let (mut normalization, mut because) = inferred.unwrap_or((UNIT, ASSUMED.to_owned()));
    normalization.mean = e.said.mean.map_or(normalization.mean, |mean| mean.0);
    normalization.std = e.said.std.map_or(normalization.std, |std| std.0);
    if e.said.mean.is_some() || e.said.std.is_some() {
        SAID.clone_into(&mut because);
        assumed = false;
    }
    let [mean, std] = [normalization.mean, normalization.std].map(|v| {
        let short = v.map(|v| (v * 1e3).round() / 1e3);
        if v.iter().any(|other| other.to_bits() != v[0].to_bits()) {
            format!("{short:?}")
        } else {
            format!("{}", short[0])
        }
    });
    let value = format!("{} {:?} {:?}, (level - {mean}) / {std}", e.size(), e.input.element, e.input.shape);
    f.0.push(Finding { key: "input", value, because, assumed });
    normalization
}

/// What the model shows, or models of its kind have; `None` for a classifier that shows nothing.
fn inferred(e: &Evidence<'_>, kind: DecoderKind) -> Option<(Normalization, String)> {
    if let Some((from, to)) = byte_range(e) {
        return Some(quantised(e, from, to, kind));
    }
    if let Some([mean, std]) = e.metadata.normalization {
        return Some((Normalization { mean, std }, "its metadata say so".to_owned()));
    }
    if let Some((from, to)) = e.graph.range {
        return Some((spread(from, to), format!("the graph quantises its input from {from:.2} to {to:.2}")));
    }
    if let Some(found) = scaled(&e.graph.scaling) {
        return Some(found);
    }
    // Teachable Machine's export of a Keras model, which was trained on x / 127.5 - 1.
    if kind == DecoderKind::Classify && e.input.name.contains("sequential_") {
        return Some((CENTRED, "its input is named as Teachable Machine's, which take -1..1".to_owned()));
    }
    let (normalization, because) = match kind {
        DecoderKind::Yolox => (LEVELS, "YOLOX takes levels as they are"),
        DecoderKind::Yolo | DecoderKind::Rows | DecoderKind::Yolov2 => (UNIT, "YOLO takes 0..1"),
        DecoderKind::Detr => (IMAGENET, "DETR takes ImageNet's mean and deviation"),
        DecoderKind::Ssd | DecoderKind::Anchors => (CENTRED, "float SSD models take -1..1"),
        DecoderKind::Classify | DecoderKind::Fomo => return None,
    };
    Some((normalization, because.to_owned()))
}

/// Why the input of a float classifier is 0..1 where nothing shows it.
const ASSUMED: &str = "assumed, since a float input does not show it; mean and std say otherwise";

/// The numbers that a quantised input can hold.
fn byte_range(e: &Evidence<'_>) -> Option<(f32, f32)> {
    let q = e.input.quantization?;
    let (low, high) = match e.input.element {
        ElementType::U8 => (0, 255),
        ElementType::I8 => (-128, 127),
        _ => return None,
    };
    let real = |v: i64| (v - q.zero_point) as f32 * q.scale;
    Some((real(low), real(high)))
}

/// ImageNet's range is normalised so. A classifier's that is about -1..1, 0..1 or 0..255 is normalised to
/// that, rounding as its training did; a detector's takes the level itself as its quantised value, as the
/// usual SSD models do.
fn quantised(e: &Evidence<'_>, from: f32, to: f32, kind: DecoderKind) -> (Normalization, String) {
    let because = format!("its quantised input holds {from:.2} to {to:.2}");
    let known: &[Normalization] =
        if kind == DecoderKind::Classify { &[CENTRED, UNIT, LEVELS, IMAGENET] } else { &[IMAGENET] };
    let level_itself = || {
        let q = e.input.quantization;
        let low = if e.input.element == ElementType::I8 { -128 } else { 0 };
        q.map_or(LEVELS, |q| Normalization::uniform((q.zero_point - low) as f32, 1.0 / q.scale))
    };
    (known.iter().find(|n| near(n, from, to)).copied().unwrap_or_else(level_itself), because)
}

/// Levels spread over a range: a usual one that is near, else all of it.
fn spread(from: f32, to: f32) -> Normalization {
    let known = [CENTRED, UNIT, LEVELS, IMAGENET];
    let std = 255.0 / (to - from).max(f32::MIN_POSITIVE);
    known.into_iter().find(|n| near(n, from, to)).unwrap_or(Normalization::uniform(-from * std, std))
}

/// Whether levels 0 to 255 come out at about `from` and `to`.
fn near(n: &Normalization, from: f32, to: f32) -> bool {
    let ends = |level: f32| (0..3).map(move |c| (level - n.mean[c]) / n.std[c]);
    let (min, max) = (ends(0.0).fold(f32::MAX, f32::min), ends(255.0).fold(f32::MIN, f32::max));
    (min - from).abs() + (max - to).abs() < 0.1 * (to - from)
}

/// The range that the graph's own first arithmetic brings to -1..1 or 0..1.
fn scaled(steps: &[Scaling]) -> Option<(Normalization, String)> {
    let after = |x: f32| steps.iter().fold(x, |x, step| step.apply(x));
    let usual = |x: f32, y: f32| (x - y).abs() < 0.05;
    let inputs = [(LEVELS, 0.0, 255.0), (UNIT, 0.0, 1.0), (CENTRED, -1.0, 1.0)];
    let found = inputs.into_iter().find(|&(_, from, to)| {
        let (from, to) = (after(from), after(to));
        usual(to, 1.0) && (usual(from, -1.0) || usual(from, 0.0))
    });
    let (normalization, from, to) = found.filter(|_| !steps.is_empty())?;
    Some((
        normalization,
        format!("the graph itself brings {from}..{to} to {:.0}..{:.0}", after(from), after(to)),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_graphs_own_scaling_shows_the_range() {
        let found = |steps: &[Scaling]| scaled(steps).map(|s| s.0);
        assert_eq!(found(&[Scaling::Mul(1.0 / 127.5), Scaling::Add(-1.0)]), Some(LEVELS));
        assert_eq!(found(&[Scaling::Mul(2.0), Scaling::Add(-1.0)]), Some(UNIT));
        assert_eq!(found(&[Scaling::Mul(1.0 / 255.0)]), Some(LEVELS));
        assert_eq!(found(&[Scaling::Add(0.1)]), None);
        assert_eq!(found(&[]), None);
    }

    #[test]
    fn a_range_nobody_uses_is_filled() {
        let n = spread(-2.0, 6.0);
        assert!((n.mean[0] - 63.75).abs() < 1e-3 && (n.std[0] - 31.875).abs() < 1e-3, "{n:?}");
        assert_eq!(spread(0.0, 1.0), UNIT);
    }
}
