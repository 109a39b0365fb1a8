//! How an accelerator is, as it is published and told to people.

use super::entry::Entry;
use super::host::SAID;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What kind of accelerator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A Coral.
    EdgeTpu,
    /// Another delegate.
    Plugin,
    /// The processor, in a process of its own: for measurements.
    Cpu,
}

/// How it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    /// Its process loads.
    Starting,
    /// It runs models.
    Ready,
    /// It does, but takes much longer than at first.
    Slow,
    /// It hung, crashed or refused; it is tried again.
    Failed,
    /// It is not plugged in.
    Absent,
}

/// An accelerator, as `<prefix>/accelerators` has it.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// `usb:0`, or a plugin's file name.
    pub name: String,
    /// What kind.
    pub kind: Kind,
    /// How it is.
    #[serde(rename = "state")]
    pub condition: Condition,
    /// Why it is so.
    pub reason: Option<String>,
    /// Since when, in Unix seconds.
    pub since: f64,
    /// What its delegate says of its version.
    pub version: Option<String>,
    /// The models that it runs, or would.
    pub models: Vec<String>,
    /// How often it failed after it had worked.
    pub failures: u64,
    /// The processor runs those of its models that have a twin.
    pub twin_active: bool,
    /// Models that have none.
    #[serde(skip)]
    pub twinless: Vec<String>,
    /// How often it could not be brought to work.
    #[serde(skip)]
    pub attempts: u64,
    /// Frames that it answered, and that were left to twins, or to nobody.
    #[serde(skip)]
    pub frames: [u64; 2],
}

impl Report {
    /// One that nothing is known of.
    #[must_use]
    pub fn new(name: &str, kind: Kind) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            condition: Condition::Starting,
            reason: None,
            since: 0.0,
            version: None,
            models: Vec::new(),
            failures: 0,
            twin_active: true,
            twinless: Vec::new(),
            attempts: 0,
            frames: [0; 2],
        }
    }

    /// Takes down how it is at `now`; false where that is nothing new. What is tried again stays failed until it
    /// works.
    pub fn turn(&mut self, condition: Condition, reason: Option<String>, now: f64) -> bool {
        self.attempts += u64::from(matches!(condition, Condition::Failed | Condition::Absent));
        let retried = condition == Condition::Starting
            && matches!(self.condition, Condition::Failed | Condition::Absent);
        let gist = |reason: &Option<String>| {
            reason.as_deref().map(|why| why.split(SAID).next().unwrap_or(why).to_owned())
        };
        let same_reason = condition == Condition::Slow || gist(&self.reason) == gist(&reason);
        if retried || (self.condition == condition && same_reason && self.since > 0.0) {
            return false;
        }
        let works = |condition| matches!(condition, Condition::Ready | Condition::Slow);
        self.failures += u64::from(works(self.condition) && !works(condition));
        if self.condition != condition || self.since == 0.0 {
            self.since = (now * 1e3).round() / 1e3;
        }
        (self.condition, self.reason) = (condition, reason);
        self.twin_active = !works(condition) && self.models.len() > self.twinless.len();
        true
    }

    /// Takes down which models it runs, or would.
    pub fn of(&mut self, entries: &[Arc<Entry>]) {
        let names = |twinless: bool| {
            let names: BTreeSet<_> = entries
                .iter()
                .filter(|entry| !(twinless && entry.has_twin))
                .map(|entry| entry.name.clone())
                .collect();
            names.into_iter().collect()
        };
        (self.models, self.twinless) = (names(false), names(true));
    }

    /// What becomes of frames while it does not work.
    #[must_use]
    pub fn meanwhile(&self) -> String {
        let with: Vec<_> = self.models.iter().filter(|name| !self.twinless.contains(name)).cloned().collect();
        match (with.join(", "), self.twinless.join(", ")) {
            (with, without) if without.is_empty() => format!("the processor runs {with}"),
            (with, without) if with.is_empty() => {
                format!("frames of {without} are dropped: there is no CPU twin")
            }
            (with, without) => {
                format!(
                    "the processor runs {with}, and frames of {without} are dropped: there is no CPU twin"
                )
            }
        }
    }

    /// For `stats`.
    #[must_use]
    pub fn figures(&self) -> Value {
        let [answered, left] = self.frames;
        json!({ "state": self.condition, "failures": self.failures, "answered": answered, "left": left })
    }

    /// For the status of the service; nothing where all is well.
    #[must_use]
    pub fn in_words(&self) -> Option<String> {
        let Self { name, condition, .. } = self;
        match condition {
            Condition::Ready => None,
            Condition::Starting => Some(format!("accelerator {name} is starting")),
            Condition::Slow => Some(format!("accelerator {name} is slow")),
            Condition::Failed => Some(format!("accelerator {name} does not work: {}", self.meanwhile())),
            Condition::Absent => Some(format!("accelerator {name} is not there: {}", self.meanwhile())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_news_are_told() {
        let mut report = Report::new("usb:0", Kind::EdgeTpu);
        report.models = vec!["coco".to_owned()];
        let why = |why: &str| Some(why.to_owned());
        assert!(report.turn(Condition::Ready, None, 1.0));
        assert!(!report.turn(Condition::Ready, None, 2.0));
        assert!(report.turn(Condition::Failed, why("hung"), 3.0) && report.twin_active);
        assert!(!report.turn(Condition::Failed, why("hung"), 4.0));
        assert!(!report.turn(Condition::Starting, None, 5.0), "it is tried again, and no better yet");
        assert!(report.turn(Condition::Failed, why("crashed; it said: pid 7"), 6.0));
        assert!(!report.turn(Condition::Failed, why("crashed; it said: pid 8"), 6.5), "it says so each time");
        assert_eq!((report.since, report.failures), (3.0, 1));
        assert!(report.turn(Condition::Ready, None, 7.0) && !report.twin_active);
        assert!(report.in_words().is_none() && report.reason.is_none());
    }
}
