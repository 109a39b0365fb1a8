//! The tools of validation: a value is checked, or its problem noted at its place.

use super::lenient::TakenOut;
use super::problem::Collector;
use super::value::{duration, expanded};
use super::{CREDENTIALS, SERVICE_FOLDER};
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::Spanned;

/// What every check needs.
pub struct Checker<'a> {
    pub folder: &'a Path,
    pub taken_out: &'a TakenOut,
    pub problems: &'a mut Collector,
}

impl Checker<'_> {
    /// Notes a problem of a value.
    pub fn refuse<T>(&mut self, value: &Spanned<T>, text: impl Into<String>) {
        self.problems.add(value.span().start, text);
    }

    /// The value, checked by `check`, or `None` after its problem was noted or when it is absent.
    pub fn checked<T, U>(
        &mut self,
        key: &str,
        value: Option<&Spanned<T>>,
        check: impl FnOnce(&T) -> Result<U, String>,
    ) -> Option<U> {
        let value = value?;
        check(value.get_ref()).map_err(|why| self.refuse(value, format!("{key}: {why}"))).ok()
    }

    /// As [`Checker::checked`], and notes its absence from the table that starts at `table`.
    pub fn required<T, U>(
        &mut self,
        table: usize,
        key: &str,
        value: Option<&Spanned<T>>,
        check: impl FnOnce(&T) -> Result<U, String>,
    ) -> Option<U> {
        if value.is_none() && !self.taken_out.contains(&(table, key.to_owned())) {
            self.problems.add(table, format!("{key} is missing"));
        }
        self.checked(key, value, check)
    }

    /// A file that must exist, relative to the config's folder.
    pub fn file(&mut self, key: &str, value: Option<&Spanned<String>>) -> Option<PathBuf> {
        let folder = self.folder.to_owned();
        self.checked(key, value, |text| existing(&folder, &expanded(text)?))
    }

    /// A file that must exist. Outside of the service, a credential is the file that systemd makes it of, if there
    /// is one.
    pub fn secret(&mut self, key: &str, value: Option<&Spanned<String>>) -> Option<PathBuf> {
        let folder = self.folder.to_owned();
        self.checked(key, value, |text| {
            let text = expanded(text)?;
            existing(&folder, &text).or_else(|why| {
                let origin = origin(&text).ok_or(why)?;
                Ok(existing(&folder, &origin).unwrap_or_else(|_| text.into()))
            })
        })
    }

    pub fn duration(
        &mut self,
        key: &str,
        value: Option<&Spanned<String>>,
        range: (Duration, Duration),
        default: Duration,
    ) -> Duration {
        let within = |text: &String| {
            let duration = duration(text)?;
            if (range.0..=range.1).contains(&duration) {
                return Ok(duration);
            }
            Err(format!("{text} is not between {:?} and {:?}", range.0, range.1))
        };
        self.checked(key, value, within).unwrap_or(default)
    }
}

/// The file that systemd makes a credential of, by the unit's `LoadCredential`.
fn origin(credential: &str) -> Option<String> {
    let name = credential.strip_prefix(CREDENTIALS)?.strip_prefix('/')?;
    Some(format!("{SERVICE_FOLDER}/{name}"))
}

/// The path of a file that is there, relative to `folder`.
pub fn existing(folder: &Path, text: &str) -> Result<PathBuf, String> {
    let path = folder.join(text);
    match std::fs::metadata(&path) {
        Ok(meta) if meta.is_file() => Ok(path),
        Ok(_) => Err(format!("{} is not a file", path.display())),
        Err(e) => Err(format!("{}: {e}", path.display())),
    }
}

/// A number in a range.
pub fn within<T: PartialOrd + std::fmt::Display + Copy>(low: T, high: T) -> impl Fn(&T) -> Result<T, String> {
    move |&v| if v >= low && v <= high { Ok(v) } else { Err(format!("{v} is not between {low} and {high}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_made_of_a_file_beside_the_config() {
        let password = origin("/run/credentials/edgecam.service/mqtt-password");
        assert_eq!(password.as_deref(), Some("/etc/edgecam/mqtt-password"));
        assert_eq!(origin("/run/credentials/other.service/mqtt-password"), None);
        assert_eq!(origin("/etc/edgecam/mqtt-password"), None);
    }
}
