//! One transfer into a partial file, and the proof that the right bytes came.

use super::partial::Partial;
use super::{Origin, Progress};
use crate::model::catalogue::{Download, MAX_BYTES};
use std::io::{self, Read};

/// Why a file did not come.
pub enum Broken {
    /// The origin or the way there; what came is of use later.
    Off(String),
    /// What came is not what was asked for.
    Bad(String),
    /// This machine's disk.
    Disk(io::Error),
}

impl From<io::Error> for Broken {
    fn from(e: io::Error) -> Self {
        Self::Disk(e)
    }
}

/// Brings `partial` to the whole, proven content of `download`.
pub fn fetch(
    origin: &dyn Origin,
    download: &Download,
    partial: &mut Partial,
    progress: &mut dyn Progress,
) -> Result<(), Broken> {
    let mut have = partial.len()?;
    if have > 0 && proven(download, partial)? {
        return Ok(());
    }
    if download.size.is_some_and(|size| have >= size) {
        have = 0;
    }
    let from = transfer(origin, download, partial, have, progress)?;
    if proven(download, partial)? {
        return Ok(());
    }
    // Bytes of two contents were put together, which only an origin without a validator lets happen.
    if from > 0 {
        progress.ends();
        transfer(origin, download, partial, 0, progress)?;
        if proven(download, partial)? {
            return Ok(());
        }
    }
    Err(Broken::Bad("its checksum is not the catalogue's".to_owned()))
}

fn proven(download: &Download, partial: &Partial) -> io::Result<bool> {
    if download.size.is_some_and(|size| partial.len().is_ok_and(|have| have != size)) {
        return Ok(false);
    }
    download.hash.is_of(partial.path())
}

/// Lets the file come, from byte `have` on where the origin can. Returns the byte it began with.
fn transfer(
    origin: &dyn Origin,
    download: &Download,
    partial: &mut Partial,
    have: u64,
    progress: &mut dyn Progress,
) -> Result<u64, Broken> {
    let validator = (have > 0).then(|| partial.validator()).flatten();
    let mut body = origin.open(download, have, validator.as_deref()).map_err(Broken::Off)?;
    match (download.size, body.total) {
        (Some(size), Some(total)) if size != total => {
            let why = format!("it has {total} bytes there and {size} in the catalogue");
            return Err(Broken::Off(why));
        }
        (None, Some(total)) if total > MAX_BYTES => {
            return Err(Broken::Off(format!("{total} bytes are too many for a model")));
        }
        _ => {}
    }
    let total = download.size.or(body.total);
    partial.restart(body.from, body.validator.as_deref())?;
    progress.begins(&origin.address(download), body.from, total);
    let (mut have, mut piece) = (body.from, vec![0; 64 << 10]);
    loop {
        let n = match body.bytes.read(&mut piece) {
            Ok(0) => break,
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(Broken::Off(e.to_string())),
        };
        if have + n as u64 > total.unwrap_or(MAX_BYTES) {
            let most = total.unwrap_or(MAX_BYTES);
            return Err(Broken::Bad(format!("more than its {most} bytes came")));
        }
        partial.write(&piece[..n])?;
        have += n as u64;
        progress.comes(have);
    }
    match total {
        Some(total) if have < total => {
            Err(Broken::Off(format!("it broke off after {have} of {total} bytes")))
        }
        _ => Ok(body.from),
    }
}
