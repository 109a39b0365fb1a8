//! What a service without a broker says of what it sees: a record in the journal for each object that comes and
//! goes, with its fields, and none a frame.

use super::terminal::sentence;
use super::{Publication, Sink};
use crate::event::{Event, Kind};

/// Writes events to the log: `journalctl EVENT_LABEL=person`.
#[derive(Clone, Copy, Debug)]
pub struct Journal;

impl Sink for Journal {
    fn publish(&self, publication: &Publication<'_>) {
        if let Publication::Event(event) = publication
            && event.kind != Kind::Update
        {
            record(event);
        }
    }
}

fn record(event: &Event) {
    let after = &event.after;
    log::info!(
        camera = &*after.camera,
        event_id = &*after.id,
        event_label = &*after.label,
        event_score = after.top_score;
        "{}", sentence(event)
    );
}
