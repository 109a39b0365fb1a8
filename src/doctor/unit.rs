//! The service's unit and its drop-ins, as far as the doctor has to know them.

use super::Board;
use super::board::name;
use std::path::{Path, PathBuf};

/// In the order in which systemd prefers them (systemd.unit(5)).
const FOLDERS: [&str; 5] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

/// An installed unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Its file.
    pub path: PathBuf,
    /// Local changes, in the order they are applied.
    pub drop_ins: Vec<PathBuf>,
    lines: Vec<(String, String)>,
}

impl Unit {
    /// `edgecam.service`, when it is installed.
    #[must_use]
    pub fn of(board: &Board) -> Option<Self> {
        let files = FOLDERS.map(|folder| Path::new(folder).join("edgecam.service"));
        let path = files.into_iter().find(|path| board.has(path))?;
        let mut drop_ins: Vec<PathBuf> = Vec::new();
        for folder in FOLDERS {
            let found = board.entries(Path::new(folder).join("edgecam.service.d"));
            for file in found.into_iter().filter(|path| path.extension().is_some_and(|end| end == "conf")) {
                if !drop_ins.iter().any(|earlier| name(earlier) == name(&file)) {
                    drop_ins.push(file);
                }
            }
        }
        drop_ins.sort_by(|a, b| name(a).cmp(name(b)));
        let texts = std::iter::once(&path).chain(&drop_ins).filter_map(|path| board.read(path));
        let lines = texts.flat_map(|text| lines(&text)).collect();
        Some(Self { path, drop_ins, lines })
    }

    /// The words of a setting that is a list: an empty value begins anew.
    #[must_use]
    pub fn list(&self, key: &str) -> Vec<&str> {
        let mut words = Vec::new();
        for (_, value) in self.lines.iter().filter(|(name, _)| name == key) {
            if value.is_empty() {
                words.clear();
            }
            words.extend(value.split_whitespace());
        }
        words
    }

    /// A setting; of several the last.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.lines.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

fn lines(text: &str) -> Vec<(String, String)> {
    let settings = text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';', '[']));
    settings
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::board::tests::board;
    use super::*;

    #[test]
    fn drop_ins_change_the_unit_that_systemd_would_take() {
        let (_root, board) = board(
            &[
                (
                    "/usr/lib/systemd/system/edgecam.service",
                    "[Service]\nUser=edgecam\nSupplementaryGroups=video plugdev\n",
                ),
                (
                    "/etc/systemd/system/edgecam.service.d/b.conf",
                    "[Service]\n# User=x\nSupplementaryGroups=render\n",
                ),
                (
                    "/usr/lib/systemd/system/edgecam.service.d/a.conf",
                    "[Service]\nSupplementaryGroups=\nSupplementaryGroups=video\n",
                ),
                ("/usr/lib/systemd/system/edgecam.service.d/b.conf", "[Service]\nUser=hidden\n"),
            ],
            "",
        );
        let unit = Unit::of(&board).expect("it is installed");
        assert_eq!(
            (unit.get("User"), unit.list("SupplementaryGroups")),
            (Some("edgecam"), vec!["video", "render"])
        );
        assert_eq!(unit.drop_ins.len(), 2);
    }
}
