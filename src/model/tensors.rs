//! What a model takes and gives, read from its file alone: of any number of inputs, and of operators that no runtime
//! here knows.

use super::flatbuffer::{Read, Table};
use super::verify::field;
use crate::infer::{ElementType, Quantization, TensorSpec};

/// Inputs and outputs of a verified file's first graph. A size that is not fixed is 1, and one that only the runtime
/// knows is left out; `None` for elements of another type than edgecam reads.
#[must_use]
pub fn tensors(file: &[u8]) -> Option<(Vec<TensorSpec>, Vec<TensorSpec>)> {
    read(file).ok().flatten()
}

fn read(file: &[u8]) -> Read<Option<(Vec<TensorSpec>, Vec<TensorSpec>)>> {
    let graph = Table::root(file)?.vector(field::MODEL_SUBGRAPHS, 4)?.table(0)?;
    let tensors = graph.vector(field::GRAPH_TENSORS, 4)?;
    let specs = |list| -> Read<Option<Vec<TensorSpec>>> {
        graph.vector(list, 4)?.i32s().map(|index| spec(&tensors.table(index as usize)?)).collect()
    };
    Ok(specs(field::GRAPH_INPUTS)?.zip(specs(field::GRAPH_OUTPUTS)?))
}

fn spec(tensor: &Table<'_>) -> Read<Option<TensorSpec>> {
    let Some(element) = element(tensor.i8(field::TENSOR_TYPE, 0)?) else { return Ok(None) };
    let shape = tensor.vector(field::TENSOR_SHAPE, 4)?.i32s().map(|size| usize::try_from(size).unwrap_or(1));
    let quantization = match tensor.table(field::TENSOR_QUANTIZATION)? {
        Some(quantization) => {
            let scales = quantization.vector(field::QUANT_SCALE, 4)?;
            let zero = quantization.vector(field::QUANT_ZERO_POINT, 8)?.bytes().first_chunk();
            let zero_point = zero.map_or(0, |bytes| i64::from_le_bytes(*bytes));
            scales.f32s().next().filter(|_| scales.len() == 1).map(|scale| Quantization { scale, zero_point })
        }
        None => None,
    };
    Ok(Some(TensorSpec {
        name: tensor.string(field::TENSOR_NAME)?,
        element,
        shape: shape.collect(),
        quantization,
    }))
}

/// The schema's `TensorType`.
const fn element(kind: i8) -> Option<ElementType> {
    Some(match kind {
        0 => ElementType::F32,
        1 => ElementType::F16,
        2 => ElementType::I32,
        3 => ElementType::U8,
        4 => ElementType::I64,
        7 => ElementType::I16,
        9 => ElementType::I8,
        _ => return None,
    })
}
