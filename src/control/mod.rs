//! The control socket: `edgecam reload` asks the running daemon to read its config again, and hears the
//! verdict. A Unix socket, one line of JSON each way, bounded and timed; what a stranger sends is ignored.

mod client;
mod server;

pub use client::request;
pub use server::{LAST_VERDICT_WITHIN, Listener, serve};

use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::oneshot;

/// For a line to arrive or to be taken.
const LINE_TIMEOUT: Duration = Duration::from_secs(5);
/// For the daemon to load what changed: a model on a slow card takes a while.
const VERDICT_TIMEOUT: Duration = Duration::from_secs(60);
/// Bytes of a request line at most.
const MAX_REQUEST: u64 = 1024;
/// Bytes of a verdict at most.
const MAX_VERDICT: u64 = 1024 * 1024;

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case", deny_unknown_fields)]
enum Ask {
    Reload,
}

/// A wish to read the config again, from the socket or from SIGHUP.
#[derive(Debug)]
pub struct Reload {
    /// Takes the verdict; dropping it tells the asker that there is none.
    pub reply: oneshot::Sender<Verdict>,
}

/// What came of a reload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// The new config is in force.
    Applied {
        /// What changed, a line each: `camera porch: opened again`.
        changes: Vec<String>,
        /// Keys that changed and take effect after a restart only.
        needs_restart: Vec<String>,
    },
    /// The new config is wrong; the old one stays in force.
    Refused {
        /// Every problem, a line each, with its place in the file.
        problems: Vec<String>,
    },
}

impl Verdict {
    /// What `edgecam reload` exits with: 0, or 78 (`EX_CONFIG`).
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Applied { .. } => 0,
            Self::Refused { .. } => 78,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Applied { changes, needs_restart } => {
                if changes.is_empty() && needs_restart.is_empty() {
                    return write!(f, "reloaded: nothing changed");
                }
                write!(f, "reloaded")?;
                changes.iter().try_for_each(|change| write!(f, "\n{change}"))?;
                needs_restart.iter().try_for_each(|key| write!(f, "\n{key}: takes effect after a restart"))
            }
            Self::Refused { problems } => {
                problems.iter().try_for_each(|problem| writeln!(f, "{problem}"))?;
                write!(f, "not reloaded: the old config stays in force")
            }
        }
    }
}

/// What went wrong with the control socket; each text is a whole sentence for the user.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Somebody answers on the socket that we would listen on.
    #[error("listen on {}: another edgecam answers there; stop it first", .0.display())]
    Busy(PathBuf),
    /// The path holds something that is no socket, and is left alone.
    #[error("listen on {}: a file that is no socket is in the way; move it", .0.display())]
    InTheWay(PathBuf),
    /// The socket could not be made.
    #[error("listen on {}: {why}", path.display())]
    Listen {
        /// Where.
        path: PathBuf,
        /// Why not.
        why: io::Error,
    },
    /// No daemon listens.
    #[error("no edgecam listens on {}; is it running? see: systemctl status edgecam", .0.display())]
    NotRunning(PathBuf),
    /// The socket is not for this user.
    #[error("ask edgecam on {}: permission denied; be root or in the group edgecam", .0.display())]
    Denied(PathBuf),
    /// The conversation broke.
    #[error("ask edgecam on {}: {why}", path.display())]
    Ask {
        /// Where.
        path: PathBuf,
        /// Why it broke.
        why: io::Error,
    },
    /// The daemon took too long, or hung up.
    #[error("ask edgecam on {}: no answer; see: journalctl -u edgecam", .0.display())]
    NoAnswer(PathBuf),
    /// The answer makes no sense.
    #[error("ask edgecam on {}: the answer is not one of edgecam {}: {why}", path.display(), env!("CARGO_PKG_VERSION"))]
    Garbled {
        /// Where.
        path: PathBuf,
        /// What is wrong with it.
        why: serde_json::Error,
    },
}

/// Where the daemon listens: `control.sock` in `$RUNTIME_DIRECTORY`, else in `$XDG_RUNTIME_DIR/edgecam`,
/// else in `/run/edgecam`.
#[must_use]
pub fn listen_path() -> PathBuf {
    let (service, user) = places(std::env::var_os("RUNTIME_DIRECTORY"), std::env::var_os("XDG_RUNTIME_DIR"));
    service.or(user).unwrap_or_else(system_path)
}

/// Where a client looks for the daemon: as [`listen_path`], but the system's one where this user runs none.
#[must_use]
pub fn ask_path() -> PathBuf {
    let (service, user) = places(std::env::var_os("RUNTIME_DIRECTORY"), std::env::var_os("XDG_RUNTIME_DIR"));
    service.or(user.filter(|path| path.exists())).unwrap_or_else(system_path)
}

fn system_path() -> PathBuf {
    PathBuf::from("/run/edgecam/control.sock")
}

/// The socket of the service and that of the user. systemd separates several directories by colons.
fn places(service: Option<OsString>, user: Option<OsString>) -> (Option<PathBuf>, Option<PathBuf>) {
    let service = service.and_then(|all| all.into_string().ok());
    let first = service.as_deref().and_then(|all| all.split(':').next()).filter(|dir| !dir.is_empty());
    let user = user.filter(|dir| !dir.is_empty());
    (
        first.map(|dir| Path::new(dir).join("control.sock")),
        user.map(|dir| Path::new(&dir).join("edgecam/control.sock")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_places_follow_the_environment() {
        let (service, user) = places(Some("/run/edgecam:/run/other".into()), Some("/run/user/1000".into()));
        assert_eq!(service, Some("/run/edgecam/control.sock".into()));
        assert_eq!(user, Some("/run/user/1000/edgecam/control.sock".into()));
        assert_eq!(places(Some("".into()), None), (None, None));
    }

    #[test]
    fn a_verdict_reads_well_and_decides_the_exit() {
        let applied = Verdict::Applied {
            changes: vec!["camera porch: threshold 0.6".into()],
            needs_restart: vec!["runtime.library".into()],
        };
        assert_eq!(applied.exit_code(), 0);
        assert_eq!(
            applied.to_string(),
            "reloaded\ncamera porch: threshold 0.6\nruntime.library: takes effect after a restart"
        );
        let refused = Verdict::Refused { problems: vec!["edgecam.toml:3:1: no such key".into()] };
        assert_eq!(refused.exit_code(), 78);
        assert_eq!(
            refused.to_string(),
            "edgecam.toml:3:1: no such key\nnot reloaded: the old config stays in force"
        );
    }

    #[test]
    fn the_lines_are_what_other_versions_understand() {
        assert_eq!(serde_json::to_string(&Ask::Reload).expect("JSON"), r#"{"request":"reload"}"#);
        let refused = Verdict::Refused { problems: vec!["x".into()] };
        let line = r#"{"verdict":"refused","problems":["x"]}"#;
        assert_eq!(serde_json::to_string(&refused).expect("JSON"), line);
    }
}
