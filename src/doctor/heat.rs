//! Heat and power: what makes a Pi slow, or write rubbish to its card.

use super::{Board, Finding};
use crate::telemetry::machine::{Throttling, throttled};

/// A Pi begins to slow down at 80 °C, and does so in earnest at 85 °C.
const HOT_C: f64 = 80.0;
const WARM_C: f64 = 70.0;
const COOL: &str = "give it a heat sink or a fan, and air; `fps` of a camera and `motion` make it work less";

/// The processor's temperature, and what the firmware says of voltage and throttling.
#[must_use]
pub fn findings(board: &Board) -> Vec<Finding> {
    let figures = board.machine().figures();
    // Its file is there only with the Pi's own kernel, and for some kernels only the tool tells.
    let tool = || {
        let text = board.ask("vcgencmd", &["get_throttled"])?;
        throttled(text.trim().strip_prefix("throttled=")?)
    };
    let mut findings: Vec<_> = figures.temperature_c.map(temperature).into_iter().collect();
    findings.extend(
        figures.throttling.or_else(tool).into_iter().flat_map(|state| [power(board, &state), pace(&state)]),
    );
    findings
}

fn temperature(celsius: f64) -> Finding {
    let found = format!("{celsius:.1} °C");
    if celsius >= HOT_C {
        Finding::warn("temperature", format!("{found}: it slows down"), COOL)
    } else if celsius >= WARM_C {
        Finding::note("temperature", format!("{found}: it slows down from {HOT_C} °C on")).or(COOL)
    } else {
        Finding::ok("temperature", found)
    }
}

fn power(board: &Board, state: &Throttling) -> Finding {
    let amperes = if board.pi().is_some_and(|model| model.contains("Pi 5")) { 5 } else { 3 };
    let fix = format!(
        "use the board's own supply (5 V, {amperes} A) with a short, thick cable; what draws much at USB goes into a hub with a supply of its own"
    );
    if state.now.contains(&"under_voltage") {
        Finding::warn("power", "the voltage is too low now: it slows down, and files may be damaged", fix)
    } else if state.since_boot.contains(&"under_voltage") {
        Finding::warn("power", "the voltage was too low since boot: files may be damaged", fix)
    } else {
        Finding::ok("power", "the voltage was never too low since boot")
    }
}

fn pace(state: &Throttling) -> Finding {
    let told = |flags: &[&str]| {
        let slow = flags.iter().filter(|flag| **flag != "under_voltage").map(|flag| flag.replace('_', " "));
        slow.collect::<Vec<_>>().join(", ")
    };
    let (now, since_boot) = (told(&state.now), told(&state.since_boot));
    if !now.is_empty() {
        Finding::warn("throttling", format!("the board holds itself back now: {now}"), COOL)
    } else if !since_boot.is_empty() {
        Finding::note("throttling", format!("the board held itself back since boot: {since_boot}")).or(COOL)
    } else {
        Finding::ok("throttling", "the board never held itself back since boot")
    }
}
