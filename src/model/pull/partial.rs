//! The file that a download grows in, beside its target. It is locked, so that two pulls of one file take
//! turns; it stays when a transfer breaks off, with what the origin said of its content beside it.

use rustix::fs::{FlockOperation, flock};
use rustix::io::{Errno, retry_on_intr};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A longer one is no validator.
const MAX_VALIDATOR: u64 = 1 << 10;

/// `TARGET.part`, and `TARGET.part.etag` while the origin's validator is known.
pub struct Partial {
    file: File,
    path: PathBuf,
}

impl Partial {
    /// Opens or makes the partial file of `target` and locks it; `waiting` is called when another has the
    /// lock and must be waited for.
    pub fn open(target: &Path, waiting: &mut dyn FnMut()) -> io::Result<Self> {
        let path = with(target, ".part");
        loop {
            let file = options().read(true).write(true).create(true).truncate(false).open(&path)?;
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Err(Errno::WOULDBLOCK) => {
                    waiting();
                    retry_on_intr(|| flock(&file, FlockOperation::LockExclusive))?;
                }
                other => other?,
            }
            // Whoever had the lock has installed or removed the file meanwhile.
            let ours = file.metadata()?;
            if std::fs::symlink_metadata(&path)
                .is_ok_and(|now| now.ino() == ours.ino() && now.dev() == ours.dev())
            {
                return Ok(Self { file, path });
            }
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// What the origin said of the content whose beginning is here.
    pub fn validator(&self) -> Option<String> {
        let mut text = String::new();
        let file = options().read(true).open(self.note()).ok()?;
        file.take(MAX_VALIDATOR).read_to_string(&mut text).ok()?;
        // It goes into a header; a power cut may have left anything here.
        (!text.is_empty() && text.chars().all(|c| c.is_ascii_graphic() || c == ' ')).then_some(text)
    }

    /// Forgets all from byte `from` on; what is written next goes there.
    pub fn restart(&mut self, from: u64, validator: Option<&str>) -> io::Result<()> {
        self.file.set_len(from)?;
        self.file.seek(SeekFrom::Start(from))?;
        match validator.filter(|text| text.len() as u64 <= MAX_VALIDATOR) {
            Some(text) => {
                let mut note = options().write(true).create(true).truncate(true).open(self.note())?;
                note.write_all(text.as_bytes())
            }
            None => gone(std::fs::remove_file(self.note())),
        }
    }

    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Makes it `target`, in one step that a power cut can't tear.
    pub fn install(self, target: &Path) -> io::Result<()> {
        let result = self.file.sync_all().and_then(|()| std::fs::rename(&self.path, target));
        if result.is_err() {
            self.discard();
            return result;
        }
        gone(std::fs::remove_file(self.note()))?;
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }

    /// Removes it.
    pub fn discard(self) {
        let _ = std::fs::remove_file(self.note());
        let _ = std::fs::remove_file(&self.path);
    }

    /// Leaves it for a later pull, unless it is empty. Returns its bytes.
    pub fn leave(self) -> u64 {
        let have = self.len().unwrap_or(0);
        if have == 0 {
            self.discard();
        }
        have
    }

    fn note(&self) -> PathBuf {
        with(&self.path, ".etag")
    }
}

/// Root pulls into a folder that belongs to the service: a link there must not lead elsewhere.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.custom_flags(libc::O_NOFOLLOW);
    options
}

fn with(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn gone(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
