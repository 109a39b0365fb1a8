//! What the doctor finds: how bad it is, a sentence, and what to do.

use serde::Serialize;
use std::fmt;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Worth knowing; nothing has to be done.
    Note,
    /// Works, but not well, or not for long.
    Warn,
    /// Does not work.
    Fail,
}

impl Level {
    const fn mark(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at, in `snake_case`; several findings may share it.
    pub check: &'static str,
    /// How bad it is.
    pub level: Level,
    /// What there is.
    pub found: String,
    /// What to do about it; every warning and failure has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

impl Finding {
    /// All is well.
    #[must_use]
    pub fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, level: Level::Ok, found: found.into(), fix: None }
    }

    /// Worth knowing.
    #[must_use]
    pub fn note(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, level: Level::Note, found: found.into(), fix: None }
    }

    /// Should be mended, by `fix`.
    #[must_use]
    pub fn warn(check: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, level: Level::Warn, found: found.into(), fix: Some(fix.into()) }
    }

    /// Has to be mended, by `fix`.
    #[must_use]
    pub fn fail(check: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, level: Level::Fail, found: found.into(), fix: Some(fix.into()) }
    }

    /// With what may be done about it.
    #[must_use]
    pub fn or(self, fix: impl Into<String>) -> Self {
        Self { fix: Some(fix.into()), ..self }
    }
}

/// All findings, as people and as programs read them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// In the order of the checks.
    pub findings: Vec<Finding>,
    /// The level of the worst.
    pub worst: Level,
}

impl From<Vec<Finding>> for Report {
    fn from(findings: Vec<Finding>) -> Self {
        let worst = findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Ok);
        Self { findings, worst }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.findings.iter().map(|finding| finding.check.len()).max().unwrap_or_default();
        for Finding { check, level, found, fix } in &self.findings {
            writeln!(f, "{:<4}  {:<width$}  {found}", level.mark(), check.replace('_', " "))?;
            if let Some(fix) = fix {
                writeln!(f, "{:6}{:width$}  → {fix}", "", "")?;
            }
        }
        let count = |level| self.findings.iter().filter(|finding| finding.level == level).count();
        let counted = |level, one: &str, many: &str| match count(level) {
            1 => format!("1 {one}"),
            n => format!("{n} {many}"),
        };
        writeln!(
            f,
            "{}, {}, {}, {}",
            counted(Level::Ok, "ok", "ok"),
            counted(Level::Note, "note", "notes"),
            counted(Level::Warn, "warning", "warnings"),
            counted(Level::Fail, "failure", "failures")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_a_line_a_finding_its_fix_below_and_counts() {
        let report = Report::from(vec![
            Finding::ok("clock", "a time server has set it"),
            Finding::warn("usb_power", "too little", "use another supply"),
            Finding::note("swap", "on the card"),
        ]);
        assert_eq!(report.worst, Level::Warn);
        assert_eq!(
            report.to_string(),
            "ok    clock      a time server has set it\n\
             warn  usb power  too little\n\
             \x20                → use another supply\n\
             note  swap       on the card\n\
             1 ok, 1 note, 1 warning, 0 failures\n"
        );
        assert_eq!(Report::from(Vec::new()).worst, Level::Ok);
    }
}
