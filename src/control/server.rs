//! The listening side, a task of the daemon: one client after another, each within its timeouts.

use super::{Ask, ControlError, LINE_TIMEOUT, MAX_REQUEST, Reload, VERDICT_TIMEOUT};
use crate::shutdown::Shutdown;
use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// For the verdict of a reload that left the daemon nothing to do.
pub const LAST_VERDICT_WITHIN: Duration = Duration::from_millis(100);

/// The socket, bound: for its owner and group only. Its file goes when it is dropped.
#[derive(Debug)]
pub struct Listener {
    socket: UnixListener,
    path: PathBuf,
}

impl Listener {
    /// Listens on `path`, in place of the socket of a daemon that died; its folder is made where missing.
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// Where another daemon answers, something else is in the way, or the file can't be made.
    pub fn bind(path: &Path) -> Result<Self, ControlError> {
        let failed = |why| ControlError::Listen { path: path.into(), why };
        match std::fs::symlink_metadata(path) {
            Ok(found) if !found.file_type().is_socket() => return Err(ControlError::InTheWay(path.into())),
            Ok(_) if std::os::unix::net::UnixStream::connect(path).is_ok() => {
                return Err(ControlError::Busy(path.into()));
            }
            _ => {}
        }
        if let Some(folder) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o750).create(folder).map_err(failed)?;
        }
        let fresh = path.with_extension("new");
        remove(&fresh).map_err(failed)?;
        let socket = UnixListener::bind(&fresh).map_err(failed)?;
        std::fs::set_permissions(&fresh, Permissions::from_mode(0o660)).map_err(failed)?;
        std::fs::rename(&fresh, path).map_err(failed)?;
        Ok(Self { socket, path: path.into() })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Err(e) = remove(&self.path) {
            log::debug!("remove {}: {e}", self.path.display());
        }
    }
}

/// Hands each client's wish to `requests`, and its verdict to the client, until shutdown; a verdict that
/// is there then is still told.
pub async fn serve(listener: Listener, requests: mpsc::Sender<Reload>, shutdown: Shutdown) {
    loop {
        let client = tokio::select! {
            client = listener.socket.accept() => client,
            () = shutdown.triggered() => return,
        };
        match client {
            Ok((client, _)) => {
                let late = async {
                    shutdown.triggered().await;
                    tokio::time::sleep(LAST_VERDICT_WITHIN).await;
                };
                let answered = tokio::select! {
                    answered = answer(client, &requests) => answered,
                    () = late => return,
                };
                if let Err(e) = answered {
                    log::debug!("a client of the control socket was left: {e}");
                }
            }
            Err(e) => {
                log::warn!("accept on {}: {e}", listener.path.display());
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn answer(mut client: UnixStream, requests: &mpsc::Sender<Reload>) -> io::Result<()> {
    let mut line = String::new();
    let mut reader = BufReader::new((&mut client).take(MAX_REQUEST));
    timeout(LINE_TIMEOUT, reader.read_line(&mut line)).await??;
    let Ask::Reload = serde_json::from_str(&line)?;

    let (reply, verdict) = oneshot::channel();
    let gone = || io::Error::other("the daemon gave no verdict");
    let verdict = timeout(VERDICT_TIMEOUT, async {
        requests.send(Reload { reply }).await.map_err(|_| gone())?;
        verdict.await.map_err(|_| gone())
    })
    .await??;

    let mut line = serde_json::to_vec(&verdict)?;
    line.push(b'\n');
    timeout(LINE_TIMEOUT, client.write_all(&line)).await?
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}
