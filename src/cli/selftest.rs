//! `edgecam selftest`: whether this machine computes what it should.

use super::{Exit, runtime};
use crate::infer::VERSION;
use crate::selftest::{Recorded, look, recorded};
use anyhow::Context;
use clap::Args;
use serde::Serialize;
use std::io::Write;

/// Check that models compute here what they should
#[derive(Args, Debug)]
pub(super) struct SelfTest {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Print what is seen instead, to be recorded as models/edgecam-selftest.json
    #[arg(long, hide = true, conflicts_with = "json")]
    record: bool,
}

/// How one engine did.
#[derive(Debug, Serialize)]
struct Report {
    /// What ran the models.
    engine: String,
    /// Whether it answered as recorded.
    fine: bool,
    /// How many shapes it saw.
    seen: usize,
    /// How many were recorded.
    recorded: usize,
    /// Of a frame, both models.
    median_ms: Option<f64>,
    /// What is different, or why there is no answer.
    problems: Vec<String>,
}

impl SelfTest {
    pub(super) fn run(&self, out: &mut dyn Write) -> anyhow::Result<Exit> {
        let runtime = runtime()?;
        if self.record {
            writeln!(out, "{}", serde_json::to_string_pretty(&look(&runtime, 1)?.0)?)?;
            return Ok(Exit::Fine);
        }
        let recorded = recorded().context("read what was recorded")?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut threads = vec![1, cores.min(4)];
        threads.dedup();
        let mut reports = Vec::new();
        for threads in threads {
            let plural = if threads == 1 { "" } else { "s" };
            let engine = format!("LiteRT {VERSION} on the CPU, {threads} thread{plural}");
            reports.push(report(engine, &recorded, look(&runtime, threads).map_err(|e| e.to_string())));
        }
        if self.json {
            writeln!(out, "{}", serde_json::to_string(&reports)?)?;
        } else {
            reports.iter().try_for_each(|report| report.print(out))?;
        }
        Ok(if reports.iter().all(|report| report.fine) { Exit::Fine } else { Exit::Failure })
    }
}

fn report(
    engine: String,
    recorded: &Recorded,
    looked: Result<(Recorded, std::time::Duration), String>,
) -> Report {
    let (seen, median_ms, problems) = match looked {
        Ok((now, median)) => (now.count(), Some(median.as_secs_f64() * 1e3), recorded.differences(&now)),
        Err(why) => (0, None, vec![why]),
    };
    Report { engine, fine: problems.is_empty(), seen, recorded: recorded.count(), median_ms, problems }
}

impl Report {
    fn print(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let Self { engine, seen, recorded, .. } = self;
        let time = self.median_ms.map(|ms| format!(", {ms:.2} ms a frame")).unwrap_or_default();
        let verdict = if self.fine { "as recorded" } else { "NOT as recorded" };
        writeln!(out, "{engine}: {seen} shapes, {recorded} expected, {verdict}{time}")?;
        self.problems.iter().try_for_each(|problem| writeln!(out, "  {problem}"))
    }
}
