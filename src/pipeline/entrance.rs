//! What becomes of a camera's frames before its model.

use super::{Gate, Reporter, Switches};
use crate::frame::Frame;
use crate::preprocess::{PreprocessError, Preprocessor};
use std::sync::Arc;

/// What [`prepare_frames`](super::prepare_frames) tells of a camera.
#[derive(Debug)]
pub enum Told<'a> {
    /// A frame can't be used.
    Bad(&'a PreprocessError),
    /// The model need not look at a frame.
    Passed,
    /// It would, but for the heat.
    Slowed,
    /// Something begins to move, or nothing moves any more.
    Moving(bool),
}

/// What becomes of a camera's frames before the model.
#[derive(Debug)]
pub struct Entrance {
    /// Frames to inputs.
    pub preprocessor: Preprocessor,
    /// Whether the frame itself is looked at once more.
    pub keeps_frames: bool,
    /// The model looks at every frame that it wants, however long they wait.
    pub leaves_none_out: bool,
    /// Lets through what moves; absent: all.
    pub gate: Option<Gate>,
    /// What commands and the other thread say.
    pub switches: Arc<Switches>,
    /// Takes pictures that were asked for.
    pub reporter: Option<Reporter>,
}

impl Entrance {
    /// Lets everything through.
    #[must_use]
    pub fn open(preprocessor: Preprocessor, keeps_frames: bool) -> Self {
        let switches = Arc::new(Switches::new(0.0));
        Self { preprocessor, keeps_frames, leaves_none_out: false, gate: None, switches, reporter: None }
    }

    /// Whether the model is to look at `frame`, if it `may`.
    pub(super) fn admits(&mut self, frame: &Frame, may: bool, told: &mut dyn FnMut(Told<'_>)) -> bool {
        let Self { gate, switches, reporter, .. } = self;
        switches.note_frame();
        if let Some(reporter) = reporter
            && switches.take_picture_wish()
            && !reporter.show(frame)
        {
            switches.ask_for_picture();
        }
        if !switches.detects() {
            told(Told::Passed);
            return false;
        }
        if let Some(gate) = gate {
            let before = gate.moving();
            let wanted = match gate.wants(frame, switches.is_unsettled(), may) {
                Ok(wanted) => wanted,
                Err(e) => {
                    told(Told::Bad(&e));
                    return false;
                }
            };
            if let Some(moving) = gate.moving().filter(|_| gate.moving() != before) {
                told(Told::Moving(moving));
            }
            if !wanted {
                switches.note_still(frame.captured);
                told(Told::Passed);
                return false;
            }
        }
        if !may {
            told(Told::Slowed);
        }
        may
    }
}
