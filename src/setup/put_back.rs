//! What must be as it was, however setup ends: the terminal's echo, and a service that was stopped.

use super::service::Service;
use rustix::termios::{OptionalActions, Termios, tcsetattr};
use std::io::{Write, stderr, stdin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::signal::unix::{SignalKind, signal};

/// What is to be put back. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct PutBack(Arc<Mutex<Changed>>);

#[derive(Debug, Default)]
struct Changed {
    terminal: Option<Termios>,
    service: Option<Service>,
}

impl PutBack {
    /// From now on a signal that ends the program puts all back first.
    pub fn on_signals(&self) -> std::io::Result<()> {
        let tasks = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let context = tasks.enter();
        let mut int = signal(SignalKind::interrupt())?;
        let mut term = signal(SignalKind::terminate())?;
        let mut quit = signal(SignalKind::quit())?;
        let mut hangup = signal(SignalKind::hangup())?;
        drop(context);
        let this = self.clone();
        std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
            let number = tasks.block_on(async {
                tokio::select! {
                    _ = int.recv() => 2,
                    _ = quit.recv() => 3,
                    _ = term.recv() => 15,
                    _ = hangup.recv() => 1,
                }
            });
            // The main thread waits for a key, a camera or a broker, which nothing else ends. The lock is kept
            // until the end, so that it changes nothing more.
            let mut changed = this.lock();
            let _ = writeln!(stderr(), "\nedgecam: stopped before the end");
            changed.terminal();
            if let Some(service) = changed.service.take() {
                let _ = writeln!(stderr(), "edgecam: the service is started again");
                let _ = service.call(&["--no-block", "start"]);
            }
            std::process::exit(128 + number);
        })?;
        Ok(())
    }

    /// The terminal is about to be changed from `before`.
    pub fn note_terminal(&self, before: Termios) {
        self.lock().terminal = Some(before);
    }

    /// Puts the terminal back.
    pub fn terminal(&self) {
        self.lock().terminal();
    }

    /// `service` is about to be stopped.
    pub fn note_service(&self, service: Service) {
        self.lock().service = Some(service);
    }

    /// The service that was stopped and not started yet.
    #[must_use]
    pub fn stopped(&self) -> Option<Service> {
        self.lock().service.clone()
    }

    /// It was started again.
    pub fn started(&self) {
        self.lock().service = None;
    }

    fn lock(&self) -> MutexGuard<'_, Changed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Changed {
    fn terminal(&mut self) {
        if let Some(before) = self.terminal.take() {
            // It may be gone.
            let _ = tcsetattr(stdin(), OptionalActions::Flush, &before);
        }
    }
}
