//! The service: whether it is installed, runs, and keeps running.

use super::unit::Unit;
use super::{Board, Finding};

/// So many restarts are no accident.
const MANY_RESTARTS: u32 = 5;
const LOG: &str = "`journalctl -u edgecam -n 50` says why";

/// What systemd knows of it.
#[must_use]
pub fn findings(board: &Board, unit: Option<&Unit>) -> Vec<Finding> {
    let Some(unit) = unit else {
        return vec![
            Finding::note("service", "edgecam is not installed as a service")
                .or("\"Install on a Pi\" in the README"),
        ];
    };
    let mut findings = vec![state(board)];
    if !unit.drop_ins.is_empty() {
        let names: Vec<_> = unit.drop_ins.iter().map(|path| path.display().to_string()).collect();
        findings.push(Finding::note("service", format!("changed by {}", names.join(", "))));
    }
    findings.extend(memory_limit(board));
    findings
}

/// Whether it runs now.
#[must_use]
pub fn is_active(board: &Board) -> bool {
    value(&properties(board), "ActiveState") == "active"
}

fn properties(board: &Board) -> String {
    let wanted = "LoadState,ActiveState,SubState,NRestarts,Result,ExecMainStatus,UnitFileState";
    board.ask("systemctl", &["show", "edgecam", "--no-pager", "-p", wanted]).unwrap_or_default()
}

fn value<'a>(properties: &'a str, key: &str) -> &'a str {
    properties.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).unwrap_or_default()
}

fn state(board: &Board) -> Finding {
    let told = properties(board);
    let get = |key: &str| value(&told, key);
    let restarts: u32 = get("NRestarts").parse().unwrap_or_default();
    let again = if restarts > 0 { format!(", restarted {restarts} times") } else { String::new() };
    let boots = get("UnitFileState") != "disabled";
    match (get("ActiveState"), get("SubState"), get("ExecMainStatus")) {
        ("", ..) => Finding::note("service", "systemd does not tell how the service is"),
        _ if get("LoadState") == "masked" => {
            Finding::warn("service", "it is masked, and can't be started", "`sudo systemctl unmask edgecam`")
        }
        ("failed", _, "78") => Finding::fail(
            "service",
            "it ended with exit code 78: the config is wrong",
            "`sudo edgecam check` lists what, then `sudo systemctl restart edgecam`",
        ),
        ("failed", _, code) => {
            Finding::fail("service", format!("it failed ({}, exit code {code}{again})", get("Result")), LOG)
        }
        ("activating", "auto-restart", code) => {
            Finding::fail("service", format!("it ends and is started again{again} (exit code {code})"), LOG)
        }
        ("active", ..) if restarts >= MANY_RESTARTS => {
            Finding::warn("service", format!("it runs{again}"), LOG)
        }
        ("active", ..) if !boots => {
            Finding::warn("service", "it runs, but is not started at boot", "`sudo systemctl enable edgecam`")
        }
        ("active", ..) => Finding::ok("service", format!("it runs{again}")),
        ("inactive", ..) => {
            Finding::warn("service", "it does not run", "`sudo systemctl enable --now edgecam`")
        }
        (active, sub, _) => Finding::note("service", format!("it is {active} ({sub})")),
    }
}

/// Raspberry Pi OS leaves the memory controller off.
fn memory_limit(board: &Board) -> Option<Finding> {
    let controllers = board.read("sys/fs/cgroup/cgroup.controllers")?;
    let there = controllers.split_whitespace().any(|name| name == "memory");
    (!there).then(|| {
        Finding::note(
            "service",
            "the kernel has no memory controller: the unit's limit on memory does not hold",
        )
        .or("add `cgroup_enable=memory` to the line in /boot/firmware/cmdline.txt, and reboot")
    })
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::super::board::tests::board;
    use super::*;

    #[test]
    fn each_state_has_its_level_and_words() {
        for (told, level, words) in [
            ("", Level::Note, "does not tell"),
            ("LoadState=masked\nActiveState=inactive", Level::Warn, "masked"),
            ("ActiveState=inactive\nSubState=dead", Level::Warn, "does not run"),
            ("ActiveState=active\nSubState=running\nUnitFileState=enabled", Level::Ok, "it runs"),
            ("ActiveState=active\nSubState=running\nUnitFileState=disabled", Level::Warn, "at boot"),
            ("ActiveState=active\nNRestarts=5", Level::Warn, "restarted 5 times"),
            ("ActiveState=active\nNRestarts=4", Level::Ok, "restarted 4 times"),
            ("ActiveState=failed\nResult=exit-code\nExecMainStatus=78", Level::Fail, "the config is wrong"),
            ("ActiveState=failed\nResult=watchdog\nExecMainStatus=6", Level::Fail, "watchdog"),
            ("ActiveState=activating\nSubState=auto-restart\nNRestarts=9", Level::Fail, "restarted 9 times"),
            ("ActiveState=reloading\nSubState=reload", Level::Note, "reloading"),
        ] {
            let (_root, board) = board(&[], told);
            let found = state(&board);
            assert!(found.level == level && found.found.contains(words), "{told:?} gives {found:?}");
        }
    }
}
