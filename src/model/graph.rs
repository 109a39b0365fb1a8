//! What a model's graph tells about it: which operators there are, what makes its outputs, how it scales
//! its input. Read after [`super::verify`], so that offsets are known to be good.

use super::edgetpu::Compiled;
use super::flatbuffer::{Read, Table, Vector};
use super::ops;
use super::verify::field;
use std::collections::BTreeMap;

/// Operators that change how numbers are kept or ordered, not what they mean.
const TRANSPARENT: [&str; 7] =
    ["QUANTIZE", "DEQUANTIZE", "RESHAPE", "SQUEEZE", "EXPAND_DIMS", "TRANSPOSE", "CAST"];

/// How many steps back an output's maker is looked for.
const MOST_STEPS: usize = 16;

/// Facts of a model's first graph.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    /// How often each operator occurs, by name; custom ones too.
    pub operators: BTreeMap<String, usize>,
    /// By name of an output: the operator whose result it is, apart from quantisation and reshaping.
    pub makers: BTreeMap<String, String>,
    /// What the graph does to its input first, as long as it is arithmetic with one constant.
    pub scaling: Vec<Scaling>,
    /// The least and greatest number that is left of the input where the graph quantises it first.
    pub range: Option<(f32, f32)>,
    /// How many classes `TFLite_Detection_PostProcess` chooses from, without the background.
    pub classes: Option<usize>,
    /// Where the packed TFLite metadata are in the file.
    pub metadata: Option<std::ops::Range<usize>>,
    /// What it says about itself when it is compiled for an Edge TPU.
    pub edgetpu: Option<Compiled>,
}

/// `x` becomes `x` (operation) constant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scaling {
    /// `x + c`
    Add(f32),
    /// `x * c`
    Mul(f32),
}

impl Scaling {
    /// The result for `x`.
    #[must_use]
    pub fn apply(self, x: f32) -> f32 {
        match self {
            Self::Add(c) => x + c,
            Self::Mul(c) => x * c,
        }
    }
}

/// An operator: its name, inputs and outputs.
struct Op {
    name: String,
    inputs: Vec<i32>,
    outputs: Vec<i32>,
}

impl Graph {
    /// Reads the facts of a verified `file`; what can't be read is left out.
    #[must_use]
    pub fn of(file: &[u8]) -> Self {
        Self::read(file).unwrap_or_default()
    }

    fn read(file: &[u8]) -> Read<Self> {
        let model = Table::root(file)?;
        let codes: Vec<String> = model
            .vector(field::MODEL_OPERATOR_CODES, 4)?
            .tables()
            .map(|c| code_name(&c?))
            .collect::<Read<_>>()?;
        let buffers = model.vector(field::MODEL_BUFFERS, 4)?;
        let graph = model.vector(field::MODEL_SUBGRAPHS, 4)?.table(0)?;
        let tensors = graph.vector(field::GRAPH_TENSORS, 4)?;
        let ops: Vec<Op> = graph
            .vector(field::GRAPH_OPERATORS, 4)?
            .tables()
            .map(|op| read_op(&op?, &codes))
            .collect::<Read<_>>()?;
        let mut found =
            Self { metadata: metadata(&model, buffers)?, edgetpu: Compiled::of(file), ..Self::default() };
        for op in &ops {
            *found.operators.entry(op.name.clone()).or_default() += 1;
        }
        for output in graph.vector(field::GRAPH_OUTPUTS, 4)?.i32s() {
            if let Some(name) = maker(&ops, output) {
                found.makers.insert(tensors.table(output as usize)?.string(field::TENSOR_NAME)?, name);
            }
        }
        found.classes = classes(&ops, tensors)?;
        if let Some(input) = graph.vector(field::GRAPH_INPUTS, 4)?.i32s().next() {
            found.range = quantised_range(&ops, input, tensors)?;
            found.scaling = scaling(&ops, input, |tensor| constant(tensors, buffers, tensor).ok().flatten());
        }
        Ok(found)
    }
}

fn code_name(code: &Table<'_>) -> Read<String> {
    let custom = code.string(field::CODE_CUSTOM)?;
    let old = code.i8(field::CODE_DEPRECATED, 0)?;
    let number = code.u32(field::CODE_BUILTIN)?.max(u32::try_from(old).unwrap_or(0));
    Ok(if number == ops::CUSTOM { custom } else { ops::name(number) })
}

fn read_op(op: &Table<'_>, codes: &[String]) -> Read<Op> {
    let list = |n| op.vector(n, 4).map(|v| v.i32s().collect());
    let name = codes.get(op.u32(field::OP_CODE)? as usize).cloned().unwrap_or_default();
    Ok(Op { name, inputs: list(field::OP_INPUTS)?, outputs: list(field::OP_OUTPUTS)? })
}

/// The operator whose result `tensor` is; of joined tensors the first one's.
fn maker(ops: &[Op], mut tensor: i32) -> Option<String> {
    for _ in 0..MOST_STEPS {
        let op = ops.iter().find(|op| op.outputs.contains(&tensor))?;
        if !TRANSPARENT.contains(&op.name.as_str()) && op.name != "CONCATENATION" {
            return Some(op.name.clone());
        }
        tensor = *op.inputs.first()?;
    }
    None
}

/// The arithmetic on the input, as far as it is with one constant each.
fn scaling(ops: &[Op], mut tensor: i32, constant: impl Fn(i32) -> Option<f32>) -> Vec<Scaling> {
    let mut steps = Vec::new();
    for _ in 0..MOST_STEPS {
        let mut users = ops.iter().filter(|op| op.inputs.contains(&tensor));
        let (Some(op), None) = (users.next(), users.next()) else { break };
        if op.name == "QUANTIZE" || op.name == "DEQUANTIZE" || op.name == "CAST" {
        } else if let [a, b] = *op.inputs.as_slice()
            && let Some(c) = constant(if a == tensor { b } else { a })
        {
            match op.name.as_str() {
                "ADD" => steps.push(Scaling::Add(c)),
                "SUB" if a == tensor => steps.push(Scaling::Add(-c)),
                "MUL" => steps.push(Scaling::Mul(c)),
                "DIV" if a == tensor && c != 0.0 => steps.push(Scaling::Mul(1.0 / c)),
                _ => break,
            }
        } else {
            break;
        }
        let Some(&next) = op.outputs.first() else { break };
        tensor = next;
    }
    steps
}

/// The scores are the second input of `TFLite_Detection_PostProcess`, `[1, anchors, 1 + classes]`.
fn classes(ops: &[Op], tensors: Vector<'_>) -> Read<Option<usize>> {
    let op = ops.iter().find(|op| op.name == "TFLite_Detection_PostProcess");
    let Some(&scores) = op.and_then(|op| op.inputs.get(1)) else { return Ok(None) };
    let Some(index) = usize::try_from(scores).ok().filter(|&i| i < tensors.len()) else { return Ok(None) };
    let width = tensors.table(index)?.vector(field::TENSOR_SHAPE, 4)?.i32s().last();
    Ok(width.and_then(|width| usize::try_from(width).ok()?.checked_sub(1)).filter(|&classes| classes > 0))
}

/// What a byte can hold of `input` where `QUANTIZE` is the first thing that happens to it.
fn quantised_range(ops: &[Op], input: i32, tensors: Vector<'_>) -> Read<Option<(f32, f32)>> {
    const INT8: i8 = 9;
    const UINT8: i8 = 3;
    let mut users = ops.iter().filter(|op| op.inputs.contains(&input));
    let Some(output) = users.next().filter(|op| op.name == "QUANTIZE").and_then(|op| op.outputs.first())
    else {
        return Ok(None);
    };
    let tensor = tensors.table(*output as usize)?;
    let (low, high) = match tensor.i8(field::TENSOR_TYPE, 0)? {
        INT8 => (-128.0, 127.0),
        UINT8 => (0.0, 255.0),
        _ => return Ok(None),
    };
    let Some(quantization) = tensor.table(field::TENSOR_QUANTIZATION)? else { return Ok(None) };
    let scale = quantization.vector(field::QUANT_SCALE, 4)?.f32s().next();
    let zero_point = quantization
        .vector(field::QUANT_ZERO_POINT, 8)?
        .bytes()
        .first_chunk()
        .map(|b| i64::from_le_bytes(*b));
    let real = |scale: f32, zero: i64| ((low - zero as f32) * scale, (high - zero as f32) * scale);
    Ok(scale.zip(zero_point).map(|(scale, zero)| real(scale, zero)))
}

/// The value of a constant tensor of one 32-bit float.
fn constant(tensors: Vector<'_>, buffers: Vector<'_>, tensor: i32) -> Read<Option<f32>> {
    const FLOAT32: i8 = 0;
    let Some(index) = usize::try_from(tensor).ok().filter(|&i| i < tensors.len()) else { return Ok(None) };
    let tensor = tensors.table(index)?;
    let buffer = tensor.u32(field::TENSOR_BUFFER)? as usize;
    if tensor.i8(field::TENSOR_TYPE, 0)? != FLOAT32 || buffer >= buffers.len() {
        return Ok(None);
    }
    let data = buffers.table(buffer)?.vector(field::BUFFER_DATA, 1)?.bytes();
    Ok(<[u8; 4]>::try_from(data).ok().map(f32::from_le_bytes))
}

/// Where the buffer with the name `TFLITE_METADATA` is.
fn metadata(model: &Table<'_>, buffers: Vector<'_>) -> Read<Option<std::ops::Range<usize>>> {
    for entry in model.vector(field::MODEL_METADATA, 4)?.tables() {
        let entry = entry?;
        let buffer = entry.u32(field::METADATA_BUFFER)? as usize;
        if entry.string(field::METADATA_NAME)? == "TFLITE_METADATA" && buffer < buffers.len() {
            return buffers.table(buffer)?.vector(field::BUFFER_DATA, 1).map(|data| Some(data.range()));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn op(name: &str, inputs: &[i32], output: i32) -> Op {
        Op { name: name.to_owned(), inputs: inputs.to_vec(), outputs: vec![output] }
    }

    #[test]
    fn an_outputs_maker_is_behind_reshaping_and_joining() {
        let ops = [op("LOGISTIC", &[1], 2), op("RESHAPE", &[2, 9], 3), op("CONCATENATION", &[3, 8], 4)];
        assert_eq!(maker(&ops, 4).as_deref(), Some("LOGISTIC"));
        assert_eq!(maker(&ops, 1), None);
    }

    #[test]
    fn scaling_is_followed_to_the_first_real_operator() {
        let ops = [op("MUL", &[0, 7], 1), op("SUB", &[1, 8], 2), op("CONV_2D", &[2, 9], 3)];
        let constants = |t: i32| [(7, 2.0), (8, 1.0)].iter().find(|c| c.0 == t).map(|c| c.1);
        assert_eq!(scaling(&ops, 0, constants), [Scaling::Mul(2.0), Scaling::Add(-1.0)]);
        assert_eq!(scaling(&ops, 2, constants), []);
    }

    #[test]
    fn bytes_that_are_no_model_tell_nothing() {
        assert_eq!(Graph::of(b"nothing"), Graph::default());
    }
}
