use super::*;
use crate::frame::{ColorSpace, Timestamp};

mod stage;
use stage::Stage;

const SIZE: Size = Size::new(640, 360);
const SMALL: Size = Size::new(160, 90);

fn polygon(corners: &[[f32; 2]]) -> Polygon {
    Polygon::new(corners.to_vec()).expect("a polygon")
}

fn gate() -> Gate {
    Gate::new(Settings::default(), Vec::new()).expect("a decoder")
}

/// Shows the empty scene until the gate knows it.
fn warm(gate: &mut Gate, stage: &mut Stage) {
    for _ in 0..(6.0 * stage.fps) as u32 {
        let motion = gate.look(&stage.next(|l, _, _| l)).expect("a frame");
        assert!(!motion.moving, "{motion:?}");
    }
}

/// A person in the distance: 0.3 % of the frame, `level` bright, its left edge at `x` of the width.
fn person(x: f32, level: f32) -> impl Fn(f32, f32, f32) -> f32 {
    move |scene, px, py| {
        if (x..x + 0.03).contains(&px) && (0.4..0.5).contains(&py) { level } else { scene }
    }
}

#[test]
fn noise_of_any_strength_is_no_motion() {
    for (size, frames) in [(SIZE, 60), (Size::new(100, 60), 3000), (Size::new(320, 240), 150)] {
        for sigma in [0.0, 1.0, 3.0, 6.0, 10.0, 14.0] {
            let mut stage = Stage::new(size, 5.0, sigma);
            let mut gate = gate();
            for i in 0..frames {
                let motion = gate.look(&stage.next(|l, _, _| l)).expect("a frame");
                assert!(!motion.moving, "{size}, sigma {sigma}, frame {i}: {motion:?}");
            }
        }
    }
}

#[test]
fn noise_that_grows_at_dusk_is_no_motion() {
    let mut stage = Stage::new(SIZE, 5.0, 0.5);
    let mut gate = gate();
    for i in 0..300 {
        stage.sigma = 0.5 + i as f32 / 25.0;
        let dim = 1.0 - i as f32 / 500.0;
        let motion = gate.look(&stage.next(|l, _, _| l * dim)).expect("a frame");
        assert!(!motion.moving, "frame {i}: {motion:?}");
    }
}

#[test]
fn a_lamp_is_light_and_settles() {
    type Lamp = fn(f32, f32, f32) -> f32;
    let lamps: [(&str, Lamp); 6] = [
        ("a uniform lamp", |l, _, _| l * 1.7 + 10.0),
        ("off", |l, _, _| l * 0.3),
        ("a little", |l, _, _| l * 1.2),
        ("from one side", |l, x, _| l * (1.2 + 1.2 * (1.0 - x))),
        ("infrared", |l, x, y| 40.0 + 0.4 * l + 60.0 * (1.0 - (x - 0.5).hypot(y - 0.5))),
        ("a spot on half the picture", |l, x, _| if x < 0.5 { l * 1.5 } else { l * 1.02 }),
    ];
    for (name, lamp) in lamps {
        for (fps, sigma) in [(1.0, 3.0), (5.0, 1.0), (5.0, 8.0), (30.0, 3.0)] {
            let mut stage = Stage::new(if fps > 10.0 { SMALL } else { SIZE }, fps, sigma);
            let (mut gate, mut keeper) = (gate(), Gatekeeper::default());
            warm(&mut gate, &mut stage);
            keeper.wants(
                stage.now(),
                Motion { moving: false, area: 0.0, learning: false },
                false,
                Duration::MAX,
                true,
            );
            let mut looks = 0;
            let mut learnt = false;
            for i in 0..(8.0 * fps) as u32 {
                // The exposure takes a second to find the new light, from half of it too much.
                let late = (-f32::from(i as u16) / fps / 0.3).exp() * 0.15;
                let motion = gate.look(&stage.next(|l, x, y| lamp(l, x, y) * (1.0 + late))).expect("a frame");
                assert!(!motion.moving, "{name}, {fps} fps, sigma {sigma}, frame {i}: {motion:?}");
                learnt |= motion.learning;
                looks += u32::from(keeper.wants(stage.now(), motion, false, Duration::MAX, true));
            }
            assert_eq!(looks, u32::from(learnt), "{name}, {fps} fps: one look once it has settled");
        }
    }
}

#[test]
fn clouds_are_no_motion() {
    let two_pi = std::f32::consts::TAU;
    for fps in [1.0, 5.0, 30.0] {
        let mut stage = Stage::new(SMALL, fps, 2.0);
        let mut gate = gate();
        for i in 0..(60.0 * fps) as u32 {
            let t = i as f32 / fps;
            let all = 1.0 + 0.4 * (t / 40.0 * two_pi).sin();
            let motion = gate.look(&stage.next(|l, _, _| l * all)).expect("a frame");
            assert!(!motion.moving, "all over, {fps} fps, {t} s: {motion:?}");
        }
        let mut gate = self::gate();
        if fps < 2.0 {
            continue;
        }
        for i in 0..(60.0 * fps) as u32 {
            let t = i as f32 / fps;
            // A shadow with soft edges crosses the picture in 20 s.
            let shade = |x: f32| 1.0 - 0.4 * (1.0 - ((x - (t / 20.0 - 0.5)) / 0.5).powi(2)).max(0.0);
            let motion = gate.look(&stage.next(|l, x, _| l * shade(x))).expect("a frame");
            assert!(!motion.moving, "across, {fps} fps, {t} s: {motion:?}");
        }
    }
}

#[test]
fn a_person_far_away_is_found_and_held_and_absorbed_when_still() {
    for (fps, sigma) in [(1.0, 2.0), (5.0, 0.0), (5.0, 3.0), (5.0, 8.0), (15.0, 3.0)] {
        for level in [20.0, 220.0] {
            let mut stage = Stage::new(SIZE, fps, sigma);
            let mut gate = gate();
            warm(&mut gate, &mut stage);
            let mut at = 0.2;
            for i in 0..(10.0 * fps) as u32 {
                // Half its width a second.
                at = 0.2 + 0.015 * i as f32 / fps;
                let motion = gate.look(&stage.next(person(at, level))).expect("a frame");
                assert!(motion.area < 0.02, "{motion:?}");
                assert!(
                    motion.moving || i < 2,
                    "{fps} fps, sigma {sigma}, level {level}, frame {i}: {motion:?}"
                );
            }
            let mut open = 0;
            for _ in 0..(20.0 * fps) as u32 {
                let motion = gate.look(&stage.next(person(at, level))).expect("a frame");
                open += u32::from(motion.moving);
            }
            let open = open as f32 / fps;
            assert!((1.0..15.0).contains(&open), "{fps} fps, sigma {sigma}: open for {open} s");
            let found = (0..3).any(|i| {
                gate.look(&stage.next(person(0.6 + 0.01 * i as f32, level))).expect("a frame").moving
            });
            assert!(found, "it walks on");
        }
    }
}

#[test]
fn someone_close_who_fills_half_the_picture_moves() {
    let mut stage = Stage::new(SIZE, 5.0, 3.0);
    let mut gate = gate();
    warm(&mut gate, &mut stage);
    for i in 0..15 {
        let left = 0.9 - 0.05 * i as f32;
        let someone = |l: f32, x: f32, y: f32| {
            let coat = 60.0 + 25.0 * ((x - left) * 40.0).sin() + 25.0 * (y * 30.0).cos();
            if (left..left + 0.55).contains(&x) { coat } else { l }
        };
        let motion = gate.look(&stage.next(someone)).expect("a frame");
        assert!(motion.moving || i < 1, "frame {i}: {motion:?}");
        assert!(!motion.learning, "frame {i}");
    }
}

#[test]
fn what_moves_under_a_mask_does_not_count() {
    let mask = polygon(&[[0.5, 0.3], [1.0, 0.3], [1.0, 0.7], [0.5, 0.7]]);
    let mut gate = Gate::new(Settings::default(), vec![mask]).expect("a decoder");
    let mut stage = Stage::new(SIZE, 5.0, 2.0);
    warm(&mut gate, &mut stage);
    for i in 0..100 {
        let x = 0.5 + 0.47 * (i % 20) as f32 / 20.0;
        let motion = gate.look(&stage.next(person(x, 250.0))).expect("a frame");
        assert!(!motion.moving, "frame {i}: {motion:?}");
    }
    let beside =
        (0..3).any(|i| gate.look(&stage.next(person(0.1 + 0.01 * i as f32, 250.0))).expect("one").moving);
    assert!(beside);
    let all = polygon(&[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]);
    let mut gate = Gate::new(Settings::default(), vec![all]).expect("a decoder");
    for i in 0..50 {
        assert!(!gate.look(&stage.next(person(0.02 * i as f32, 250.0))).expect("a frame").moving);
    }
}

#[test]
fn every_format_tells_a_person_from_noise() {
    for format in [
        PixelFormat::Mjpeg,
        PixelFormat::Yuyv,
        PixelFormat::Uyvy,
        PixelFormat::Nv12,
        PixelFormat::I420,
        PixelFormat::Rgb24,
        PixelFormat::Gray8,
    ] {
        for size in [
            SIZE,
            Size::new(1280, 720),
            Size::new(178, 100),
            Size::new(33, 21),
            Size::new(2, 2),
            Size::new(3000, 40),
        ] {
            let mut stage = Stage::new(size, 5.0, 4.0);
            stage.format = format;
            let mut gate = gate();
            warm(&mut gate, &mut stage);
            let found = (0..3).any(|i| {
                gate.look(&stage.next(person(0.3 + 0.01 * i as f32, 240.0))).expect("a frame").moving
            });
            assert!(found || size.width < 100 || size.height < 100, "{format} {size}");
        }
    }
}

#[test]
fn another_size_or_format_begins_anew() {
    let mut gate = gate();
    let mut stage = Stage::new(SIZE, 5.0, 2.0);
    let ways = [
        (SIZE, PixelFormat::Yuyv),
        (Size::new(320, 240), PixelFormat::Yuyv),
        (Size::new(320, 240), PixelFormat::Mjpeg),
        (Size::new(1, 1), PixelFormat::Gray8),
        (Size::new(1280, 720), PixelFormat::Nv12),
    ];
    for (size, format) in ways.into_iter().cycle().take(12) {
        let now = stage.now();
        stage = Stage::new(size, 5.0, 2.0);
        (stage.format, stage.start) = (format, now);
        warm(&mut gate, &mut stage);
        gate.look(&stage.next(person(0.3, 240.0))).expect("a frame");
        gate.look(&stage.next(person(0.31, 240.0))).expect("a frame");
    }
}

#[test]
fn without_a_gate_all_moves_and_a_bad_frame_is_an_error() {
    let settings = Settings { enabled: false, ..Settings::default() };
    let mut none = Gate::new(settings, Vec::new()).expect("a decoder");
    let mut frame = Stage::new(SIZE, 5.0, 0.0).next(|l, _, _| l);
    assert!(none.look(&frame).expect("a frame").moving);
    frame.data.pop();
    let mut gate = gate();
    assert!(gate.look(&frame).is_err());
    frame.format = PixelFormat::Mjpeg;
    assert!(gate.look(&frame).is_err());
}

#[test]
fn time_that_stands_still_or_leaps_is_no_trouble() {
    let mut stage = Stage::new(SIZE, 5.0, 3.0);
    let mut gate = gate();
    warm(&mut gate, &mut stage);
    let now = stage.now();
    for leap in [0, 0, 3600, 1, 86_400 * 365] {
        let mut frame = stage.next(|l, _, _| l);
        frame.captured.instant = now + Duration::from_secs(leap);
        assert!(!gate.look(&frame).expect("a frame").moving);
    }
}
