//! What a model that is compiled for an Edge TPU says about itself. The compiler puts all that it translated into
//! operators [`CUSTOM_OP`]; whatever their content is, it is read or left out.
//! Layouts: google-coral/libedgetpu `tflite/custom_op_data.cc` (a FlexBuffer) and, in its string `4`,
//! `executable/executable.fbs` (a FlatBuffer `Package`).

use super::flatbuffer::{Read, Table};
use super::flexbuffer;
use super::verify::field;
use serde::{Serialize, Serializer};

/// `edgetpu::kCustomOp` of libedgetpu's `tflite/public/edgetpu.h`.
pub const CUSTOM_OP: &str = "edgetpu-custom-op";

/// Under which the custom options have the package (`kKeyExecutable`).
const KEY_EXECUTABLE: &str = "4";

/// Field numbers of the tables in `executable.fbs`.
mod part {
    pub const PACKAGE_MIN_RUNTIME: usize = 0;
    pub const PACKAGE_EXECUTABLES: usize = 1;
    pub const PACKAGE_COMPILER: usize = 4;
    pub const EXECUTABLES: usize = 0;
    pub const EXECUTABLE_PARAMETERS: usize = 6;
    pub const EXECUTABLE_TYPE: usize = 13;
    pub const EXECUTABLE_TOKEN: usize = 14;
}

/// `ExecutableType_PARAMETER_CACHING`: it only loads parameters into the device's memory.
const PARAMETER_CACHING: usize = 1;

/// What is known of a compiled model; what its file does not say is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Compiled {
    /// The least `RuntimeVersion` of libedgetpu that takes it: an older one refuses it
    /// (`driver/package_registry.cc`). Version 14 is of libedgetpu 16.0 of 2021, the last there is.
    pub min_runtime: Option<u32>,
    /// The change that its compiler was built from, `cl/343520747`; most builds don't tell.
    pub compiler: Option<String>,
    /// The parameters that stay on the device.
    pub cache: Option<Cache>,
    /// Bytes of parameters that are sent anew for each inference, as they don't fit on the device.
    pub streamed: usize,
}

/// Parameters that are loaded into the device's memory once, of 8 MiB less what the program takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Cache {
    /// Of all models that were compiled together, which fit in side by side; the parameters of any other one
    /// replace them (`parameter_caching_token`); 16 hexadecimal digits in JSON.
    #[serde(serialize_with = "hexadecimal")]
    pub token: u64,
    /// Of the parameters.
    pub bytes: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn hexadecimal<S: Serializer>(token: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{token:016x}"))
}

impl Compiled {
    /// What a verified `file` says; `None` when no operator of it is for an Edge TPU.
    #[must_use]
    pub fn of(file: &[u8]) -> Option<Self> {
        Self::read(file).ok().flatten()
    }

    /// Whether a device can change between the two models without loading parameters again.
    #[must_use]
    pub fn shares(&self, other: &Self) -> bool {
        self.cache.zip(other.cache).is_some_and(|(own, others)| own.token == others.token)
    }

    fn read(file: &[u8]) -> Read<Option<Self>> {
        let model = Table::root(file)?;
        let codes = model.vector(field::MODEL_OPERATOR_CODES, 4)?;
        let mut found: Option<Self> = None;
        for graph in model.vector(field::MODEL_SUBGRAPHS, 4)?.tables() {
            for op in graph?.vector(field::GRAPH_OPERATORS, 4)?.tables() {
                let op = op?;
                let code = codes.table(op.u32(field::OP_CODE)? as usize)?;
                if code.string(field::CODE_CUSTOM)? == CUSTOM_OP {
                    let options = op.vector(field::OP_CUSTOM_OPTIONS, 1)?.bytes();
                    let package = flexbuffer::string(options, KEY_EXECUTABLE);
                    // A package that can't be read is one all the same.
                    let _ = found.get_or_insert_default().add(package.unwrap_or_default());
                }
            }
        }
        Ok(found)
    }

    fn add(&mut self, package: &[u8]) -> Read<()> {
        let package = Table::root(package)?;
        let version = package.u32(part::PACKAGE_MIN_RUNTIME)?;
        let version = Some(version).filter(|&version| version > 0 && i32::try_from(version).is_ok());
        self.min_runtime = self.min_runtime.max(version);
        let compiler = package.string(part::PACKAGE_COMPILER)?;
        self.compiler =
            self.compiler.take().or(Some(compiler).filter(|name| !matches!(name.as_str(), "" | "cl/")));
        let executables = package.vector(part::PACKAGE_EXECUTABLES, 1)?.bytes();
        for executable in Table::root(executables)?.vector(part::EXECUTABLES, 4)?.strings() {
            let executable = Table::root(executable?)?;
            let bytes = executable.vector(part::EXECUTABLE_PARAMETERS, 1)?.len();
            if executable.u16(part::EXECUTABLE_TYPE)? == PARAMETER_CACHING {
                let token = executable.u64(part::EXECUTABLE_TOKEN)?;
                self.cache.get_or_insert(Cache { token, bytes: 0 }).bytes += bytes;
            } else {
                self.streamed += bytes;
            }
        }
        Ok(())
    }
}
