//! Talking to systemd: READY, STATUS, RELOADING, STOPPING and the watchdog; silent where nobody asked.
//! The watchdog is fed only while every supervised thread proves progress; there is no bare timer.

use crate::shutdown::Shutdown;
use crate::vitals::Vitals;
use sd_notify::NotifyState;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often threads are looked at where no watchdog is asked for.
const UNWATCHED: Duration = Duration::from_secs(10);
/// A service manager that takes longer than this to accept a datagram is given up on.
const SEND_TIMEOUT: Duration = Duration::from_secs(1);

/// The way to the service manager. Clones share it; the default one says nothing to nobody.
#[derive(Clone, Debug, Default)]
pub struct Notifier(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    socket: UnixDatagram,
    watchdog: Option<Duration>,
    /// The last send failed, and the log says so already.
    failed: AtomicBool,
}

impl Notifier {
    /// As `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID` say; silent without `NOTIFY_SOCKET`, and,
    /// with a line in the log, where it can't be reached.
    #[must_use]
    pub fn from_env() -> Self {
        let Some(name) = std::env::var_os("NOTIFY_SOCKET") else { return Self::default() };
        Self::connect(&name, sd_notify::watchdog_enabled()).unwrap_or_else(|e| {
            log::error!("connect to the service manager at {}: {e}", name.display());
            Self::default()
        })
    }

    /// Notifies the socket `name` (a path, or `@` and an abstract name), which wants a sign of life every
    /// `watchdog`.
    pub fn connect(name: &OsStr, watchdog: Option<Duration>) -> io::Result<Self> {
        let address = match name.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            _ => SocketAddr::from_pathname(name)?,
        };
        let socket = UnixDatagram::unbound()?;
        socket.connect_addr(&address)?;
        socket.set_write_timeout(Some(SEND_TIMEOUT))?;
        Ok(Self(Some(Arc::new(Inner { socket, watchdog, failed: AtomicBool::new(false) }))))
    }

    /// How often the service manager wants a sign of life, if it does.
    #[must_use]
    pub fn watchdog_interval(&self) -> Option<Duration> {
        self.0.as_ref()?.watchdog
    }

    /// The daemon works, or a reload has ended, well or not. `status` is what `systemctl status` shows.
    pub fn ready(&self, status: &str) {
        self.send(&[NotifyState::Ready, NotifyState::Status(&one_line(status))]);
    }

    /// What `systemctl status` shows, one line.
    pub fn status(&self, status: &str) {
        self.send(&[NotifyState::Status(&one_line(status))]);
    }

    /// A reload begins; [`ready`](Self::ready) must follow whatever its outcome, before `edgecam reload`
    /// gets its answer, or the unit stays `reloading`.
    /// systemd 252 ignores the time that later versions want for `Type=notify-reload`.
    pub fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => self.send(&[NotifyState::Reloading, now]),
            Err(_) => self.send(&[NotifyState::Reloading]),
        }
    }

    /// The daemon is on its way out.
    pub fn stopping(&self) {
        self.send(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
    }

    fn send(&self, states: &[NotifyState<'_>]) {
        let Some(inner) = &self.0 else { return };
        let message = states.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        let failure = inner.socket.send(message.as_bytes()).err();
        if let Some(e) = &failure
            && !inner.failed.load(Ordering::Relaxed)
        {
            log::warn!("notify the service manager: {e}");
        }
        inner.failed.store(failure.is_some(), Ordering::Relaxed);
    }
}

/// Watches over `vitals` until shutdown: one line in the log when a thread gets stuck, one when it is well
/// again, and the watchdog, where there is one, fed a third of its interval apart while none is stuck.
pub async fn watchdog(vitals: Vitals, notifier: Notifier, shutdown: Shutdown) {
    let interval = notifier.watchdog_interval();
    let consequence = interval.map_or("", |_| "; the watchdog is no longer fed");
    let pause = interval.map_or(UNWATCHED, |interval| interval / 3);
    let mut was_stuck = false;
    loop {
        let stuck = vitals.stuck();
        match &stuck {
            Some(thread) if !was_stuck => {
                log::error!("{thread}{consequence}");
                notifier.status(thread);
            }
            Some(_) => {}
            None => {
                if was_stuck {
                    log::info!("every thread makes progress again");
                    notifier.status("recovered: every thread makes progress again");
                }
                if interval.is_some() {
                    notifier.send(&[NotifyState::Watchdog]);
                }
            }
        }
        was_stuck = stuck.is_some();
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = shutdown.triggered() => return,
        }
    }
}

fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(watchdog: Option<Duration>) -> (tempfile::TempDir, UnixDatagram, Notifier) {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("notify");
        let manager = UnixDatagram::bind(&path).expect("a socket");
        manager.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
        let notifier = Notifier::connect(path.as_os_str(), watchdog).expect("it listens");
        (dir, manager, notifier)
    }

    fn next(manager: &UnixDatagram) -> String {
        let mut bytes = [0; 512];
        let n = manager.recv(&mut bytes).expect("a message");
        String::from_utf8(bytes[..n].to_vec()).expect("text")
    }

    #[test]
    fn the_manager_hears_each_state() {
        let (_dir, manager, notifier) = pair(None);
        notifier.ready("2 cameras\nREADY=0");
        assert_eq!(next(&manager), "READY=1\nSTATUS=2 cameras READY=0");
        notifier.reloading();
        let reloading = next(&manager);
        assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
        notifier.stopping();
        assert!(next(&manager).starts_with("STOPPING=1\n"));
    }

    #[test]
    fn an_abstract_name_is_understood() {
        let name = format!("@edgecam-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name.as_bytes()[1..]).expect("a name");
        let manager = UnixDatagram::bind_addr(&address).expect("a socket");
        Notifier::connect(OsStr::new(&name), None).expect("it listens").status("hello");
        assert_eq!(next(&manager), "STATUS=hello");
    }

    #[test]
    fn nobody_is_told_where_nobody_asks() {
        Notifier::default().ready("fine");
        assert_eq!(Notifier::default().watchdog_interval(), None);
    }

    #[test]
    fn a_manager_that_went_away_does_no_harm() {
        let (_dir, manager, notifier) = pair(None);
        drop(manager);
        notifier.status("anyone?");
        notifier.status("anyone?");
    }

    /// Reads messages until one contains `text`.
    async fn heard(manager: &UnixDatagram, text: &str) {
        for _ in 0..500 {
            let mut bytes = [0; 512];
            match manager.recv(&mut bytes) {
                Ok(n) if String::from_utf8_lossy(&bytes[..n]).contains(text) => return,
                Ok(_) => {}
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
        panic!("the manager never heard {text}");
    }

    #[tokio::test]
    async fn a_stuck_thread_starves_the_watchdog_until_it_recovers() {
        let (_dir, manager, notifier) = pair(Some(Duration::from_millis(60)));
        manager.set_nonblocking(true).expect("non-blocking");
        let (vitals, shutdown) = (Vitals::default(), Shutdown::new());
        let pulse = vitals.register("capture of porch", Duration::from_millis(200));
        let task = tokio::spawn(watchdog(vitals, notifier, shutdown.clone()));
        heard(&manager, "WATCHDOG=1").await;
        heard(&manager, "STATUS=capture of porch made no progress").await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(manager.recv(&mut [0; 64]).is_err(), "it is fed, or says so again");
        pulse.beat();
        heard(&manager, "STATUS=recovered").await;
        heard(&manager, "WATCHDOG=1").await;
        shutdown.trigger();
        task.await.expect("it ends");
    }
}
