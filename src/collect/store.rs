//! The folder of saved pictures, in the layout that labelling programs and `models/train` read:
//! `images/NAME.jpg`, what the model thinks of them as `suggested/NAME.txt` (YOLO), the names of its classes
//! as `config.yaml`. For the owner's eyes only, and never larger than it may be.

use super::Reason;
use crate::decode::Detection;
use crate::eval::layout::{add_object, data_yaml};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Where pictures are saved.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    max_bytes: u64,
    camera: String,
    labels: Arc<[String]>,
}

/// A picture that was saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// `CAMERA-MILLISECONDS-REASON`, the time since the Unix epoch.
    pub name: String,
}

impl Store {
    /// In `folder`, which is made when the first picture comes; of `max_bytes` pictures at most.
    #[must_use]
    pub fn new(folder: PathBuf, max_bytes: u64, camera: &str, labels: Arc<[String]>) -> Self {
        Self { folder, max_bytes, camera: camera.to_owned(), labels }
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes a picture, whole or not at all, and removes the oldest ones over the limit. The error is a
    /// sentence.
    pub fn save(
        &mut self,
        reason: Reason,
        unix: Duration,
        jpeg: impl AsRef<[u8]>,
        suggested: &[Detection],
    ) -> Result<Saved, String> {
        let failed = |e: io::Error| format!("write to {}: {e}", self.folder.display());
        let (images, texts) = (self.folder.join("images"), self.folder.join("suggested"));
        for folder in [&images, &texts] {
            DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        }
        self.name_classes()?;
        let name = format!("{}-{:013}-{}", self.camera, unix.as_millis(), reason.word());
        let mut text = String::new();
        for d in suggested {
            add_object(&mut text, d.class, d.bounds);
        }
        write_whole(&texts.join(format!("{name}.txt")), &self.camera, text.as_bytes()).map_err(failed)?;
        let picture = images.join(format!("{name}.jpg"));
        if let Err(e) = write_whole(&picture, &self.camera, jpeg.as_ref()) {
            let _ = fs::remove_file(texts.join(format!("{name}.txt")));
            return Err(failed(e));
        }
        self.shrink(&images, &texts).map_err(failed)?;
        Ok(Saved { name })
    }

    /// Writes the names of the classes; refuses a folder whose pictures are labelled with others.
    fn name_classes(&self) -> Result<(), String> {
        let (path, names) = (self.folder.join("config.yaml"), data_yaml(&self.labels));
        let failed = |e: io::Error| format!("write to {}: {e}", self.folder.display());
        match fs::read_to_string(&path) {
            Ok(known) if known == names => Ok(()),
            Ok(_) => Err(format!(
                "{} names other classes than this model has; choose another folder",
                path.display()
            )),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                write_whole(&path, &self.camera, names.as_bytes()).map_err(failed)
            }
            Err(e) => Err(failed(e)),
        }
    }

    /// Removes the oldest collected pictures until the rest fits; those of all cameras count, and no file that has
    /// another name.
    fn shrink(&self, images: &Path, texts: &Path) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(images)? {
            let entry = entry?;
            // Another camera may have removed it.
            let Ok(meta) = entry.metadata() else { continue };
            if meta.is_file() && is_collected(&entry.path()) {
                files.push((meta.modified()?, entry.path(), meta.len()));
            }
        }
        let mut total: u64 = files.iter().map(|(_, _, bytes)| bytes).sum();
        files.sort();
        // The newest stays in any case.
        for (_, path, bytes) in files.iter().rev().skip(1).rev() {
            if total <= self.max_bytes {
                break;
            }
            match fs::remove_file(path) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
                _ => {}
            }
            let stem = path.file_stem().unwrap_or_default();
            let _ = fs::remove_file(texts.join(stem).with_extension("txt"));
            total -= bytes;
        }
        Ok(())
    }
}

/// Whether a file is called as [`Store::save`] calls pictures.
fn is_collected(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let parts = name.strip_suffix(".jpg").and_then(|stem| stem.rsplit_once('-'));
    let Some((rest, word)) = parts else { return false };
    let time = rest.rsplit_once('-').map_or("", |(_, time)| time);
    let reasons = [Reason::Uncertain, Reason::Scene, Reason::Negative];
    time.len() == 13 && time.bytes().all(|b| b.is_ascii_digit()) && reasons.iter().any(|r| r.word() == word)
}

/// Writes beside `path`, under a name that no other camera takes, then renames.
fn write_whole(path: &Path, camera: &str, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{camera}.new"));
    let new = PathBuf::from(name);
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)
        // On the disk before it has its name: a power cut leaves no empty picture.
        .and_then(|mut file: File| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::NormBox;
    use std::os::unix::fs::PermissionsExt;

    fn names(folder: &Path, of: &str) -> Vec<String> {
        let entries = fs::read_dir(folder.join(of)).expect("it is made");
        let mut names: Vec<String> =
            entries.map(|e| e.expect("readable").file_name().into_string().expect("a name")).collect();
        names.sort();
        names
    }

    #[test]
    fn pictures_go_where_labelling_programs_look_and_the_oldest_go_first() {
        let here = tempfile::tempdir().expect("a folder");
        let folder = here.path().join("collect");
        let labels: Arc<[String]> = Arc::from(["person".to_owned(), "dog: \"big\"".to_owned()]);
        let mut store = Store::new(folder.clone(), 250, "porch", labels);
        let dog = Detection::new(1, 0.4, NormBox::new(0.25, 0.5, 0.75, 1.0));
        for i in 1..=4 {
            let found: &[Detection] = if i == 4 { &[dog] } else { &[] };
            store
                .save(Reason::Uncertain, Duration::from_millis(i), [7; 100], found)
                .expect("there is room on the disk");
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(
            names(&folder, "images"),
            ["porch-0000000000003-uncertain.jpg", "porch-0000000000004-uncertain.jpg"]
        );
        let texts = names(&folder, "suggested");
        assert_eq!(texts, ["porch-0000000000003-uncertain.txt", "porch-0000000000004-uncertain.txt"]);
        let text = fs::read_to_string(folder.join("suggested").join(&texts[1])).expect("readable");
        assert_eq!(text, "1 0.500000 0.750000 0.500000 0.500000\n");
        let config = fs::read_to_string(folder.join("config.yaml")).expect("readable");
        assert!(config.ends_with("names:\n  0: \"person\"\n  1: \"dog: \\\"big\\\"\"\n"), "{config}");
        let mode = |path: PathBuf| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
        assert_eq!((mode(folder.clone()), mode(folder.join("config.yaml"))), (0o700, 0o600));
    }

    #[test]
    fn what_is_not_its_own_stays() {
        let here = tempfile::tempdir().expect("a folder");
        let images = here.path().join("images");
        fs::create_dir_all(&images).expect("the folder is ours");
        for name in ["holiday.jpg", "porch-0000000000001-mine.jpg", "porch-12-scene.jpg"] {
            fs::write(images.join(name), [0; 1000]).expect("the folder is ours");
        }
        let mut store = Store::new(here.path().to_owned(), 250, "porch", Arc::from(["person".to_owned()]));
        store.save(Reason::Scene, Duration::from_millis(2), [7; 100], &[]).expect("there is room");
        assert_eq!(names(here.path(), "images").len(), 4);
        let mut other = Store::new(here.path().to_owned(), 250, "yard", Arc::from(["fox".to_owned()]));
        let why = other.save(Reason::Scene, Duration::ZERO, [7], &[]).expect_err("other classes");
        assert!(
            why.ends_with("config.yaml names other classes than this model has; choose another folder"),
            "{why}"
        );
    }

    #[test]
    fn what_cannot_be_written_is_a_sentence_and_leaves_nothing() {
        let here = tempfile::tempdir().expect("a folder");
        let file = here.path().join("file");
        fs::write(&file, "in the way").expect("the folder is ours");
        let mut store = Store::new(file.clone(), 1 << 20, "porch", Arc::from([]));
        let why = store.save(Reason::Scene, Duration::ZERO, [1], &[]).expect_err("a file is no folder");
        assert!(why.starts_with(&format!("write to {}: ", file.display())), "{why}");

        let folder = here.path().join("collect");
        let mut store = Store::new(folder.clone(), 1 << 20, "porch", Arc::from([]));
        fs::create_dir_all(folder.join("images/porch-0000000000000-scene.jpg")).expect("the folder is ours");
        store.save(Reason::Scene, Duration::ZERO, [1], &[]).expect_err("a folder is in the way");
        assert_eq!(names(&folder, "suggested"), [""; 0]);
        assert_eq!(names(&folder, "images"), ["porch-0000000000000-scene.jpg"]);
    }
}
