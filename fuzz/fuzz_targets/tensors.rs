//! Tensors of any shape, type and content: a model is refused with a reason, or its boxes are in the frame
//! and its scores are scores.
#![no_main]

use arbitrary::Unstructured;
use edgecam::decode::Answer;
use edgecam::frame::Size;
use edgecam::geometry::{NormBox, Placement};
use edgecam::infer::{ElementType, Engine, InferError, InputMemory, Quantization, TensorSpec};
use edgecam::model::{DecoderKind, Evidence, Graph, Labels, Manifest, Metadata, Trial, identify};
use libfuzzer_sys::fuzz_target;

/// More elements take too long to make up.
const MOST_ELEMENTS: usize = 40_000;

const MAKERS: [&str; 6] = ["SOFTMAX", "LOGISTIC", "CONV_2D", "MEAN", "CONCATENATION", "TFLite_Detection_PostProcess"];

/// Dimensions that models have.
const USUAL: [usize; 24] = [1, 2, 3, 4, 5, 6, 7, 10, 12, 16, 18, 20, 21, 30, 63, 64, 80, 84, 85, 90, 91, 252, 896, 1029];

struct Scripted(Vec<Vec<u8>>);

struct Memory(Vec<u8>);

impl InputMemory for Memory {
    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
    fn as_any_mut(&mut self) -> &mut dyn std::any::Any {
        self
    }
}

impl Engine for Scripted {
    fn new_input(&mut self) -> Result<Box<dyn InputMemory>, InferError> {
        Ok(Box::new(Memory(vec![0; 16])))
    }
    fn invoke(&mut self, _: &mut dyn InputMemory) -> Result<(), InferError> {
        Ok(())
    }
    fn output(&self, index: usize) -> &[u8] {
        &self.0[index]
    }
}

fn tensor(u: &mut Unstructured<'_>, name: String) -> arbitrary::Result<TensorSpec> {
    use ElementType::{F16, F32, I8, I16, I32, I64, U8};
    let element = *u.choose(&[F32, F32, U8, I8, I8, F16, I16, I32, I64])?;
    let mut shape = vec![1];
    for _ in 0..u.int_in_range(0..=4)? {
        shape.push(if u.ratio(4, 5)? { *u.choose(&USUAL)? } else { u.int_in_range(1..=200)? });
    }
    if u.ratio(1, 8)? {
        shape.remove(0);
    }
    let quantization = Quantization { scale: u.arbitrary()?, zero_point: if u.ratio(7, 8)? { u.int_in_range(-200..=300)? } else { u.arbitrary()? } };
    let quantization = (!matches!(element, F32 | F16) && u.arbitrary()?).then_some(quantization);
    Ok(TensorSpec { name, element, shape, quantization })
}

fn values(u: &mut Unstructured<'_>, spec: &TensorSpec) -> arbitrary::Result<Vec<u8>> {
    let bytes = spec.bytes();
    let length = u.int_in_range(0..=64)?.min(u.len());
    let pattern = u.bytes(length)?.to_vec();
    if spec.element == ElementType::F32 && u.arbitrary()? {
        let step: u8 = u.arbitrary()?;
        let value = |i: usize| ((i * usize::from(step)) % 256) as f32 / 255.0;
        return Ok((0..spec.elements()).flat_map(|i| value(i).to_ne_bytes()).collect());
    }
    Ok(pattern.into_iter().chain([0, 0, 128, 63]).cycle().take(bytes).collect())
}

/// Keys of a manifest, each there or not.
const KEYS: [&[&str]; 11] = [
    &["decoder = \"classify\"", "decoder = \"ssd\"", "decoder = \"anchors\"", "decoder = \"yolo\"",
      "decoder = \"yolox\"", "decoder = \"yolov2\"", "decoder = \"rows\"", "decoder = \"detr\"", "decoder = \"fomo\""],
    &["coordinates = \"pixels\"", "coordinates = \"normalized\""],
    &["objectness = true", "objectness = false"],
    &["activation = \"sigmoid\"", "activation = \"softmax\"", "activation = \"none\""],
    &["background = \"first\"", "background = \"last\"", "background = \"none\""],
    &["anchors = \"ssd\"", "anchors = \"blazeface\"", "anchors = [[1.0, 2.0], [0.5, 0.5]]",
      "anchors = [[0.5, 0.5, 0.1, 0.2], [0.1, 0.1, 0.3, 0.3]]"],
    &["columns = [\"score\", \"class\", \"x_min\", \"y_min\", \"x_max\", \"y_max\", \"skip\"]",
      "columns = [\"x_min\", \"y_min\", \"x_max\", \"y_max\", \"class\", \"score\"]"],
    &["nms = { iou = 0.0, agnostic = true }", "nms = { limit = 1 }"],
    &["fit = \"letterbox\"", "fit = \"stretch\""],
    &["channels = \"bgr\""],
    &["mean = [1, 2, 3]", "std = [1, 2, 3]"],
];

fn manifest(u: &mut Unstructured<'_>) -> arbitrary::Result<Manifest> {
    let mut text = String::new();
    for key in KEYS {
        if u.ratio(1, 4)? {
            text += u.choose(key)?;
            text.push('\n');
        }
    }
    Ok(Manifest::parse(&text).unwrap_or_default())
}

fn run(u: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let side = |u: &mut Unstructured<'_>| u.choose(&[32_usize, 64, 96, 128, 192, 224, 300, 320]).copied();
    let mut input = tensor(u, "input".to_owned())?;
    if u.ratio(7, 8)? {
        input.shape = vec![1, side(u)?, side(u)?, 3];
    }
    let outputs: Vec<TensorSpec> =
        (0..u.int_in_range(1..=4)?).map(|i| tensor(u, format!("o{i}"))).collect::<Result<_, _>>()?;
    if outputs.iter().any(|o| o.elements() > MOST_ELEMENTS) {
        return Ok(());
    }
    let classes = u.arbitrary::<Option<u8>>()?.map(usize::from);
    let mut graph = Graph { classes, ..Graph::default() };
    for output in &outputs {
        graph.makers.insert(output.name.clone(), (*u.choose(&MAKERS)?).to_owned());
    }
    let bytes = outputs.iter().map(|o| values(u, o)).collect::<Result<_, _>>()?;
    let named = *u.choose(&[0_usize, 1, 2, 80, 90])?;
    let labels = Labels::new((0..named).map(|i| (i, format!("label {i}")))).ok();
    let threshold = f32::from(u.arbitrary::<u8>()?) / 255.0;
    let said = manifest(u)?;
    let mut engine = Scripted(bytes);
    let evidence = Evidence {
        input: &input,
        outputs: &outputs,
        graph: &graph,
        metadata: &Metadata::default(),
        labels: labels.as_ref().filter(|_| named > 0),
        said: &said,
    };
    let Ok(mut identity) = identify(&evidence, &mut Trial::new(&mut engine, &input, &outputs)) else {
        return Ok(());
    };
    let placement = Placement::new(Size::new(640, 480), NormBox::FULL, Size::new(64, 64), identity.fit);
    let mut answer = Answer::default();
    identity.decoder.decode(&engine, &placement, threshold, &mut answer);
    for d in &answer.detections {
        assert!(d.score >= threshold && d.score <= 1.0, "{d:?}");
        let b = d.bounds;
        assert!(0.0 <= b.x_min && b.x_min < b.x_max && b.x_max <= 1.0, "{d:?}");
        assert!(0.0 <= b.y_min && b.y_min < b.y_max && b.y_max <= 1.0, "{d:?}");
        // An SSD's own operator gives class numbers as it likes.
        let counted = identity.decoder.kind() != DecoderKind::Ssd;
        assert!(!counted || identity.decoder.classes().is_none_or(|classes| d.class < classes), "{d:?}");
    }
    for class in &answer.classes {
        assert!((0.0..=1.0).contains(&class.score), "{class:?}");
    }
    Ok(())
}

fuzz_target!(|data: &[u8]| {
    // Too short an input tells nothing.
    let _ = run(&mut Unstructured::new(data));
});
