//! Where detections count: filters on what they are like, and the zones that tracks enter and leave.

use crate::config;
use crate::decode::Detection;
use crate::frame::Size;
use crate::geometry::NormBox;
use std::sync::Arc;
use std::time::Duration;

/// Zones as a word of bits, that of index 0 the lowest.
pub type ZoneSet = u32;

/// Filters of a camera by class: of the label, and of all labels.
#[derive(Clone, Debug, Default)]
pub struct Filters {
    by_class: Vec<Vec<config::Filter>>,
}

impl Filters {
    /// The filters of `camera` for a model with these `labels`.
    #[must_use]
    pub fn new(camera: &config::Camera, labels: &[String]) -> Self {
        let of = |label: &String| {
            let named = camera.filters.get(label).into_iter().chain(camera.filters.get("all"));
            named.cloned().collect()
        };
        Self { by_class: labels.iter().map(of).collect() }
    }

    /// Whether a detection on a frame of this size is one: all but its least score, which [`least_score`](Self::least_score) tells.
    #[must_use]
    pub fn pass(&self, d: &Detection, frame: Size) -> bool {
        let filters = self.by_class.get(d.class).map_or(&[][..], Vec::as_slice);
        filters.iter().all(|filter| passes(filter, d, frame))
    }

    /// The least score of a class, where a filter asks for more than `threshold`.
    #[must_use]
    pub fn least_score(&self, class: usize, threshold: f32) -> f32 {
        let filters = self.by_class.get(class).map_or(&[][..], Vec::as_slice);
        filters.iter().map(|filter| filter.score[0]).fold(threshold, f32::max)
    }
}

fn passes(filter: &config::Filter, d: &Detection, frame: Size) -> bool {
    let within = |value: f32, [least, most]: [f32; 2]| value >= least && value <= most;
    let (x, y) = foot(d.bounds);
    d.score <= filter.score[1]
        && within(d.bounds.area(), filter.area)
        && within(ratio(d.bounds, frame), filter.ratio)
        && (filter.include.is_empty() || filter.include.iter().any(|p| p.contains(x, y)))
        && !filter.exclude.iter().any(|p| p.contains(x, y))
}

/// The middle of a box's lower edge: where an object stands.
#[must_use]
pub fn foot(b: NormBox) -> (f32, f32) {
    (f32::midpoint(b.x_min, b.x_max), b.y_max)
}

/// Width divided by height, in pixels of a frame of this size.
#[must_use]
pub fn ratio(b: NormBox, frame: Size) -> f32 {
    let height = (b.y_max - b.y_min) * frame.height as f32;
    if height > 0.0 { (b.x_max - b.x_min) * frame.width as f32 / height } else { 0.0 }
}

/// The zones of a camera.
#[derive(Clone, Debug)]
pub struct Zones {
    all: Vec<config::Zone>,
    /// In the order of the bits.
    names: Vec<Arc<str>>,
    /// By zone and class: whether it concerns the class.
    concerned: Vec<Vec<bool>>,
}

/// Where one track is in each zone.
#[derive(Clone, Debug, Default)]
pub struct Presence {
    zones: Vec<Stay>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Stay {
    /// Frames in a row that say the contrary of `inside`.
    against: u32,
    /// Since when its foot is inside, by `inertia`.
    since: Option<Duration>,
    /// It has stayed for as long as the zone asks.
    inside: bool,
}

impl Zones {
    /// The zones of `camera` for a model with these `labels`.
    #[must_use]
    pub fn new(camera: &config::Camera, labels: &[String]) -> Self {
        let concerns = |zone: &config::Zone| {
            let concerned = |label: &String| zone.labels.as_ref().is_none_or(|wanted| wanted.contains(label));
            labels.iter().map(concerned).collect()
        };
        Self {
            names: camera.zones.iter().map(|zone| zone.name.as_str().into()).collect(),
            concerned: camera.zones.iter().map(concerns).collect(),
            all: camera.zones.clone(),
        }
    }

    /// The names of a set.
    pub fn named(&self, set: ZoneSet) -> impl Iterator<Item = &Arc<str>> {
        self.names.iter().enumerate().filter(move |(bit, _)| set >> bit & 1 == 1).map(|(_, name)| name)
    }

    /// Takes in where an object of `class` was seen at `at`; returns the zones it is in, and whether it is
    /// loitering towards one.
    pub fn visit(
        &self,
        presence: &mut Presence,
        class: usize,
        bounds: NormBox,
        at: Duration,
    ) -> (ZoneSet, bool) {
        presence.zones.resize(self.all.len(), Stay::default());
        let (x, y) = foot(bounds);
        let (mut inside, mut pending) = (0, false);
        for (bit, (zone, stay)) in self.all.iter().zip(&mut presence.zones).enumerate() {
            let concerned = self.concerned[bit].get(class).copied().unwrap_or(false);
            let here = concerned && zone.polygon.contains(x, y);
            if here == stay.since.is_some() {
                stay.against = 0;
            } else {
                stay.against += 1;
                if stay.against >= zone.inertia {
                    *stay = Stay { since: here.then_some(at), ..Stay::default() };
                }
            }
            stay.inside = stay.since.is_some_and(|since| at.saturating_sub(since) >= zone.loiter);
            pending |= stay.since.is_some() && !stay.inside;
            inside |= u32::from(stay.inside) << bit;
        }
        (inside, pending)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Polygon;

    fn square(from: f32, to: f32) -> Polygon {
        Polygon::new(vec![[from, from], [to, from], [to, to], [from, to]]).expect("a square")
    }

    fn camera(zones: Vec<config::Zone>) -> config::Camera {
        let source = config::Source::Files { path: String::new(), fps: None, repeat: false };
        config::Camera { zones, ..config::Camera::new("porch", source, "m") }
    }

    fn labels() -> Vec<String> {
        ["person", "dog"].map(str::to_owned).to_vec()
    }

    fn zone(loiter: u64, inertia: u32, labels: Option<&[&str]>) -> config::Zone {
        config::Zone {
            name: "steps".to_owned(),
            polygon: square(0.5, 1.0),
            labels: labels.map(|l| l.iter().map(|&label| label.to_owned()).collect()),
            loiter: Duration::from_secs(loiter),
            inertia,
        }
    }

    #[test]
    fn a_zone_is_entered_after_its_inertia_and_loitering_and_left_after_its_inertia() {
        let zones = Zones::new(&camera(vec![zone(2, 2, Some(&["person"]))]), &labels());
        let (inside, outside) = (NormBox::new(0.6, 0.2, 0.8, 0.9), NormBox::new(0.6, 0.1, 0.8, 0.4));
        let mut presence = Presence::default();
        let mut told = Vec::new();
        for second in 0..10 {
            let bounds = if second == 4 || second >= 6 { outside } else { inside };
            told.push(zones.visit(&mut presence, 0, bounds, Duration::from_secs(second)));
        }
        // Its second frame counts as the entry; it left with the second frame outside.
        let expected: Vec<(u32, bool)> =
            [0, 2, 2, 1, 1, 1, 1, 0, 0, 0].map(|n| (u32::from(n == 1), n == 2)).to_vec();
        assert_eq!(told, expected);
        assert_eq!(zones.named(1).map(|name| &**name).collect::<Vec<_>>(), ["steps"]);
        let dog = zones.visit(&mut Presence::default(), 1, inside, Duration::from_secs(60));
        assert_eq!(dog, (0, false), "it is of no concern here");
    }

    #[test]
    fn filters_look_at_score_area_ratio_and_place() {
        let open = || config::Filter {
            score: [0.0, f32::INFINITY],
            area: [0.0, f32::INFINITY],
            ratio: [0.0, f32::INFINITY],
            include: Vec::new(),
            exclude: Vec::new(),
        };
        let person = Detection::new(0, 0.7, NormBox::new(0.4, 0.2, 0.6, 0.8));
        let frame = Size::new(1280, 720);
        let with = |label: &str, filter: config::Filter| {
            let filters = std::iter::once((label.to_owned(), filter)).collect();
            Filters::new(&config::Camera { filters, ..camera(Vec::new()) }, &labels())
        };
        let passes = |filter: config::Filter| with("person", filter).pass(&person, frame);
        assert!(passes(open()));
        assert!(!passes(config::Filter { area: [0.2, 1.0], ..open() }));
        assert!(!passes(config::Filter { area: [0.0, 0.1], ..open() }));
        // 256 pixels wide and 432 high.
        assert!(passes(config::Filter { ratio: [0.55, 0.65], ..open() }));
        assert!(!passes(config::Filter { ratio: [0.65, 2.0], ..open() }));
        assert!(!passes(config::Filter { score: [0.0, 0.65], ..open() }));
        assert!(passes(config::Filter { include: vec![square(0.45, 0.9)], ..open() }));
        assert!(!passes(config::Filter { include: vec![square(0.0, 0.4)], ..open() }));
        assert!(!passes(config::Filter { exclude: vec![square(0.0, 0.4), square(0.45, 0.9)], ..open() }));
        let all = with("all", config::Filter { score: [0.6, 1.0], ..open() });
        assert!((all.least_score(0, 0.5) - 0.6).abs() < 1e-6 && (all.least_score(1, 0.7) - 0.7).abs() < 1e-6);
        assert!(with("dog", config::Filter { area: [0.9, 1.0], ..open() }).pass(&person, frame));
    }
}
