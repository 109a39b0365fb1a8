//! `edgecam replay`: what a camera's config makes of recorded frames. The same frames give the same lines.

use super::{Exit, run, runtime};
use crate::config::{self, Config, Source};
use crate::daemon;
use crate::decode::Answer;
use crate::event::{EndReason, Event, Follower, Moment, Stamp};
use crate::frame::{Frame, Timestamp};
use crate::model::{DecoderKind, Model, ModelFiles};
use crate::pipeline::{Cascade, Filter, Gate, Line, Stopwatch, finish, infer, look_again, prepare};
use crate::publish::label_of;
use crate::shutdown::Shutdown;
use crate::source::{SourceError, opener};
use crate::track::{Phase, Track};
use anyhow::{Context, anyhow, bail};
use clap::Args;
use serde_json::json;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[derive(Args, Debug)]
pub(super) struct Replay {
    /// The config
    #[arg(long, value_name = "FILE", default_value = "/etc/edgecam/edgecam.toml")]
    config: PathBuf,
    /// Which camera [default: the first]
    #[arg(long, value_name = "NAME")]
    camera: Option<String>,
    /// Frames a second of the recording
    #[arg(long, value_name = "N", default_value_t = 5.0)]
    fps: f64,
    /// When the first frame was taken, in Unix seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0)]
    start: f64,
    /// Frames at most
    #[arg(long, value_name = "N")]
    frames: Option<u64>,
    /// Also a line for each frame, with the tracks on it
    #[arg(long)]
    tracks: bool,
}

/// A camera's model, and what follows what it sees.
struct Watcher {
    line: Line,
    gate: Option<Gate>,
    follower: Follower,
    answer: Answer,
    seq: u64,
}

impl Replay {
    pub(super) fn run(&self, out: &mut dyn Write) -> anyhow::Result<Exit> {
        let config = match run::load(&self.config) {
            Ok(config) => config,
            Err(problems) => return Ok(run::tell(&problems)),
        };
        if !(0.001..=1000.0).contains(&self.fps) || !self.start.is_finite() || self.start < 0.0 {
            bail!("--fps is 0.001 to 1000, --start 0 or more");
        }
        let camera = self.camera(&config)?;
        let mut watcher = match Watcher::new(&config, &camera)? {
            Ok(watcher) => watcher,
            Err(problems) => return Ok(run::tell(&problems)),
        };
        let mut opener = opener(&camera);
        let name = opener.name();
        let mut source = opener.open(&Shutdown::new())?;
        let (mut frame, origin) = (Frame::empty(), Instant::now());
        for n in 0..self.frames.unwrap_or(u64::MAX) {
            match source.next_frame(&mut frame) {
                Ok(()) => {}
                Err(SourceError::Ended) => break,
                Err(SourceError::BadFrame(why)) => {
                    eprintln!("edgecam: frame {n} of {name}: {why}");
                    continue;
                }
                // A command that ends has no more frames, well or not.
                Err(SourceError::Lost(why)) if n > 0 => {
                    eprintln!("edgecam: {name} after {n} frames: {why}");
                    break;
                }
                Err(e) => return Err(e).with_context(|| format!("read {name}")),
            }
            let after = Duration::from_secs_f64(n as f64 / self.fps);
            let unix = Duration::from_secs_f64(self.start) + after;
            (frame.captured, frame.seq) = (Timestamp { unix, instant: origin + after }, n);
            watcher.look(&frame, out)?;
            if self.tracks {
                watcher.tell_tracks(n, out)?;
            }
        }
        watcher.end(out)?;
        Ok(Exit::Fine)
    }

    /// The camera, its frames as fast as they are taken, and once.
    fn camera(&self, config: &Config) -> anyhow::Result<config::Camera> {
        let wanted = |camera: &&config::Camera| self.camera.as_ref().is_none_or(|name| *name == camera.name);
        let camera = config.cameras.iter().find(wanted);
        let mut camera = camera.context("there is no such camera in the config")?.clone();
        if let Source::Files { path, .. } = camera.source {
            camera.source = Source::Files { path, fps: None, repeat: false };
        }
        Ok(camera)
    }
}

impl Watcher {
    /// The inner error is what of the config does not go with the model.
    fn new(config: &Config, camera: &config::Camera) -> anyhow::Result<Result<Self, Vec<String>>> {
        let runtime = match &config.runtime_library {
            Some(library) => crate::infer::Runtime::load(Some(library))?,
            None => runtime()?,
        };
        let model = |name: &String| -> anyhow::Result<Model> {
            let model = config.models.iter().find(|model| model.name == *name);
            let files = daemon::files(model.context("no such model")?);
            Ok(Model::load(&runtime, &ModelFiles { waits: true, ..files })?)
        };
        let detector = model(&camera.model)?;
        let problems = daemon::misfits(config, camera, &detector.info);
        if detector.info.decoder.kind() == DecoderKind::Classify {
            bail!("model {} is a classifier, which follows nothing", camera.model);
        }
        if !problems.is_empty() {
            return Ok(Err(problems));
        }
        let labels = Arc::clone(&detector.info.labels);
        let cascade = match &camera.classify {
            Some(classify) => {
                let second = model(&classify.model)?;
                let cascade = Cascade::new(second, &detector.info, &classify.of, classify.threshold);
                Some(cascade.map_err(|e| anyhow!(e))?.with_mask(Arc::clone(&camera.mask)))
            }
            None => None,
        };
        let sub_labels = cascade.as_ref().map_or_else(|| Arc::from([]), Cascade::labels);
        let fomo = detector.info.decoder.kind() == DecoderKind::Fomo;
        let line = Line::new(detector, camera.region, camera.threshold, camera.labels.as_deref());
        let mut line = line.map_err(|e| anyhow!(e))?;
        line.preprocessor = line.preprocessor.with_mask(Arc::clone(&camera.mask));
        line.cascade = cascade;
        if !fomo {
            line.filter = Filter::reading_from(line.filter, Follower::floor(camera.threshold));
        }
        let gate = camera.motion.as_ref().map(|motion| Gate::new(motion, &camera.mask)).transpose();
        let follower = Follower::new(camera, &labels, &sub_labels, "");
        let (gate, answer) = (gate.map_err(|e| anyhow!(e))?, Answer::default());
        Ok(Ok(Self { line, gate, follower, answer, seq: 0 }))
    }

    /// The whole path of one frame, and its lines.
    fn look(&mut self, frame: &Frame, out: &mut dyn Write) -> anyhow::Result<()> {
        if let Some(gate) = &mut self.gate
            && !gate.wants(frame, self.follower.is_unsettled(), true)?
        {
            self.follower.nothing_moved(frame.captured.instant);
            return Ok(());
        }
        let Self { line, follower, answer, seq, .. } = self;
        let mut watch = Stopwatch::start(frame);
        let prepared = prepare(&mut line.preprocessor, frame, line.input.bytes_mut(), &mut watch)?;
        infer(line.model.engine.as_mut(), line.input.as_mut(), &mut watch)?;
        let (engine, decoder) = (line.model.engine.as_ref(), &mut line.model.info.decoder);
        finish(&line.filter, decoder, engine, &prepared, answer, &mut watch);
        let moment = Moment { captured: frame.captured, seq: frame.seq, size: prepared.size };
        follower.follow(&moment, answer);
        if let Some(cascade) = &mut line.cascade {
            look_again(cascade, frame, answer, &mut watch)?;
        }
        let events = follower.tell(&moment, answer, true);
        tell(events, seq, out)
    }

    /// A line of what is followed after frame `n`.
    fn tell_tracks(&self, n: u64, out: &mut dyn Write) -> anyhow::Result<()> {
        let line = |t: &Track| {
            json!({
                "track_id": t.number,
                "label": label_of(self.follower.labels(), t.class),
                "score": t.score,
                "box_norm": t.bounds.to_array(),
                "seen": t.seen_now,
                "confirmed": t.phase == Phase::Confirmed,
                "stationary": t.stationary,
            })
        };
        let tracks: Vec<_> = self.follower.tracks().iter().map(line).collect();
        writeln!(out, "{}", json!({ "frame": n, "tracks": tracks }))?;
        Ok(())
    }

    fn end(&mut self, out: &mut dyn Write) -> anyhow::Result<()> {
        tell(self.follower.end_all(EndReason::Stopped), &mut self.seq, out)
    }
}

/// A line an event.
fn tell(events: &[Event], seq: &mut u64, out: &mut dyn Write) -> anyhow::Result<()> {
    for event in events {
        *seq += 1;
        out.write_all(&event.to_json(&Stamp { seq: *seq, boot_id: None, time_synced: None }))?;
        out.write_all(b"\n")?;
    }
    Ok(())
}
