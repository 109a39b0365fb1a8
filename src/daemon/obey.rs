//! What subscribers ask for, carried out.

use super::Daemon;
use crate::publish::Publication;
use crate::publish::command::Command;

impl Daemon {
    /// Carries out a command; true for a restart.
    pub(super) fn obey(&self, command: &Command) -> bool {
        log::info!("a subscriber asks: {command}");
        let switches = |camera: &String| self.fleet.cameras.get(camera).map(|camera| &camera.switches);
        let sink = &self.context.sink;
        match command {
            Command::Restart => return true,
            Command::Snapshot { camera } => {
                if let Some(switches) = switches(camera) {
                    switches.ask_for_picture();
                }
            }
            Command::Detect { camera, on } => {
                if let Some(switches) = switches(camera) {
                    switches.detect(*on);
                    sink.publish(&Publication::Detect { camera, on: *on });
                }
            }
            Command::Threshold { camera, threshold } => {
                if let Some(switches) = switches(camera) {
                    switches.set_threshold(*threshold);
                    sink.publish(&Publication::Threshold { camera, threshold: *threshold });
                }
            }
        }
        false
    }
}
