//! A lock that is given in the order in which it was asked for: several models share one accelerator, and none
//! waits for longer than the others take once.

use std::ops::{Deref, DerefMut};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// What is shared.
#[derive(Debug, Default)]
pub struct Turns<T> {
    counter: Mutex<Counter>,
    called: Condvar,
    value: Mutex<T>,
}

#[derive(Debug, Default)]
struct Counter {
    /// The next to be given out.
    next: u64,
    /// The one whose turn it is.
    serving: u64,
}

/// The right to the value, until it is dropped.
#[derive(Debug)]
pub struct Turn<'a, T> {
    turns: &'a Turns<T>,
    value: Option<MutexGuard<'a, T>>,
}

impl<T> Turns<T> {
    /// Waits for all who asked before.
    pub fn take(&self) -> Turn<'_, T> {
        let mut counter = self.counter.lock().unwrap_or_else(PoisonError::into_inner);
        let ticket = counter.next;
        counter.next += 1;
        let waiting = |counter: &mut Counter| counter.serving != ticket;
        drop(self.called.wait_while(counter, waiting).unwrap_or_else(PoisonError::into_inner));
        Turn { turns: self, value: Some(self.value.lock().unwrap_or_else(PoisonError::into_inner)) }
    }
}

impl<T> Deref for Turn<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // It is there until the drop.
        self.value.as_deref().unwrap_or_else(|| unreachable!())
    }
}

impl<T> DerefMut for Turn<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.value.as_deref_mut().unwrap_or_else(|| unreachable!())
    }
}

impl<T> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        self.value = None;
        self.turns.counter.lock().unwrap_or_else(PoisonError::into_inner).serving += 1;
        self.turns.called.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn who_asked_first_comes_first() {
        let turns = Arc::new(Turns::<Vec<u32>>::default());
        let first = turns.take();
        let mut threads = Vec::new();
        for n in 0..8 {
            let waiting = u64::from(n) + 1;
            threads.push(std::thread::spawn({
                let turns = Arc::clone(&turns);
                move || turns.take().push(n)
            }));
            while turns.counter.lock().expect("no panic").next <= waiting {
                std::thread::yield_now();
            }
        }
        drop(first);
        for thread in threads {
            thread.join().expect("no panic");
        }
        assert_eq!(*turns.take(), [0, 1, 2, 3, 4, 5, 6, 7]);
    }
}
