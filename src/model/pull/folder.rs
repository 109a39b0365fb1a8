//! A folder as the origin: a mirror on a stick or a shared disk.

use super::{Body, Origin};
use crate::model::catalogue::Download;
use std::fs::File;
use std::path::PathBuf;

/// A folder that has the files by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder(pub PathBuf);

impl Origin for Folder {
    fn open(&self, download: &Download, _have: u64, _validator: Option<&str>) -> Result<Body, String> {
        let path = self.0.join(download.file_name());
        let meta = std::fs::metadata(&path).map_err(|e| e.to_string())?;
        if !meta.is_file() {
            return Err("it is not a file".to_owned());
        }
        let file = File::open(&path).map_err(|e| e.to_string())?;
        Ok(Body { from: 0, total: Some(meta.len()), validator: None, bytes: Box::new(file) })
    }

    fn address(&self, download: &Download) -> String {
        self.0.join(download.file_name()).display().to_string()
    }
}
