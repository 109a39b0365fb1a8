//! Pascal VOC: one xml a picture, named like it, boxes as the first and last pixel counted from 1, both
//! inside. As Detectron2 reads them: the left edge is `xmin - 1`, the right one `xmax`; a writer that counts
//! from 0 has the box one pixel larger. <http://host.robots.ox.ac.uk/pascal/VOC/voc2012/htmldoc/>

use super::folder::{ByStem, is, stem};
use super::problem::{Problem, Problems, Reading, text};
use super::{ClassNames, Picture, Truth, Unit, usable};
use crate::eval::{Bounds, Object};
use crate::frame::Size;
use roxmltree::{Document, Node};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Boxes may reach this far out of the picture without a word, in pixels.
const SLACK: f64 = 1.0;

/// Reads the xml among `files`; pictures are those of the folder `images`.
pub fn read(files: &[PathBuf], images: &Path) -> Result<Truth, Problems> {
    let mut r = Reading::default();
    let folder = ByStem::read(images, &mut r);
    let mut classes = ClassNames::default();
    let (mut found, mut missing, mut owners) = (Vec::new(), Vec::new(), HashMap::<PathBuf, &Path>::new());
    for file in files.iter().filter(|file| is(file, "xml")) {
        let text = match text(file) {
            Ok(text) => text,
            Err(e) => {
                r.error((file, 0), &e);
                continue;
            }
        };
        let Some((filename, stated, objects)) = parse(file, &text, &mut classes, &mut r) else { continue };
        let path = folder.get(&stem(file)).or_else(|| folder.get(&stem(Path::new(&filename))));
        let Some(path) = path else {
            let text = format!("its picture isn't in {}", images.display());
            missing.push(Problem::of_file(file, &text));
            continue;
        };
        if let Some(other) = owners.insert(path.clone(), file) {
            r.error((file, 0), &format!("{} describes the same picture {}", other.display(), path.display()));
        }
        found.push(Picture { path: path.clone(), stated, objects });
    }
    r.check()?;
    let left_out = folder.pictures.iter().filter(|path| !owners.contains_key(*path)).count();
    if left_out > 0 {
        r.note((images, 0), &format!("{left_out} pictures have no xml and are left out"));
    }
    let place: HashMap<_, _> = folder.pictures.iter().enumerate().map(|(i, path)| (path, i)).collect();
    found.sort_by_key(|picture| place.get(&picture.path));
    Ok(Truth { classes: classes.names, pictures: found, unit: Unit::Pixel, missing, notes: r.notes })
}

/// The picture's name and size and its objects.
fn parse(
    file: &Path,
    text: &str,
    classes: &mut ClassNames,
    r: &mut Reading,
) -> Option<(String, Option<Size>, Vec<Object>)> {
    let document = match Document::parse(text) {
        Ok(document) => document,
        Err(e) => {
            let says = e.to_string();
            let what = says.rsplit_once(" at ").map_or(&*says, |(what, _)| what);
            r.error((file, e.pos().row as usize), &format!("it is no XML: {what}"));
            return None;
        }
    };
    let line = |node: Node<'_, '_>| document.text_pos_at(node.range().start).row as usize;
    let root = document.root_element();
    if !root.has_tag_name("annotation") {
        let name = root.tag_name().name();
        r.error((file, line(root)), &format!("it is no Pascal VOC annotation, but <{name}>"));
        return None;
    }
    let length = |name| Some(value(child(child(root, "size")?, name)?)? as u32);
    let size = Size::new(length("width").unwrap_or(0), length("height").unwrap_or(0));
    let mut objects = Vec::new();
    for node in root.children().filter(|node| node.has_tag_name("object")) {
        match object(node, classes) {
            Ok(object) => {
                let size = (f64::from(size.width), f64::from(size.height));
                if usable(object.bounds, size, SLACK, |text| r.note((file, line(node)), text)) {
                    objects.push(object);
                }
            }
            Err(what) => r.error((file, line(node)), &what),
        }
    }
    let filename = child(root, "filename").and_then(|node| node.text()).unwrap_or_default().trim().to_owned();
    Some((filename, (!size.is_empty()).then_some(size), objects))
}

fn object(node: Node<'_, '_>, classes: &mut ClassNames) -> Result<Object, String> {
    let name =
        child(node, "name").and_then(|name| name.text()).map(str::trim).filter(|name| !name.is_empty());
    let name = name.ok_or("the object has no name")?;
    let corners = child(node, "bndbox").ok_or_else(|| format!("the object {name} has no bndbox"))?;
    let edge = |edge: &str| {
        child(corners, edge)
            .and_then(value)
            .ok_or_else(|| format!("the object {name} has no number as {edge}"))
    };
    let (left, top) = ((edge("xmin")? - 1.0).max(0.0), (edge("ymin")? - 1.0).max(0.0));
    let bounds = Bounds { x: left, y: top, w: edge("xmax")? - left, h: edge("ymax")? - top };
    let ignored = child(node, "difficult").and_then(value).is_some_and(|difficult| difficult != 0.0);
    Ok(Object { class: classes.index(name), bounds, crowd: false, ignored })
}

fn child<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    node.children().find(|child| child.has_tag_name(name))
}

fn value(node: Node<'_, '_>) -> Option<f64> {
    node.text()?.trim().parse().ok().filter(|v: &f64| v.is_finite())
}
