//! A model, or the segments that one was cut into, with its picture and its answer in shared memory: what an
//! accelerator's process runs.

use super::api::{Handle, Layout};
use super::handle::Buffer;
use super::litert::Compiled;
use super::shared::Region;
use super::signature::{Tensor, takes};
use super::{InferError, Runtime, TensorSpec};
use std::sync::Arc;

/// How many pictures there is memory for: one is prepared while another is looked at.
pub const SLOTS: usize = 2;

/// Segments that follow on one another.
pub struct Segments {
    stages: Vec<Compiled>,
    name: String,
}

/// The same, with memory.
pub struct Bound {
    stages: Vec<Stage>,
    /// Of the first stage, one a slot.
    slots: Vec<Buffer>,
}

/// A segment and the memory of its outputs, dropped before it.
struct Stage {
    inputs: Vec<Handle>,
    outputs: Vec<Handle>,
    _memory: Vec<Buffer>,
    layouts: Vec<Layout>,
    compiled: Compiled,
}

/// The memory of a model's tensors: its input once a slot, then its outputs.
#[must_use]
pub fn parts(input: &TensorSpec, outputs: &[TensorSpec]) -> Vec<usize> {
    let inputs = std::iter::repeat_n(input.bytes(), SLOTS);
    inputs.chain(outputs.iter().map(TensorSpec::bytes)).collect()
}

impl Segments {
    /// Loads verified files, in order, with their names for messages; `threads` are for XNNPACK.
    pub fn load(
        runtime: &Arc<Runtime>,
        files: Vec<(Arc<[u8]>, String)>,
        threads: usize,
    ) -> Result<Self, InferError> {
        let name = files.first().map(|(_, name)| name.clone()).unwrap_or_default();
        let load = |(file, name): (Arc<[u8]>, String)| Compiled::new(runtime, file, &name, threads, false);
        let stages: Vec<_> = files.into_iter().map(load).collect::<Result<_, _>>()?;
        let refuse = |why: String| Err(InferError::Model(format!("load model {name}: {why}")));
        let Some(first) = stages.first() else { return refuse("there is no file of it".to_owned()) };
        if first.inputs.len() != 1 {
            return refuse(takes(first.inputs.len(), first.outputs.len()));
        }
        for (index, pair) in stages.windows(2).enumerate() {
            if let Some((_, spec)) = pair[1].inputs.iter().find(|input| link(&pair[0], input).is_none()) {
                return refuse(format!("segment {} gives no {}, which the next one takes", index, spec.name));
            }
        }
        Ok(Self { stages, name })
    }

    /// The picture it takes.
    #[must_use]
    pub fn input(&self) -> &TensorSpec {
        &self.stages[0].inputs[0].1
    }

    /// What it answers.
    #[must_use]
    pub fn outputs(&self) -> Vec<TensorSpec> {
        let last = self.stages.last().map_or(&[][..], |stage| &stage.outputs);
        last.iter().map(|(_, spec)| spec.clone()).collect()
    }

    /// Puts the tensors into `regions`, which are as [`parts`] says.
    pub fn bind(self, regions: Vec<Region>) -> Result<Bound, InferError> {
        let refuse = |why: &str| InferError::Model(format!("load model {}: {why}", self.name));
        let sizes: Vec<usize> = regions.iter().map(|region| region.bytes().len()).collect();
        if sizes != parts(self.input(), &self.outputs()) {
            return Err(refuse("its memory has another size than its tensors"));
        }
        let mut regions = regions.into_iter();
        let runtime = Arc::clone(&self.stages[0].handle.runtime);
        let at = |(kind, spec): &Tensor, region: Option<Region>| {
            let region = region.ok_or_else(|| refuse("there is no memory for a tensor"))?;
            Buffer::at(&runtime, kind, region).map_err(|status| {
                refuse(&format!("the runtime takes no memory for {} (status {status})", spec.name))
            })
        };
        let slots: Vec<Buffer> =
            (0..SLOTS).map(|_| at(&self.stages[0].inputs[0], regions.next())).collect::<Result<_, _>>()?;
        let last = self.stages.len() - 1;
        let mut stages: Vec<Stage> = Vec::with_capacity(self.stages.len());
        for (index, compiled) in self.stages.into_iter().enumerate() {
            let memory: Vec<Buffer> =
                compiled
                    .outputs
                    .iter()
                    .enumerate()
                    .map(|(output, tensor)| {
                        if index == last {
                            at(tensor, regions.next())
                        } else {
                            compiled.output_buffer(output)
                        }
                    })
                    .collect::<Result<_, _>>()?;
            let inputs = match stages.last() {
                Some(before) => compiled
                    .inputs
                    .iter()
                    .filter_map(|input| Some(before.outputs[link(&before.compiled, input)?]))
                    .collect(),
                None => vec![slots[0].owned.handle],
            };
            let outputs = memory.iter().map(|buffer| buffer.owned.handle).collect();
            let layouts = vec![Layout::default(); memory.len()];
            stages.push(Stage { inputs, outputs, _memory: memory, layouts, compiled });
        }
        Ok(Bound { stages, slots })
    }
}

/// Which output of `stage` is the `input` of the next one: the one of its name, else the only one like it.
fn link(stage: &Compiled, (_, input): &Tensor) -> Option<usize> {
    let like = |spec: &TensorSpec| spec.element == input.element && spec.shape == input.shape;
    let outputs = || stage.outputs.iter().enumerate().filter(|(_, (_, spec))| like(spec));
    let named = outputs().find(|(_, (_, spec))| spec.name == input.name);
    let only = || outputs().next().filter(|_| outputs().count() == 1);
    named.or_else(only).map(|(index, _)| index)
}

impl Bound {
    /// Looks at the picture in `slot`; the answer is in the regions of the outputs.
    pub fn run(&mut self, slot: usize) -> Result<(), InferError> {
        let Some(picture) = self.slots.get(slot) else {
            return Err(InferError::Run(format!("run a model: there is no picture {slot}")));
        };
        self.stages[0].inputs[0] = picture.owned.handle;
        self.stages.iter_mut().try_for_each(|stage| {
            let Stage { inputs, outputs, layouts, compiled, .. } = stage;
            compiled.run(inputs, outputs)?;
            compiled.check(layouts)
        })
    }
}
