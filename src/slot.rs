//! Newest-wins hand-off from capture threads to the one prepare thread of an engine.
//!
//! Frames are swapped, never copied or queued: a frame that nobody took is overwritten and counted.

use crate::frame::Frame;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// One place a camera, each holding at most one fresh frame.
#[derive(Debug)]
pub struct Slots {
    places: Mutex<Places>,
    filled: Condvar,
    dropped: Vec<AtomicU64>,
}

#[derive(Debug)]
struct Places {
    frames: Vec<Place>,
    /// The camera whose turn it is.
    next: usize,
    closed: bool,
}

#[derive(Debug)]
struct Place {
    frame: Frame,
    fresh: bool,
}

/// What [`Slots::take`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// The newest frame of this camera.
    From(usize),
    /// Nothing within the time.
    Nothing,
    /// The slots were closed and are empty: nothing will come.
    Closed,
}

impl Slots {
    /// Empty places for `cameras` cameras.
    #[must_use]
    pub fn new(cameras: usize) -> Self {
        let frames = (0..cameras).map(|_| Place { frame: Frame::empty(), fresh: false }).collect();
        Self {
            places: Mutex::new(Places { frames, next: 0, closed: false }),
            filled: Condvar::new(),
            dropped: (0..cameras).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Hands over `frame`; the caller gets an old buffer back to fill.
    pub fn put(&self, camera: usize, frame: &mut Frame) {
        let mut places = self.lock();
        let place = &mut places.frames[camera];
        std::mem::swap(&mut place.frame, frame);
        if std::mem::replace(&mut place.fresh, true) {
            self.dropped[camera].fetch_add(1, Ordering::Relaxed);
        }
        drop(places);
        self.filled.notify_one();
    }

    /// Waits for the place of `camera` to be empty, so that the next [`Slots::put`] drops nothing: for
    /// sources that can wait, such as files. False when `timeout` passed first or the slots are closed.
    #[must_use]
    pub fn wait_empty(&self, camera: usize, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut places = self.lock();
        loop {
            if places.closed {
                return false;
            }
            if !places.frames[camera].fresh {
                return true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            places = self.filled.wait_timeout(places, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Swaps the newest frame of the next camera in turn into `frame`, waiting up to `timeout`.
    pub fn take(&self, frame: &mut Frame, timeout: Duration) -> Taken {
        let deadline = Instant::now() + timeout;
        let mut places = self.lock();
        loop {
            let n = places.frames.len();
            let turn = (0..n).map(|i| (places.next + i) % n).find(|&i| places.frames[i].fresh);
            if let Some(camera) = turn {
                let place = &mut places.frames[camera];
                std::mem::swap(&mut place.frame, frame);
                place.fresh = false;
                places.next = (camera + 1) % n;
                drop(places);
                self.filled.notify_all();
                return Taken::From(camera);
            }
            if places.closed {
                return Taken::Closed;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Taken::Nothing;
            }
            places = self.filled.wait_timeout(places, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Lets `time` pass, in which frames go on being overwritten; a close ends it.
    pub fn rest(&self, time: Duration) {
        let places = self.lock();
        let rest = self.filled.wait_timeout_while(places, time, |places| !places.closed);
        drop(rest.unwrap_or_else(PoisonError::into_inner));
    }

    /// Ends every wait: what is fresh can still be taken, nothing new is waited for.
    pub fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
    }

    /// Whether [`Slots::close`] was called.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Frames of `camera` that were overwritten before anyone took them.
    #[must_use]
    pub fn dropped(&self, camera: usize) -> u64 {
        self.dropped[camera].load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A camera's way to whichever engine takes its frames now: a reload connects it to another without
/// the camera noticing.
#[derive(Debug)]
pub struct Outlet(Mutex<Way>);

#[derive(Debug)]
struct Way {
    slots: Arc<Slots>,
    camera: usize,
    /// Frames overwritten at the places it led to before.
    dropped_before: u64,
}

impl Outlet {
    /// Leads to place `camera` of `slots`.
    #[must_use]
    pub const fn new(slots: Arc<Slots>, camera: usize) -> Self {
        Self(Mutex::new(Way { slots, camera, dropped_before: 0 }))
    }

    /// Leads to place `camera` of `slots` from now on.
    pub fn connect(&self, slots: Arc<Slots>, camera: usize) {
        let mut way = self.lock();
        let dropped_before = way.dropped_before + way.slots.dropped(way.camera);
        *way = Way { slots, camera, dropped_before };
    }

    /// Hands `frame` over, as [`Slots::put`].
    pub fn put(&self, frame: &mut Frame) {
        let way = self.lock();
        way.slots.put(way.camera, frame);
    }

    /// Waits for the place to be empty, as [`Slots::wait_empty`].
    #[must_use]
    pub fn wait_empty(&self, timeout: Duration) -> bool {
        let (slots, camera) = self.current();
        slots.wait_empty(camera, timeout)
    }

    /// Whether the engine it leads to takes no more frames.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.current().0.is_closed()
    }

    /// Frames overwritten at the places it has led to.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        let way = self.lock();
        way.dropped_before + way.slots.dropped(way.camera)
    }

    fn current(&self) -> (Arc<Slots>, usize) {
        let way = self.lock();
        (Arc::clone(&way.slots), way.camera)
    }

    fn lock(&self) -> MutexGuard<'_, Way> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(seq: u64) -> Frame {
        Frame { seq, ..Frame::empty() }
    }

    #[test]
    fn the_newest_frame_wins_and_the_drop_is_counted() {
        let slots = Slots::new(1);
        slots.put(0, &mut numbered(1));
        slots.put(0, &mut numbered(2));
        let mut frame = Frame::empty();
        assert_eq!(slots.take(&mut frame, Duration::ZERO), Taken::From(0));
        assert_eq!((frame.seq, slots.dropped(0)), (2, 1));
        assert_eq!(slots.take(&mut frame, Duration::ZERO), Taken::Nothing);
    }

    #[test]
    fn drops_add_up_when_a_reload_connects_the_camera_to_other_slots() {
        let slots = || Arc::new(Slots::new(1));
        let outlet = Outlet::new(slots(), 0);
        let three = || (0..3).for_each(|n| outlet.put(&mut numbered(n)));
        three();
        outlet.connect(slots(), 0);
        assert_eq!(outlet.dropped(), 2);
        three();
        outlet.connect(slots(), 0);
        assert_eq!(outlet.dropped(), 4);
    }

    #[test]
    fn cameras_take_turns() {
        let slots = Slots::new(3);
        let mut frame = Frame::empty();
        let mut turn = || {
            for camera in 0..3 {
                slots.put(camera, &mut Frame::empty());
            }
            slots.take(&mut frame, Duration::ZERO)
        };
        assert_eq!([turn(), turn(), turn()], [Taken::From(0), Taken::From(1), Taken::From(2)]);
    }

    #[test]
    fn a_close_lets_the_last_frame_out_and_then_ends_the_wait() {
        let slots = Slots::new(1);
        slots.put(0, &mut numbered(7));
        slots.close();
        let mut frame = Frame::empty();
        assert_eq!(slots.take(&mut frame, Duration::from_secs(60)), Taken::From(0));
        assert_eq!(slots.take(&mut frame, Duration::from_secs(60)), Taken::Closed);
        assert!(!slots.wait_empty(0, Duration::from_secs(60)));
    }

    #[test]
    fn a_rest_takes_its_time_whatever_comes_and_a_close_ends_it() {
        let (slots, start) = (Slots::new(1), Instant::now());
        std::thread::scope(|scope| {
            scope.spawn(|| (0..50).for_each(|n| slots.put(0, &mut numbered(n))));
            slots.rest(Duration::from_millis(50));
        });
        assert!(start.elapsed() >= Duration::from_millis(50));
        assert_eq!(slots.dropped(0), 49);
        std::thread::scope(|scope| {
            scope.spawn(|| slots.rest(Duration::from_secs(60)));
            slots.close();
        });
        assert!(start.elapsed() < Duration::from_secs(30));
    }
}
