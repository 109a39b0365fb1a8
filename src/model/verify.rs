//! Checks a `.tflite` file before the runtime sees it: the runtime follows offsets and indices in a
//! damaged file without a look. Schema: `tensorflow/compiler/mlir/lite/schema/schema.fbs`.

use super::flatbuffer::{Malformed, Read, Table, Vector};

/// Field numbers of the schema's tables.
pub(super) mod field {
    pub const MODEL_VERSION: usize = 0;
    pub const MODEL_OPERATOR_CODES: usize = 1;
    pub const MODEL_SUBGRAPHS: usize = 2;
    pub const MODEL_BUFFERS: usize = 4;
    pub const MODEL_METADATA: usize = 6;
    pub const METADATA_NAME: usize = 0;
    pub const METADATA_BUFFER: usize = 1;
    pub const CODE_DEPRECATED: usize = 0;
    pub const CODE_CUSTOM: usize = 1;
    pub const CODE_BUILTIN: usize = 3;
    pub const GRAPH_TENSORS: usize = 0;
    pub const GRAPH_INPUTS: usize = 1;
    pub const GRAPH_OUTPUTS: usize = 2;
    pub const GRAPH_OPERATORS: usize = 3;
    pub const TENSOR_SHAPE: usize = 0;
    pub const TENSOR_TYPE: usize = 1;
    pub const TENSOR_BUFFER: usize = 2;
    pub const TENSOR_NAME: usize = 3;
    pub const TENSOR_QUANTIZATION: usize = 4;
    pub const TENSOR_SPARSITY: usize = 6;
    pub const BUFFER_DATA: usize = 0;
    pub const BUFFER_OFFSET: usize = 1;
    pub const BUFFER_SIZE: usize = 2;
    pub const OP_CODE: usize = 0;
    pub const OP_INPUTS: usize = 1;
    pub const OP_OUTPUTS: usize = 2;
    pub const OP_BUILTIN_OPTIONS: usize = 4;
    pub const OP_CUSTOM_OPTIONS: usize = 5;
    pub const OP_INTERMEDIATES: usize = 8;
    pub const QUANT_SCALE: usize = 2;
    pub const QUANT_ZERO_POINT: usize = 3;
    pub const QUANT_DIMENSION: usize = 6;
}

/// Verifies `file`; the error is the reason, to follow `model NAME: `.
pub fn verify(file: &[u8]) -> Result<(), String> {
    if file.get(4..8) != Some(b"TFL3") {
        return Err("not a TFLite model (no TFL3 mark at byte 4)".to_owned());
    }
    match check(file) {
        Ok(result) => result,
        Err(Malformed { offset }) => {
            Err(format!("damaged: it breaks off or points outside itself at byte {offset}"))
        }
    }
}

fn check(file: &[u8]) -> Read<Result<(), String>> {
    let model = Table::root(file)?;
    let version = model.u32(field::MODEL_VERSION)?;
    if version != 3 {
        return Ok(Err(format!("its schema version is {version}, not 3")));
    }
    let codes = model.vector(field::MODEL_OPERATOR_CODES, 4)?;
    for code in codes.tables() {
        code?.string(field::CODE_CUSTOM)?;
    }
    let buffers = model.vector(field::MODEL_BUFFERS, 4)?;
    let sizes: Vec<u64> =
        buffers.tables().map(|buffer| buffer_size(&buffer?, file.len())).collect::<Read<_>>()?;
    let graphs = model.vector(field::MODEL_SUBGRAPHS, 4)?;
    for entry in model.vector(field::MODEL_METADATA, 4)?.tables() {
        entry?.string(field::METADATA_NAME)?;
    }
    if graphs.is_empty() {
        return Ok(Err("it has no graph".to_owned()));
    }
    for graph in graphs.tables() {
        if let Err(why) = check_graph(&graph?, &sizes, codes.len())? {
            return Ok(Err(why));
        }
    }
    Ok(Ok(()))
}

/// The bytes of a constant, which may stand behind the FlatBuffer (models over 2 GB).
fn buffer_size(buffer: &Table<'_>, file: usize) -> Read<u64> {
    let (offset, size) = (buffer.u64(field::BUFFER_OFFSET)?, buffer.u64(field::BUFFER_SIZE)?);
    if offset > 1 {
        return match offset.checked_add(size) {
            Some(end) if end <= file as u64 => Ok(size),
            _ => Err(Malformed { offset: file }),
        };
    }
    buffer.vector(field::BUFFER_DATA, 1).map(|data| data.len() as u64)
}

fn check_graph(graph: &Table<'_>, buffers: &[u64], codes: usize) -> Read<Result<(), String>> {
    let tensors = graph.vector(field::GRAPH_TENSORS, 4)?;
    for (index, tensor) in tensors.tables().enumerate() {
        if let Err(why) = check_tensor(&tensor?, buffers)? {
            return Ok(Err(format!("its tensor {index} {why}")));
        }
    }
    let count = tensors.len();
    let outside = |list: Vector<'_>, optional: bool| {
        list.i32s().find(|&i| !(optional && i == -1) && usize::try_from(i).map_or(true, |i| i >= count))
    };
    for list in [field::GRAPH_INPUTS, field::GRAPH_OUTPUTS] {
        if let Some(index) = outside(graph.vector(list, 4)?, false) {
            return Ok(Err(format!("its graph names tensor {index} of {count}")));
        }
    }
    for (number, op) in graph.vector(field::GRAPH_OPERATORS, 4)?.tables().enumerate() {
        let op = op?;
        let code = op.u32(field::OP_CODE)? as usize;
        if code >= codes {
            return Ok(Err(format!("its operator {number} has code {code} of {codes}")));
        }
        op.table(field::OP_BUILTIN_OPTIONS)?;
        op.vector(field::OP_CUSTOM_OPTIONS, 1)?;
        for (list, optional) in
            [(field::OP_INPUTS, true), (field::OP_OUTPUTS, false), (field::OP_INTERMEDIATES, true)]
        {
            if let Some(index) = outside(op.vector(list, 4)?, optional) {
                return Ok(Err(format!("its operator {number} names tensor {index} of {count}")));
            }
        }
    }
    Ok(Ok(()))
}

fn check_tensor(tensor: &Table<'_>, buffers: &[u64]) -> Read<Result<(), String>> {
    tensor.string(field::TENSOR_NAME)?;
    let buffer = tensor.u32(field::TENSOR_BUFFER)? as usize;
    let Some(&held) = buffers.get(buffer) else {
        return Ok(Err(format!("names buffer {buffer} of {}", buffers.len())));
    };
    let shape = tensor.vector(field::TENSOR_SHAPE, 4)?;
    if let Some(quantization) = tensor.table(field::TENSOR_QUANTIZATION)? {
        let scales = quantization.vector(field::QUANT_SCALE, 4)?.len();
        let zeros = quantization.vector(field::QUANT_ZERO_POINT, 8)?.len();
        if zeros > 1 && scales > 1 && zeros != scales {
            return Ok(Err(format!("has {scales} scales and {zeros} zero points")));
        }
        let along = quantization.u32(field::QUANT_DIMENSION)? as usize;
        if scales > 0 && !shape.is_empty() && along >= shape.len() {
            return Ok(Err(format!(
                "is quantised along dimension {along} of {}; only TensorFlow Lite Micro runs such a model, the full runtime refuses it",
                shape.len()
            )));
        }
    }
    let sparse = tensor.table(field::TENSOR_SPARSITY)?.is_some();
    let Some(bits) = bits(tensor.i8(field::TENSOR_TYPE, 0)?) else { return Ok(Ok(())) };
    let elements = shape.i32s().try_fold(1_u64, |n, d| n.checked_mul(u64::try_from(d).ok()?));
    let needed = elements.and_then(|n| n.checked_mul(bits)).map(|b| b.div_ceil(8));
    Ok(match needed {
        Some(needed) if held > 0 && !sparse && held < needed => {
            Err(format!("needs {needed} bytes, its buffer has {held}"))
        }
        None if held > 0 => Err("is constant and has no size".to_owned()),
        _ => Ok(()),
    })
}

/// Bits of one element of the schema's `TensorType`; `None` where elements have no fixed size.
const fn bits(kind: i8) -> Option<u64> {
    Some(match kind {
        0 | 2 | 15 => 32,
        1 | 7 | 16 => 16,
        3 | 6 | 9 => 8,
        4 | 8 | 10 | 12 => 64,
        11 => 128,
        17 => 4,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_not_a_model() {
        assert!(verify(b"just some text in a file").expect_err("no model").contains("TFL3"));
        assert!(verify(b"").is_err());
    }

    #[test]
    fn any_bytes_behind_the_mark_give_an_answer() {
        let mut file = b"\x10\0\0\0TFL3".to_vec();
        let mut state = 1_u32;
        for _ in 0..2000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            file.push((state >> 24) as u8 & if state & 1 == 0 { 0x0f } else { 0xff });
            assert!(verify(&file).is_err());
        }
    }
}
