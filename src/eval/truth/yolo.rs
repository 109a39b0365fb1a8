//! YOLO: one txt a picture, named like it, a line an object: `class x_centre y_centre width height` in
//! fractions of the picture, or `class x1 y1 x2 y2 x3 y3 …`, a polygon. The pictures are those of the folder; one
//! without a txt shows nothing.
//! <https://docs.ultralytics.com/datasets/detect/>

use super::folder::{ByStem, is, stem};
use super::problem::{Problems, Reading, text};
use super::{Picture, Truth, Unit, names, usable};
use crate::eval::{Bounds, Object};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Fractions may lie this far outside 0..1, as Ultralytics lets them.
const SLACK: f64 = 0.01;

/// The label file that annotation tools write beside the txt.
const CLASSES: &str = "classes.txt";

/// Reads the txt among `files` of `folder`; pictures are those of the folder `images`.
pub fn read(
    folder: &Path,
    files: &[PathBuf],
    images: &Path,
    names: Option<&Path>,
) -> Result<Truth, Problems> {
    let beside = folder.join(CLASSES);
    let names = match names {
        Some(path) => names::read(path)?,
        None if beside.is_file() => names::read(&beside)?,
        None => {
            let text = "YOLO truths only number their classes; name a data.yaml or a label file with --names";
            return Err(Problems::of_file(folder, text));
        }
    };
    let mut r = Reading::default();
    let folder = ByStem::read(images, &mut r);
    let mut objects = HashMap::new();
    for file in files.iter().filter(|file| is(file, "txt") && !file.ends_with(CLASSES)) {
        let text = match text(file) {
            Ok(text) => text,
            Err(e) => {
                r.error((file, 0), &e);
                continue;
            }
        };
        let rows = parse(file, &text, &names, &mut r);
        match folder.get(&stem(file)) {
            Some(path) => _ = objects.insert(path.clone(), rows),
            None => r.note((file, 0), &format!("no picture in {} goes with it", images.display())),
        }
    }
    r.check()?;
    let picture = |path: PathBuf| {
        let objects = objects.remove(&path).unwrap_or_default();
        Picture { path, stated: None, objects }
    };
    let pictures = folder.pictures.into_iter().map(picture).collect();
    Ok(Truth { classes: names, pictures, unit: Unit::Fraction, missing: Vec::new(), notes: r.notes })
}

fn parse(file: &Path, text: &str, names: &[String], r: &mut Reading) -> Vec<Object> {
    let mut objects = Vec::new();
    for (row, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let place = (file, row + 1);
        match object(line, names) {
            Ok(object) => {
                if usable(object.bounds, (1.0, 1.0), SLACK, |text| r.note(place, text)) {
                    objects.push(object);
                }
            }
            Err(what) => r.error(place, &what),
        }
    }
    objects
}

fn object(line: &str, names: &[String]) -> Result<Object, String> {
    let numbers: Result<Vec<f64>, _> = line
        .split_whitespace()
        .map(|word| {
            word.parse::<f64>().ok().filter(|v| v.is_finite()).ok_or_else(|| format!("{word} is no number"))
        })
        .collect();
    let numbers = numbers?;
    let (&class, place) = numbers.split_first().ok_or("there is no number")?;
    if class < 0.0 || class.fract() != 0.0 {
        return Err(format!("{class} is no class number"));
    }
    let class = class as usize;
    if names.get(class).is_none_or(String::is_empty) {
        return Err(format!("the class number {class} has no name"));
    }
    if let Some(far) = place.iter().find(|v| v.abs() > 1.0 + SLACK) {
        return Err(format!("{far} is no fraction of the picture's width or height"));
    }
    let bounds = match *place {
        [x, y, w, h] => Bounds { x: x - w / 2.0, y: y - h / 2.0, w, h },
        ref points if points.len() >= 6 && points.len() % 2 == 0 => around(points),
        _ => {
            let n = numbers.len();
            return Err(format!(
                "it has {n} numbers; a class and 4 make a box, a class and 6, 8, 10 … a polygon"
            ));
        }
    };
    Ok(Object { class, bounds, crowd: false, ignored: false })
}

/// The box around a polygon of `x, y, x, y, …`.
fn around(points: &[f64]) -> Bounds {
    let points = points.as_chunks::<2>().0;
    let span = |axis: usize| {
        let along = points.iter().map(|p| p[axis]);
        (along.clone().fold(f64::INFINITY, f64::min), along.fold(f64::NEG_INFINITY, f64::max))
    };
    let ((left, right), (top, bottom)) = (span(0), span(1));
    Bounds { x: left, y: top, w: right - left, h: bottom - top }
}
