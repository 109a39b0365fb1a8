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
    if let Some(state) = figures.throttling.or_else(tool) {
        findings.push(power(board, &state));
        findings.extend(pace(&state));
    }
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

/// What holds the board back beside a low voltage, which does so by itself.
fn pace(state: &Throttling) -> Option<Finding> {
    let told = |flags: &[&str]| {
        let hot =
            flags.iter().filter(|_| !flags.contains(&"under_voltage")).map(|flag| flag.replace('_', " "));
        hot.collect::<Vec<_>>().join(", ")
    };
    let (now, since_boot) = (told(&state.now), told(&state.since_boot));
    if !now.is_empty() {
        return Some(Finding::warn("throttling", format!("the board holds itself back now: {now}"), COOL));
    }
    let found = format!("the board held itself back since boot: {since_boot}");
    (!since_boot.is_empty()).then(|| Finding::note("throttling", found).or(COOL))
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::super::board::tests::board;
    use super::*;

    fn levels(flags: &str, file: bool) -> Vec<(&'static str, Level)> {
        let path = "/sys/devices/platform/soc/soc:firmware/get_throttled";
        let files = [(path, flags)];
        let (_root, board) = board(if file { &files } else { &[] }, &format!("throttled=0x{flags}\n"));
        findings(&board).into_iter().map(|finding| (finding.check, finding.level)).collect()
    }

    #[test]
    fn flags_are_told_from_the_file_and_from_the_tool() {
        for file in [true, false] {
            assert_eq!(levels("0", file), [("power", Level::Ok)]);
            assert_eq!(levels("50005", file), [("power", Level::Warn)]);
            assert_eq!(levels("50000", file), [("power", Level::Warn)]);
            assert_eq!(levels("80008", file), [("power", Level::Ok), ("throttling", Level::Warn)]);
            assert_eq!(levels("20000", file), [("power", Level::Ok), ("throttling", Level::Note)]);
            assert_eq!(levels("x", file), []);
        }
    }
}
