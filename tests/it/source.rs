//! Sources and the capture loop, from outside: scripted openers, real programs, real pipes.

use edgecam::back_off::BackOff;
use edgecam::config::{Camera, Source};
use edgecam::frame::{ColorSpace, Frame, PixelFormat, Size};
use edgecam::publish::CameraStatus;
use edgecam::shutdown::Shutdown;
use edgecam::slot::{Outlet, Slots, Taken};
use edgecam::source::capture::{Capture, CaptureConfig, CaptureCounters, Outcome};
use edgecam::source::{FrameSource, SourceError, SourceOpener, mjpeg, opener};
use edgecam::vitals::Vitals;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(20);

/// What a scripted source does next.
#[derive(Clone, Copy)]
enum Step {
    Frame,
    Bad,
    Lost,
    Stalled,
    Ended,
    /// Waits for the shutdown.
    Hang,
}

/// Each attempt to open takes the next entry: `None` fails.
struct Scripted {
    attempts: std::vec::IntoIter<Option<Vec<Step>>>,
    can_wait: bool,
}

struct Script {
    steps: std::vec::IntoIter<Step>,
    can_wait: bool,
    shutdown: Shutdown,
}

impl Scripted {
    fn new(attempts: Vec<Option<Vec<Step>>>) -> Self {
        Self { attempts: attempts.into_iter(), can_wait: false }
    }
}

impl SourceOpener for Scripted {
    fn open(&mut self, shutdown: &Shutdown) -> Result<Box<dyn FrameSource>, SourceError> {
        let steps = self.attempts.next().unwrap_or_else(|| Some(vec![Step::Hang]));
        let steps = steps.ok_or_else(|| SourceError::Open("open scripted camera: not there".to_owned()))?;
        Ok(Box::new(Script { steps: steps.into_iter(), can_wait: self.can_wait, shutdown: shutdown.clone() }))
    }

    fn name(&self) -> String {
        "scripted camera".to_owned()
    }
}

impl FrameSource for Script {
    fn next_frame(&mut self, frame: &mut Frame) -> Result<(), SourceError> {
        match self.steps.next().unwrap_or(Step::Lost) {
            Step::Frame => {
                frame.captured = edgecam::frame::Timestamp::now();
                Ok(())
            }
            Step::Bad => Err(SourceError::BadFrame("scripted".to_owned())),
            Step::Lost => Err(SourceError::Lost("unplugged".to_owned())),
            Step::Stalled => Err(SourceError::Stalled(Duration::from_secs(1))),
            Step::Ended => Err(SourceError::Ended),
            Step::Hang => {
                assert!(self.shutdown.sleep(LONG), "the shutdown comes first");
                Err(SourceError::Stopped)
            }
        }
    }

    fn can_wait(&self) -> bool {
        self.can_wait
    }
}

/// What a capture did.
struct Run {
    outcome: Outcome,
    statuses: Vec<CameraStatus>,
    counters: CaptureCounters,
    first_attempts: u32,
    taken: Vec<u64>,
}

/// Runs a capture on a thread of its own and takes frames until it ends by itself or `enough` says stop.
fn run(
    opener: &mut dyn SourceOpener,
    fps: Option<f64>,
    enough: impl Fn(&[u64], &CaptureCounters, &[CameraStatus]) -> bool,
) -> Run {
    let config = CaptureConfig {
        camera: "porch".to_owned(),
        stall_timeout: Duration::from_millis(200),
        fps,
        back_off: BackOff { first: Duration::from_millis(1), cap: Duration::from_millis(4) },
    };
    let (slots, counters, shutdown) = (Arc::new(Slots::new(1)), CaptureCounters::default(), Shutdown::new());
    let outlet = Outlet::new(Arc::clone(&slots), 0);
    let pulse = Vitals::default().register("capture", LONG);
    let (statuses, attempts) = (Mutex::new(Vec::new()), AtomicU32::new(0));
    let mut taken = Vec::new();
    let outcome = std::thread::scope(|scope| {
        let capture = scope.spawn(|| {
            let capture = Capture {
                config: &config,
                outlet: &outlet,
                counters: &counters,
                pulse: &pulse,
                shutdown: &shutdown,
                on_status: &|status| statuses.lock().expect("not poisoned").push(status),
                on_first_attempt: &|| {
                    attempts.fetch_add(1, Ordering::Relaxed);
                },
            };
            capture.run(opener)
        });
        let (mut frame, start) = (Frame::empty(), Instant::now());
        while !capture.is_finished() && !enough(&taken, &counters, &statuses.lock().expect("not poisoned")) {
            assert!(start.elapsed() < LONG, "it takes too long");
            if slots.take(&mut frame, Duration::from_millis(1)) == Taken::From(0) {
                taken.push(frame.seq);
            }
        }
        shutdown.trigger();
        let stopping = Instant::now();
        let outcome = capture.join().expect("the capture does not panic");
        assert!(stopping.elapsed() < Duration::from_secs(1), "{:?} to stop", stopping.elapsed());
        outcome
    });
    let statuses = statuses.into_inner().expect("not poisoned");
    Run { outcome, statuses, counters, first_attempts: attempts.into_inner(), taken }
}

#[test]
fn a_camera_that_is_lost_stalls_and_fails_to_open_comes_back() {
    use CameraStatus::{Offline, Online};
    let script = vec![
        None,
        None,
        Some(vec![Step::Frame, Step::Bad, Step::Frame, Step::Lost]),
        None,
        Some(vec![Step::Stalled]),
        Some(vec![Step::Frame, Step::Stalled]),
        Some(vec![Step::Frame, Step::Hang]),
    ];
    let run = run(&mut Scripted::new(script), None, |_, _, statuses| statuses.len() == 6);
    assert_eq!(run.outcome, Outcome::Stopped);
    assert_eq!(run.statuses, [Offline, Online, Offline, Online, Offline, Online]);
    assert_eq!(run.first_attempts, 1);
    let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    assert_eq!(count(&run.counters.captured), 4);
    assert_eq!(count(&run.counters.dropped_bad), 1);
    assert_eq!(count(&run.counters.reconnects), 2);
}

#[test]
fn a_source_that_can_wait_loses_no_frame_and_ends_after_the_last_was_taken() {
    let mut script = vec![Step::Frame; 50];
    script.push(Step::Ended);
    let mut opener = Scripted { can_wait: true, ..Scripted::new(vec![Some(script)]) };
    let run = run(&mut opener, None, |_, _, _| false);
    assert_eq!(run.outcome, Outcome::Ended);
    assert_eq!(run.taken, (0..50).collect::<Vec<_>>());
    assert_eq!(run.statuses, [CameraStatus::Online, CameraStatus::Offline]);
}

#[test]
fn a_limit_slows_a_source_that_can_wait_and_thins_one_that_can_not() {
    let mut script = vec![Step::Frame; 5];
    script.push(Step::Ended);
    let start = Instant::now();
    let mut opener = Scripted { can_wait: true, ..Scripted::new(vec![Some(script)]) };
    assert_eq!(run(&mut opener, Some(50.0), |_, _, _| false).taken.len(), 5);
    assert!(start.elapsed() >= Duration::from_millis(70));

    let mut script = vec![Step::Frame; 1000];
    script.push(Step::Hang);
    let all = |_: &[u64], counters: &CaptureCounters, _: &[CameraStatus]| {
        counters.captured.load(Ordering::Relaxed) == 1000
    };
    let run = run(&mut Scripted::new(vec![Some(script)]), Some(1.0), all);
    assert!(run.taken.len() <= 2, "{:?}", run.taken);
    assert!(run.counters.over_rate.load(Ordering::Relaxed) >= 998);
}

#[test]
fn a_source_whose_frames_are_of_no_use_is_offline_until_one_is() {
    use CameraStatus::{Offline, Online};
    struct Steady(Arc<AtomicU32>, Shutdown);
    impl SourceOpener for Steady {
        fn open(&mut self, shutdown: &Shutdown) -> Result<Box<dyn FrameSource>, SourceError> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(Box::new(Self(Arc::clone(&self.0), shutdown.clone())))
        }
        fn name(&self) -> String {
            "steady".to_owned()
        }
    }
    impl FrameSource for Steady {
        fn next_frame(&mut self, frame: &mut Frame) -> Result<(), SourceError> {
            if self.1.sleep(Duration::from_millis(2)) {
                return Err(SourceError::Stopped);
            }
            frame.captured = edgecam::frame::Timestamp::now();
            Ok(())
        }
    }
    let opened = Arc::new(AtomicU32::new(0));
    let run = run(&mut Steady(Arc::clone(&opened), Shutdown::new()), None, |_, counters, statuses| {
        // In the place of who prepares frames: all are refused until the source was opened three times.
        let useful = opened.load(Ordering::Relaxed) >= 3;
        let counter = if useful { &counters.used } else { &counters.refused };
        counter.fetch_add(1, Ordering::Relaxed);
        statuses.len() == 3
    });
    assert_eq!(run.statuses, [Online, Offline, Online]);
    assert_eq!(run.counters.reconnects.into_inner(), 1);
}

#[test]
fn a_source_of_bad_frames_only_is_opened_anew() {
    struct AllBad(u32);
    struct Bad;
    impl SourceOpener for AllBad {
        fn open(&mut self, _: &Shutdown) -> Result<Box<dyn FrameSource>, SourceError> {
            self.0 += 1;
            Ok(Box::new(Bad))
        }
        fn name(&self) -> String {
            "bad".to_owned()
        }
    }
    impl FrameSource for Bad {
        fn next_frame(&mut self, _: &mut Frame) -> Result<(), SourceError> {
            std::thread::sleep(Duration::from_millis(10));
            Err(SourceError::BadFrame("noise".to_owned()))
        }
    }
    let (mut opener, start) = (AllBad(0), Instant::now());
    let run = run(&mut opener, None, |_, _, _| start.elapsed() > Duration::from_millis(600));
    assert!(opener.0 >= 2, "opened {} times", opener.0);
    assert_eq!(run.statuses, [CameraStatus::Offline]);
}

fn camera(source: Source, stall_timeout: Duration) -> Camera {
    Camera { stall_timeout, ..Camera::new("porch", source, "coco") }
}

fn command(argv: &[&str], format: PixelFormat, size: Option<Size>) -> Source {
    Source::Command { argv: argv.iter().map(ToString::to_string).collect(), format, size }
}

fn open(source: Source, shutdown: &Shutdown) -> Box<dyn FrameSource> {
    opener(&camera(source, LONG)).open(shutdown).expect("it opens")
}

/// A JPEG picture of one colour.
fn jpeg(red: u8) -> Vec<u8> {
    let picture = image::RgbImage::from_pixel(32, 24, image::Rgb([red, 0, 0]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Jpeg).expect("encoded");
    bytes.into_inner()
}

#[test]
fn a_corrupt_stream_gives_its_good_pictures_and_then_says_how_it_ended() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("stream.mjpeg");
    let cut = jpeg(2);
    let stream = [b"noise", &jpeg(1)[..], &cut[..cut.len() - 20], &jpeg(3), b"\0\xFF\0", &jpeg(4)].concat();
    fs::write(&path, stream).expect("written");
    let path = path.to_str().expect("UTF-8");
    let mut source = open(command(&["cat", path], PixelFormat::Mjpeg, None), &Shutdown::new());
    let mut frame = Frame::empty();
    let mut next = || source.next_frame(&mut frame).map(|()| (frame.size, frame.data.clone()));
    let size = Size::new(32, 24);
    assert_eq!(next().expect("the first"), (size, jpeg(1)));
    assert!(matches!(next(), Err(SourceError::BadFrame(_))));
    assert_eq!(next().expect("the third"), (size, jpeg(3)));
    assert_eq!(next().expect("the fourth"), (size, jpeg(4)));
    let end = next().expect_err("the end");
    assert!(matches!(&end, SourceError::Lost(why) if why == "cat ended with exit status 0"), "{end}");
}

#[test]
fn a_program_that_fails_is_quoted_and_a_missing_one_is_a_sentence() {
    let mut source = open(command(&["cat", "/no/such/file"], PixelFormat::Mjpeg, None), &Shutdown::new());
    let error = source.next_frame(&mut Frame::empty()).expect_err("there is nothing").to_string();
    assert!(error.starts_with("cat ended with exit status 1: "), "{error}");
    assert!(error.contains("/no/such/file"), "{error}");

    let missing = |program: &str| {
        let source = command(&[program], PixelFormat::Mjpeg, None);
        opener(&camera(source, LONG)).open(&Shutdown::new()).err().expect("it is missing").to_string()
    };
    assert_eq!(missing("no-such-ffmpeg"), "start no-such-ffmpeg: no such program in PATH; is it installed?");
    assert_eq!(missing("/opt/no-such"), "start /opt/no-such: no such file");
    assert_eq!(missing("/dev/null"), "start /dev/null: not allowed; is it executable?");
}

#[test]
fn a_silent_program_stalls_and_a_shutdown_ends_the_wait() {
    let silent = || command(&["sleep", "60"], PixelFormat::Mjpeg, None);
    let mut source =
        opener(&camera(silent(), Duration::from_millis(150))).open(&Shutdown::new()).expect("opens");
    let start = Instant::now();
    assert!(matches!(source.next_frame(&mut Frame::empty()), Err(SourceError::Stalled(_))));
    assert!((150..1000).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());

    let shutdown = Shutdown::new();
    let mut source = open(silent(), &shutdown);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(50));
            shutdown.trigger();
        });
        let start = Instant::now();
        assert!(matches!(source.next_frame(&mut Frame::empty()), Err(SourceError::Stopped)));
        assert!(start.elapsed() < Duration::from_millis(300), "{:?}", start.elapsed());
    });
}

#[test]
fn raw_frames_are_cut_to_their_size_in_one_buffer() {
    let size = Size::new(4, 2);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("raw");
    let bytes: Vec<u8> = (0..30).collect();
    fs::write(&path, &bytes).expect("written");
    let path = path.to_str().expect("UTF-8");
    let mut source = open(command(&["cat", path], PixelFormat::I420, Some(size)), &Shutdown::new());
    let mut frame = Frame::empty();
    source.next_frame(&mut frame).expect("a frame");
    assert_eq!((frame.size, frame.format, frame.color), (size, PixelFormat::I420, ColorSpace::Bt601Limited));
    let buffer = frame.data.as_ptr();
    source.next_frame(&mut frame).expect("a frame");
    assert_eq!((&frame.data[..], frame.data.as_ptr()), (&bytes[12..24], buffer));
    assert!(matches!(source.next_frame(&mut frame), Err(SourceError::Lost(_))), "half a frame is none");
}

/// A script that is started without a shell of ours.
fn script(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("written");
    let mode = rustix::fs::Mode::from_raw_mode(0o755);
    rustix::fs::chmod(&path, mode).expect("made executable");
    path
}

/// Whether a process is there and no zombie.
fn runs(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    stat.rsplit(')')
        .next()
        .is_some_and(|rest| !rest.trim().is_empty() && !rest.trim().starts_with(['Z', 'X']))
}

fn eventually(what: &str, is: impl Fn() -> bool) {
    let start = Instant::now();
    while !is() {
        assert!(start.elapsed() < LONG, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Pids that the script at `folder` wrote.
fn pids(folder: &Path) -> [String; 2] {
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
    eventually("the script writes its pids", || {
        !read("own").trim().is_empty() && !read("child").trim().is_empty()
    });
    [read("own"), read("child")]
}

/// Ignores SIGTERM together with a child of its own.
const STUBBORN: &str =
    "trap '' TERM\ncd \"$(dirname \"$0\")\"\nsleep 60 & echo $! > child\necho $$ > own\nwait";

#[test]
fn a_stubborn_program_is_ended_with_its_whole_group_and_reaped() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = script(folder.path(), "stubborn", STUBBORN);
    let path = path.to_str().expect("UTF-8");
    let source = open(command(&[path], PixelFormat::Mjpeg, None), &Shutdown::new());
    let pids = pids(folder.path());
    assert!(pids.iter().all(|pid| runs(pid)));
    let start = Instant::now();
    drop(source);
    assert!(start.elapsed() < Duration::from_millis(1500), "{:?}", start.elapsed());
    assert!(!Path::new(&format!("/proc/{}", pids[0].trim())).exists(), "it is reaped");
    eventually("the child ends", || !runs(&pids[1]));
}

#[test]
fn a_program_dies_with_the_thread_that_opened_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = script(folder.path(), "stubborn", STUBBORN);
    let path = path.to_str().expect("UTF-8").to_owned();
    let opening =
        std::thread::spawn(move || open(command(&[&path], PixelFormat::Mjpeg, None), &Shutdown::new()));
    let source = opening.join().expect("it opens");
    eventually("the kernel ends it", || {
        let own = fs::read_to_string(folder.path().join("own")).unwrap_or_default();
        own.trim().is_empty() || !runs(&own)
    });
    drop(source);
}

#[test]
fn a_program_inherits_no_open_device() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("device");
    fs::write(&path, "").expect("written");
    let inherited =
        rustix::fs::open(&path, rustix::fs::OFlags::RDONLY, rustix::fs::Mode::empty()).expect("opens");
    let path = script(folder.path(), "lists", "ls -l /proc/$$/fd | grep -c device >&2");
    let source = command(&[path.to_str().expect("UTF-8")], PixelFormat::Mjpeg, None);
    let end = open(source, &Shutdown::new()).next_frame(&mut Frame::empty()).expect_err("the end");
    assert!(end.to_string().ends_with("exit status 1: 0"), "{end}");
    drop(inherited);
}

#[test]
fn rpicam_vid_is_asked_in_its_own_words() {
    if std::env::var_os("EDGECAM_TEST_FAKE_RPICAM").is_none() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("picture"), jpeg(7)).expect("written");
        script(
            folder.path(),
            "rpicam-vid",
            "cat \"$(dirname \"$0\")/picture\"\necho \"asked: $*\" >&2\nexit 3",
        );
        // PATH belongs to the whole process: a process of its own.
        let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").expect("there is a PATH"));
        let this = std::env::current_exe().expect("this program");
        let output = std::process::Command::new(this)
            .args(["--exact", "source::rpicam_vid_is_asked_in_its_own_words"])
            .env("PATH", path)
            .env("EDGECAM_TEST_FAKE_RPICAM", "1")
            .output()
            .expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        return;
    }
    let source = Source::Rpicam {
        camera: 0,
        size: Size::new(32, 24),
        fps: 10.0,
        rotation: 180,
        format: PixelFormat::Mjpeg,
        args: vec!["--denoise".to_owned(), "off".to_owned()],
    };
    let mut source = open(source, &Shutdown::new());
    let mut frame = Frame::empty();
    source.next_frame(&mut frame).expect("a frame");
    assert_eq!(frame.data, jpeg(7));
    let end = source.next_frame(&mut frame).expect_err("the end").to_string();
    let asked = "rpicam-vid ended with exit status 3: asked: --nopreview --flush --camera 0 --timeout 0 \
                 --codec mjpeg --width 32 --height 24 --framerate 10 --rotation 180 --output - --denoise off";
    assert_eq!(end, asked);
}

/// The video that the test reads through FFmpeg, where both are there.
fn video() -> Option<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/video/car-detection.mp4");
    let has_ffmpeg = std::process::Command::new("ffmpeg").arg("-version").output().is_ok();
    (path.exists() && has_ffmpeg).then(|| path.to_str().expect("UTF-8").to_owned())
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn ffmpeg_gives_mjpeg_and_raw_frames() {
    let Some(video) = video() else {
        eprintln!("skipped: no FFmpeg or no car-detection.mp4");
        return;
    };
    let size = Size::new(320, 180);
    let ffmpeg = ["ffmpeg", "-v", "error", "-i", &video, "-frames:v", "20", "-vf", "scale=320:180"];
    let argv = [&ffmpeg[..], &["-f", "mjpeg", "-"]].concat();
    let mut source = open(command(&argv, PixelFormat::Mjpeg, None), &Shutdown::new());
    let mut frame = Frame::empty();
    for i in 0..20 {
        source.next_frame(&mut frame).unwrap_or_else(|e| panic!("frame {i}: {e}"));
        assert!(frame.size == size && mjpeg::is_whole(&frame.data), "frame {i}");
        image::load_from_memory(&frame.data).expect("it decodes");
    }
    let end = source.next_frame(&mut frame).expect_err("the end");
    assert_eq!(end.to_string(), "ffmpeg ended with exit status 0");

    let argv = [&ffmpeg[..], &["-f", "rawvideo", "-pix_fmt", "yuv420p", "-"]].concat();
    let mut source = open(command(&argv, PixelFormat::I420, Some(size)), &Shutdown::new());
    for i in 0..20 {
        source.next_frame(&mut frame).unwrap_or_else(|e| panic!("frame {i}: {e}"));
        assert_eq!(Some(frame.data.len()), PixelFormat::I420.bytes(size));
    }
    assert!(matches!(source.next_frame(&mut frame), Err(SourceError::Lost(_))));
}
