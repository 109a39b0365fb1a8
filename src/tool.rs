//! What another program answers, within a time limit.

use rustix::process::{Pid, Signal, kill_process_group};
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What a program prints within `timeout`, in no language but its own; what it starts is killed with it. `None`
/// when it can't be started.
#[must_use]
pub fn answer(program: &str, arguments: &[&str], timeout: Duration) -> Option<String> {
    let mut command = Command::new(program);
    command.args(arguments).env("LC_ALL", "C");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.process_group(0).spawn().ok()?;
    let mut stdout = child.stdout.take()?;
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        let _ = stdout.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    });
    let deadline = Instant::now() + timeout;
    while !reader.is_finished() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
    // Not yet reaped, so the number is still that of this group.
    let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
    let _ = child.wait();
    reader.join().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_does_not_answer_is_given_up() {
        let start = Instant::now();
        let script = "echo '0 : imx219 [1x1]'; sleep 60 & sleep 60";
        let text = answer("sh", &["-c", script], Duration::from_millis(300));
        assert!(start.elapsed() < Duration::from_secs(5));
        assert_eq!(text.as_deref(), Some("0 : imx219 [1x1]\n"));
        assert_eq!(answer("no-such-program", &[], Duration::from_secs(5)), None);
    }
}
