//! The decision: is a model to look at this frame?

use super::Motion;
use std::time::{Duration, Instant};

/// Decides for the frames of one camera.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gatekeeper {
    looked: Option<Instant>,
    learning: bool,
    /// A frame was wanted and could not be looked at.
    owed: bool,
}

impl Gatekeeper {
    /// Whether the model is to look at the frame `captured` then, of which the gate said `motion`: the first
    /// of all, whatever moves or is held, all while a tracker is `unsettled`, one when a changed light has
    /// settled (and so one soon after the start), and one every `keep_alive`, counted from the last look;
    /// [`Duration::MAX`] is never. A frame that is wanted counts as looked at if it `may` be; if not, the
    /// next that may is wanted.
    pub fn wants(
        &mut self,
        captured: Instant,
        motion: Motion,
        unsettled: bool,
        keep_alive: Duration,
        may: bool,
    ) -> bool {
        let settled = std::mem::replace(&mut self.learning, motion.learning) && !motion.learning;
        let due = self.looked.is_none_or(|at| captured.saturating_duration_since(at) >= keep_alive);
        let wants = motion.moving || unsettled || settled || due || self.owed;
        self.owed = wants && !may;
        if wants && may {
            self.looked = Some(captured);
        }
        wants
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STILL: Motion = Motion { moving: false, area: 0.0, learning: false };

    #[test]
    fn each_reason_alone_is_enough() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let keep_alive = Duration::from_secs(60);
        let mut gate = Gatekeeper::default();
        let mut wants =
            |seconds, motion, unsettled| gate.wants(at(seconds), motion, unsettled, keep_alive, true);
        assert!(wants(0, STILL, false), "the first frame");
        assert!(!wants(1, STILL, false));
        assert!(wants(2, Motion { moving: true, area: 0.1, ..STILL }, false));
        assert!(wants(3, STILL, true), "a tracker is unsettled");
        assert!(!wants(62, STILL, false));
        assert!(wants(63, STILL, false), "60 s after the last look");
        assert!(!wants(64, Motion { learning: true, ..STILL }, false), "the light changes");
        assert!(!wants(65, Motion { learning: true, ..STILL }, false));
        assert!(wants(66, STILL, false), "it has settled");
        assert!(!wants(67, STILL, false), "once");
    }

    #[test]
    fn keep_alive_may_be_never() {
        let (start, mut gate) = (Instant::now(), Gatekeeper::default());
        assert!(gate.wants(start, STILL, false, Duration::MAX, true));
        assert!(!gate.wants(start + Duration::from_secs(1 << 30), STILL, false, Duration::MAX, true));
    }

    #[test]
    fn what_could_not_be_looked_at_when_it_moved_is_looked_at_later() {
        let start = Instant::now();
        let mut gate = Gatekeeper::default();
        let mut wants = |seconds, motion, may| {
            let captured = start + Duration::from_secs(seconds);
            gate.wants(captured, motion, false, Duration::from_secs(60), may)
        };
        assert!(wants(0, STILL, true));
        let moving = Motion { moving: true, area: 0.1, ..STILL };
        assert!(wants(1, moving, false));
        assert!(wants(2, STILL, false), "it is still owed");
        assert!(wants(3, STILL, true));
        assert!(!wants(62, STILL, true), "that was a look");
        assert!(wants(63, STILL, false) && wants(64, STILL, true), "what is due goes on being due");
    }
}
