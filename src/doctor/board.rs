//! Where the doctor looks: the files below a root, what the kernel says, and tools. On the living machine all of
//! it is real; tests give a recorded board.

use crate::telemetry::machine::{self, Machine};
use crate::tool;
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A tool has this long to answer.
const TOOL_TIMEOUT: Duration = Duration::from_secs(5);

/// What a tool prints, by its name and arguments; `None` when it is not installed.
pub type Ask = Box<dyn Fn(&str, &[&str]) -> Option<String>>;

/// What no file tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// `6.12.25+rpt-rpi-2712`.
    pub release: String,
    /// What the kernel runs on: `aarch64`, `armv7l`, `x86_64`.
    pub machine: String,
    /// What this program was built for: `aarch64`, `arm`, `x86_64`.
    pub program: String,
    /// Of a page of memory.
    pub page_bytes: usize,
}

/// A machine to look at.
pub struct Board {
    root: PathBuf,
    /// What no file tells.
    pub kernel: Kernel,
    ask: Ask,
}

impl fmt::Debug for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Board")
            .field("root", &self.root)
            .field("kernel", &self.kernel)
            .finish_non_exhaustive()
    }
}

impl Board {
    /// The machine this runs on.
    #[must_use]
    pub fn here() -> Self {
        let name = rustix::system::uname();
        let kernel = Kernel {
            release: name.release().to_string_lossy().into_owned(),
            machine: name.machine().to_string_lossy().into_owned(),
            program: std::env::consts::ARCH.to_owned(),
            page_bytes: rustix::param::page_size(),
        };
        Self::at("/", kernel, Box::new(|name, arguments| tool::answer(name, arguments, TOOL_TIMEOUT)))
    }

    /// The machine whose files are below `root`.
    #[must_use]
    pub fn at(root: impl Into<PathBuf>, kernel: Kernel, ask: Ask) -> Self {
        Self { root: root.into(), kernel, ask }
    }

    /// What its files are below.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Its figures.
    #[must_use]
    pub fn machine(&self) -> Machine {
        Machine::at(&self.root)
    }

    /// Its model when it is a Raspberry Pi: `Raspberry Pi 4 Model B Rev 1.5`.
    #[must_use]
    pub fn pi(&self) -> Option<String> {
        self.read("proc/device-tree/model").filter(|model| model.starts_with("Raspberry Pi"))
    }

    /// What a tool prints.
    #[must_use]
    pub fn ask(&self, tool: &str, arguments: &[&str]) -> Option<String> {
        (self.ask)(tool, arguments)
    }

    /// Where a path of the machine, absolute or not, is really.
    #[must_use]
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// A file's text, trimmed; none for an empty one.
    #[must_use]
    pub fn read(&self, path: impl AsRef<Path>) -> Option<String> {
        machine::read(&self.path(path))
    }

    /// Whether something is there.
    #[must_use]
    pub fn has(&self, path: impl AsRef<Path>) -> bool {
        self.path(path).exists()
    }

    /// The paths on the machine of what is in a folder, sorted.
    #[must_use]
    pub fn entries(&self, folder: impl AsRef<Path>) -> Vec<PathBuf> {
        let folder = folder.as_ref();
        let entries = std::fs::read_dir(self.path(folder)).map(|entries| entries.flatten().collect());
        let entries: Vec<_> = entries.unwrap_or_default();
        let mut paths: Vec<_> = entries.iter().map(|entry| folder.join(entry.file_name())).collect();
        paths.sort();
        paths
    }

    /// The path on the machine that a path with links leads to.
    #[must_use]
    pub fn resolve(&self, path: impl AsRef<Path>) -> Option<PathBuf> {
        let (real, root) = (self.path(path).canonicalize().ok()?, self.root.canonicalize().ok()?);
        Some(Path::new("/").join(real.strip_prefix(root).ok()?))
    }

    /// The installed program of this name.
    #[must_use]
    pub fn program(&self, name: &str) -> Option<PathBuf> {
        let folders = ["usr/local/bin", "usr/bin", "bin", "usr/sbin"];
        folders.iter().map(|folder| Path::new("/").join(folder).join(name)).find(|path| self.has(path))
    }

    /// A figure of `/proc/meminfo`, in KiB.
    #[must_use]
    pub fn memory_kib(&self, key: &str) -> Option<u64> {
        let text = self.read("proc/meminfo")?;
        let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        value.trim().trim_end_matches(" kB").parse().ok()
    }
}

/// The last part of a path, as text.
pub(super) fn name(path: &Path) -> &str {
    path.file_name().and_then(OsStr::to_str).unwrap_or_default()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A board with these files, whose tools all print `told`.
    pub fn board(files: &[(&str, &str)], told: &str) -> (tempfile::TempDir, Board) {
        let root = tempfile::tempdir().expect("a folder");
        for (path, text) in files {
            let path = root.path().join(&path[1..]);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        }
        let told = told.to_owned();
        let kernel = Kernel { program: std::env::consts::ARCH.to_owned(), ..Board::here().kernel };
        let board = Board::at(root.path(), kernel, Box::new(move |_, _| Some(told.clone())));
        (root, board)
    }

    #[test]
    fn paths_are_those_of_the_machine() {
        let (root, board) = board(&[("/dev/v4l/x", ""), ("/usr/bin/rpicam-vid", "")], "");
        std::os::unix::fs::symlink("../dev/v4l", root.path().join("usr/link")).expect("linked");
        assert_eq!(board.resolve("/usr/link/x").as_deref(), Some(Path::new("/dev/v4l/x")));
        assert_eq!(board.entries("/dev/v4l"), [PathBuf::from("/dev/v4l/x")]);
        assert_eq!(board.program("rpicam-vid").as_deref(), Some(Path::new("/usr/bin/rpicam-vid")));
        assert_eq!((board.program("ffmpeg"), board.resolve("/no")), (None, None));
    }
}
