//! A run of the model on a grey picture, for what only its answers tell: the unit of boxes, whether scores
//! are probabilities.

use crate::decode::reals;
use crate::infer::{ElementType, Engine, InputMemory, TensorSpec};
use half::f16;

/// Runs the model when first asked.
pub struct Trial<'a> {
    engine: &'a mut dyn Engine,
    input: &'a TensorSpec,
    outputs: &'a [TensorSpec],
    done: bool,
}

impl<'a> Trial<'a> {
    /// Of a model with these tensors.
    pub fn new(engine: &'a mut dyn Engine, input: &'a TensorSpec, outputs: &'a [TensorSpec]) -> Self {
        Self { engine, input, outputs, done: false }
    }

    /// The numbers of output `index`.
    pub(super) fn values(&mut self, index: usize) -> Result<Vec<f32>, String> {
        if !self.done {
            let mut input = self.engine.new_input().map_err(|e| e.to_string())?;
            fill(self.input.element, input.as_mut());
            self.engine.invoke(input.as_mut()).map_err(|e| e.to_string())?;
            self.done = true;
        }
        Ok(reals(&self.outputs[index], self.engine.output(index)).collect())
    }
}

/// A grey that is one whatever the input's range.
fn fill(element: ElementType, input: &mut dyn InputMemory) {
    const GREY: f32 = 0.45;
    let bytes = input.bytes_mut();
    match element {
        ElementType::F32 => bytes.as_chunks_mut().0.fill(GREY.to_ne_bytes()),
        ElementType::F16 => bytes.as_chunks_mut().0.fill(f16::from_f32(GREY).to_ne_bytes()),
        ElementType::U8 => bytes.fill(0x72),
        _ => bytes.fill(0xf2),
    }
}
