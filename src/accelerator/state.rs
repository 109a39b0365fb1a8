//! How an accelerator is, as it is published and told to people.

use serde::Serialize;
use serde_json::{Value, json};

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
    /// The processor runs its models.
    pub twin_active: bool,
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
        let same_reason = condition == Condition::Slow || self.reason == reason;
        if retried || (self.condition == condition && same_reason && self.since > 0.0) {
            return false;
        }
        let works = |condition| matches!(condition, Condition::Ready | Condition::Slow);
        self.failures += u64::from(works(self.condition) && !works(condition));
        if self.condition != condition || self.since == 0.0 {
            self.since = (now * 1e3).round() / 1e3;
        }
        (self.condition, self.reason) = (condition, reason);
        self.twin_active = !works(condition);
        true
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
            Condition::Failed => Some(format!("accelerator {name} failed, the processor does its work")),
            Condition::Absent => {
                Some(format!("accelerator {name} is not there, the processor does its work"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_news_are_told() {
        let mut report = Report::new("usb:0", Kind::EdgeTpu);
        let why = |why: &str| Some(why.to_owned());
        assert!(report.turn(Condition::Ready, None, 1.0));
        assert!(!report.turn(Condition::Ready, None, 2.0));
        assert!(report.turn(Condition::Failed, why("hung"), 3.0) && report.twin_active);
        assert!(!report.turn(Condition::Failed, why("hung"), 4.0));
        assert!(!report.turn(Condition::Starting, None, 5.0), "it is tried again, and no better yet");
        assert!(report.turn(Condition::Failed, why("crashed"), 6.0));
        assert_eq!((report.since, report.failures), (3.0, 1));
        assert!(report.turn(Condition::Ready, None, 7.0) && !report.twin_active);
        assert!(report.in_words().is_none() && report.reason.is_none());
    }
}
