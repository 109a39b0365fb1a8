//! How well a detector does on pictures whose objects are known: ground truth from the usual formats, the
//! COCO metric, and what is taken for what. No model runs here: detections come in as plain numbers.

pub mod classes;
pub mod confusion;
pub mod layout;
pub mod metric;
pub mod mot;
pub mod truth;

/// A box by its upper left corner and its size: pixels, or fractions of the picture, the same for all
/// boxes of a picture. Edges aren't cut to the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// Left edge.
    pub x: f64,
    /// Top edge.
    pub y: f64,
    /// Width.
    pub w: f64,
    /// Height.
    pub h: f64,
}

impl Bounds {
    /// Intersection over union, 0..1, by the same operations as `bbIou` of pycocotools. With `crowd`, which
    /// stands for many objects, over the area of `self` alone.
    /// <https://github.com/cocodataset/cocoapi/blob/master/common/maskApi.c>
    #[must_use]
    pub fn iou(self, truth: Self, crowd: bool) -> f64 {
        let w = (self.w + self.x).min(truth.w + truth.x) - self.x.max(truth.x);
        let h = (self.h + self.y).min(truth.h + truth.y) - self.y.max(truth.y);
        if w <= 0.0 || h <= 0.0 {
            return 0.0;
        }
        let (overlap, area) = (w * h, self.w * self.h);
        overlap / if crowd { area } else { area + truth.w * truth.h - overlap }
    }

    /// Each axis times its factor.
    #[must_use]
    pub fn scaled(self, x: f64, y: f64) -> Self {
        Self { x: self.x * x, y: self.y * y, w: self.w * x, h: self.h * y }
    }
}

/// An object that a picture really shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Object {
    /// Its class.
    pub class: usize,
    /// Where it is.
    pub bounds: Bounds,
    /// A group of objects in one box: not to be found, and any number of detections in it is no mistake.
    pub crowd: bool,
    /// Not to be found, and no mistake if it is: VOC's `difficult`.
    pub ignored: bool,
}

impl Object {
    /// Whether it is of no account when it is missed.
    #[must_use]
    pub const fn is_optional(&self) -> bool {
        self.crowd || self.ignored
    }
}

/// A detection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen {
    /// Its class.
    pub class: usize,
    /// 0..1.
    pub score: f64,
    /// Where it is.
    pub bounds: Bounds,
}

/// One picture: what is there, and what the model saw.
#[derive(Clone, Debug, Default)]
pub struct Scene {
    /// What is there.
    pub objects: Vec<Object>,
    /// What was seen; the order decides between equal scores.
    pub seen: Vec<Seen>,
}
