//! `config.txt`, which a Pi's firmware reads at boot.

use super::Board;

/// Where it is: since Bookworm, and before (where Bookworm keeps a file that says so).
const PLACES: [&str; 2] = ["/boot/firmware/config.txt", "/boot/config.txt"];

/// How the names of CSI sensors, and of the overlays for them, begin.
const CAMERAS: [&str; 6] = ["imx", "ov", "arducam", "tc358743", "adv728", "camera-mux"];

/// The settings that hold for this board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where they are.
    pub path: &'static str,
    lines: Vec<(String, String)>,
}

impl Settings {
    /// Those of a Pi; `None` for another machine.
    #[must_use]
    pub fn of(board: &Board) -> Option<Self> {
        let model = board.pi()?;
        let (path, text) = PLACES.into_iter().find_map(|path| Some((path, board.read(path)?)))?;
        Some(Self { path, lines: parse(&text, &model) })
    }

    /// A setting; of several the last.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.lines.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// The overlays: `imx708`, `vc4-kms-v3d,cma-256`.
    pub fn overlays(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().filter(|(name, _)| name == "dtoverlay").map(|(_, value)| value.as_str())
    }

    /// The overlay of a CSI camera.
    #[must_use]
    pub fn camera(&self) -> Option<&str> {
        self.overlays().find(|overlay| is_camera(overlay))
    }
}

/// Whether a sensor or an overlay of this name is a CSI camera.
pub fn is_camera(name: &str) -> bool {
    CAMERAS.iter().any(|start| name.starts_with(start))
}

fn parse(text: &str, model: &str) -> Vec<(String, String)> {
    let mut holds = true;
    let mut lines = Vec::new();
    for line in text.lines().map(|line| line.split('#').next().unwrap_or_default().trim()) {
        if let Some(filter) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            holds = is_for(filter, model);
        } else if let Some((key, value)) = line.split_once('=').filter(|_| holds) {
            lines.push((key.trim().to_owned(), value.trim().to_owned()));
        }
    }
    lines
}

/// Whether a section is for this model; those that ask for anything else (a serial number, a pin) are not.
fn is_for(filter: &str, model: &str) -> bool {
    let any = |names: &[&str]| names.iter().any(|name| model.contains(name));
    match filter {
        "all" => true,
        "pi0" | "pi0w" => any(&["Zero"]) && !any(&["Zero 2"]),
        "pi02" => any(&["Zero 2"]),
        "pi2" => any(&["Pi 2"]),
        "pi3" => any(&["Pi 3", "Compute Module 3"]),
        "pi3+" => any(&["Pi 3 Model A Plus", "Pi 3 Model B Plus"]),
        "pi4" => any(&["Pi 4", "Compute Module 4"]),
        "pi400" => any(&["Pi 400"]),
        "cm4" => any(&["Compute Module 4"]),
        "pi5" => any(&["Pi 5", "Compute Module 5"]),
        "cm5" => any(&["Compute Module 5"]),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_for_the_board_holds() {
        let text = "# camera_auto_detect=0\ncamera_auto_detect=1 # all\n[pi5]\nstart_x=1\n[pi4]\nstart_x=0\n\
                    [gpio4=1]\nstart_x=2\n[all]\ndtoverlay=vc4-kms-v3d\ndtoverlay=imx708,cam0\n";
        let settings = Settings { path: PLACES[0], lines: parse(text, "Raspberry Pi 4 Model B Rev 1.5") };
        assert_eq!((settings.get("camera_auto_detect"), settings.get("start_x")), (Some("1"), Some("0")));
        assert_eq!(settings.camera(), Some("imx708,cam0"));
        assert!(
            is_for("pi02", "Raspberry Pi Zero 2 W Rev 1.0")
                && !is_for("pi0", "Raspberry Pi Zero 2 W Rev 1.0")
        );
        assert!(is_for("pi4", "Raspberry Pi 400 Rev 1.0") && !is_for("pi5", "Raspberry Pi 400 Rev 1.0"));
    }
}
