//! The worst mistakes on one picture: truth in solid lines, detections in dashed ones, a colour for what
//! became of each.

mod marks;

use super::Looked;
use crate::draw::{font, plate_at, plate_size};
use crate::eval::classes::Classes;
use crate::eval::confusion::{Fate, Worth};
use ab_glyph::FontRef;
use anyhow::{Context, anyhow};
use image::imageops::{FilterType, overlay, resize};
use image::{Rgb, RgbImage};
use marks::{CONFUSED, FALSE, FOUND, MISSED, OPTIONAL};
use std::path::Path;

/// Pictures on the sheet, at most.
const MOST: usize = 12;
/// Pictures a row, at least (the legend needs the room) and at most.
const COLUMNS: (usize, usize) = (2, 3);
/// Room for one picture, in pixels.
const CELL: (u32, u32) = (600, 450);
/// Room between pictures.
const GAP: u32 = 12;
/// The height of a line of text, and of its letters.
const LINE: u32 = 30;
const LETTERS: f32 = 16.0;

const PAPER: Rgb<u8> = Rgb([28, 30, 34]);

/// Writes the sheet as a PNG; `at` is the score from which detections count.
pub fn write(path: &Path, looked: &[Looked], classes: &Classes, at: f32) -> anyhow::Result<()> {
    let font = font().map_err(|e| anyhow!(e))?;
    let mut worst: Vec<(f64, &Looked)> = looked.iter().map(|l| (badness(l), l)).collect();
    worst.retain(|(badness, _)| *badness > 0.0);
    worst.sort_by(|a, b| b.0.total_cmp(&a.0));
    worst.truncate(MOST);
    let columns = worst.len().clamp(COLUMNS.0, COLUMNS.1);
    let pictures: Vec<RgbImage> =
        worst.iter().map(|(_, looked)| shown(looked, classes, &font)).collect::<anyhow::Result<_>>()?;
    let heights: Vec<u32> = pictures
        .chunks(columns)
        .map(|row| LINE + GAP + row.iter().map(RgbImage::height).max().unwrap_or(0))
        .collect();
    let (width, head) = (columns as u32 * (CELL.0 + GAP) + GAP, LINE + 2 * GAP);
    let mut sheet = RgbImage::from_pixel(width, head + heights.iter().sum::<u32>(), PAPER);
    legend(&mut sheet, &font, at);
    for (i, ((_, looked), picture)) in worst.iter().zip(&pictures).enumerate() {
        let x = GAP + (i % columns) as u32 * (CELL.0 + GAP);
        let y = head + heights[..i / columns].iter().sum::<u32>();
        caption(&mut sheet, &font, (x, y), looked);
        overlay(&mut sheet, picture, x.into(), (y + LINE).into());
    }
    sheet.save_with_format(path, image::ImageFormat::Png).with_context(|| format!("write {}", path.display()))
}

/// The sum of the mistakes' sides, as fractions of the picture's: a large object missed is worse than a
/// small one. A false alarm weighs what its score is.
fn badness(looked: &Looked) -> f64 {
    let Looked { scene, judged, size, .. } = looked;
    let side = |b: crate::eval::Bounds| (b.w * b.h / size.area() as f64).max(0.0).sqrt();
    let missed = scene.objects.iter().zip(&judged.objects);
    let missed = missed.filter(|(_, fate)| matches!(fate, Fate::Missed | Fate::Confused(_)));
    let false_alarms = scene.seen.iter().zip(&judged.seen).filter(|(_, worth)| **worth == Worth::False);
    missed.map(|(o, _)| side(o.bounds)).sum::<f64>()
        + false_alarms.map(|(s, _)| side(s.bounds) * s.score).sum::<f64>()
}

/// The picture at the size of a cell, marked.
fn shown(looked: &Looked, classes: &Classes, font: &FontRef<'_>) -> anyhow::Result<RgbImage> {
    let path = &looked.picture.path;
    let read =
        || image::ImageReader::open(path)?.with_guessed_format()?.decode().map_err(anyhow::Error::from);
    let picture = read().with_context(|| format!("read picture {}", path.display()))?.into_rgb8();
    let (w, h) = (f64::from(picture.width()), f64::from(picture.height()));
    let scale = (f64::from(CELL.0) / w).min(f64::from(CELL.1) / h);
    let length = |v: f64| ((v * scale).round() as u32).max(1);
    let mut picture = resize(&picture, length(w), length(h), FilterType::Triangle);
    marks::draw(&mut picture, looked, classes, font);
    Ok(picture)
}

fn legend(sheet: &mut RgbImage, font: &FontRef<'_>, at: f32) {
    let mut x = GAP as i32;
    let y = GAP as i32;
    let score = format!("at a score of {at}: truth solid, detections dashed");
    for (text, color) in [
        ("missed", MISSED),
        ("confused", CONFUSED),
        ("false", FALSE),
        ("found", FOUND),
        ("need not be found", OPTIONAL),
        (&score, PAPER),
    ] {
        plate_at(sheet, font, LETTERS, (x, y), text, color);
        x += plate_size(font, LETTERS, text).0 + GAP as i32;
    }
}

/// The file's name and the number of mistakes.
fn caption(sheet: &mut RgbImage, font: &FontRef<'_>, (x, y): (u32, u32), looked: &Looked) {
    let judged = &looked.judged;
    let objects = |wanted: fn(&Fate) -> bool| judged.objects.iter().filter(|fate| wanted(fate)).count();
    let counts = [
        (objects(|fate| *fate == Fate::Missed), "missed"),
        (objects(|fate| matches!(fate, Fate::Confused(_))), "confused"),
        (judged.seen.iter().filter(|worth| **worth == Worth::False).count(), "false"),
    ];
    let counts: Vec<String> =
        counts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    let counts = counts.join(", ");
    let mut name = looked.picture.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let text = |name: &str| format!("{name}: {counts}");
    while name.chars().count() > 4 && plate_size(font, LETTERS, &text(&name)).0 > CELL.0 as i32 {
        name = name.chars().skip(2).collect();
        name.replace_range(..name.chars().next().map_or(0, char::len_utf8), "…");
    }
    plate_at(sheet, font, LETTERS, (x as i32, y as i32), &text(&name), PAPER);
}
