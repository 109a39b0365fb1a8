//! DETR's queries: a pair of outputs without anchors.

use super::boxes::{Pair, pairs};
use super::kind::unknown;
use super::{Evidence, Findings, Trial, word};
use crate::decode::{Detr, Scores};
use crate::model::manifest::{Activation, Background};

/// The two outputs of a DETR.
pub(super) fn detr(e: &Evidence<'_>, trial: &mut Trial<'_>, f: &mut Findings) -> Result<Detr, String> {
    let pairs = pairs(e)?;
    let [Pair { boxes, scores, widths: [4, width], .. }] = *pairs.as_slice() else { return Err(unknown(e)) };
    let spec = &e.outputs[scores];
    let named = e.labels.map_or(0, |labels| labels.names().len());
    let activation = f.said_or("activation", e.said.activation, || match e.maker(spec) {
        Some(maker @ ("LOGISTIC" | "SOFTMAX")) => {
            Ok((Activation::None, format!("the scores come from {maker}")))
        }
        _ if named > 0 && width == named + 1 => {
            Ok((Activation::Softmax, format!("{width} scores for {named} labels: one is for no object")))
        }
        _ if named > 0 && width == named => {
            Ok((Activation::Sigmoid, format!("{width} scores for {named} labels")))
        }
        _ => Err(e.unclear(
            &format!("{width} scores a query and {named} labels do not show whether one is for no object"),
            "labels, or activation = \"softmax\" or \"sigmoid\"",
        )),
    })?;
    let background = f.said_or("background", e.said.background, || {
        let last = activation == Activation::Softmax || (named > 0 && width == named + 1);
        Ok((
            if last { Background::Last } else { Background::None },
            format!("with {} as activation", word(&activation)),
        ))
    })?;
    if width == 1 && background != Background::None {
        return Err(e.unclear("its one score a query can't be the background's", "background = \"none\""));
    }
    let (low, high) =
        trial.values(boxes)?.iter().fold((f32::MAX, f32::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
    if low < -0.1 || high > 1.2 {
        let why = format!(
            "tried on a grey picture, its boxes run from {low:.1} to {high:.1}, not in fractions as a DETR's"
        );
        return Err(e.unreadable(&why));
    }
    let scores = Scores { spec: spec.clone(), output: scores, width, background, activation };
    Ok(Detr { scores, boxes: (e.outputs[boxes].clone(), boxes) })
}
