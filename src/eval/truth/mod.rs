//! Ground truth: which objects each picture shows, from a COCO json, a folder of Pascal VOC xml or a folder
//! of YOLO txt. Everything that is wrong is collected, a sentence each, with its file and line.

mod coco;
mod folder;
mod names;
mod problem;
mod voc;
mod yolo;

pub use problem::{Problem, Problems, lines};

use super::{Bounds, Object};
use crate::frame::Size;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// What the objects' boxes are measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Pixels of the picture.
    Pixel,
    /// The picture's width and height.
    Fraction,
}

/// One picture of the truth.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// The picture's file.
    pub path: PathBuf,
    /// Its size, where the truth says it.
    pub stated: Option<Size>,
    /// What it shows.
    pub objects: Vec<Object>,
}

/// All that is known about a folder of pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct Truth {
    /// Names by class index. A name may come up twice, or be empty where there is no such class.
    pub classes: Vec<String>,
    /// The pictures, in the order of their ids (COCO) or file names.
    pub pictures: Vec<Picture>,
    /// What the boxes are measured in.
    pub unit: Unit,
    /// Pictures that the truth names but that aren't there.
    pub missing: Vec<Problem>,
    /// What was left out or looks odd.
    pub notes: Vec<Problem>,
}

impl Truth {
    /// Reads `path` (a COCO json, a folder of VOC xml or of YOLO txt) for the pictures in the folder
    /// `images`. `names` is the `data.yaml` or label file of YOLO; without it `classes.txt` in the folder.
    pub fn read(path: &Path, images: &Path, names: Option<&Path>) -> Result<Self, Problems> {
        let whole = |text: &str| Problems::of_file(path, text);
        if !images.is_dir() {
            return Err(Problems::of_file(images, "no such folder of pictures"));
        }
        if path.is_file() {
            return coco::read(path, images);
        }
        let entries = folder::files(path).map_err(|e| whole(&e))?;
        let has = |kind: &str| entries.iter().any(|file| folder::is(file, kind));
        match (has("xml"), has("txt")) {
            (true, false) => voc::read(&entries, images),
            (false, true) => yolo::read(path, &entries, images, names),
            (true, true) => {
                Err(whole("both .xml and .txt files are here, so it is unclear what is the truth"))
            }
            (false, false) => Err(whole(
                "neither .xml (Pascal VOC) nor .txt (YOLO) files are here; class folders are the truth of classifiers, and eval is for detectors",
            )),
        }
    }

    /// How many objects there are.
    #[must_use]
    pub fn objects(&self) -> usize {
        self.pictures.iter().map(|picture| picture.objects.len()).sum()
    }
}

/// Class indices by name, in the order in which names come up.
#[derive(Debug, Default)]
struct ClassNames {
    names: Vec<String>,
    indices: HashMap<String, usize>,
}

impl ClassNames {
    fn index(&mut self, name: &str) -> usize {
        if let Some(&index) = self.indices.get(name) {
            return index;
        }
        self.indices.insert(name.to_owned(), self.names.len());
        self.names.push(name.to_owned());
        self.names.len() - 1
    }
}

/// Whether a box is an object's. `note` is told if not, and if it reaches out of the picture of that width
/// and height (0 where unknown) by more than `slack`.
fn usable(b: Bounds, (width, height): (f64, f64), slack: f64, mut note: impl FnMut(&str)) -> bool {
    let shown = |v: f64| (v * 1e4).round() / 1e4;
    let text = format!("the box [{}, {}, {}, {}]", shown(b.x), shown(b.y), shown(b.w), shown(b.h));
    let known = width > 0.0 && height > 0.0;
    let (right, bottom) = (b.x + b.w, b.y + b.h);
    if b.w <= 0.0 || b.h <= 0.0 {
        note(&format!("{text} has no area and is left out"));
        return false;
    }
    if known && (b.x >= width || b.y >= height || right <= 0.0 || bottom <= 0.0) {
        note(&format!("{text} lies outside the picture and is left out"));
        return false;
    }
    if known && (b.x < -slack || b.y < -slack || right > width + slack || bottom > height + slack) {
        note(&format!("{text} reaches out of the picture"));
    }
    true
}
