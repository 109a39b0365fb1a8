//! Models that were cut into segments to run on several Edge TPUs one after the other: `edgetpu_compiler
//! --num_segments=2 X.tflite` writes `X_segment_0_of_2_edgetpu.tflite` and `X_segment_1_of_2_edgetpu.tflite`.

use std::path::{Path, PathBuf};

/// What the name of a segment tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment<'a> {
    /// The model it is a part of.
    pub model: &'a str,
    /// How many there are.
    pub count: usize,
    /// What follows: `_edgetpu`, or nothing.
    end: &'a str,
}

impl<'a> Segment<'a> {
    /// The segment with this file name, without the extension.
    pub(super) fn of(stem: &'a str) -> Option<Self> {
        let end = if stem.ends_with("_edgetpu") { "_edgetpu" } else { "" };
        let (model, place) = stem.strip_suffix(end)?.rsplit_once("_segment_")?;
        let (index, count) = place.split_once("_of_")?;
        let (index, count): (usize, usize) = (index.parse().ok()?, count.parse().ok()?);
        (index < count).then_some(Self { model, count, end })
    }

    fn sibling(&self, index: usize) -> String {
        format!("{}_segment_{index}_of_{}{}.tflite", self.model, self.count, self.end)
    }
}

/// All segments of the model that `path` is one of, in the order in which they run; `None` for a model in one piece.
/// The error is a sentence that names the first that is missing.
pub fn segments(path: &Path) -> Result<Option<Vec<PathBuf>>, String> {
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    let Some(segment) = stem.and_then(Segment::of) else { return Ok(None) };
    let siblings = (0..segment.count).map(|index| path.with_file_name(segment.sibling(index)));
    let there = siblings.map(|path| if path.is_file() { Ok(path) } else { Err(path) });
    there.collect::<Result<_, _>>().map(Some).map_err(|missing| {
        format!(
            "load model {}: it is one of {} segments, and {} is missing; put all of them into one folder",
            path.display(),
            segment.count,
            missing.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segments_name_tells_its_model() {
        for (stem, told) in [
            ("ssd_segment_0_of_2_edgetpu", Some(("ssd", 2))),
            ("a_segment_b_segment_10_of_11", Some(("a_segment_b", 11))),
            ("ssd_segment_2_of_2_edgetpu", None),
            ("ssd_segment_0_of_99999999999999999999_edgetpu", None),
            ("ssd_segment_x_of_2", None),
            ("ssd_edgetpu", None),
            ("", None),
        ] {
            assert_eq!(Segment::of(stem).map(|segment| (segment.model, segment.count)), told, "{stem}");
        }
    }

    #[test]
    fn all_segments_are_found_in_order_or_one_is_missed() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |index: usize| folder.path().join(format!("m_segment_{index}_of_3_edgetpu.tflite"));
        for index in [0, 2] {
            std::fs::write(file(index), "").expect("ours");
        }
        let why = segments(&file(2)).expect_err("one is missing");
        assert!(
            why.contains("one of 3 segments") && why.contains("m_segment_1_of_3_edgetpu.tflite is missing")
        );
        std::fs::write(file(1), "").expect("ours");
        assert_eq!(segments(&file(2)), Ok(Some(vec![file(0), file(1), file(2)])));
        assert_eq!(segments(&folder.path().join("m.tflite")), Ok(None));
        let endless = folder.path().join("m_segment_0_of_18446744073709551615.tflite");
        assert!(segments(&endless).is_err());
    }
}
