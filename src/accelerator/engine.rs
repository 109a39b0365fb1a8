//! A model on an accelerator, as an [`Engine`] like any other: a frame that the accelerator does not answer is
//! answered by the model's twin on the processor.

use super::device::Device;
use super::entry::{Entry, Tensors};
use super::host::Fault;
use super::twin::Twin;
use crate::infer::segments::{SLOTS, parts};
use crate::infer::shared::{self, Region};
use crate::infer::{ElementType, Engine, InferError, InputMemory, TensorSpec};
use std::any::Any;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Written at the end of each output before a run: a delegate that leaves it in all of them gave no answer, unless
/// the answer happens to end with it, which the second one tells. In some it may stay: `TFLite_Detection_PostProcess`
/// writes no more boxes than there are.
const MARKS: [u8; 2] = [0xa5, 0x5a];
/// So many bytes of it.
const TAIL: usize = 16;

/// The model.
pub struct Accelerated {
    device: Arc<Device>,
    entry: Arc<Entry>,
    name: String,
    outputs: Vec<(TensorSpec, Region)>,
    free: Arc<Mutex<Vec<(u32, Region)>>>,
    twin: Option<Twin>,
    /// The last answer is the twin's.
    by_twin: bool,
}

/// Memory of a picture; goes back to its engine when it is dropped.
struct Slot {
    number: u32,
    region: Option<Region>,
    free: Arc<Mutex<Vec<(u32, Region)>>>,
}

impl InputMemory for Slot {
    fn bytes_mut(&mut self) -> &mut [u8] {
        self.region.as_mut().map_or(&mut [], |region| region.bytes_mut())
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(region) = self.region.take() {
            self.free.lock().unwrap_or_else(PoisonError::into_inner).push((self.number, region));
        }
    }
}

impl Accelerated {
    /// Has `device` run the model of `files`, whose tensors are known, from its twin or a look at it.
    pub fn new(
        device: Arc<Device>,
        name: &str,
        files: Vec<PathBuf>,
        threads: usize,
        (input, outputs): (TensorSpec, Vec<TensorSpec>),
        twin: Option<Twin>,
    ) -> Result<Self, InferError> {
        let memory = |e: std::io::Error| InferError::Model(format!("load model {name}: shared memory: {e}"));
        let mut regions = shared::create(&parts(&input, &outputs)).map_err(memory)?;
        let file = regions[0].file().try_clone_to_owned().map_err(memory)?;
        let free = (0..).zip(regions.drain(..SLOTS)).collect();
        let tensors = Tensors { input, outputs: outputs.clone(), memory: file };
        let entry = device.add(name, files, threads, tensors, twin.is_some());
        let outputs = outputs.into_iter().zip(regions).collect();
        let free = Arc::new(Mutex::new(free));
        Ok(Self { device, entry, name: name.to_owned(), outputs, free, twin, by_twin: false })
    }

    /// Waits until the accelerator runs it; the error is why it does not.
    pub fn wait(&self, time: std::time::Duration) -> Result<(), String> {
        self.device.wait(&self.entry, time)
    }

    /// Has the accelerator look at the picture in `slot`.
    fn look(&mut self, slot: u32) -> Result<(), Fault> {
        for mark in MARKS {
            self.outputs.iter_mut().for_each(|(_, region)| tail_mut(region.bytes_mut()).fill(mark));
            let generation = self.device.look(&self.entry, slot)?;
            let unwritten =
                self.outputs.iter().all(|(_, region)| tail(region.bytes()).iter().all(|&byte| byte == mark));
            let why = if !unwritten {
                let bad = |(spec, region): &&(TensorSpec, Region)| !finite(spec.element, region.bytes());
                let Some((spec, _)) = self.outputs.iter().find(bad) else { return Ok(()) };
                format!("its output {} holds what is no number", spec.name)
            } else if mark == MARKS[0] {
                continue;
            } else {
                "it leaves its outputs unwritten".to_owned()
            };
            let why = format!("model {}: {why}", self.name);
            self.device.distrust(generation, why.clone());
            return Err(Fault::Refused(why));
        }
        Ok(())
    }
}

fn tail(bytes: &[u8]) -> &[u8] {
    &bytes[bytes.len().saturating_sub(TAIL)..]
}

fn tail_mut(bytes: &mut [u8]) -> &mut [u8] {
    let start = bytes.len().saturating_sub(TAIL);
    &mut bytes[start..]
}

/// Whether floats are numbers; what is no float is.
fn finite(element: ElementType, bytes: &[u8]) -> bool {
    match element {
        ElementType::F32 => {
            let bits = |b: &[u8; 4]| u32::from_ne_bytes(*b) & 0x7f80_0000;
            // All of them, so that the compiler can take several at once.
            !bytes.as_chunks::<4>().0.iter().fold(false, |bad, b| bad | (bits(b) == 0x7f80_0000))
        }
        ElementType::F16 => {
            let bits = |b: &[u8; 2]| u16::from_ne_bytes(*b) & 0x7c00;
            !bytes.as_chunks::<2>().0.iter().fold(false, |bad, b| bad | (bits(b) == 0x7c00))
        }
        _ => true,
    }
}

impl Engine for Accelerated {
    fn new_input(&mut self) -> Result<Box<dyn InputMemory>, InferError> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let Some((number, mut region)) = free else {
            let name = &self.name;
            return Err(InferError::Model(format!("load model {name}: it has {SLOTS} inputs, all in use")));
        };
        region.bytes_mut().fill(0);
        Ok(Box::new(Slot { number, region: Some(region), free: Arc::clone(&self.free) }))
    }

    fn invoke(&mut self, input: &mut dyn InputMemory) -> Result<(), InferError> {
        let Some(slot) = input.as_any_mut().downcast_mut::<Slot>() else {
            let name = &self.name;
            return Err(InferError::Run(format!("run model {name}: the input is another engine's")));
        };
        let looked = self.look(slot.number);
        self.by_twin = looked.is_err();
        match (looked, &mut self.twin) {
            (Ok(()), twin) => {
                if twin.as_mut().is_some_and(Twin::rest) {
                    log::info!(model = self.name.as_str(); "its CPU twin is let go");
                }
                Ok(())
            }
            (Err(why), Some(twin)) => {
                if let Some(bytes) = twin.look(slot.bytes_mut(), &why)? {
                    let mib = bytes as f64 / f64::from(1 << 20);
                    log::info!(model = self.name.as_str(); "its CPU twin is loaded, {mib:.1} MiB");
                }
                Ok(())
            }
            (Err(why), None) => {
                let device = self.device.name();
                Err(InferError::Run(format!(
                    "run model {}: accelerator {device}: {why}, and the model has no CPU twin",
                    self.name
                )))
            }
        }
    }

    fn output(&self, index: usize) -> &[u8] {
        match &self.twin {
            Some(twin) if self.by_twin => twin.output(index),
            _ => self.outputs[index].1.bytes(),
        }
    }
}

impl Drop for Accelerated {
    fn drop(&mut self) {
        self.device.remove(&self.entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_none_are_found() {
        let f32s = |values: &[f32]| values.iter().flat_map(|v| v.to_ne_bytes()).collect::<Vec<_>>();
        assert!(finite(ElementType::F32, &f32s(&[0.0, -1e30, f32::MAX, f32::MIN_POSITIVE])));
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert!(!finite(ElementType::F32, &f32s(&[0.0, bad, 1.0])));
        }
        assert!(finite(ElementType::F16, &half::f16::MAX.to_ne_bytes()));
        assert!(!finite(ElementType::F16, &half::f16::NAN.to_ne_bytes()));
        assert!(finite(ElementType::U8, &[0xff; 8]));
    }
}
