use super::*;
use crate::array::Array;
use crate::decode::Answer;
use crate::frame::Size;
use crate::geometry::{NormBox, Placement};
use crate::infer::scripted::{Scripted, floats};
use crate::infer::{ElementType, Quantization};
use crate::model::{Anchors, DecoderKind};

fn spec(name: &str, shape: &[usize]) -> TensorSpec {
    TensorSpec { name: name.to_owned(), element: ElementType::F32, shape: shape.to_vec(), quantization: None }
}

/// A model that exists on paper only.
#[derive(Default)]
struct Paper {
    side: usize,
    outputs: Vec<TensorSpec>,
    values: Vec<Vec<f32>>,
    makers: Vec<(&'static str, &'static str)>,
    labels: usize,
    first_label: Option<&'static str>,
    said: Manifest,
}

impl Paper {
    fn new(side: usize, shapes: &[&[usize]]) -> Self {
        let outputs = shapes.iter().enumerate().map(|(i, shape)| spec(&format!("o{i}"), shape));
        Self { side, outputs: outputs.collect(), ..Self::default() }
    }

    fn identify(&self) -> Result<Identity, String> {
        let input = spec("input", &[1, self.side, self.side, 3]);
        let zeros = |o: &TensorSpec| vec![0.0; o.elements()];
        let values: Vec<Vec<f32>> = if self.values.is_empty() {
            self.outputs.iter().map(zeros).collect()
        } else {
            self.values.clone()
        };
        let mut engine = Scripted(values.iter().map(|v| floats(v)).collect());
        let graph = Graph {
            makers: self.makers.iter().map(|(o, op)| ((*o).to_owned(), (*op).to_owned())).collect(),
            ..Graph::default()
        };
        let label = |i: usize| match self.first_label {
            Some(first) if i == 0 => first.to_owned(),
            _ => format!("label {i}"),
        };
        let labels = Labels::new((0..self.labels).map(|i| (i, label(i)))).expect("good labels");
        let evidence = Evidence {
            input: &input,
            outputs: &self.outputs,
            graph: &graph,
            metadata: &Metadata::default(),
            labels: (self.labels > 0).then_some(&labels),
            said: &self.said,
        };
        identify(&evidence, &mut Trial::new(&mut engine, &input, &self.outputs))
    }

    fn kind(&self) -> DecoderKind {
        self.identify().expect("known").decoder.kind()
    }

    fn refusal(&self) -> String {
        self.identify().expect_err("unclear")
    }
}

/// Rows of a box in the middle of each cell of the usual grids, in units of `unit` pixels, and `classes`
/// zeros.
fn rows(side: u32, unit: f32, classes: usize) -> Vec<f32> {
    crate::decode::cells(Size::new(side, side), &[8, 16, 32])
        .flat_map(|[x, y, stride]| {
            let middle = |v: f32| (v + stride / 2.0) / unit;
            [middle(x), middle(y), stride / unit, stride / unit]
                .into_iter()
                .chain(std::iter::repeat_n(0.0, classes))
        })
        .collect()
}

fn columns(rows: &[f32], width: usize) -> Vec<f32> {
    (0..width).flat_map(|k| rows.iter().skip(k).step_by(width).copied()).collect()
}

fn found(identity: &Identity, key: &str) -> String {
    identity.findings.iter().find(|f| f.key == key).map(|f| f.value.clone()).unwrap_or_default()
}

#[test]
fn the_unit_of_yolos_boxes_is_where_a_trials_boxes_lie() {
    for (unit, word) in [(64.0, "normalized"), (1.0, "pixels")] {
        let rows = rows(64, unit, 2);
        let mut paper = Paper::new(64, &[&[1, 6, 84]]);
        paper.values = vec![columns(&rows, 6)];
        let identity = paper.identify().expect("known");
        assert_eq!((identity.decoder.kind(), identity.decoder.classes()), (DecoderKind::Yolo, Some(2)));
        assert_eq!((found(&identity, "coordinates").as_str(), identity.fit), (word, Fit::Letterbox));
    }
}

#[test]
fn rows_with_one_box_a_cell_need_labels_to_tell_classes_from_objectness() {
    let mut paper = Paper::new(64, &[&[1, 84, 7]]);
    paper.values = vec![rows(64, 64.0, 3)];
    assert!(paper.refusal().contains("objectness"), "{}", paper.refusal());
    paper.labels = 3;
    assert_eq!(paper.identify().expect("known").decoder.classes(), Some(3));
    paper.labels = 2;
    let identity = paper.identify().expect("known");
    assert_eq!((identity.decoder.classes(), identity.decoder.kind()), (Some(2), DecoderKind::Yolox));
    assert_eq!(identity.channels, Channels::Bgr, "YOLOX's, though its boxes are decoded");
}

#[test]
fn labels_do_not_overrule_the_layout() {
    let mut paper = Paper::new(64, &[&[1, 6, 84]]);
    paper.values = vec![columns(&rows(64, 64.0, 2), 6)];
    paper.labels = 1;
    assert_eq!(paper.identify().expect("known").decoder.classes(), Some(2));
}

#[test]
fn rows_of_six_that_fit_a_grid_too_are_asked_about() {
    let mut paper = Paper::new(64, &[&[1, 84, 6]]);
    paper.values = vec![rows(64, 64.0, 2)];
    assert!(paper.refusal().contains("\"rows\""), "{}", paper.refusal());
    paper.said = Manifest::parse("decoder = \"rows\"\ncoordinates = \"normalized\"\n").expect("a manifest");
    assert_eq!(paper.kind(), DecoderKind::Rows);
}

#[test]
fn boxes_that_are_not_at_their_cells_are_relative_to_them() {
    let mut paper = Paper::new(64, &[&[1, 84, 7]]);
    paper.labels = 2;
    paper.values = vec![[0.5, 0.5, 0.1, 0.1, 0.0, 0.0, 0.0].repeat(84)];
    assert_eq!(paper.kind(), DecoderKind::Yolox);
}

#[test]
fn corners_and_keypoints_are_no_yolo_boxes() {
    let mut paper = Paper::new(64, &[&[1, 6, 84]]);
    let mut corners = rows(64, 64.0, 2);
    for b in corners.as_chunks_mut::<6>().0 {
        (b[2], b[3]) = (b[0] + 0.05, b[1] + 0.05);
    }
    paper.values = vec![columns(&corners, 6)];
    assert!(paper.refusal().contains("two corners"), "{}", paper.refusal());
    let mut points = rows(64, 64.0, 2);
    for b in points.as_chunks_mut::<6>().0 {
        (b[4], b[5]) = (b[0], b[1]);
    }
    paper.values = vec![columns(&points, 6)];
    assert!(paper.refusal().contains("poses"), "{}", paper.refusal());
}

#[test]
fn four_outputs_without_the_operator_do_not_show_the_order_of_edges() {
    let mut paper = Paper::new(64, &[&[1, 10, 4], &[1, 10], &[1, 10], &[1]]);
    assert!(paper.refusal().contains("decoder = \"ssd\""), "{}", paper.refusal());
    paper.said = Manifest::parse("decoder = \"ssd\"\n").expect("a manifest");
    assert_eq!(paper.kind(), DecoderKind::Ssd);
}

#[test]
fn keys_that_a_decoder_does_not_read_are_told() {
    for (said, key) in [
        ("objectness = true", "objectness"),
        ("anchors = \"ssd\"", "anchors"),
        ("columns = [\"skip\"]", "columns"),
        ("background = \"first\"", "background"),
        ("[nms]\niou = 0.5", "nms"),
    ] {
        let mut paper = Paper::new(96, &[&[1, 10]]);
        paper.makers = vec![("o0", "SOFTMAX")];
        paper.said = Manifest::parse(said).expect("a manifest");
        assert!(paper.refusal().starts_with(key), "{}", paper.refusal());
    }
}

#[test]
fn boxes_for_each_cell_of_yolos_grids_are_no_queries() {
    let paper = Paper::new(192, &[&[1, 756, 4], &[1, 756, 80]]);
    assert!(paper.refusal().contains("YOLO's grids"), "{}", paper.refusal());
    let mut pixels = Paper::new(320, &[&[1, 100, 92], &[1, 100, 4]]);
    pixels.labels = 91;
    pixels.values = vec![vec![0.0; 9200], vec![150.0; 400]];
    assert!(pixels.refusal().contains("150.0"), "{}", pixels.refusal());
}

#[test]
fn scores_beyond_one_are_no_scores() {
    let mut paper = Paper::new(64, &[&[1, 6, 84]]);
    let mut values = columns(&rows(64, 64.0, 2), 6);
    *values.last_mut().expect("there are") = 37.0;
    paper.values = vec![values];
    assert!(paper.refusal().contains("poses"), "{}", paper.refusal());
}

#[test]
fn a_label_for_the_background_is_not_counted_as_a_class() {
    let mut paper = Paper::new(300, &[&[1, 1917, 91], &[1, 1917, 4]]);
    for front in ["background", "label 0"] {
        paper.first_label = Some(front);
        paper.labels = if front == "background" { 91 } else { 90 };
        let identity = paper.identify().expect("known");
        assert_eq!(
            (found(&identity, "background").as_str(), identity.decoder.classes()),
            ("first", Some(90))
        );
    }
    paper.labels = 91;
    assert_eq!(paper.identify().expect("known").decoder.classes(), Some(91));
}

#[test]
fn no_key_is_named_for_what_no_decoder_reads() {
    let refusal = Paper::new(64, &[&[1, 3], &[1, 5], &[1, 7]]).refusal();
    assert!(refusal.contains("no decoder") && !refusal.contains("settles"), "{refusal}");
}

#[test]
fn a_range_that_nothing_shows_is_marked_as_assumed() {
    let mut paper = Paper::new(96, &[&[1, 10]]);
    paper.makers = vec![("o0", "SOFTMAX")];
    let assumed = |paper: &Paper| -> Vec<&'static str> {
        let findings = paper.identify().expect("known").findings;
        findings.iter().filter(|finding| finding.assumed).map(|finding| finding.key).collect()
    };
    assert_eq!(assumed(&paper), ["input"]);
    paper.said = Manifest::parse("mean = [0, 0, 0]\nstd = [255, 255, 255]").expect("a manifest");
    assert!(assumed(&paper).is_empty());
}

#[test]
fn features_are_not_classes() {
    let mut paper = Paper::new(96, &[&[1, 1280]]);
    paper.makers = vec![("o0", "AVERAGE_POOL_2D")];
    assert!(paper.refusal().contains("features"), "{}", paper.refusal());
    paper.makers = vec![("o0", "SOFTMAX")];
    assert_eq!(paper.kind(), DecoderKind::Classify);
}

#[test]
fn raw_heads_are_known_by_their_number_of_anchors() {
    let ssd = Paper::new(300, &[&[1, 1917, 91], &[1, 1917, 4]]);
    let identity = ssd.identify().expect("known");
    assert_eq!((identity.decoder.kind(), identity.decoder.classes()), (DecoderKind::Anchors, Some(90)));
    let mut lite = Paper::new(
        320,
        &[
            &[1, 40, 40, 810],
            &[1, 20, 20, 810],
            &[1, 10, 10, 810],
            &[1, 5, 5, 810],
            &[1, 3, 3, 810],
            &[1, 40, 40, 36],
            &[1, 20, 20, 36],
            &[1, 10, 10, 36],
            &[1, 5, 5, 36],
            &[1, 3, 3, 36],
        ],
    );
    assert!(lite.refusal().contains("efficientdet and efficientdet-lite"), "{}", lite.refusal());
    lite.said.anchors = Some(Anchors::Scheme("efficientdet-lite".to_owned()));
    assert_eq!(lite.identify().expect("known").decoder.classes(), Some(90));
    let odd = Paper::new(300, &[&[1, 1918, 91], &[1, 1918, 4]]);
    assert!(odd.refusal().contains("1918"), "{}", odd.refusal());
}

/// edgecam's own detector of so many classes: int8, scores from a sigmoid in the graph.
fn own(side: usize, cells: usize, classes: usize) -> Paper {
    let mut paper = Paper::new(side, &[&[1, cells, 4], &[1, cells, classes]]);
    let quantised = |scale, zero_point| Some(Quantization { scale, zero_point });
    paper.outputs.iter_mut().for_each(|output| output.element = ElementType::I8);
    paper.outputs[0].quantization = quantised(0.12, 9);
    paper.outputs[1].quantization = quantised(1.0 / 256.0, -128);
    paper.makers = vec![("o0", "CONV_2D"), ("o1", "LOGISTIC")];
    paper
}

#[test]
fn a_square_a_cell_is_edgecams_own() {
    for (side, cells, classes) in [(256, 1344, 4), (320, 2100, 5), (160, 525, 1), (96, 189, 2)] {
        for labels in [0, classes] {
            let mut paper = own(side, cells, classes);
            paper.labels = labels;
            let identity = paper.identify().expect("known");
            let values = ["anchors", "background", "activation"].map(|key| found(&identity, key));
            assert_eq!(values, ["cells", "none", "none"]);
            assert_eq!((identity.decoder.classes(), identity.fit), (Some(classes), Fit::Letterbox));
        }
    }
}

#[test]
fn scores_and_boxes_of_one_shape_are_told_by_what_makes_them() {
    let mut paper = own(256, 1344, 4);
    // A name is any operator's: "loc" is in "block".
    for [boxes, scores] in [["o0", "o1"], ["block_1", "block_2"], ["class_1", "box_2"]] {
        paper.outputs[0].name = boxes.to_owned();
        paper.outputs[1].name = scores.to_owned();
        paper.makers = vec![(boxes, "CONV_2D"), (scores, "LOGISTIC")];
        for _ in 0..2 {
            let values = paper.outputs.iter().map(|output| {
                // Encodings of 0 are the anchors themselves; the first is surely of class 2.
                let mut bytes = vec![if output.name == boxes { 9 } else { 0x80 }; output.elements()];
                bytes[2] = if output.name == boxes { 9 } else { 0x7f };
                bytes
            });
            let (engine, mut answer) = (Scripted(values.collect()), Answer::default());
            let place = Placement::new(Size::new(256, 256), NormBox::FULL, Size::new(256, 256), Fit::Stretch);
            let mut decoder = paper.identify().expect("known").decoder;
            decoder.decode(&engine, &place, 0.5, &mut answer);
            let seen =
                answer.detections.iter().map(|d| (d.class, d.bounds.to_pixels(place.input).to_array()));
            assert_eq!(seen.collect::<Vec<_>>(), [(2, [0, 0, 20, 20])], "{boxes} and {scores}");
            paper.outputs.reverse();
        }
    }
    paper.makers.clear();
    paper.outputs.iter_mut().for_each(|output| output.name = "block".to_owned());
    assert!(paper.refusal().contains("no decoder"), "{}", paper.refusal());
}

#[test]
fn decoded_boxes_for_each_cell_are_not_edgecams_own() {
    let mut paper = own(256, 1344, 5);
    paper.makers = vec![("o0", "MUL"), ("o1", "LOGISTIC")];
    assert!(paper.refusal().contains("YOLO's grids"), "{}", paper.refusal());
    paper.said.anchors = Some(Anchors::Scheme("cells".to_owned()));
    assert_eq!(found(&paper.identify().expect("said"), "anchors"), "cells");
}

#[test]
fn queries_need_labels_to_tell_whether_one_class_is_none() {
    let mut detr = Paper::new(320, &[&[1, 100, 92], &[1, 100, 4]]);
    assert!(detr.refusal().contains("activation"), "{}", detr.refusal());
    detr.labels = 91;
    let identity = detr.identify().expect("known");
    assert_eq!((identity.decoder.classes(), found(&identity, "activation").as_str()), (Some(91), "softmax"));
    detr.labels = 92;
    assert_eq!(found(&detr.identify().expect("known"), "activation"), "sigmoid");
}

#[test]
fn rows_of_six_show_their_unit_or_ask() {
    let mut paper = Paper::new(320, &[&[1, 300, 6]]);
    assert!(paper.refusal().contains("coordinates"), "{}", paper.refusal());
    paper.values = vec![[10.0, 20.0, 200.0, 310.0, 0.1, 3.0].repeat(300)];
    assert_eq!(found(&paper.identify().expect("known"), "coordinates"), "pixels");
    paper.values = vec![[0.1, 0.2, 0.3, 0.9, 0.1, 3.0].repeat(300)];
    assert_eq!(found(&paper.identify().expect("known"), "coordinates"), "normalized");
}

#[test]
fn grids_are_heat_maps_or_ask_for_anchors() {
    let mut heat = Paper::new(96, &[&[1, 12, 12, 3]]);
    heat.makers = vec![("o0", "SOFTMAX")];
    assert_eq!(heat.identify().expect("known").decoder.classes(), Some(2));
    let mut yolo = Paper::new(192, &[&[1, 12, 12, 30]]);
    assert!(yolo.refusal().contains("anchors"), "{}", yolo.refusal());
    yolo.said.anchors = Some(Anchors::Sizes(vec![Array([1.0, 1.0]); 5]));
    assert_eq!(yolo.identify().expect("known").decoder.classes(), Some(1));
    yolo.said.anchors = Some(Anchors::Sizes(vec![Array([1.0, 1.0]); 7]));
    assert!(yolo.refusal().contains("divide"), "{}", yolo.refusal());
    let mask = Paper::new(513, &[&[1, 513, 513, 21]]);
    assert!(mask.refusal().contains("no kind"), "{}", mask.refusal());
}

#[test]
fn what_is_said_wins() {
    let mut paper = Paper::new(64, &[&[1, 84, 6]]);
    paper.values = vec![rows(64, 64.0, 2)];
    paper.said = Manifest::parse(
        "objectness = false\nfit = \"stretch\"\nchannels = \"bgr\"\nmean = [1, 2, 3]\n[nms]\nlimit = 7\n",
    )
    .expect("a manifest");
    let identity = paper.identify().expect("known");
    assert_eq!((identity.fit, identity.channels), (Fit::Stretch, Channels::Bgr));
    assert_eq!(identity.normalization.mean.map(|v| v as u8), [1, 2, 3]);
    assert_eq!(identity.decoder.nms().map(|nms| nms.limit), Some(7));
}

#[test]
fn a_quantised_input_shows_its_range() {
    let said = Manifest::default();
    let infer = |kind, element, (scale, zero_point)| {
        let quantization = Some(Quantization { scale, zero_point });
        let input = TensorSpec { name: String::new(), element, shape: vec![1, 8, 8, 3], quantization };
        let evidence = Evidence {
            input: &input,
            outputs: &[],
            graph: &Graph::default(),
            metadata: &Metadata::default(),
            labels: None,
            said: &said,
        };
        input::normalization(&evidence, kind, &mut Findings::default())
    };
    let classify = |element, q| infer(DecoderKind::Classify, element, q);
    let plus_minus_one = Normalization::uniform(127.5, 127.5);
    assert_eq!(classify(ElementType::U8, (1.0 / 128.0, 128)), plus_minus_one);
    assert_eq!(classify(ElementType::U8, (0.007_84, 127)), plus_minus_one);
    assert_eq!(classify(ElementType::I8, (1.0 / 255.0, -128)), Normalization::uniform(0.0, 255.0));
    assert_eq!(classify(ElementType::I8, (0.0038, -128)), Normalization::uniform(0.0, 255.0));
    assert_eq!(classify(ElementType::I8, (1.0, -128)), Normalization::uniform(0.0, 1.0));
    assert!((classify(ElementType::I8, (0.0187, -14)).mean[0] - 123.675).abs() < 1e-3);
    assert_eq!(classify(ElementType::U8, (0.5, 10)), Normalization::uniform(10.0, 2.0));
    let level_itself = Normalization::uniform(128.0, 128.0);
    assert_eq!(infer(DecoderKind::Ssd, ElementType::U8, (1.0 / 128.0, 128)), level_itself);
    let unit = infer(DecoderKind::Anchors, ElementType::I8, (1.0 / 255.0, -128));
    assert!(unit.mean[0].abs() < 1e-3 && (unit.std[0] - 255.0).abs() < 1e-3, "{unit:?}");
}

#[test]
fn outputs_without_a_dimension_are_no_boxes() {
    for shapes in [[&[1, 4][..], &[]], [&[4], &[]], [&[], &[1, 10, 4]]] {
        assert!(Paper::new(64, &shapes).identify().is_err(), "{shapes:?}");
    }
    let mut one = Paper::new(64, &[&[1, 10, 1], &[1, 10, 4]]);
    one.said = Manifest::parse("decoder = \"detr\"\nactivation = \"sigmoid\"\nbackground = \"last\"\n")
        .expect("a manifest");
    assert!(one.refusal().contains("background"), "{}", one.refusal());
}
