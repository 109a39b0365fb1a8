//! Which decoder: told by operators, and by the number and shapes of outputs.

use super::{Evidence, Findings, SAID, Trial, boxes, detr, grid, word, yolo};
use crate::decode::{Classify, Reader, Rows, Ssd, USUAL};
use crate::infer::TensorSpec;
use crate::model::manifest::{Activation, Background, Column, Coordinates, DecoderKind, Manifest};

/// Operators whose results are features of a picture, not scores of classes.
const FEATURES: [&str; 8] =
    ["AVERAGE_POOL_2D", "MAX_POOL_2D", "MEAN", "SUM", "L2_NORMALIZATION", "RELU", "RELU6", "HARD_SWISH"];

/// More rows than an end-to-end export has.
const MOST_ROWS: usize = 1000;

/// The decoder's reader for what the outputs are.
pub(super) fn reader(e: &Evidence<'_>, trial: &mut Trial<'_>, f: &mut Findings) -> Result<Reader, String> {
    let (kind, because) = match e.said.decoder {
        Some(kind) => (kind, SAID.to_owned()),
        None => infer(e)?,
    };
    if let Some(task) = &e.metadata.task
        && e.said.decoder.is_none()
        && !matches!(task.as_str(), "detect" | "classify")
    {
        return Err(format!(
            "its metadata say that it is a model for the task {task}; edgecam runs detectors and classifiers"
        ));
    }
    if e.said.task.is_some_and(|task| task != kind.task()) {
        let (task, kind) = (word(&e.said.task), word(&kind));
        return Err(e.unclear(
            &format!("it looks like a model of the kind {kind}, whose task is not {task}"),
            "decoder",
        ));
    }
    if let Some(key) = unread(e.said, kind) {
        return Err(format!(
            "{key} says nothing about a {} model; take it out of the config or manifest",
            word(&kind)
        ));
    }
    f.note("task", word(&kind.task()), format!("the task of {} models", word(&kind)));
    f.note("decoder", word(&kind), because);
    match kind {
        DecoderKind::Classify => classify(e, f).map(Reader::Classify),
        DecoderKind::Ssd => {
            let background = f.said_or("background", e.said.background, || {
                Ok((Background::None, "the operator counts classes without it".to_owned()))
            })?;
            let first = usize::from(background == Background::First);
            Ssd::new(e.outputs, first, e.graph.classes).map(Reader::Ssd)
        }
        DecoderKind::Anchors => boxes::heads(e, trial, f).map(Reader::Anchors),
        DecoderKind::Detr => detr::detr(e, trial, f).map(Reader::Detr),
        DecoderKind::Yolo | DecoderKind::Yolox => yolo::yolo(e, trial, f).map(Reader::Yolo),
        DecoderKind::Yolov2 => grid::yolov2(e, f).map(Reader::Yolov2),
        DecoderKind::Fomo => grid::fomo(e).map(Reader::Fomo),
        DecoderKind::Rows => rows(e, trial, f).map(Reader::Rows),
    }
}

/// A shape without the dimensions of 1 in front; only the one that is not 1 where there is but one.
pub(super) fn dimensions(spec: &TensorSpec) -> &[usize] {
    let ones = spec.shape.iter().take_while(|&&d| d == 1).count();
    let rest = &spec.shape[ones..];
    if rest.iter().skip(1).all(|&d| d == 1) { &rest[..rest.len().min(1)] } else { rest }
}

/// What the outputs look like, and why.
fn infer(e: &Evidence<'_>) -> Result<(DecoderKind, String), String> {
    let found = |kind, because: &str| Ok((kind, because.to_owned()));
    let [output] = e.outputs else {
        if e.graph.operators.contains_key("TFLite_Detection_PostProcess") {
            return found(DecoderKind::Ssd, "it has the operator TFLite_Detection_PostProcess");
        }
        if Ssd::new(e.outputs, 0, None).is_ok() {
            let why = "it has an SSD's four outputs but not its operator, and so does not show the order and unit of boxes";
            return Err(e.unclear(why, "decoder = \"ssd\" (y first, in fractions of the input)"));
        }
        return boxes::infer(e);
    };
    if e.metadata.task.as_deref() == Some("classify") {
        return found(DecoderKind::Classify, "its metadata say so");
    }
    let maker = e.maker(output);
    match *dimensions(output) {
        [classes] if classes > 1 => {
            if let Some(maker) = maker.filter(|maker| FEATURES.contains(maker) && e.said.task.is_none()) {
                let why = format!(
                    "its output comes from {maker}: features of a picture rather than scores of {classes} classes"
                );
                return Err(e.unclear(&why, "decoder = \"classify\""));
            }
            let by = maker.map(|maker| format!(" from {maker}")).unwrap_or_default();
            found(DecoderKind::Classify, &format!("it has one output, of {classes} scores{by}"))
        }
        [a, b] => {
            if let Some(layout) = yolo::Layout::of(e.size(), a, b) {
                if layout.may_be_rows() && e.said.objectness.is_none() {
                    let why = format!(
                        "{a} rows of 6 may be a grid's boxes (YOLO), or a box, a score and a class each"
                    );
                    return Err(e.unclear(&why, "decoder = \"yolo\" or \"rows\""));
                }
                return Ok((DecoderKind::Yolo, layout.in_words()));
            }
            if b == USUAL.len() && a <= MOST_ROWS {
                return found(
                    DecoderKind::Rows,
                    "it has one output of rows of 6: a box, a score and a class each",
                );
            }
            if e.said.columns.is_some() {
                return found(DecoderKind::Rows, "the columns of its output are said");
            }
            Err(unknown(e))
        }
        [h, w, channels] => grid::infer(e, [h, w, channels]).unwrap_or_else(|| Err(unknown(e))),
        _ => Err(unknown(e)),
    }
}

/// A key that is said and that this kind of decoder does not read.
fn unread(said: &Manifest, kind: DecoderKind) -> Option<&'static str> {
    use DecoderKind::{Anchors, Classify, Detr, Fomo, Rows, Ssd, Yolo, Yolov2, Yolox};
    let keys: [(&str, bool, &[DecoderKind]); 7] = [
        ("coordinates", said.coordinates.is_some(), &[Yolo, Yolox, Rows]),
        ("objectness", said.objectness.is_some(), &[Yolo, Yolox]),
        ("activation", said.activation.is_some(), &[Classify, Anchors, Detr]),
        ("background", said.background.is_some(), &[Ssd, Anchors, Detr]),
        ("anchors", said.anchors.is_some(), &[Anchors, Yolov2]),
        ("columns", said.columns.is_some(), &[Rows]),
        ("nms", said.nms.is_some(), &[Ssd, Anchors, Detr, Yolo, Yolox, Yolov2, Fomo, Rows]),
    ];
    let last = said.background == Some(Background::Last) && kind == Ssd;
    keys.into_iter()
        .find(|(_, said, readers)| *said && !readers.contains(&kind))
        .map(|(key, ..)| key)
        .or(last.then_some("background = \"last\""))
}

/// Nothing known looks like this.
pub(super) fn unknown(e: &Evidence<'_>) -> String {
    let why = "its outputs are of no kind edgecam knows by their shapes";
    match e.outputs {
        [one] if dimensions(one).len() == 2 => e.unclear(why, "columns, if its rows are detections,"),
        _ => e.unreadable(why),
    }
}

fn classify(e: &Evidence<'_>, f: &mut Findings) -> Result<Classify, String> {
    let [spec] = e.outputs else {
        return Err(format!("a classifier has one output, it has {}", e.outputs.len()));
    };
    let maker = e.maker(spec).map(str::to_owned);
    let bounds = crate::decode::range(spec);
    let (activation, because) = match (e.said.activation, maker.as_deref(), bounds) {
        (Some(activation), ..) => (Some(activation), SAID.to_owned()),
        (_, Some(maker @ ("SOFTMAX" | "LOGISTIC")), _) => {
            (Some(Activation::None), format!("they come from {maker}"))
        }
        (_, _, Some((low, high))) => (None, format!("what they can hold, {low:.2} to {high:.2}")),
        _ => (None, "their values, answer by answer".to_owned()),
    };
    let reader = Classify::new(spec, activation)?;
    let scores = match reader.activation() {
        None => "as they are",
        Some(Activation::None) => "probabilities",
        Some(Activation::Sigmoid) => "logits, through a sigmoid each",
        Some(Activation::Softmax) => "logits, through a softmax",
    };
    f.note("scores", scores, because);
    Ok(reader)
}

fn rows(e: &Evidence<'_>, trial: &mut Trial<'_>, f: &mut Findings) -> Result<Rows, String> {
    let [spec] = e.outputs else {
        return Err(format!("rows of detections are one output, it has {}", e.outputs.len()));
    };
    let columns = e.said.columns.clone().unwrap_or_else(|| USUAL.to_vec());
    if spec.shape.last() != Some(&columns.len()) {
        let why = format!("{} columns are known and its rows have {:?}", columns.len(), spec.shape.last());
        return Err(e.unclear(&why, "columns"));
    }
    if let Some(twice) = USUAL.iter().find(|c| columns.iter().filter(|other| other == c).count() != 1) {
        return Err(format!("columns names {} not exactly once", word(twice)));
    }
    let usual = "the order of Ultralytics' end-to-end exports";
    f.note("columns", word(&columns), if e.said.columns.is_some() { SAID } else { usual });
    let coordinates = f.said_or("coordinates", e.said.coordinates, || {
        let values = trial.values(0)?;
        let edges = |c: &Column| !matches!(c, Column::Score | Column::Class | Column::Skip);
        let most = values
            .chunks_exact(columns.len())
            .flat_map(|row| row.iter().zip(&columns).filter(|(_, c)| edges(c)).map(|(v, _)| v.abs()))
            .fold(0.0_f32, f32::max);
        match most {
            m if m > 4.0 => Ok((Coordinates::Pixels, format!("tried on a grey picture, boxes reach {m:.0}"))),
            m if m > 0.1 && m < 1.6 => {
                Ok((Coordinates::Normalized, format!("tried on a grey picture, boxes reach {m:.2}")))
            }
            _ => Err(e.unclear(
                "its rows do not show whether boxes are in pixels or in fractions",
                "coordinates = \"pixels\" or \"normalized\"",
            )),
        }
    })?;
    Ok(Rows { spec: spec.clone(), columns, unit: yolo::unit(e.size(), coordinates) })
}
