//! Who may do what: the service's user and groups, its password, its state directory.

use super::unit::Unit;
use super::{Board, Finding};
use crate::config::{CREDENTIALS, Config, SERVICE_FOLDER};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What makes them.
const USERS: &str = "`sudo systemd-sysusers`, then `sudo systemctl restart edgecam`";

/// A line of `/etc/passwd` or `/etc/group`: its number, and the members of a group.
struct Entry {
    number: u32,
    group: Option<u32>,
    members: Vec<String>,
}

fn entry(board: &Board, file: &str, wanted: &str) -> Option<Entry> {
    let text = board.read(file)?;
    let fields =
        text.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields[0] == wanted)?;
    let last = fields.get(3).copied().unwrap_or_default();
    Some(Entry {
        number: fields.get(2)?.parse().ok()?,
        group: last.parse().ok(),
        members: last.split(',').map(str::to_owned).collect(),
    })
}

/// Without a unit nobody but the one who asks runs edgecam, and only files are looked at.
#[must_use]
pub fn findings(board: &Board, unit: Option<&Unit>, config: Option<&Config>, state: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(unit) = unit {
        findings.push(user(board, unit));
        findings.extend(apex(board, unit));
    }
    findings.extend(config.and_then(|config| password(board, unit, config)));
    findings.push(state_directory(board, unit, state));
    findings
}

/// The service's user, and the groups its devices are open to.
fn user(board: &Board, unit: &Unit) -> Finding {
    let user = unit.get("User").unwrap_or("root");
    let groups = unit.list("SupplementaryGroups");
    let missing: Vec<_> = groups.iter().filter(|group| entry(board, "etc/group", group).is_none()).collect();
    if user != "root" && entry(board, "etc/passwd", user).is_none() {
        Finding::fail("user", format!("the service runs as {user}, and there is no such user"), USERS)
    } else if let Some(group) = missing.first() {
        Finding::fail(
            "user",
            format!("the service asks for the group {group}, which is not there, and so can't start"),
            format!("`sudo groupadd --system {group}`"),
        )
    } else if !groups.contains(&"video") {
        Finding::warn(
            "user",
            format!("the service runs as {user} without the group video, which cameras are open to"),
            "`sudo systemctl edit edgecam`: `SupplementaryGroups=video plugdev` below `[Service]`",
        )
    } else {
        Finding::ok("user", format!("the service runs as {user} with the groups {}", groups.join(", ")))
    }
}

/// A PCIe Coral is open to a group of its own, which the service has from the user database.
fn apex(board: &Board, unit: &Unit) -> Option<Finding> {
    if !board.has("/dev/apex_0") || unit.list("SupplementaryGroups").contains(&"apex") {
        return None;
    }
    let user = unit.get("User").unwrap_or("root");
    Some(match entry(board, "etc/group", "apex") {
        None => Finding::note("user", "there is no group apex, so that only root may use /dev/apex_0")
            .or("gasket's udev rule: `SUBSYSTEM==\"apex\", MODE=\"0660\", GROUP=\"apex\"`, and `sudo groupadd --system apex`"),
        Some(group) if group.members.iter().any(|member| member == user) => {
            Finding::ok("user", format!("{user} is in the group apex"))
        }
        Some(_) => Finding::warn("user", format!("{user} is not in the group apex, which /dev/apex_0 is open to"), USERS),
    })
}

/// The file that the broker's password is in: what the service is given, or what the config names.
pub(super) fn password_file(config: &Config) -> Option<PathBuf> {
    let file = config.mqtt.as_ref()?.password_file.as_ref()?;
    Some(match file.strip_prefix(CREDENTIALS) {
        Ok(name) => Path::new(SERVICE_FOLDER).join(name),
        Err(_) => file.clone(),
    })
}

fn password(board: &Board, unit: Option<&Unit>, config: &Config) -> Option<Finding> {
    let path = password_file(config)?;
    let name = path.display();
    // systemd hands over what is in the service's folder.
    let credential = path.parent() == Some(Path::new(SERVICE_FOLDER));
    let write = format!(
        "`sudo install -m 600 /dev/stdin {name} <<< 'secret'`, then `sudo systemctl restart edgecam`"
    );
    let file = match board.path(&path).metadata() {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Some(Finding::warn(
                "password",
                format!("{name} is not there: the broker is given no password"),
                write,
            ));
        }
        Err(e) => {
            return Some(
                Finding::note("password", format!("{name} can't be looked at: {e}"))
                    .or("run `sudo edgecam doctor`"),
            );
        }
    };
    let user = unit.and_then(|unit| entry(board, "etc/passwd", unit.get("User")?));
    if file.mode() & 0o007 != 0 {
        return Some(Finding::warn(
            "password",
            format!("{name} can be read by every user"),
            format!("`sudo chmod o= {name}`"),
        ));
    }
    if user.is_some_and(|user| !credential && !may_read(&file, &user)) {
        return Some(Finding::fail(
            "password",
            format!("{name} can't be read by the service"),
            format!(
                "`sudo chgrp edgecam {name} && sudo chmod 640 {name}`, or have systemd hand it over: docs/security.md"
            ),
        ));
    }
    Some(Finding::ok("password", format!("{name} is closed to other users")))
}

fn may_read(file: &Metadata, user: &Entry) -> bool {
    (file.uid() == user.number && file.mode() & 0o400 != 0)
        || (Some(file.gid()) == user.group && file.mode() & 0o040 != 0)
}

/// Where events wait.
fn state_directory(board: &Board, unit: Option<&Unit>, state: &Path) -> Finding {
    const CHECK: &str = "state";
    let name = state.display();
    let real = board.path(state);
    let Ok(folder) = real.metadata() else {
        return Finding::note(CHECK, format!("{name} is not there yet; the first start makes it"));
    };
    if !folder.is_dir() {
        return Finding::fail(
            CHECK,
            format!("{name} is not a folder"),
            format!("move it away: `sudo mv {name} {name}.old`"),
        );
    }
    let service = unit.filter(|_| state == Path::new("/var/lib/edgecam"));
    if let Some((user, entry)) = service.and_then(|unit| {
        let user = unit.get("User")?;
        Some((user, entry(board, "etc/passwd", user)?))
    }) {
        if folder.uid() == entry.number {
            return Finding::ok(CHECK, format!("{name} belongs to {user}"));
        }
        return Finding::warn(
            CHECK,
            format!(
                "{name} belongs to the user with number {}, not to {user}, who keeps events there",
                folder.uid()
            ),
            format!("`sudo chown -R {user}: {name}`"),
        );
    }
    if rustix::fs::access(&real, rustix::fs::Access::WRITE_OK).is_err() {
        return Finding::warn(
            CHECK,
            format!("{name} can't be written"),
            format!("`sudo chown -R $USER: {name}`"),
        );
    }
    Finding::ok(CHECK, format!("{name} can be written"))
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::super::board::tests::board;
    use super::*;
    use crate::config;
    use std::os::unix::fs::PermissionsExt;

    const UNIT: (&str, &str) = (
        "/lib/systemd/system/edgecam.service",
        "[Service]\nUser=edgecam\nSupplementaryGroups=video plugdev\n",
    );
    const PASSWD: (&str, &str) = ("/etc/passwd", "edgecam:x:4294967294:4294967294::/:/bin/false\n");

    #[test]
    fn a_missing_user_or_group_keeps_the_service_from_starting() {
        let groups = |text| ("/etc/group", text);
        for (files, level) in [
            (vec![UNIT, groups("video:x:44:\nplugdev:x:46:\n")], Level::Fail),
            (vec![UNIT, PASSWD, groups("video:x:44:\n")], Level::Fail),
            (vec![UNIT, PASSWD, groups("video:x:44:\nplugdev:x:46:\n")], Level::Ok),
        ] {
            let (_root, board) = board(&files, "");
            let unit = Unit::of(&board).expect("it is installed");
            assert_eq!(user(&board, &unit).level, level, "{files:?}");
        }
    }

    #[test]
    fn a_password_is_for_the_service_alone() {
        let (root, board) = board(&[UNIT, PASSWD, ("/secret", "x"), ("/etc/edgecam/p", "x")], "");
        let unit = Unit::of(&board).expect("it is installed");
        let level = |file: &str, mode: u32| {
            let text = format!(
                "[mqtt]\nurl = \"mqtt://x\"\nusername = \"u\"\npassword_file = \"/run/credentials/edgecam.service/p\"\n\
                 [model.m]\npath = \"{}/Cargo.toml\"\n[[camera]]\nname = \"a\"\nmodel = \"m\"\n\
                 source = {{ test_pattern = {{ size = [64, 48], fps = 5, seed = 1 }} }}\n",
                env!("CARGO_MANIFEST_DIR")
            );
            let mut config = config::parse(&text, Path::new("/x")).expect("a valid config");
            let mqtt = config.mqtt.as_mut().expect("a broker");
            let path = if file == "/secret" { file } else { "/etc/edgecam/p" };
            std::fs::set_permissions(root.path().join(&path[1..]), std::fs::Permissions::from_mode(mode))
                .expect("ours");
            mqtt.password_file = Some(file.into());
            password(&board, Some(&unit), &config).expect("there is one").level
        };
        assert_eq!(level("/secret", 0o644), Level::Warn);
        assert_eq!(level("/secret", 0o600), Level::Fail);
        assert_eq!(level("/run/credentials/edgecam.service/p", 0o600), Level::Ok);
        assert_eq!(level("/run/credentials/edgecam.service/other", 0o600), Level::Warn);
    }
}
