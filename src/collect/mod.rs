//! Saves frames worth labelling, from which a user trains a model for their own camera. Off unless the
//! config asks for it; pictures stay on this machine.
//!
//! The model's thread only judges scores and the clock, and hands a frame over when the other thread is
//! idle; that one looks at the picture, writes it, and keeps the folder small.

mod look;
mod scenes;
mod store;
mod worth;

pub use look::Look;
pub use scenes::{Scenes, Thumbnail};
pub use store::{Saved, Store};
pub use worth::{Reason, Worth};

use crate::config;
use crate::decode::{Answer, Detection};
use crate::frame::{Frame, Timestamp};
use crate::geometry::Polygon;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// After a failure nothing is written for this long.
const PAUSE: Duration = Duration::from_secs(60);

/// A frame that may be worth saving, on its way to the other thread and back.
#[derive(Debug)]
struct Find {
    reason: Reason,
    captured: Timestamp,
    frame: Frame,
    /// What the model thinks is on it.
    suggested: Vec<Detection>,
}

/// What chooses and saves the frames of one camera; its thread ends with it, after what it is writing.
#[derive(Debug)]
pub struct Collector {
    worth: Worth,
    spare: Option<Find>,
    /// None at the end.
    ready: Option<SyncSender<Find>>,
    spares: Receiver<Find>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.ready = None;
        // A panic there has been told.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Collector {
    /// For `camera`, whose model has `labels` and of which nobody may see what `mask` covers; writes to `folder`.
    pub fn start(
        config: &config::Collect,
        camera: &str,
        labels: &Arc<[String]>,
        mask: &Arc<[Polygon]>,
        folder: PathBuf,
    ) -> Result<Self, String> {
        let (ready, finds) = sync_channel::<Find>(1);
        let (back, spares) = sync_channel(1);
        let (mut scenes, mut look) = (Scenes::default(), Look::new(Arc::clone(mask))?);
        let mut store = Store::new(folder, config.max_bytes, camera, Arc::clone(labels));
        log::info!(camera = camera; "collect: saving frames worth labelling to {}, {} MiB at most",
            store.folder().display(), config.max_bytes >> 20);
        let name = camera.to_owned();
        let work = move || {
            let mut failing: Option<Instant> = None;
            while let Ok(find) = finds.recv() {
                if failing.is_none_or(|since| since.elapsed() >= PAUSE) {
                    match save(&find, &mut look, &mut scenes, &mut store) {
                        Ok(Some(saved)) => {
                            if failing.take().is_some() {
                                log::info!(camera = name.as_str(); "collect: saves again");
                            }
                            log::debug!(camera = name.as_str(); "collect: saved {}: {:?}", saved.name, find.reason);
                        }
                        Ok(None) => {}
                        Err(why) => {
                            if failing.replace(Instant::now()).is_none() {
                                log::warn!(camera = name.as_str(); "collect: {why}; nothing is saved while this lasts");
                            }
                        }
                    }
                }
                if back.send(find).is_err() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name(format!("collect {camera}"));
        let thread = thread.spawn(work).map_err(|e| format!("start a thread to collect frames: {e}"))?;
        let find = Find {
            reason: Reason::Scene,
            captured: Timestamp::now(),
            frame: Frame::empty(),
            suggested: Vec::new(),
        };
        let (worth, thread) = (Worth::new(config), Some(thread));
        Ok(Self { worth, spare: Some(find), ready: Some(ready), spares, thread })
    }

    /// The least score that must be decoded for [`judge`](Self::judge).
    #[must_use]
    pub const fn floor(&self) -> f32 {
        self.worth.floor()
    }

    /// Whether the frame of an answer may be worth saving; call [`hand`](Self::hand) then.
    pub fn judge(&mut self, captured: Timestamp, answer: &Answer) -> bool {
        self.spare = self.spare.take().or_else(|| self.spares.try_recv().ok());
        let Some(find) = &mut self.spare else { return false };
        let scores = answer.detections.iter().map(|d| d.score).chain(answer.classes.first().map(|c| c.score));
        let Some(reason) = self.worth.judge(captured.instant, scores) else { return false };
        (find.reason, find.captured) = (reason, captured);
        find.suggested.clear();
        find.suggested.extend_from_slice(&answer.detections);
        true
    }

    /// Takes the frame, for another one in its place.
    pub fn hand(&mut self, frame: &mut Frame) {
        let (Some(ready), Some(mut find)) = (&self.ready, self.spare.take()) else { return };
        std::mem::swap(&mut find.frame, frame);
        if let Err(TrySendError::Full(find) | TrySendError::Disconnected(find)) = ready.try_send(find) {
            self.spare = Some(find);
        }
    }
}

/// Writes a find, if it shows something that was not seen before.
fn save(
    find: &Find,
    look: &mut Look,
    scenes: &mut Scenes,
    store: &mut Store,
) -> Result<Option<Saved>, String> {
    let Ok(thumbnail) = look.thumbnail(&find.frame) else { return Ok(None) };
    if !scenes.is_worth(find.reason, &thumbnail) {
        return Ok(None);
    }
    let jpeg = look.jpeg(&find.frame)?;
    let saved = store.save(find.reason, find.captured.unix, jpeg, &find.suggested)?;
    scenes.remember(find.reason, thumbnail);
    Ok(Some(saved))
}
