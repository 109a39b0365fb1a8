//! Names of cameras, from what they call themselves.

use crate::config::value;

/// As long as a name can be.
const MAX: usize = 32;

/// The name of a camera that has none.
const USUAL: &str = "camera";

/// A valid name made from `card`, and none of `taken`.
#[must_use]
pub fn from_card(card: &str, taken: &[String]) -> String {
    let plain = plain(card, MAX);
    let base = if value::name("camera", &plain).is_ok() { plain } else { USUAL.to_owned() };
    let numbered = (2..).map(|n| {
        let tail = format!("-{n}");
        format!("{}{tail}", base[..base.len().min(MAX - tail.len())].trim_end_matches('-'))
    });
    let mut names = std::iter::once(base.clone()).chain(numbered);
    names.find(|name| !taken.contains(name)).unwrap_or(base)
}

/// `text` in lower case with a dash for each run of what a name can't have, at most `max` bytes; empty where
/// nothing is left. Of `USB Camera: USB Camera`, as drivers say it, the first half.
#[must_use]
pub fn plain(text: &str, max: usize) -> String {
    let mut name = String::new();
    for c in text.split(": ").next().unwrap_or_default().chars() {
        match c.to_ascii_lowercase() {
            c if c.is_ascii_alphanumeric() || c == '_' => name.push(c),
            _ if name.is_empty() || name.ends_with('-') => {}
            _ => name.push('-'),
        }
    }
    name.truncate(max);
    name.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cards_become_names() {
        for (card, name) in [
            ("HD Pro Webcam C920", "hd-pro-webcam-c920"),
            ("USB Camera: USB Camera", "usb-camera"),
            ("imx708_wide", "imx708_wide"),
            ("Kamera für die Tür", "kamera-f-r-die-t-r"),
            ("カメラ", "camera"),
            ("  (--)  ", "camera"),
            ("", "camera"),
            ("Events", "camera"),
            ("A very long name of a camera, and more", "a-very-long-name-of-a-camera-and"),
        ] {
            assert_eq!(from_card(card, &[]), name, "{card}");
            assert!(value::name("camera", name).is_ok(), "{name}");
        }
    }

    #[test]
    fn two_cameras_of_a_kind_have_two_names() {
        let mut taken = Vec::new();
        for expected in ["c920", "c920-2", "c920-3"] {
            let name = from_card("C920", &taken);
            assert_eq!(name, expected);
            taken.push(name);
        }
        let long = "x".repeat(40);
        let first = from_card(&long, &[]);
        let second = from_card(&long, std::slice::from_ref(&first));
        assert_eq!((first.len(), second.len()), (32, 32));
        assert!(second.ends_with("x-2"));
    }
}
