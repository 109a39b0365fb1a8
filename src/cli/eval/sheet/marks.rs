//! The boxes and labels of one picture on the sheet. Labels never cover each other: one that finds no room
//! is left out, those of mistakes come first.

use super::super::Looked;
use crate::draw::{outline, plate_at, plate_size};
use crate::eval::Bounds;
use crate::eval::classes::Classes;
use crate::eval::confusion::{Fate, Worth};
use crate::frame::Size;
use crate::geometry::{NormBox, PixelBox};
use ab_glyph::FontRef;
use image::{Rgb, RgbImage};

pub const MISSED: Rgb<u8> = Rgb([210, 20, 40]);
pub const CONFUSED: Rgb<u8> = Rgb([150, 30, 190]);
pub const FALSE: Rgb<u8> = Rgb([190, 95, 0]);
pub const FOUND: Rgb<u8> = Rgb([20, 130, 60]);
pub const OPTIONAL: Rgb<u8> = Rgb([100, 105, 110]);

/// The height of letters, in pixels.
const LETTERS: f32 = 15.0;

/// The pixels of a dash and of the room after it.
const DASH: u32 = 6;

/// A box with its label, if it has one.
struct Mark {
    at: PixelBox,
    color: Rgb<u8>,
    dashed: bool,
    text: String,
    /// The least is drawn last, over the others, and labelled first.
    rank: u8,
}

/// Draws what is on a picture and what was seen.
pub fn draw(picture: &mut RgbImage, looked: &Looked, classes: &Classes, font: &FontRef<'_>) {
    let mut marks = marks(looked, classes, Size::new(picture.width(), picture.height()));
    marks.sort_by_key(|mark| mark.rank);
    for mark in marks.iter().rev() {
        let stroke = if mark.rank <= 2 { 3 } else { 2 };
        if mark.dashed {
            dashed(picture, mark.at, stroke, mark.color);
        } else {
            outline(picture, mark.at, stroke, mark.color);
        }
    }
    let mut taken = Vec::new();
    for mark in marks.iter().filter(|mark| !mark.text.is_empty()) {
        let size = plate_size(font, LETTERS, &mark.text);
        let free = |place: &(i32, i32)| taken.iter().all(|&other| apart((*place, size), other));
        if let Some(place) = places(mark.at, size, picture).into_iter().find(free) {
            plate_at(picture, font, LETTERS, place, &mark.text, mark.color);
            taken.push((place, size));
        }
    }
}

fn marks(looked: &Looked, classes: &Classes, shown: Size) -> Vec<Mark> {
    let Looked { scene, judged, size, .. } = looked;
    let at = |b: Bounds| {
        let (w, h) = (f64::from(size.width), f64::from(size.height));
        let edges = [b.x / w, b.y / h, (b.x + b.w) / w, (b.y + b.h) / h].map(|v| v as f32);
        NormBox::new(edges[0], edges[1], edges[2], edges[3]).to_pixels(shown)
    };
    let seen_as =
        |s: usize| format!("{} {:.0}%", classes.name(scene.seen[s].class), scene.seen[s].score * 100.0);
    let objects = scene.objects.iter().zip(&judged.objects).map(|(object, fate)| {
        let name = classes.name(object.class);
        let (color, text, rank) = match fate {
            Fate::Missed => (MISSED, name.to_owned(), 0),
            Fate::Confused(s) => (CONFUSED, format!("{name}, seen as {}", seen_as(*s)), 1),
            Fate::Found(s) => (FOUND, seen_as(*s), 3),
            Fate::Optional if object.crowd => (OPTIONAL, format!("{name} (crowd)"), 4),
            Fate::Optional => (OPTIONAL, name.to_owned(), 4),
        };
        Mark { at: at(object.bounds), color, dashed: false, text, rank }
    });
    let seen = scene.seen.iter().zip(&judged.seen).enumerate().filter_map(|(i, (seen, worth))| {
        let (color, text, rank) = match worth {
            Worth::False => (FALSE, seen_as(i), 2),
            Worth::Confused(_) => (CONFUSED, String::new(), 1),
            Worth::Right(_) => (FOUND, String::new(), 3),
            Worth::NoMatter => return None,
        };
        Some(Mark { at: at(seen.bounds), color, dashed: true, text, rank })
    });
    objects.chain(seen).collect()
}

/// Where a label of this size can stand: at the box's corners, outside or inside.
fn places(b: PixelBox, (w, h): (i32, i32), picture: &RgbImage) -> Vec<(i32, i32)> {
    let [left, top, right, bottom] = b.to_array().map(|v| v as i32);
    let room = (picture.width() as i32 - w, picture.height() as i32 - h);
    [
        (left, top - h),
        (left, top),
        (right - w, top - h),
        (right - w, top),
        (left, bottom - h),
        (left, bottom),
        (right - w, bottom - h),
        (right - w, bottom),
    ]
    .map(|(x, y)| (x.min(room.0).max(0), y.min(room.1).max(0)))
    .to_vec()
}

type Plate = ((i32, i32), (i32, i32));

fn apart(((ax, ay), (aw, ah)): Plate, ((bx, by), (bw, bh)): Plate) -> bool {
    ax + aw <= bx || bx + bw <= ax || ay + ah <= by || by + bh <= ay
}

/// A dashed outline.
fn dashed(picture: &mut RgbImage, b: PixelBox, stroke: i32, color: Rgb<u8>) {
    let [left, top, right, bottom] = b.to_array();
    let stroke = stroke as u32;
    let mut dot = |x: u32, y: u32, along: u32| {
        if (along / DASH).is_multiple_of(2) && x < picture.width() && y < picture.height() {
            picture.put_pixel(x, y, color);
        }
    };
    for inset in 0..stroke {
        for x in left..right {
            dot(x, top + inset, x - left);
            dot(x, bottom.saturating_sub(inset + 1), x - left);
        }
        for y in top..bottom {
            dot(left + inset, y, y - top);
            dot(right.saturating_sub(inset + 1), y, y - top);
        }
    }
}
