//! COCO's `instances_*.json`: boxes `[x, y, width, height]` in pixels, `iscrowd`. `ignore`, `area` and
//! segmentations are not looked at, as `COCOeval` doesn't for boxes. <https://cocodataset.org/#format-data>

use super::problem::{Problem, Problems, Reading, text};
use super::{ClassNames, Picture, Truth, Unit, usable};
use crate::eval::{Bounds, Object};
use crate::frame::Size;
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// Boxes may reach this far out of the picture without a word, in pixels: many tools round.
const SLACK: f64 = 1.0;

#[derive(Deserialize)]
struct File {
    images: Vec<Image>,
    annotations: Vec<Annotation>,
    categories: Vec<Category>,
}

#[derive(Deserialize)]
struct Image {
    id: i64,
    file_name: String,
    #[serde(default)]
    width: u32,
    #[serde(default)]
    height: u32,
}

#[derive(Deserialize)]
struct Annotation {
    #[serde(default)]
    id: i64,
    image_id: i64,
    category_id: i64,
    bbox: Option<[f64; 4]>,
    #[serde(default)]
    iscrowd: u8,
}

#[derive(Deserialize)]
struct Category {
    id: i64,
    name: String,
}

/// Reads the file `path`; pictures are those of the folder `images`.
pub fn read(path: &Path, images: &Path) -> Result<Truth, Problems> {
    let text = text(path).map_err(|e| Problems::of_file(path, &e))?;
    let mut r = Reading::default();
    let Some(file) = parse(path, &text, &mut r) else {
        r.check()?;
        return Err(Problems::of_file(path, "it can't be used"));
    };
    let mut classes = ClassNames::default();
    let mut by_id = HashMap::new();
    for category in &file.categories {
        if by_id.insert(category.id, classes.index(&category.name)).is_some() {
            r.error((path, 0), &format!("two categories have the id {}", category.id));
        }
    }
    let mut pictures = BTreeMap::new();
    let mut names = HashMap::new();
    for image in &file.images {
        let size = Size::new(image.width, image.height);
        let stated = (!size.is_empty()).then_some(size);
        let picture = Picture { path: located(images, &image.file_name), stated, objects: Vec::new() };
        if pictures.insert(image.id, picture).is_some() {
            r.error((path, 0), &format!("two images have the id {}", image.id));
        }
        if let Some(other) = names.insert(&image.file_name, image.id) {
            let name = &image.file_name;
            r.error(
                (path, 0),
                &format!("the images {other} and {} have the same file name {name}", image.id),
            );
        }
    }
    for annotation in &file.annotations {
        object(path, annotation, &by_id, &mut pictures, &mut r);
    }
    r.check()?;
    let (pictures, absent): (Vec<_>, Vec<_>) = pictures.into_values().partition(|p| p.path.is_file());
    let gone = |p: &Picture| Problem::of_file(path, &format!("its picture {} isn't there", p.path.display()));
    let missing = absent.iter().map(gone).collect();
    Ok(Truth { classes: classes.names, pictures, unit: Unit::Pixel, missing, notes: r.notes })
}

fn parse(path: &Path, text: &str, r: &mut Reading) -> Option<File> {
    if text.trim_start().starts_with('[') {
        r.error(
            (path, 0),
            "it is a list, so rather detections; a COCO truth has images, annotations and categories",
        );
        return None;
    }
    serde_json::from_str(text)
        .map_err(|e| {
            let says = e.to_string();
            let what = says.split(" at line ").next().unwrap_or_default();
            r.error((path, e.line()), &format!("it is no COCO truth: {what}"));
        })
        .ok()
}

/// A picture by its name in the truth, in the folder itself if its subfolder isn't there.
fn located(images: &Path, name: &str) -> PathBuf {
    let path = images.join(name);
    match Path::new(name).file_name() {
        Some(last) if !path.is_file() => images.join(last),
        _ => path,
    }
}

/// Adds an annotation to its picture.
fn object(
    path: &Path,
    a: &Annotation,
    classes: &HashMap<i64, usize>,
    pictures: &mut BTreeMap<i64, Picture>,
    r: &mut Reading,
) {
    let mut wrong = |what: &str| r.error((path, 0), &format!("annotation {}: {what}", a.id));
    let Some(picture) = pictures.get_mut(&a.image_id) else {
        return wrong(&format!("there is no image {}", a.image_id));
    };
    let Some(&class) = classes.get(&a.category_id) else {
        return wrong(&format!("there is no category {}", a.category_id));
    };
    let Some([x, y, w, h]) = a.bbox else { return wrong("it has no bbox") };
    let bounds = Bounds { x, y, w, h };
    let size = picture.stated.unwrap_or_default();
    let note = |text: &str| r.note((path, 0), &format!("annotation {}: {text}", a.id));
    if usable(bounds, (f64::from(size.width), f64::from(size.height)), SLACK, note) {
        picture.objects.push(Object { class, bounds, crowd: a.iscrowd != 0, ignored: false });
    }
}
