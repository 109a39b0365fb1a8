//! One line a frame for a person at a terminal.

use super::json::label_of;
use super::{Observation, Publication, Sink};
use crate::event::{Event, Kind, State};
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

/// Writes observations to `W`; what goes wrong with that is of no account.
#[derive(Debug)]
pub struct Terminal<W>(Mutex<W>);

impl<W: Write + Send> Terminal<W> {
    /// Lines to `out`.
    pub const fn new(out: W) -> Self {
        Self(Mutex::new(out))
    }

    fn observe(&self, seen: &Observation<'_>) -> io::Result<()> {
        let mut line = Vec::with_capacity(256);
        write!(
            line,
            "{} {} #{} {:.1} ms:",
            clock(seen.captured.unix.as_secs()),
            seen.camera,
            seen.seq,
            seen.latencies.infer.as_secs_f64() * 1e3
        )?;
        for d in seen.detections {
            let at = d.bounds.to_pixels(seen.size).to_array();
            write!(line, "  {} {:.0}% {at:?}", label_of(seen.labels, d.class), d.score * 100.0)?;
            if let Some(second) = d.sub_class {
                write!(line, " ({} {:.0}%)", label_of(seen.sub_labels, second.class), second.score * 100.0)?;
            }
        }
        if let Some(best) = seen.classes.first() {
            write!(line, "  {} {:.0}%", label_of(seen.labels, best.class), best.score * 100.0)?;
        } else if seen.detections.is_empty() {
            write!(line, "  nothing")?;
        }
        line.push(b'\n');
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write_all(&line)
    }

    fn tell(&self, event: &Event) -> io::Result<()> {
        let State { id, camera, frame_time, .. } = &event.after;
        let line = format!("{} {camera} {} ({id})\n", clock(*frame_time as u64), sentence(event));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes())
    }
}

/// What an event says: `event end: person 83% in steps, after 12.5 s`.
pub(super) fn sentence(event: &Event) -> String {
    let State { label, top_score, frame_time, start_time, end_time, .. } = &event.after;
    let what = match event.kind {
        Kind::New => "new",
        Kind::Update => "update",
        Kind::End => "end",
    };
    let mut text = format!("event {what}: {label} {:.0}%", top_score * 100.0);
    if !event.after.current_zones.is_empty() {
        text.push_str(" in ");
        text.push_str(&event.after.current_zones.join(", "));
    }
    if event.after.stationary {
        text.push_str(", stationary");
    }
    if event.kind == Kind::End {
        text = format!("{text}, after {:.1} s", end_time.unwrap_or(*frame_time) - start_time);
    }
    text
}

/// The time of day of a Unix time.
fn clock(seconds: u64) -> String {
    format!("{:02}:{:02}:{:02}Z", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60)
}

impl<W: Write + Send> Sink for Terminal<W> {
    fn publish(&self, publication: &Publication<'_>) {
        if let Publication::Observation(seen) = publication {
            // A closed terminal ends no daemon.
            let _ = self.observe(seen);
        } else if let Publication::Event(event) = publication {
            let _ = self.tell(event);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{Class, Detection};
    use crate::frame::{Size, Timestamp};
    use crate::geometry::NormBox;
    use crate::pipeline::Latencies;

    #[test]
    fn a_line_tells_what_is_where_and_what_the_second_model_says() {
        let terminal = Terminal::new(Vec::new());
        let bird = Detection {
            sub_class: Some(Class { class: 1, score: 0.71 }),
            ..Detection::new(0, 0.9, NormBox::new(0.0, 0.0, 0.5, 0.5))
        };
        let seen = Observation {
            camera: "porch",
            model: "home",
            seq: 7,
            captured: Timestamp::now(),
            size: Size::new(640, 480),
            threshold: 0.5,
            latencies: Latencies::default(),
            detections: &[bird],
            in_view: &[],
            classes: &[],
            labels: &["bird".to_owned()],
            sub_labels: &["wren".to_owned(), "robin".to_owned()],
        };
        terminal.observe(&seen).expect("there is memory");
        let line = String::from_utf8(terminal.0.into_inner().expect("no panic")).expect("it is text");
        assert!(line.ends_with("Z porch #7 0.0 ms:  bird 90% [0, 0, 320, 240] (robin 71%)\n"), "{line}");
    }
}
