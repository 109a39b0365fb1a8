//! Files put in place whole: written beside, brought to the disk, renamed.

use rustix::fs::{Access, Gid, Mode, OFlags, Uid, access, fchmod, fchown, open};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The packaged config.
const PACKAGED: &str = include_str!("../../configs/edgecam.toml");

/// The group that the service runs as.
const GROUP: &str = "edgecam";

/// What is at the place of a config.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// Nothing.
    Absent,
    /// The packaged config, or one that says the same.
    Packaged,
    /// Just what is to be written.
    Same,
    /// Another one.
    Edited,
}

/// What is at `path`, where `text` is to be written.
pub fn before(path: &Path, text: &str) -> io::Result<Before> {
    let there = match fs::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Before::Absent),
        Err(e) => return Err(e),
    };
    let says = |text: &str| text.parse::<toml::Table>().ok();
    Ok(match says(&there) {
        _ if there == text => Before::Same,
        table if there.trim().is_empty() || (table.is_some() && table == says(PACKAGED)) => Before::Packaged,
        _ => Before::Edited,
    })
}

/// The file behind `path`: absolute, and of a link what it leads to.
#[must_use]
pub fn target(path: &Path) -> PathBuf {
    let absolute = || std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    fs::canonicalize(path).unwrap_or_else(|_| absolute())
}

/// Whether a file can be put at `path`, as far as rights tell.
#[must_use]
pub fn writable(path: &Path) -> bool {
    let there = path.ancestors().skip(1).find(|folder| folder.exists());
    there.is_some_and(|folder| access(folder, Access::WRITE_OK | Access::EXEC_OK).is_ok())
}

/// Saves the config at `path` as `NAME.bak`, with the same rights; returns its path.
pub fn save(path: &Path) -> io::Result<PathBuf> {
    let mut name = path.as_os_str().to_owned();
    name.push(".bak");
    let saved = PathBuf::from(name);
    let meta = fs::metadata(path)?;
    let owner = (Some(Uid::from_raw(meta.uid())), Some(Gid::from_raw(meta.gid())));
    put(&saved, &fs::read(path)?, meta.mode() & 0o777, owner)?;
    Ok(saved)
}

/// Writes a config for its owner, and for the group of the file it replaces, or the service's.
pub fn config(path: &Path, text: &str) -> io::Result<()> {
    let there = fs::metadata(path).ok();
    let group = there.as_ref().map(MetadataExt::gid).or_else(|| group(Path::new("/etc/group"), GROUP));
    let owner = there.map(|meta| Uid::from_raw(meta.uid()));
    put(path, text.as_bytes(), 0o640, (owner, group.map(Gid::from_raw)))
}

/// Writes a password, for its owner alone.
pub fn password(path: &Path, password: &str) -> io::Result<()> {
    put(path, format!("{password}\n").as_bytes(), 0o600, (None, None))
}

/// Writes a picture.
pub fn picture(path: &Path, jpeg: &[u8]) -> io::Result<()> {
    put(path, jpeg, 0o644, (None, None))
}

/// Puts a file in place, its folder too. Only root gives files away.
fn put(path: &Path, bytes: &[u8], mode: u32, (owner, group): (Option<Uid>, Option<Gid>)) -> io::Result<()> {
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let name = path.file_name().ok_or(ErrorKind::InvalidInput)?.to_string_lossy();
    let beside = folder.join(format!(".{name}.setup.tmp"));
    // One left by a run that was killed.
    let _ = fs::remove_file(&beside);
    let mode = Mode::from_raw_mode(mode);
    let written = || -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(open(&beside, flags, Mode::RUSR | Mode::WUSR)?);
        if rustix::process::geteuid().is_root() {
            fchown(&file, owner, group)?;
        }
        fchmod(&file, mode)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    written().inspect_err(|_| {
        let _ = fs::remove_file(&beside);
    })?;
    File::open(folder)?.sync_all()
}

/// The number of a group in a file such as `/etc/group` (group(5)).
fn group(file: &Path, name: &str) -> Option<u32> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.split(':').next() == Some(name))?;
    line.split(':').nth(2)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("it is there").mode() & 0o777
    }

    #[test]
    fn files_are_whole_and_for_whom_they_are_meant() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deeper/edgecam.toml");
        let secret = path.with_file_name("mqtt-password");
        config(&path, "a = 1\n").expect("written");
        password(&secret, "pass").expect("written");
        assert_eq!((mode(&path), mode(&secret)), (0o640, 0o600));
        assert_eq!(fs::read_to_string(&secret).expect("there"), "pass\n");
        fs::write(path.with_file_name(".edgecam.toml.setup.tmp"), "left over").expect("ours");
        let saved = save(&path).expect("saved");
        config(&path, "a = 2\n").expect("written again");
        assert_eq!(fs::read_to_string(&saved).expect("there"), "a = 1\n");
        assert_eq!((fs::read_to_string(&path).expect("there"), mode(&saved)), ("a = 2\n".to_owned(), 0o640));
        let names = fs::read_dir(path.parent().expect("a folder")).expect("there").count();
        assert_eq!(names, 3, "nothing is left beside");
        assert!(config(&path.join("x"), "").is_err(), "a file is no folder");
    }

    #[test]
    fn a_link_is_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        fs::write(&real, "old").expect("ours");
        symlink("real", &link).expect("linked");
        config(&target(&link), "new").expect("written");
        assert_eq!(fs::read_to_string(&real).expect("there"), "new");
        assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
        assert!(writable(&real) && writable(&folder.path().join("a/b/c")));
        assert!(!writable(Path::new("/proc/edgecam/a")) || rustix::process::geteuid().is_root());
    }

    #[test]
    fn a_config_changed_by_hand_is_told_from_the_packaged_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("edgecam.toml");
        let of = |text: &str| {
            fs::write(&path, text).expect("ours");
            before(&path, "new = 1\n").expect("readable")
        };
        assert_eq!(of(PACKAGED), Before::Packaged);
        assert_eq!(of(&format!("# a comment\n{PACKAGED}")), Before::Packaged);
        assert_eq!(of(" \n"), Before::Packaged);
        assert_eq!(of(&PACKAGED.replace("fps = 5", "fps = 4")), Before::Edited);
        assert_eq!((of("not TOML ["), of("new = 1\n")), (Before::Edited, Before::Same));
        fs::remove_file(&path).expect("ours");
        assert_eq!(before(&path, "").expect("absent"), Before::Absent);
        assert!(before(folder.path(), "").is_err(), "a folder is no config");
    }

    #[test]
    fn a_group_is_found_by_its_name() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        fs::write(&file, "root:x:0:\nedgecamera:x:5:\nedgecam:x:997:pi\n").expect("ours");
        assert_eq!((group(file.path(), "edgecam"), group(file.path(), "pi")), (Some(997), None));
    }
}
