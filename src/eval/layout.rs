//! The YOLO layout as edgecam writes it; [`truth`](super::truth) reads it.

use crate::geometry::NormBox;
use std::fmt::Write;

/// Adds the line of an object: class, centre, width and height in fractions of the picture.
pub fn add_object(text: &mut String, class: usize, b: NormBox) {
    let (x, y) = (f32::midpoint(b.x_min, b.x_max), f32::midpoint(b.y_min, b.y_max));
    let (w, h) = (b.x_max - b.x_min, b.y_max - b.y_min);
    // Writing to a text does not fail.
    let _ = writeln!(text, "{class} {x:.6} {y:.6} {w:.6} {h:.6}");
}

/// A `data.yaml` with the names of the classes, as Ultralytics reads it.
#[must_use]
pub fn data_yaml<S: AsRef<str>>(labels: &[S]) -> String {
    let mut text = String::from("path: .\ntrain: images\nval: images\n\nnames:\n");
    for (class, label) in labels.iter().enumerate() {
        // JSON's strings are YAML's too.
        let _ = writeln!(text, "  {class}: {}", serde_json::Value::from(label.as_ref()));
    }
    text
}
