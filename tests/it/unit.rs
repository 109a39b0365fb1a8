//! The shipped unit and user files, judged by systemd's own tools where they are installed.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd").join(name)
}

fn unit() -> String {
    std::fs::read_to_string(shipped("edgecam.service")).expect("the unit is there")
}

/// What `command` said and how it ended; none, with a message, where it is not installed.
fn run(command: &mut Command) -> Option<Output> {
    match command.env("SYSTEMD_PAGER", "").output() {
        Ok(output) => Some(output),
        Err(e) => {
            let name = command.get_program().display();
            #[expect(clippy::print_stderr, reason = "a skipped test says so")]
            {
                eprintln!("skipped: {name} can't be run: {e}");
            }
            None
        }
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

/// What systemd before 254 says of the back-off on restarts, which it does not have.
const NEWER: [&str; 2] = ["Unknown key 'RestartSteps'", "Unknown key 'RestartMaxDelaySec'"];

#[test]
fn systemd_finds_nothing_wrong_with_the_unit() {
    let dir = tempfile::tempdir().expect("a folder");
    let copy = dir.path().join("edgecam.service");
    // The program is not installed where tests run, so one that is stands in for it.
    std::fs::write(&copy, unit().replace("/usr/bin/edgecam", "/bin/true")).expect("a copy");
    let Some(output) =
        run(Command::new("systemd-analyze").args(["verify", "--man=no", "--recursive-errors=no"]).arg(&copy))
    else {
        return;
    };
    // Some versions exit 0 on a key they do not know or a value they can't read: only silence is approval.
    let said = said(&output);
    let (older, complaints): (Vec<_>, Vec<_>) = said
        .lines()
        .filter(|line| line.contains("edgecam"))
        .partition(|line| NEWER.iter().any(|key| line.contains(key)));
    assert!(output.status.success() || !older.is_empty(), "{said}");
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn the_unit_exposes_less_than_2_5() {
    let Some(output) = run(Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--threshold=25", "--no-pager"])
        .arg(shipped("edgecam.service")))
    else {
        return;
    };
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn the_user_and_its_groups_can_be_made() {
    let root = tempfile::tempdir().expect("a folder");
    let file = std::fs::File::open(shipped("edgecam.sysusers")).expect("the file is there");
    let Some(output) = run(Command::new("systemd-sysusers")
        .arg(format!("--root={}", root.path().display()))
        .args(["--dry-run", "-"])
        .stdin(Stdio::from(file)))
    else {
        return;
    };
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("Creating user 'edgecam'"), "{said}");
}

/// Promises of the documentation that systemd's tools don't check.
#[test]
fn the_unit_keeps_the_documented_promises() {
    let unit = unit();
    let has = |line: &str| assert!(unit.lines().any(|l| l == line), "the unit lacks: {line}");
    has("Type=notify");
    has("NotifyAccess=main");
    has("WatchdogSec=60");
    has("StartLimitIntervalSec=0");
    has("RestartMaxDelaySec=120");
    has("RestartPreventExitStatus=78");
    has("ExecReload=/usr/bin/edgecam reload");
    has("LimitCORE=0");
    // Without it a reload that replaces a model grows the daemon by 25 MB and more.
    has("Environment=MALLOC_MMAP_THRESHOLD_=131072");
    // A missing password file must not fail the start, which systemd 252 grants only with a fallback that
    // is not empty.
    has("LoadCredential=mqtt-password:/etc/edgecam/mqtt-password");
    has(r"SetCredential=mqtt-password:\n");
}
