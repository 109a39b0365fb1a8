use super::*;
use crate::frame::Size;
use crate::geometry::Fit;
use crate::infer::{ElementType, InferError, InputMemory, Quantization};

/// An engine whose outputs are written down.
struct Scripted(Vec<Vec<u8>>);

impl Engine for Scripted {
    fn new_input(&mut self) -> Result<Box<dyn InputMemory>, InferError> {
        Err(InferError::Run("a scripted engine has no input".to_owned()))
    }
    fn invoke(&mut self, _: &mut dyn InputMemory) -> Result<(), InferError> {
        Ok(())
    }
    fn output(&self, index: usize) -> &[u8] {
        &self.0[index]
    }
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_ne_bytes()).collect()
}

fn spec(name: &str, element: ElementType, shape: &[usize]) -> TensorSpec {
    TensorSpec { name: name.to_owned(), element, shape: shape.to_vec(), quantization: None }
}

fn decode(outputs: &[TensorSpec], values: Vec<Vec<u8>>, threshold: f32) -> Answer {
    let decoder = Decoder::new(outputs, None).expect("usual outputs");
    let placement = Placement::new(Size::new(100, 100), NormBox::FULL, Size::new(10, 10), Fit::Stretch);
    let mut answer = Answer::default();
    decoder.decode(&Scripted(values), &placement, threshold, &mut answer);
    answer
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

#[test]
fn outputs_of_other_models_are_described() {
    let heads =
        [spec("a", ElementType::F32, &[1, 20, 20, 36]), spec("b", ElementType::F32, &[1, 10, 10, 36])];
    let why = Decoder::new(&heads, None).expect_err("raw heads");
    assert!(why.contains("[1, 20, 20, 36]"), "{why}");
}
