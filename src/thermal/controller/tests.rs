use super::*;

const LIMIT: f64 = 75.0;

fn figures(temperature_c: Option<f64>, now: &[&'static str]) -> Figures {
    let throttling = Throttling { now: now.to_vec(), since_boot: Vec::new() };
    Figures { temperature_c, throttling: Some(throttling), uptime_s: None }
}

/// What became of the share at each of these readings.
fn shares(controller: &mut Controller, readings: &[f64]) -> Vec<f64> {
    let share = |&t: &f64| {
        controller.heed(&figures(Some(t), &[]));
        controller.share().fraction()
    };
    readings.iter().map(share).collect()
}

/// A board that was hot for so long that no less is left.
fn slowest() -> Controller {
    let mut controller = Controller::new(LIMIT);
    shares(&mut controller, &[76.0; 9]);
    assert_eq!(controller.share().to_string(), "1/8");
    controller
}

#[test]
fn at_the_limit_it_goes_down_a_step_every_ten_seconds() {
    let mut controller = Controller::new(LIMIT);
    assert_eq!(shares(&mut controller, &[74.9, 74.9]), [1.0, 1.0]);
    assert_eq!(
        shares(&mut controller, &[75.0; 8]),
        [0.75, 0.75, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125],
        "two readings a step, and no further than an eighth"
    );
    assert_eq!(controller.heed(&figures(Some(79.9), &[])), None);
}

#[test]
fn five_degrees_below_it_goes_up_a_step_after_thirty_seconds() {
    let mut controller = slowest();
    assert_eq!(shares(&mut controller, &[69.9; 6]), [0.125, 0.125, 0.125, 0.125, 0.125, 0.25]);
    // What is between counts for neither, and begins the wait anew.
    assert_eq!(shares(&mut controller, &[69.9, 69.9, 69.9, 69.9, 69.9, 70.0]), [0.25; 6]);
    assert_eq!(shares(&mut controller, &[74.9; 60]), [0.25; 60]);
    assert_eq!(shares(&mut controller, &[60.0; 18])[16..], [0.75, 1.0]);
    assert_eq!(shares(&mut controller, &[60.0; 50]), [1.0; 50]);
}

#[test]
fn a_step_up_that_does_not_last_makes_the_next_one_wait_twice_as_long() {
    let mut controller = Controller::new(LIMIT);
    shares(&mut controller, &[76.0]);
    for rest in [6, 12, 24, 48, 48] {
        assert_eq!(shares(&mut controller, &vec![60.0; rest - 1]), vec![0.75; rest - 1], "{rest}");
        assert_eq!(shares(&mut controller, &[60.0, 76.0, 76.0]), [1.0, 1.0, 0.75], "{rest}");
    }
    // It is forgotten once the whole has kept cool for as long.
    assert_eq!(shares(&mut controller, &[60.0; 48])[46..], [0.75, 1.0]);
    shares(&mut controller, &[60.0; 48]);
    assert_eq!(shares(&mut controller, &[76.0, 60.0, 60.0, 60.0, 60.0, 60.0, 60.0])[5..], [0.75, 1.0]);
}

#[test]
fn a_board_that_is_held_back_already_is_left_a_quarter_at_once() {
    for (t, now) in [(80.0, &[][..]), (76.0, &["throttled"]), (76.0, &["frequency_capped"])] {
        let mut controller = Controller::new(LIMIT);
        assert_eq!(controller.heed(&figures(Some(t), now)), Some(Share::QUARTER), "{t} {now:?}");
        assert_eq!(controller.heed(&figures(Some(t), now)), None);
        assert_eq!(controller.heed(&figures(Some(t), now)).expect("no less helped").to_string(), "1/8");
    }
    // Not by a weak supply on a cool board, nor by the soft limit of a Pi 3B+.
    let mut controller = Controller::new(LIMIT);
    assert_eq!(
        controller.heed(&figures(Some(60.0), &["under_voltage", "frequency_capped", "throttled"])),
        None
    );
    let softly = controller.heed(&figures(Some(76.0), &["soft_temperature_limit"]));
    assert_eq!(softly.expect("it is hot").to_string(), "3/4");
}

#[test]
fn without_a_sensor_nothing_is_ever_slowed() {
    let mut controller = Controller::new(LIMIT);
    for t in [None, Some(-273.0), Some(0.0), Some(200.0), Some(f64::NAN), Some(f64::INFINITY)] {
        for _ in 0..1000 {
            assert_eq!(controller.heed(&figures(t, &["throttled"])), None, "{t:?}");
        }
        assert_eq!((controller.share(), controller.temperature()), (Share::WHOLE, None));
    }
}

#[test]
fn a_sensor_that_fails_is_believed_for_a_minute_and_then_no_more() {
    for nonsense in [None, Some(-273.0), Some(0.0), Some(200.0)] {
        let mut controller = slowest();
        let mut feel = |t| (controller.heed(&figures(t, &[])), controller.temperature());
        for _ in 0..11 {
            assert_eq!(feel(nonsense), (None, Some(76.0)), "{nonsense:?}");
        }
        let up: Vec<_> =
            (0..24).filter_map(|n| feel(nonsense).0.map(|share| (n, share.fraction()))).collect();
        assert_eq!(up, [(5, 0.25), (11, 0.5), (17, 0.75), (23, 1.0)], "{nonsense:?}");
    }
    // One that fails now and then is as good as another.
    let mut controller = Controller::new(LIMIT);
    for n in 0..100 {
        controller.heed(&figures((n % 10 == 0).then_some(76.0), &[]));
    }
    assert_eq!(controller.share().to_string(), "1/8");
}

#[test]
fn another_limit_counts_from_the_next_reading_on() {
    let mut controller = slowest();
    controller.set_limit(85.0);
    assert_eq!(shares(&mut controller, &[79.0; 25])[23..], [1.0, 1.0]);
    controller.set_limit(70.0);
    assert_eq!(shares(&mut controller, &[79.0]), [0.75]);
}

/// Numbers from 0 to 1, the same for the same seed.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.next()
    }
}

/// A board whose processor warms it as a resistor a block of metal: `C dT/dt = P - (T - ambient) / R`, and its
/// sensor, which is as coarse as a Pi's.
#[derive(Debug)]
struct Board {
    ambient: f64,
    /// °C over the ambient that idleness makes in the end, and the models' whole time in addition.
    idle: f64,
    busy: f64,
    /// Seconds.
    time_constant: f64,
    temperature: f64,
}

impl Board {
    fn any(noise: &mut Noise) -> Self {
        let ambient = noise.between(0.0, 55.0);
        let idle = noise.between(10.0, 25.0);
        Self {
            ambient,
            idle,
            busy: noise.between(5.0, 50.0),
            time_constant: noise.between(90.0, 400.0),
            temperature: ambient + idle,
        }
    }

    /// Where it ends at this share.
    fn end(&self, share: f64) -> f64 {
        self.ambient + self.idle + share * self.busy
    }

    /// After `seconds` at `share`, what the sensor says.
    fn after(&mut self, seconds: f64, share: Share, noise: &mut Noise) -> f64 {
        let end = self.end(share.fraction());
        self.temperature = end + (self.temperature - end) * (-seconds / self.time_constant).exp();
        let read = self.temperature + noise.between(-0.3, 0.3);
        (read / 0.5).round() * 0.5
    }
}

/// The hottest it was within an hour, how often the share changed, and the share at the end.
fn hour(board: &mut Board, controller: &mut Controller, noise: &mut Noise) -> (f64, usize, Share) {
    let (mut hottest, mut changes) = (f64::MIN, 0);
    for _ in 0..720 {
        let t = board.after(INTERVAL.as_secs_f64(), controller.share(), noise);
        hottest = hottest.max(board.temperature);
        changes += usize::from(controller.heed(&figures(Some(t), &[])).is_some());
    }
    (hottest, changes, controller.share())
}

#[test]
fn whatever_the_board_it_stays_below_the_firmwares_limit_settles_and_recovers() {
    let (mut slowed, mut hopeless) = (0, 0);
    for seed in 0..500 {
        let noise = &mut Noise(seed);
        let mut board = Board::any(noise);
        let mut controller = Controller::new(LIMIT);
        let first = hour(&mut board, &mut controller, noise);
        let (hottest, changes, share) = hour(&mut board, &mut controller, noise);
        let story = format!("{seed}: {board:?}: {first:?}, then up to {hottest}, {changes} changes, {share}");
        if board.end(1.0) < LIMIT - 1.0 {
            assert!(first.1 == 0 && changes == 0, "slowed for nothing: {story}");
        }
        if board.end(0.125) < LIMIT {
            assert!(first.0 < FIRMWARE && hottest < FIRMWARE, "{story}");
        } else if board.end(0.125) > LIMIT + 1.0 {
            hopeless += 1;
            assert!(changes == 0 && share.eighths() == 1, "{story}");
        }
        assert!(changes <= 20, "more than one change in three minutes: {story}");
        slowed += usize::from(share != Share::WHOLE);

        board.ambient = -5.0;
        let (_, _, share) = hour(&mut board, &mut controller, noise);
        assert_eq!(share, Share::WHOLE, "not restored: {story}");
        let (_, changes, _) = hour(&mut board, &mut controller, noise);
        assert_eq!(changes, 0, "{story}");
    }
    assert!(slowed > 100 && hopeless > 5, "{slowed} of 500 slowed, {hopeless} hopeless: that shows little");
}
