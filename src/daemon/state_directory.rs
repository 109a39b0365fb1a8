//! Where the daemon keeps what it must know after a restart.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The service's state directory (`$STATE_DIRECTORY`, of several the first); outside a service
/// `$XDG_STATE_HOME/edgecam`, `/var/lib/edgecam` for root, `~/.local/state/edgecam` for others. It may
/// have to be made.
#[must_use]
pub fn state_directory() -> Option<PathBuf> {
    let root = rustix::process::geteuid().is_root();
    choose(&|name| std::env::var_os(name).filter(|value| !value.is_empty()), root)
}

fn choose(var: &dyn Fn(&str) -> Option<OsString>, root: bool) -> Option<PathBuf> {
    let service = var("STATE_DIRECTORY").and_then(|all| all.into_string().ok());
    let first = service.as_deref().and_then(|all| all.split(':').next()).filter(|folder| !folder.is_empty());
    // A relative path is invalid by the XDG base directory specification.
    let absolute = |name| var(name).map(PathBuf::from).filter(|path| path.is_absolute());
    first
        .map(PathBuf::from)
        .or_else(|| absolute("XDG_STATE_HOME").map(|folder| folder.join("edgecam")))
        .or_else(|| root.then(|| Path::new("/var/lib/edgecam").to_owned()))
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state/edgecam")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_follows_the_environment() {
        let folder = |set: &[(&str, &str)], root| {
            let var = |name: &str| set.iter().find(|(key, _)| *key == name).map(|(_, v)| OsString::from(v));
            choose(&var, root).map(|path| path.display().to_string())
        };
        let home = ("HOME", "/home/pi");
        let user = ("XDG_STATE_HOME", "/s");
        assert_eq!(folder(&[("STATE_DIRECTORY", "/a:/b"), user, home], true).as_deref(), Some("/a"));
        assert_eq!(folder(&[user, home], true).as_deref(), Some("/s/edgecam"));
        assert_eq!(folder(&[("XDG_STATE_HOME", "s"), home], true).as_deref(), Some("/var/lib/edgecam"));
        assert_eq!(folder(&[home], false).as_deref(), Some("/home/pi/.local/state/edgecam"));
        assert_eq!(folder(&[], false), None);
    }
}
