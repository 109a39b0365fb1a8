//! The motion gate of a camera, and what of its frames the model looks at.

use crate::config;
use crate::frame::Frame;
use crate::geometry::Polygon;
use crate::motion::{self, Gatekeeper};
use crate::preprocess::PreprocessError;
use std::time::Duration;

/// Lets a camera's frames through to its model, or not.
#[derive(Debug)]
pub struct Gate {
    motion: motion::Gate,
    keeper: Gatekeeper,
    keep_alive: Duration,
    /// None before the first frame.
    moving: Option<bool>,
}

impl Gate {
    /// As `config` has it; what `mask` covers is of no account either.
    pub fn new(config: &config::Motion, mask: &[Polygon]) -> Result<Self, String> {
        let config::Motion { threshold, min_area, hold, keep_alive, .. } = *config;
        let settings = motion::Settings { enabled: true, threshold, min_area, hold };
        let ignored = config.mask.iter().chain(mask).cloned().collect();
        let motion = motion::Gate::new(settings, ignored)?;
        Ok(Self { motion, keeper: Gatekeeper::default(), keep_alive, moving: None })
    }

    /// Whether the model is to look at `frame`, which it must where what it saw is `unsettled`. If it can't,
    /// since it `may` not, it must look at the next one that it may.
    pub fn wants(&mut self, frame: &Frame, unsettled: bool, may: bool) -> Result<bool, PreprocessError> {
        let motion = self.motion.look(frame)?;
        self.moving = Some(motion.moving);
        Ok(self.keeper.wants(frame.captured.instant, motion, unsettled, self.keep_alive, may))
    }

    /// Whether something moves, or moved a moment ago; `None` before the first frame.
    #[must_use]
    pub const fn moving(&self) -> Option<bool> {
        self.moving
    }
}
