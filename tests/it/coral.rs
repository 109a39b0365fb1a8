//! Delegates for tests: one that plays a Coral (`tests/delegate/coral.rs`) and one of a third party, in C.

#[expect(dead_code, reason = "it is the delegate that writes it")]
#[path = "../delegate/trace.rs"]
mod trace;

#[expect(dead_code, reason = "it is the delegate that reads it")]
#[path = "../delegate/recording.rs"]
mod recording;

use crate::support::project;
use edgecam::infer::{ElementType, Loaded};
pub use recording::Recording;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The delegate that plays a Coral: an example, which `cargo test` builds before it runs the tests, but
/// `cargo test --test it` does not.
///
/// Its options are `device`, `recording` and `control`; where the config has no place for them, as with
/// `accelerator = "edgetpu"`, the environment's `CORAL_DEVICE`, `CORAL_RECORDING` and `CORAL_CONTROL` are
/// read, and `CORAL_RUNTIME_VERSION` is what it reports.
pub fn delegate() -> PathBuf {
    let test = std::env::current_exe().expect("this program has a path");
    let built = test.ancestors().nth(2).expect("target/*/deps/it").join("examples/libcoral.so");
    assert!(built.exists(), "no {}; `cargo build --example coral` makes it", built.display());
    built
}

/// The third party's delegate: it runs SOFTMAX, with an option `gain`.
///
/// XNNPACK leaves it the SOFTMAX of uint8 models.
pub fn third_party() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let build = || {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let library = folder.join("third_party.so");
        let building = folder.join(format!("third_party.{}", std::process::id()));
        let status = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
            .args([&building, &project().join("tests/delegate/third_party.c")])
            .arg("-lm")
            .status();
        assert!(status.expect("cc runs").success(), "third_party.c compiles");
        fs::rename(&building, &library).expect("the folder is ours");
        library
    };
    BUILT.get_or_init(build).clone()
}

/// Runs a model on an input, as bytes; gives the bytes of its outputs.
pub fn run(model: &mut Loaded, input: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let mut memory = model.engine.new_input().expect("memory for an input");
    memory.bytes_mut().copy_from_slice(input);
    model.engine.invoke(memory.as_mut()).map_err(|e| e.to_string())?;
    Ok((0..model.outputs.len()).map(|index| model.engine.output(index).to_vec()).collect())
}

/// Has the Coral answer `input` as `twin` does, the same model for the CPU.
///
/// A compiled model's outputs are the operator's own where nothing follows it in the graph.
pub fn record(recording: &mut Recording, twin: &mut Loaded, input: &[u8]) {
    let outputs = run(twin, input).expect("the twin runs");
    recording.add(&[input], &outputs.iter().map(Vec::as_slice).collect::<Vec<_>>());
}

/// An input for a model, of noise: another one for each `seed`.
pub fn noise(model: &Loaded, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    match model.input.element {
        ElementType::F32 => {
            (0..model.input.elements()).flat_map(|_| (f32::from(next()) / 255.0).to_le_bytes()).collect()
        }
        _ => (0..model.input.bytes()).map(|_| next()).collect(),
    }
}

/// Tells the delegate what to play, and what it did.
pub struct Control {
    path: PathBuf,
    /// How many times `once` was said.
    once: AtomicUsize,
}

impl Control {
    /// With its files in `folder`: `control` and `control.status`.
    pub fn new(folder: &Path) -> Self {
        Self { path: folder.join("control"), once: AtomicUsize::new(0) }
    }

    /// For the option `control`.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Sets what is played from now on, one command a line; the first that fits acts.
    ///
    /// `ok`, `fail-create REASON`, `vanish`, `error`, `short`, `nan`, `wrong-size`, `hang`, `segfault`,
    /// `abort`, `slow MS`; then, if wanted and in this order, `on DEVICE`, `after N` right answers from now
    /// on, and `once`.
    pub fn set(&self, commands: &str) {
        let answers = self.count("answer");
        let mut text = String::new();
        for line in commands.lines() {
            let mut line = line.trim().to_owned();
            if let Some(before) = line.strip_suffix(" once") {
                line = format!("{before} once {}", self.once.fetch_add(1, Ordering::Relaxed));
            }
            if let Some((before, rest)) = line.split_once(" after ") {
                let (number, rest) = rest.split_once(' ').unwrap_or((rest, ""));
                let number = answers + number.parse::<usize>().expect("`after` has a number");
                line = format!("{before} after {number} {rest}");
            }
            text.push_str(&line);
            text.push('\n');
        }
        let new = self.path.with_extension("new");
        fs::write(&new, text).expect("the folder is ours");
        fs::rename(&new, &self.path).expect("the folder is ours");
    }

    /// How often an event was, on all devices and in all processes: `create` (asked for), `destroy`, `answer`
    /// (right, if late), `unknown` (no recorded input), `fault` (played).
    pub fn count(&self, event: &str) -> usize {
        trace::count(&self.path, event)
    }

    /// The same on one device.
    pub fn count_on(&self, event: &str, device: &str) -> usize {
        let told = fs::read_to_string(trace::path(&self.path)).unwrap_or_default();
        told.lines().filter(|line| line.starts_with(&format!("{event} {device} "))).count()
    }
}
