//! The systemd service, where there is one and we may have a say in it.

use std::process::{Command, Stdio};

const UNIT: &str = "edgecam.service";

/// The service is installed, and we are root.
#[derive(Clone, Debug)]
pub struct Service(());

impl Service {
    /// Finds it.
    #[must_use]
    pub fn find() -> Option<Self> {
        let installed = || {
            let mut command = Command::new("systemctl");
            command.args(["cat", UNIT]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command.status().is_ok_and(|status| status.success())
        };
        (rustix::process::geteuid().is_root() && installed()).then_some(Self(()))
    }

    /// Whether it runs, or is about to.
    #[must_use]
    pub fn runs(&self) -> bool {
        let output = Command::new("systemctl").args(["is-active", UNIT]).stdin(Stdio::null()).output();
        let said = output.map(|output| output.stdout).unwrap_or_default();
        matches!(said.trim_ascii(), b"active" | b"activating" | b"reloading")
    }

    /// `systemctl ARGUMENTS edgecam.service`; the error is what it says.
    pub fn call(&self, arguments: &[&str]) -> Result<(), String> {
        let output = Command::new("systemctl").args(arguments).arg(UNIT).stdin(Stdio::null()).output();
        let what = format!("systemctl {} edgecam", arguments.join(" "));
        let output = output.map_err(|e| format!("{what}: {e}"))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.lines().next().unwrap_or("it failed");
        Err(format!("{what}: {said}; see journalctl -u edgecam"))
    }
}
