//! A place that has the catalogue's files by name.

use super::{Folder, Http, Origin};
use std::path::PathBuf;
use std::time::Duration;

/// Where to get files from instead of their own addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mirror {
    /// A folder.
    Folder(PathBuf),
    /// A base URL.
    Url(String),
}

impl Mirror {
    /// What `--mirror` and `EDGECAM_MODEL_MIRROR` take.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("a mirror is a folder, or a base URL".to_owned());
        }
        let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        match scheme.as_deref() {
            Some("http" | "https") => Ok(Self::Url(text.to_owned())),
            Some(other) => Err(format!("a mirror is a folder or a URL of http or https, not {other}")),
            None => Ok(Self::Folder(text.into())),
        }
    }
}

/// The origin to pull from; `patience`: how long to wait for a connection, and for a byte.
#[must_use]
pub fn origin(mirror: Option<&Mirror>, patience: Duration) -> Box<dyn Origin> {
    match mirror {
        Some(Mirror::Folder(path)) => Box::new(Folder(path.clone())),
        Some(Mirror::Url(base)) => Box::new(Http { base: Some(base.clone()), patience }),
        None => Box::new(Http { base: None, patience }),
    }
}
