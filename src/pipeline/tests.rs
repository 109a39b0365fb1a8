//! The two threads of a model, slowed by heat: an engine whose answers are written down looks.

use super::*;
use crate::config;
use crate::decode::{Reader as Outputs, Rows, USUAL};
use crate::event::{Event, Follower, Kind};
use crate::frame::{PixelFormat, Timestamp};
use crate::geometry::Fit;
use crate::infer::scripted::{Scripted, floats};
use crate::infer::{ElementType, TensorSpec};
use crate::model::{Channels, Graph};
use crate::preprocess::Normalization;
use crate::slot::Slots;
use crate::thermal::{Dial, Share};
use crate::vitals::Vitals;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::sync_channel;

/// Answers after a while, always the same.
struct Slow(Scripted, Duration);

impl Engine for Slow {
    fn new_input(&mut self) -> Result<Box<dyn InputMemory>, InferError> {
        self.0.new_input()
    }
    fn invoke(&mut self, input: &mut dyn InputMemory) -> Result<(), InferError> {
        std::thread::sleep(self.1);
        self.0.invoke(input)
    }
    fn output(&self, index: usize) -> &[u8] {
        self.0.output(index)
    }
}

fn spec(element: ElementType, shape: &[usize]) -> TensorSpec {
    TensorSpec { name: String::new(), element, shape: shape.to_vec(), quantization: None }
}

/// One that sees a person in the middle and takes `took` for it.
fn model(took: Duration) -> Model {
    let output = spec(ElementType::F32, &[1, 1, 6]);
    let rows = Rows { spec: output.clone(), columns: USUAL.to_vec(), unit: [1.0, 1.0] };
    let person = floats(&[0.4, 0.3, 0.6, 0.9, 0.8, 0.0]);
    let info = ModelInfo {
        input: spec(ElementType::U8, &[1, 2, 2, 1]),
        outputs: vec![output],
        decoder: Decoder::new(Outputs::Rows(rows), None),
        normalization: Normalization::uniform(0.0, 1.0),
        channels: Channels::Rgb,
        fit: Fit::Stretch,
        labels: Arc::from(["person".to_owned()]),
        findings: Vec::new(),
        graph: Graph::default(),
    };
    Model { engine: Box::new(Slow(Scripted(vec![person]), took)), info }
}

/// A camera's picture, `n` fifths of a second after the first.
fn frame(start: Timestamp, n: u32) -> Frame {
    let after = Duration::from_millis(200) * n;
    Frame {
        data: vec![90; 64],
        size: Size::new(8, 8),
        format: PixelFormat::Gray8,
        captured: Timestamp { unix: start.unix + after, instant: start.instant + after },
        seq: u64::from(n),
        ..Frame::empty()
    }
}

/// What became of frames: the numbers of those that were looked at, how many were left out for the heat.
#[derive(Debug, Default)]
struct Outcome {
    looks: Vec<u64>,
    slowed: usize,
}

/// Shows `n` frames to `model`, each once the one before was taken; `with` makes the camera's way.
fn show(
    n: u32,
    mut model: Model,
    dial: &Dial,
    reader: Reader,
    with: impl FnOnce(Entrance) -> Entrance,
) -> Outcome {
    let slots = Slots::new(1);
    let pulse = Vitals::default().register("test", Duration::from_secs(60));
    let preprocessor = Preprocessor::of(&model.info, NormBox::FULL).expect("a usual input");
    let mut entrances = [with(Entrance::open(preprocessor, false))];
    let Spare { prepare, infer } = Spare::new(&mut model).expect("memory");
    let (mut looks, mut slowed, start) = (Vec::new(), 0, Timestamp::now());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..n {
                while !slots.wait_empty(0, Duration::from_secs(1)) {}
                slots.put(0, &mut frame(start, n));
            }
            slots.close();
        });
        scope.spawn(|| {
            // Moved in, so that its ends close with this thread.
            let prepare = prepare;
            let mut told = |_, news: Told<'_>| slowed += usize::from(matches!(news, Told::Slowed));
            prepare_frames(&slots, &mut entrances, &prepare, dial, &mut told, &pulse);
        });
        let mut seen = |job: &Job, _: Seen<'_>| looks.push(job.seq);
        infer_frames(&mut model, &mut [reader], &infer, &mut seen, &Ending::default(), &pulse);
    });
    Outcome { looks, slowed }
}

fn all(model: &Model) -> Reader {
    Reader::new(Filter::new(&model.info, 0.5, None).expect("no labels"))
}

/// From the whole down.
fn shares() -> impl Iterator<Item = Share> {
    std::iter::successors(Some(Share::WHOLE), |share| Some(share.less()).filter(|less| less < share))
}

#[test]
fn of_a_cameras_frames_the_share_is_looked_at_evenly_and_the_others_are_counted() {
    for share in shares() {
        let (dial, model) = (Dial::default(), model(Duration::ZERO));
        dial.set(share);
        let reader = all(&model);
        let Outcome { looks, slowed } = show(240, model, &dial, reader, |entrance| entrance);
        let wanted = 240.0 * share.fraction();
        assert!((looks.len() as f64 - wanted).abs() <= 1.0, "{} of 240 at {share}", looks.len());
        assert_eq!(looks.len() + slowed, 240, "{share}");
        let most = 8_u64.div_ceil(u64::from(share.eighths()));
        assert!(looks.windows(2).all(|w| w[1] - w[0] <= most), "{share}: {looks:?}");
    }
}

#[test]
fn a_model_that_is_always_busy_rests_and_files_wait_for_it() {
    const LOOK: Duration = Duration::from_millis(10);
    let (dial, model) = (Dial::default(), model(LOOK));
    dial.set(Share::QUARTER);
    let reader = all(&model);
    let files = |entrance| Entrance { leaves_none_out: true, ..entrance };
    let start = Instant::now();
    let Outcome { looks, slowed } = show(12, model, &dial, reader, files);
    assert_eq!((looks.len(), slowed), (12, 0));
    // What a look takes is known from the third on, and for the last one nothing waits.
    let took = start.elapsed();
    assert!(took >= 8 * 4 * LOOK, "{took:?} for eight looks of {LOOK:?} at a quarter");
}

#[test]
fn frames_that_were_overwritten_during_a_rest_count_as_left_out() {
    let dial = Dial::default();
    dial.set(Share::QUARTER);
    let (mut brake, now) = (brake::Brake::new(&dial, 2), Instant::now());
    assert!(brake.may_look(0, 0));
    brake.look(0, now, Duration::from_secs(1));
    assert_eq!(brake.rest(now + Duration::from_secs(1)), Duration::from_secs(3));
    assert!(!brake.may_look(0, 0), "the second of four");
    assert!(brake.may_look(0, 2), "two were overwritten, so it is the fifth");
    assert!(brake.may_look(1, 0), "another camera's is another matter");
    brake.look(0, now, Duration::from_secs(3600));
    assert!(brake.rest(now) < Duration::from_secs(60), "a camera must not seem silent");
    dial.set(Share::WHOLE);
    assert!(brake.rest(now).is_zero() && brake.may_look(0, 2));
}

/// The events of `n` frames on which a person stands, five a second, at this share; with or without a gate.
fn events_of(n: u32, share: Share, gated: bool) -> (usize, Vec<Event>) {
    let (dial, model) = (Dial::default(), model(Duration::ZERO));
    dial.set(share);
    let source = config::Source::Files { path: String::new(), fps: None, repeat: false };
    let camera = config::Camera::new("porch", source, "m");
    let (reports, events) = sync_channel(ROOM);
    let subject = Subject {
        camera: Arc::from("porch"),
        labels: Arc::clone(&model.info.labels),
        mask: Arc::from([]),
        snapshot: config::Snapshot::default(),
    };
    let switches = Arc::new(Switches::new(0.5));
    let reader = Reader {
        watcher: Some(Watcher {
            follower: Follower::new(&camera, &model.info.labels, &Arc::from([]), "seed"),
            reporter: Reporter::new(subject, reports, Arc::<AtomicU64>::default()),
            switches: Arc::clone(&switches),
        }),
        ..all(&model)
    };
    let gate = gated.then(|| Gate::new(&config::Motion::default(), &[]).expect("no mask"));
    let with = |entrance| Entrance { switches, gate, keeps_frames: true, ..entrance };
    let Outcome { looks, .. } = show(n, model, &dial, reader, with);
    (looks.len(), events.iter().flat_map(|report| report.events).collect())
}

#[test]
fn who_is_in_view_keeps_the_event_at_an_eighth_of_five_frames_a_second() {
    let eighth = shares().last().expect("five");
    for gated in [false, true] {
        let (looks, events) = events_of(600, eighth, gated);
        assert!(if gated { looks < 20 } else { (75..=76).contains(&looks) }, "{looks} looks");
        let kinds: Vec<Kind> = events.iter().map(|event| event.kind).collect();
        assert_eq!((kinds[0], kinds.last()), (Kind::New, Some(&Kind::End)), "{kinds:?}");
        assert!(kinds[1..kinds.len() - 1].iter().all(|kind| *kind == Kind::Update), "{kinds:?}");
        let end = &events.last().expect("one").after;
        assert_eq!(
            end.end_reason,
            Some(crate::event::EndReason::Config),
            "not before the camera's last frame"
        );
    }
}
