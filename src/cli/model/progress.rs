//! How far a pull is: a bar on a terminal, a line elsewhere.

use crate::model::pull::Progress;
use indicatif::{DecimalBytes, ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::path::Path;

/// Tells on stderr.
#[derive(Default)]
pub(super) struct Terminal {
    bar: Option<ProgressBar>,
}

impl Progress for Terminal {
    fn waits(&mut self, path: &Path) {
        eprintln!("edgecam: another program is pulling {}; waiting for it", path.display());
    }

    fn begins(&mut self, address: &str, have: u64, total: Option<u64>) {
        let size = total.map(|total| format!(", {}", DecimalBytes(total))).unwrap_or_default();
        let rest = if have > 0 { format!(", going on at byte {have}") } else { String::new() };
        eprintln!("pulling {address}{size}{rest}");
        if std::io::stderr().is_terminal() {
            let bar = total.map_or_else(ProgressBar::no_length, ProgressBar::new);
            let template = if total.is_some() {
                "{wide_bar} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {eta}"
            } else {
                "{spinner} {decimal_bytes} {decimal_bytes_per_sec}"
            };
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            self.bar = Some(bar.with_position(have));
        }
    }

    fn comes(&mut self, have: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(have);
        }
    }

    fn ends(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}
