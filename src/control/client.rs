//! The asking side, for the command line: blocking, and never longer than the timeouts.

use super::{Ask, ControlError, LINE_TIMEOUT, MAX_VERDICT, VERDICT_TIMEOUT, Verdict};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// Asks the daemon on the socket `path` to reload, and waits for its verdict, a minute at most.
pub fn request(path: &Path) -> Result<Verdict, ControlError> {
    let broken = |why| ControlError::Ask { path: path.into(), why };
    let mut stream = UnixStream::connect(path).map_err(|e| match e.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => ControlError::NotRunning(path.into()),
        ErrorKind::PermissionDenied => ControlError::Denied(path.into()),
        _ => broken(e),
    })?;
    stream.set_write_timeout(Some(LINE_TIMEOUT)).map_err(broken)?;
    stream.set_read_timeout(Some(VERDICT_TIMEOUT)).map_err(broken)?;

    let mut line = serde_json::to_string(&Ask::Reload).map_err(|e| broken(e.into()))?;
    line.push('\n');
    stream.write_all(line.as_bytes()).map_err(broken)?;

    line.clear();
    match BufReader::new(stream.take(MAX_VERDICT)).read_line(&mut line) {
        Ok(0) => Err(ControlError::NoAnswer(path.into())),
        Ok(_) => serde_json::from_str(&line).map_err(|why| ControlError::Garbled { path: path.into(), why }),
        Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::ConnectionReset) => {
            Err(ControlError::NoAnswer(path.into()))
        }
        Err(e) => Err(broken(e)),
    }
}
