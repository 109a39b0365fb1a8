//! What an accelerator's process costs: a model in this process, and the same model on the same processor in a
//! process of its own, in turn on the same pictures. Prints times a frame, in µs.
//!
//! `cargo bench --bench worker -- MODEL [THREADS]`
#![expect(clippy::print_stdout, reason = "figures")]

use edgecam::accelerator::{Accelerated, processor};
use edgecam::infer::{Engine, InputMemory, Loaded, Runtime, litert};
use edgecam::model::read_verified;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

const WARM_UP: usize = 20;
const FRAMES: usize = 100;
const ROUNDS: usize = 9;

fn main() -> ExitCode {
    let mut args = std::env::args_os().filter(|arg| arg != "--bench");
    // The process of its own is this program, too.
    if std::env::args_os().nth(1).is_some_and(|arg| arg == "worker") {
        return edgecam::cli::main(args).into();
    }
    let usual = "../shared/data/detect/ssd_mobilenet_v1_coco_quant_detect.tflite";
    let model = args.nth(1).map_or_else(|| PathBuf::from(usual), PathBuf::from);
    let threads = args.next().and_then(|n| n.to_str()?.parse().ok()).unwrap_or(1);
    if !model.exists() {
        println!("skipped: there is no {}", model.display());
        return ExitCode::SUCCESS;
    }
    match compare(&model, threads) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            println!("{e}");
            ExitCode::FAILURE
        }
    }
}

fn compare(model: &Path, threads: usize) -> Result<(), Box<dyn std::error::Error>> {
    let runtime = Runtime::load(None)?;
    let name = model.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let Loaded { engine: mut here, input, outputs } =
        litert::load(&runtime, read_verified(model)?, &name, threads)?;
    let tensors = (input, outputs);
    let device = processor(runtime.path())?;
    let mut there = Accelerated::new(device, &name, vec![model.to_owned()], threads, tensors, None)?;
    there.wait(Duration::from_secs(20))?;
    let mut inputs = [here.new_input()?, there.new_input()?];
    let mut times: [Vec<Duration>; 2] = Default::default();
    let mut picture = 0_u32;
    for round in 0..=ROUNDS {
        for (engine, (input, times)) in
            [here.as_mut(), &mut there as &mut dyn Engine].into_iter().zip(inputs.iter_mut().zip(&mut times))
        {
            let frames = if round == 0 { WARM_UP } else { FRAMES };
            let mut taken: Vec<Duration> =
                (0..frames).map(|_| run(engine, input.as_mut(), &mut picture)).collect::<Result<_, _>>()?;
            taken.sort();
            if round > 0 {
                times.push(taken[frames / 2]);
            }
        }
    }
    let us = |time: Duration| time.as_secs_f64() * 1e6;
    let mut differences: Vec<f64> = times[0].iter().zip(&times[1]).map(|(a, b)| us(*b) - us(*a)).collect();
    differences.sort_by(f64::total_cmp);
    let median = |times: &mut Vec<Duration>| {
        times.sort();
        us(times[times.len() / 2])
    };
    let [here, there] = times.each_mut().map(median);
    let extra = differences[differences.len() / 2];
    println!(
        "{name}, {threads} threads, {ROUNDS} rounds of {FRAMES} frames in turn: here {here:.0} µs, in a process of its own {there:.0} µs; per round {extra:+.0} µs ({:+.1} %), from {:+.0} to {:+.0}",
        extra / here * 100.0,
        differences[0],
        differences[differences.len() - 1],
    );
    Ok(())
}

/// Writes another picture, as preprocessing does, and has it looked at; the time of both.
fn run(
    engine: &mut dyn Engine,
    input: &mut dyn InputMemory,
    picture: &mut u32,
) -> Result<Duration, Box<dyn std::error::Error>> {
    *picture = picture.wrapping_add(1);
    let started = Instant::now();
    input.bytes_mut().fill(*picture as u8);
    engine.invoke(input)?;
    std::hint::black_box(engine.output(0).iter().fold(0_u8, |sum, byte| sum ^ byte));
    Ok(started.elapsed())
}
