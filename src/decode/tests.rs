use super::*;
use crate::frame::Size;
use crate::geometry::Fit;
use crate::infer::scripted::{Scripted, floats};
use crate::infer::{ElementType, Quantization, TensorSpec};
use crate::model::{Activation, Background, Column};

fn spec(name: &str, element: ElementType, shape: &[usize]) -> TensorSpec {
    TensorSpec { name: name.to_owned(), element, shape: shape.to_vec(), quantization: None }
}

fn read(reader: Reader, values: Vec<Vec<u8>>, threshold: f32) -> Answer {
    let placement = Placement::new(Size::new(100, 100), NormBox::FULL, Size::new(10, 10), Fit::Stretch);
    let mut answer = Answer::default();
    Decoder::new(reader, None).decode(&Scripted(values), &placement, threshold, &mut answer);
    answer
}

/// Reads outputs as an SSD's, or as a classifier's.
fn decode(outputs: &[TensorSpec], values: Vec<Vec<u8>>, threshold: f32) -> Answer {
    let reader = match Ssd::new(outputs, 0, None) {
        Ok(ssd) => Reader::Ssd(ssd),
        Err(_) => Reader::Classify(Classify::new(&outputs[0], None).expect("usual outputs")),
    };
    read(reader, values, threshold)
}

fn close(a: NormBox, b: NormBox) -> bool {
    a.to_array().iter().zip(b.to_array()).all(|(a, b)| (a - b).abs() < 1e-4)
}

#[test]
fn either_order_of_ssd_outputs_gives_the_same_detections() {
    let f = |name, shape: &[usize]| spec(name, ElementType::F32, shape);
    let boxes = floats(&[0.1, 0.2, 0.3, 0.4, 0.5, 0.5, 1.5, 0.9, 0.0, 0.0, 1.0, 1.0]);
    let (classes, scores, count) = (floats(&[17.0, 0.0, 3.0]), floats(&[0.9, 0.5, 0.2]), floats(&[3.0]));
    let tf1 = [
        f("TFLite_Detection_PostProcess", &[1, 3, 4]),
        f("TFLite_Detection_PostProcess:1", &[1, 3]),
        f("TFLite_Detection_PostProcess:2", &[1, 3]),
        f("TFLite_Detection_PostProcess:3", &[1]),
    ];
    let tf2 = [
        f("StatefulPartitionedCall:1", &[1, 3]),
        f("StatefulPartitionedCall:3", &[1, 3, 4]),
        f("StatefulPartitionedCall:0", &[1]),
        f("StatefulPartitionedCall:2", &[1, 3]),
    ];
    let one = decode(&tf1, vec![boxes.clone(), classes.clone(), scores.clone(), count.clone()], 0.3);
    let two = decode(&tf2, vec![scores, boxes, count, classes], 0.3);
    assert_eq!(one.detections, two.detections);
    assert_eq!(one.detections.len(), 2);
    assert_eq!(one.detections[0].class, 17);
    assert_eq!(one.detections[0].bounds, NormBox::new(0.2, 0.1, 0.4, 0.3));
    assert_eq!(one.detections[1].bounds, NormBox::new(0.5, 0.5, 0.9, 1.0));
}

#[test]
fn which_output_holds_scores_is_kept_once_it_was_clear() {
    let f = |name, shape: &[usize]| spec(name, ElementType::F32, shape);
    let outputs = [f("a", &[1, 1]), f("b", &[1, 1, 4]), f("c", &[1]), f("d", &[1, 1])];
    let mut decoder = Decoder::new(Reader::Ssd(Ssd::new(&outputs, 0, None).expect("an SSD's")), None);
    let placement = Placement::new(Size::new(100, 100), NormBox::FULL, Size::new(10, 10), Fit::Stretch);
    let (mut answer, one) = (Answer::default(), floats(&[1.0]));
    let mut seen = |score: f32, class: f32| {
        let values = vec![floats(&[score]), floats(&[0.1, 0.1, 0.9, 0.9]), one.clone(), floats(&[class])];
        decoder.decode(&Scripted(values), &placement, 0.5, &mut answer);
        answer.detections.iter().map(|d| (d.class, d.score.to_bits())).collect::<Vec<_>>()
    };
    assert_eq!(seen(0.75, 3.0), [(3, 0.75_f32.to_bits())]);
    // A score of exactly 1 for class 0 shows nothing by itself.
    assert_eq!(seen(1.0, 0.0), [(0, 1.0_f32.to_bits())]);
}

#[test]
fn the_count_and_numbers_that_are_none_are_heeded() {
    let f = |name, shape: &[usize]| spec(name, ElementType::F32, shape);
    let outputs = [f("boxes", &[1, 2, 4]), f("class", &[1, 2]), f("score", &[1, 2]), f("count", &[1])];
    let values = |count: f32, score: f32| {
        vec![
            floats(&[f32::NAN, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0]),
            floats(&[1.0, 2.0]),
            floats(&[score, 0.8]),
            floats(&[count]),
        ]
    };
    assert_eq!(decode(&outputs, values(1.0, 0.9), 0.5).detections.len(), 0);
    assert_eq!(decode(&outputs, values(2.0, f32::NAN), 0.5).detections.len(), 1);
    assert_eq!(decode(&outputs, values(99.0, 0.9), 0.5).detections.len(), 1);
    assert_eq!(decode(&outputs, values(f32::NAN, 0.9), 0.5).detections.len(), 0);
}

#[test]
fn logits_become_probabilities_and_probabilities_stay() {
    let outputs = [spec("logits", ElementType::F32, &[1, 3])];
    let answer = decode(&outputs, vec![floats(&[1.0, 3.0, 2.0])], 0.0).classes;
    assert_eq!(answer.iter().map(|c| c.class).collect::<Vec<_>>(), [1, 2, 0]);
    assert!((answer[0].score - 0.6652).abs() < 1e-4);
    let same = decode(&outputs, vec![floats(&[0.1, 0.7, 0.2])], 0.0).classes;
    assert!((same[0].score - 0.7).abs() < 1e-6);
}

#[test]
fn quantised_scores_are_real_numbers_and_only_the_best_are_told() {
    let mut output = spec("scores", ElementType::I8, &[1, 1, 1, 8]);
    output.quantization = Some(Quantization { scale: 1.0 / 256.0, zero_point: -128 });
    let bytes = [-128_i8, 0, 127, -100, -90, -80, -70, -60].map(i8::cast_unsigned).to_vec();
    let classes = decode(&[output], vec![bytes], 0.0).classes;
    assert_eq!(classes.iter().map(|c| c.class).collect::<Vec<_>>(), [2, 1, 7, 6, 5]);
    assert!((classes[1].score - 0.5).abs() < 1e-6);
}

/// A box in the middle, and a score for the second of two classes, in columns as YOLOv8 gives them.
fn yolo_columns(spec: TensorSpec) -> Reader {
    let (count, unit) = (3, [1.0, 1.0]);
    Reader::Yolo(Yolo {
        spec,
        count,
        rows: false,
        objectness: false,
        classes: 2,
        unit,
        cells: Vec::new(),
        yolox: false,
    })
}

#[test]
fn yolo_columns_of_floats_and_bytes_are_the_same_boxes() {
    let columns: [[f32; 3]; 6] = [
        [0.5, 0.5, 0.2],
        [0.5, 0.5, 0.2],
        [0.2, 0.2, 0.1],
        [0.4, 0.4, 0.1],
        [0.1, 0.2, 0.0],
        [0.9, 0.8, 0.3],
    ];
    let values: Vec<f32> = columns.iter().flatten().copied().collect();
    let mut output = spec("output", ElementType::F32, &[1, 6, 3]);
    let real = read(yolo_columns(output.clone()), vec![floats(&values)], 0.5).detections;
    output.element = ElementType::I8;
    output.quantization = Some(Quantization { scale: 0.01, zero_point: -100 });
    let bytes = values.iter().map(|v| ((v * 100.0).round() as i8 - 100).cast_unsigned()).collect();
    let quantised = read(yolo_columns(output), vec![bytes], 0.5).detections;
    assert_eq!(
        (real.len(), quantised.len()),
        (1, 1),
        "the second box is hidden by the first, the third is unsure"
    );
    for d in [real[0], quantised[0]] {
        assert!(d.class == 1 && (d.score - 0.9).abs() < 1e-4, "{d:?}");
        assert!(close(d.bounds, NormBox::new(0.4, 0.3, 0.6, 0.7)), "{d:?}");
    }
}

#[test]
fn yolo_rows_multiply_the_object_score_and_may_be_relative_to_cells() {
    let spec = spec("output", ElementType::F32, &[1, 2, 6]);
    let yolo = |cells, unit| {
        let spec = spec.clone();
        Reader::Yolo(Yolo {
            spec,
            count: 2,
            rows: true,
            objectness: true,
            classes: 1,
            unit,
            cells,
            yolox: true,
        })
    };
    // yolox_head.py: centre = (output + grid) * stride, size = exp(output) * stride.
    let relative = floats(&[0.5, 0.25, 2_f32.ln(), 0.0, 0.8, 0.9, 0.0, 0.0, 0.0, 0.0, 0.8, 0.1]);
    let found = read(yolo(vec![[8.0, 16.0, 8.0]; 2], [1.0 / 64.0; 2]), vec![relative], 0.3).detections;
    assert_eq!(found.len(), 1);
    assert!((found[0].score - 0.72).abs() < 1e-5);
    assert!(
        close(found[0].bounds, NormBox::new(4.0 / 64.0, 14.0 / 64.0, 20.0 / 64.0, 22.0 / 64.0)),
        "{found:?}"
    );
    let pixels = floats(&[32.0, 32.0, 16.0, 32.0, 1.0, 0.5, 0.0, 0.0, f32::NAN, 1.0, 1.0, f32::NAN]);
    let found = read(yolo(Vec::new(), [1.0 / 64.0; 2]), vec![pixels], 0.3).detections;
    assert_eq!(found.len(), 1);
    assert!(close(found[0].bounds, NormBox::new(0.375, 0.25, 0.625, 0.75)), "{found:?}");
}

/// Raw heads of one anchor, whose scores are given with the background first.
fn heads(scheme: Scheme, encoding: &[f32]) -> Detection {
    let (scores, boxes) = (
        spec("scores", ElementType::F32, &[1, 1, 3]),
        spec("boxes", ElementType::F32, &[1, 1, encoding.len()]),
    );
    let (background, activation) = (Background::First, Activation::Sigmoid);
    let scores = Scores { spec: scores, output: 0, width: 3, background, activation };
    let head = Head { scores, boxes: (boxes, 1), box_width: encoding.len() };
    let (anchors, coding) = (vec![[0.5, 0.4, 0.2, 0.1]], Coding::of(scheme, Size::new(128, 128)));
    let reader = Reader::Anchors(Heads { heads: vec![head], anchors, scheme, coding });
    let found = read(reader, vec![floats(&[9.0, -2.0, 0.0]), floats(encoding)], 0.4).detections;
    assert!(found.len() == 1 && found[0].class == 1 && (found[0].score - 0.5).abs() < 1e-6, "{found:?}");
    found[0]
}

#[test]
fn encodings_become_boxes_as_their_references_say() {
    let wanted = NormBox::around(0.6, 0.5, 0.4, 0.2);
    let ln2 = 2_f32.ln();
    // faster_rcnn_box_coder.py: ty = (y - ya) / ha * 10, th = ln(h / ha) * 5; y first.
    assert!(close(heads(Scheme::Ssd, &[10.0, 5.0, 5.0 * ln2, 5.0 * ln2]).bounds, wanted));
    assert!(close(heads(Scheme::Cells, &[10.0, 5.0, 5.0 * ln2, 5.0 * ln2]).bounds, wanted));
    // automl/efficientdet anchors.py: the same without the factors.
    assert!(close(heads(Scheme::EfficientDetLite, &[1.0, 0.5, ln2, ln2]).bounds, wanted));
    // box_utils.py: x first, variances 0.1 and 0.2.
    assert!(close(heads(Scheme::RetinaFace, &[5.0, 10.0, 5.0 * ln2, 5.0 * ln2]).bounds, wanted));
    // tensors_to_detections_calculator.cc: pixels of 128, linear; landmarks follow.
    let mut face = [0.0; 16];
    face[..4].copy_from_slice(&[64.0, 128.0, 256.0, 256.0]);
    assert!(close(heads(Scheme::BlazeFace, &face).bounds, wanted));
    // The back camera's model counts in pixels of 256.
    let twice = Coding::of(Scheme::BlazeFace, Size::new(256, 256));
    assert_eq!(twice.size.map(|s| (s * 256.0) as u32), [1; 2]);
}

#[test]
fn logits_through_a_sigmoid_stand_for_themselves() {
    let output = spec("logits", ElementType::F32, &[1, 3]);
    let reader = Reader::Classify(Classify::new(&output, Some(Activation::Sigmoid)).expect("usual outputs"));
    let classes = read(reader, vec![floats(&[2.0, -1.0, 1.5])], 0.0).classes;
    assert_eq!(classes.iter().map(|c| (c.score * 1e3).round() as u32).collect::<Vec<_>>(), [881, 818, 269]);
}

#[test]
fn a_softmax_counts_the_background() {
    let scores = Scores {
        spec: spec("scores", ElementType::F32, &[1, 2, 3]),
        output: 0,
        width: 3,
        background: Background::Last,
        activation: Activation::Softmax,
    };
    let boxes = (spec("boxes", ElementType::F32, &[1, 2, 4]), 1);
    // detr.py: PostProcess takes the softmax, leaves out the last class, and boxes are cx, cy, w, h.
    let values =
        vec![floats(&[1.0, 3.0, 2.0, 0.0, 1.0, 8.0]), floats(&[0.5, 0.5, 0.5, 1.0, 0.1, 0.1, 0.1, 0.1])];
    let found = read(Reader::Detr(Detr { scores, boxes }), values, 0.3).detections;
    assert_eq!((found.len(), found[0].class), (1, 1));
    assert!((found[0].score - 0.6652).abs() < 1e-4);
    assert!(close(found[0].bounds, NormBox::new(0.25, 0.0, 0.75, 1.0)), "{found:?}");
}

#[test]
fn rows_are_read_by_their_columns() {
    let spec = |n: usize| spec("output", ElementType::F32, &[1, 2, n]);
    let usual = Rows { spec: spec(6), columns: USUAL.to_vec(), unit: [0.01, 0.02] };
    let values = vec![floats(&[10.0, 10.0, 30.0, 40.0, 0.8, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])];
    let found = read(Reader::Rows(usual), values, 0.1).detections;
    assert_eq!((found.len(), found[0].class), (1, 2));
    assert!(close(found[0].bounds, NormBox::new(0.1, 0.2, 0.3, 0.8)), "{found:?}");
    let columns = vec![
        Column::Skip,
        Column::YMin,
        Column::XMin,
        Column::YMax,
        Column::XMax,
        Column::Class,
        Column::Score,
    ];
    let values = vec![floats(&[7.0, 0.2, 0.1, 0.8, 0.3, 5.0, 0.9, 7.0, 0.2, 0.1, 0.8, 0.3, -1.0, 0.9])];
    let found = read(Reader::Rows(Rows { spec: spec(7), columns, unit: [1.0; 2] }), values, 0.1).detections;
    assert_eq!((found.len(), found[0].class), (1, 5));
    assert!(close(found[0].bounds, NormBox::new(0.1, 0.2, 0.3, 0.8)), "{found:?}");
}

#[test]
fn cells_of_a_heat_map_that_touch_are_one_object() {
    let spec = spec("output", ElementType::F32, &[1, 4, 4, 2]);
    let mut values = [1.0, 0.0].repeat(16);
    for (cell, score) in [(0, 0.9), (5, 0.7), (15, 0.8)] {
        values[cell * 2 + 1] = score;
    }
    let found = read(Reader::Fomo(Fomo { spec }), vec![floats(&values)], 0.5).detections;
    assert_eq!(found.iter().map(|d| d.score).collect::<Vec<_>>(), [0.9, 0.8]);
    assert!(close(found[0].bounds, NormBox::new(0.0, 0.0, 0.5, 0.5)), "{found:?}");
    assert!(close(found[1].bounds, NormBox::new(0.75, 0.75, 1.0, 1.0)), "{found:?}");
}

#[test]
fn a_grid_with_anchors_is_yolov2() {
    let spec = spec("output", ElementType::F32, &[1, 2, 2, 7]);
    let mut values = vec![-9.0; 28];
    // The cell at the lower left: centre in its middle, size e times the anchor's, one class surely.
    values[14..21].copy_from_slice(&[0.0, 0.0, 1.0, 0.0, 9.0, 5.0, -5.0]);
    let anchors = vec![[0.2, 0.4]];
    let found = read(Reader::Yolov2(Yolov2 { spec, anchors }), vec![floats(&values)], 0.5).detections;
    assert!(found.len() == 1 && found[0].class == 0 && found[0].score > 0.999, "{found:?}");
    assert!(close(found[0].bounds, NormBox::around(0.25, 0.75, 0.1 * 1_f32.exp(), 0.2)), "{found:?}");
}
