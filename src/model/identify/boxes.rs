//! Outputs that come in pairs of boxes and scores, and what is relative to anchors among them.

use super::kind::unknown;
use super::{Evidence, Findings, SAID, Trial};
use crate::decode::{Coding, Head, Heads, Scheme, Scores, range};
use crate::infer::TensorSpec;
use crate::model::manifest::{Activation, Anchors, Background, DecoderKind};

/// More queries than any DETR has.
const MOST_QUERIES: usize = 1000;

/// Landmarks of a face behind its box, in one output with it or in one of their own.
const WITH_LANDMARKS: [usize; 2] = [16, 18];
const LANDMARKS: usize = 10;

/// What makes encodings; boxes that the graph decodes come from its arithmetic.
const CONVOLUTIONS: [&str; 2] = ["CONV_2D", "DEPTHWISE_CONV_2D"];

/// An output of boxes with the one of their scores, by index.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    pub boxes: usize,
    pub scores: usize,
    /// Boxes in it.
    rows: usize,
    /// Elements of a box and of its scores.
    pub widths: [usize; 2],
}

/// Which of the two it is.
pub(super) fn infer(e: &Evidence<'_>) -> Result<(DecoderKind, String), String> {
    let pairs = pairs(e)?;
    let rows: usize = pairs.iter().map(|pair| pair.rows).sum();
    let matching: Vec<&str> = schemes(e, &pairs).map(Scheme::name).collect();
    if !matching.is_empty() || e.said.anchors.is_some() {
        return Ok((
            DecoderKind::Anchors,
            format!("{rows} boxes and {rows} rows of scores in {} outputs", e.outputs.len()),
        ));
    }
    if super::yolo::is_grid(e.size(), rows) {
        let why = format!(
            "it gives {rows} boxes and scores, one for each cell of YOLO's grids, in {} outputs",
            e.outputs.len()
        );
        return Err(e.unreadable(&why) + "; an export with one output, or with its NMS, it reads");
    }
    if pairs.len() == 1 && rows <= MOST_QUERIES {
        return Ok((
            DecoderKind::Detr,
            format!("{rows} boxes with {rows} rows of scores, and no grid has so many cells"),
        ));
    }
    let why = format!(
        "it gives {rows} boxes and scores, and no known scheme of anchors makes so many for its input"
    );
    Err(e.unclear(&why, "anchors"))
}

/// The known schemes that make so many anchors for the input. YOLO has as many boxes as [`Scheme::Cells`]
/// and decodes them in its graph, so they have to come from a convolution there.
fn schemes(e: &Evidence<'_>, pairs: &[Pair]) -> impl Iterator<Item = Scheme> {
    let size = e.size();
    let rows: usize = pairs.iter().map(|pair| pair.rows).sum();
    let encoded = pairs
        .iter()
        .all(|pair| e.maker(&e.outputs[pair.boxes]).is_some_and(|maker| CONVOLUTIONS.contains(&maker)));
    Scheme::ALL
        .into_iter()
        .filter(move |scheme| !size.is_empty() && scheme.anchors(size).len() == rows)
        .filter(move |&scheme| scheme != Scheme::Cells || encoded)
}

/// Finds the pairs, the one with the most boxes first.
pub(super) fn pairs(e: &Evidence<'_>) -> Result<Vec<Pair>, String> {
    let mut left: Vec<usize> = (0..e.outputs.len()).collect();
    let mut pairs = Vec::new();
    while let Some(&first) = left.first() {
        let grid = place(&e.outputs[first]);
        let (group, rest): (Vec<usize>, Vec<usize>) =
            left.iter().partition(|&&i| place(&e.outputs[i]) == grid);
        pairs.push(pair(e, &group).ok_or_else(|| unknown(e))?);
        left = rest;
    }
    pairs.sort_by_key(|pair| std::cmp::Reverse(pair.rows));
    Ok(pairs)
}

/// All of a shape but the last dimension.
fn place(spec: &TensorSpec) -> &[usize] {
    spec.shape.split_last().map_or(&[], |(_, place)| place)
}

/// Tells boxes from scores among the outputs of one place.
fn pair(e: &Evidence<'_>, group: &[usize]) -> Option<Pair> {
    let width = |i: usize| e.outputs[i].shape.last().copied().unwrap_or(0);
    let cells: usize = place(&e.outputs[group[0]]).iter().product();
    let (a, b) = match *group {
        [a, b] => (a, b),
        // Landmarks stand apart: of no account.
        [_, _, _] => {
            let landmarks = group.iter().position(|&i| width(i) == LANDMARKS)?;
            let mut others =
                group.iter().enumerate().filter(|(place, _)| *place != landmarks).map(|(_, i)| *i);
            (others.next()?, others.next()?)
        }
        _ => return None,
    };
    let grid = e.outputs[a].shape.len() == 4;
    let fits = |boxes: usize, scores: usize| {
        let per_cell = if grid { width(boxes) / 4 } else { 1 };
        let box_width = width(boxes) / per_cell.max(1);
        let good = per_cell > 0
            && (box_width == 4 || WITH_LANDMARKS.contains(&box_width))
            && width(boxes) % per_cell == 0
            && width(scores) >= per_cell
            && width(scores) % per_cell == 0;
        good.then(|| Pair {
            boxes,
            scores,
            rows: cells * per_cell,
            widths: [box_width, width(scores) / per_cell],
        })
    };
    match (fits(a, b), fits(b, a)) {
        (Some(pair), None) | (None, Some(pair)) => Some(pair),
        (Some(one), Some(other)) => {
            let says = |i: usize, words: [&str; 2]| {
                let name = e.outputs[i].name.to_ascii_lowercase();
                words.iter().any(|word| name.contains(word))
            };
            let scored = |i: usize| matches!(e.maker(&e.outputs[i]), Some("LOGISTIC" | "SOFTMAX"));
            let named =
                |pair: Pair| says(pair.boxes, ["box", "loc"]) || says(pair.scores, ["class", "score"]);
            let told = |is_one: bool, is_other: bool| match (is_one, is_other) {
                (true, false) => Some(one),
                (false, true) => Some(other),
                _ => None,
            };
            // What made an output says more than a name, which may be any operator's.
            told(scored(one.scores), scored(other.scores)).or_else(|| told(named(one), named(other)))
        }
        _ => None,
    }
}

/// Raw heads with their anchors.
pub(super) fn heads(e: &Evidence<'_>, trial: &mut Trial<'_>, f: &mut Findings) -> Result<Heads, String> {
    let pairs = pairs(e)?;
    let rows: usize = pairs.iter().map(|pair| pair.rows).sum();
    let (anchors, scheme) = match &e.said.anchors {
        Some(Anchors::Boxes(boxes)) => {
            f.note("anchors", format!("{} boxes", boxes.len()), SAID);
            // Encodings with landmarks are MediaPipe's, others SSD's.
            let faces = WITH_LANDMARKS.contains(&pairs[0].widths[0]);
            let scheme = if faces { Scheme::BlazeFace } else { Scheme::Ssd };
            (boxes.iter().map(|anchor| anchor.0).collect(), scheme)
        }
        Some(Anchors::Scheme(name)) => {
            let scheme = Scheme::ALL.into_iter().find(|scheme| scheme.name() == name).ok_or_else(|| {
                let known: Vec<_> = Scheme::ALL.iter().map(|scheme| scheme.name()).collect();
                format!("there is no scheme of anchors {name}; known are {}", known.join(", "))
            })?;
            f.note("anchors", name, SAID);
            (scheme.anchors(e.size()), scheme)
        }
        Some(Anchors::Sizes(_)) => {
            return Err(
                "anchors of this kind have four numbers each: centre x, centre y, width, height".to_owned()
            );
        }
        None => {
            let known: Vec<Scheme> = schemes(e, &pairs).collect();
            let [scheme] = *known.as_slice() else {
                let names: Vec<_> = known.iter().map(|scheme| scheme.name()).collect();
                let which = if names.is_empty() {
                    "no known scheme makes".to_owned()
                } else {
                    format!("{} make", names.join(" and "))
                };
                return Err(e.unclear(&format!("{which} {rows} anchors for its input"), "anchors"));
            };
            f.note("anchors", scheme.name(), format!("it makes {rows} for an input of {}", e.size()));
            (scheme.anchors(e.size()), scheme)
        }
    };
    if anchors.len() != rows {
        return Err(
            e.unclear(&format!("{} anchors are given and it has {rows} boxes", anchors.len()), "anchors")
        );
    }
    let width = pairs[0].widths[1];
    let background = f.said_or("background", e.said.background, || Ok(background(e, width, scheme)))?;
    let activation =
        f.said_or("activation", e.said.activation, || activation(e, &pairs[0], scheme, trial))?;
    let head = |pair: &Pair| Head {
        scores: Scores {
            spec: e.outputs[pair.scores].clone(),
            output: pair.scores,
            width: pair.widths[1],
            background,
            activation,
        },
        boxes: (e.outputs[pair.boxes].clone(), pair.boxes),
        box_width: pair.widths[0],
    };
    if pairs.iter().any(|pair| pair.widths[1] != width) || (width == 1 && background != Background::None) {
        return Err(unknown(e));
    }
    Ok(Heads {
        heads: pairs.iter().map(head).collect(),
        anchors,
        scheme,
        coding: Coding::of(scheme, e.size()),
    })
}

/// Whether one of `width` scores is the background's.
fn background(e: &Evidence<'_>, width: usize, scheme: Scheme) -> (Background, String) {
    if scheme == Scheme::Cells {
        return (Background::None, format!("{} models have none", scheme.name()));
    }
    match (e.named(width), e.named(width - 1)) {
        (true, false) => return (Background::None, format!("{width} scores for {width} labels")),
        (false, true) => return (Background::First, format!("{width} scores for {} labels", width - 1)),
        _ => {}
    }
    match scheme {
        Scheme::Ssd | Scheme::Fpn | Scheme::RetinaFace if width > 1 => {
            (Background::First, format!("{} models put it first", scheme.name()))
        }
        _ => (Background::None, format!("{} models have none", scheme.name())),
    }
}

/// What makes scores of a head's numbers.
fn activation(
    e: &Evidence<'_>,
    pair: &Pair,
    scheme: Scheme,
    trial: &mut Trial<'_>,
) -> Result<(Activation, String), String> {
    let spec = &e.outputs[pair.scores];
    if let Some(maker @ ("LOGISTIC" | "SOFTMAX")) = e.maker(spec) {
        return Ok((Activation::None, format!("the scores come from {maker}")));
    }
    let usual = if scheme == Scheme::RetinaFace { Activation::Softmax } else { Activation::Sigmoid };
    if let Some((low, high)) = range(spec) {
        let done = low >= -0.02 && high <= 1.02;
        return Ok((
            if done { Activation::None } else { usual },
            format!("scores can be {low:.2} to {high:.2}"),
        ));
    }
    let values = trial.values(pair.scores)?;
    let (low, high) = values.iter().fold((f32::MAX, f32::MIN), |(low, high), v| (low.min(*v), high.max(*v)));
    let done = low >= 0.0 && high <= 1.0;
    Ok((
        if done { Activation::None } else { usual },
        format!("tried on a grey picture, scores run from {low:.2} to {high:.2}"),
    ))
}
