//! What a model takes and gives, as OpenVINO describes it.

use super::library::Library;
use super::sentence;
use crate::infer::{ElementType, TensorSpec};
use openvino::{ElementType as Type, InferenceError, Model, Node, PartialShape};
use openvino_sys::ov_element_type_e;

/// Room for the outputs of any model edgecam can decode.
const MAX_OUTPUTS: usize = 64;

/// The one input and the outputs of `model`, whose batch is set to 1 where it is open. The error is a
/// sentence to follow `load model NAME: `.
///
/// Numbers in a quantised tensor are told by the file only: OpenVINO keeps their type and not their scale.
pub fn describe(library: &Library, model: &mut Model) -> Result<(TensorSpec, Vec<TensorSpec>), String> {
    let unreadable = |e: InferenceError| format!("OpenVINO can't describe it: {}", sentence(&e));
    let (inputs, outputs) =
        (model.get_inputs_len().map_err(unreadable)?, model.get_outputs_len().map_err(unreadable)?);
    if inputs != 1 || outputs == 0 || outputs > MAX_OUTPUTS {
        return Err(format!(
            "it has {inputs} inputs and {outputs} outputs; edgecam runs models that take one picture"
        ));
    }
    let input = model.get_input_by_index(0).map_err(unreadable)?;
    fix(model, &input.get_partial_shape().map_err(unreadable)?)?;
    let input = spec(library, &model.get_input_by_index(0).map_err(unreadable)?, "input".to_owned())?;
    let output = |i: usize| {
        let port = model.get_output_by_index(i).map_err(unreadable)?;
        spec(library, &port, format!("output {i}"))
    };
    Ok((input, (0..outputs).map(output).collect::<Result<_, _>>()?))
}

/// Sets an open batch to 1.
fn fix(model: &mut Model, shape: &PartialShape) -> Result<(), String> {
    if !shape.is_dynamic() {
        return Ok(());
    }
    let bounds: Vec<_> = shape.get_dimensions().iter().map(|d| (d.get_min(), d.get_max())).collect();
    let fixed =
        with_one_picture(&bounds).ok_or("the size of its input is open; export it with a fixed one")?;
    let fixed = PartialShape::new_static(fixed.len() as i64, &fixed);
    fixed
        .and_then(|fixed| model.reshape_single_input(&fixed))
        .map_err(|e| format!("OpenVINO can't set its batch to 1: {}", sentence(&e)))
}

/// A shape whose first dimension may be open, for one picture; `bounds` are each dimension's least and
/// greatest size.
fn with_one_picture(bounds: &[(i64, i64)]) -> Option<Vec<i64>> {
    let (_, rest) = bounds.split_first()?;
    let rest = rest.iter().map(|&(least, most)| (least == most).then_some(least));
    std::iter::once(Some(1)).chain(rest).collect()
}

/// A port's description; `unnamed` is its name where it has none.
fn spec(library: &Library, port: &Node, unnamed: String) -> Result<TensorSpec, String> {
    let name = port.get_name().unwrap_or(unnamed);
    let shape = port.get_shape().ok().and_then(|shape| {
        let dimensions = shape.get_dimensions().iter();
        dimensions.map(|&d| usize::try_from(d).ok().filter(|&d| d > 0)).collect::<Option<Vec<_>>>()
    });
    let shape = shape.ok_or_else(|| format!("its tensor {name} has no fixed shape"))?;
    let kind = port.get_element_type().map_err(|e| sentence(&e))?;
    let element = element(library, kind)
        .ok_or_else(|| format!("its tensor {name} has elements of type {kind}, which edgecam can't read"))?;
    Ok(TensorSpec { name, element, shape, quantization: None })
}

/// Before 2025.1 the types had other numbers, and `u8`, behind types that came and went, one of two.
fn element(library: &Library, kind: Type) -> Option<ElementType> {
    /// What `u8` was in 2022.3 to 2024.1, in numbers since 2025.1.
    const U8_BEFORE_2024_2: u32 = 13;
    let number = library.number_since_2025_1(ov_element_type_e::from(kind) as u32)?;
    let same = |kind: ov_element_type_e| kind as u32 == number;
    Some(match number {
        _ if same(ov_element_type_e::F32) => ElementType::F32,
        _ if same(ov_element_type_e::F16) => ElementType::F16,
        _ if same(ov_element_type_e::U8) => ElementType::U8,
        U8_BEFORE_2024_2 => ElementType::U8,
        _ if same(ov_element_type_e::I8) => ElementType::I8,
        _ if same(ov_element_type_e::I16) => ElementType::I16,
        _ if same(ov_element_type_e::I32) => ElementType::I32,
        _ if same(ov_element_type_e::I64) => ElementType::I64,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_batch_may_be_open() {
        let open = (0, i64::MAX);
        assert_eq!(with_one_picture(&[open, (3, 3), (8, 8), (9, 9)]), Some(vec![1, 3, 8, 9]));
        assert_eq!(with_one_picture(&[(1, 1), (3, 3), open, open]), None);
        assert_eq!(with_one_picture(&[]), None);
    }
}
