//! Checks of what the config says of detections: masks, filters, zones, tracks, snapshots, the outbox.

use super::checker::{Checker, within};
use super::events::{DAY, Filter, HomeAssistant, Motion, Outbox, Snapshot, Track, Zone};
use super::file::{self, Corners};
use super::lenient::start;
use super::validate::{HOUR, SECOND, some_labels};
use super::value::{bytes, duration, name, printable};
use crate::geometry::Polygon;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use toml::Spanned;

/// Zones of a camera: a track's are told in a word of as many bits.
const MOST_ZONES: usize = 32;

pub(super) fn outbox(table: Option<&file::Outbox>, c: &mut Checker<'_>) -> Outbox {
    let usual = Outbox::default();
    let Some(k) = table else { return usual };
    let max_bytes = c.checked("max_bytes", k.max_bytes.as_ref(), |text| match bytes(text)? {
        size if (1 << 20..=1 << 40).contains(&size) => Ok(size),
        _ => Err(format!("{text} is not between 1MiB and 1024GiB")),
    });
    let sync = c.checked("sync_interval", k.sync_interval.as_ref(), |text| match text.as_str() {
        "0" => Ok(Duration::ZERO),
        text => match duration(text)? {
            time if time <= HOUR => Ok(time),
            _ => Err(format!("{text} is more than 1h")),
        },
    });
    Outbox {
        max_bytes: max_bytes.unwrap_or(usual.max_bytes),
        max_age: c.duration("max_age", k.max_age.as_ref(), (60 * SECOND, 3650 * DAY), usual.max_age),
        sync_interval: sync.unwrap_or(usual.sync_interval),
    }
}

pub(super) fn homeassistant(
    table: Option<&file::HomeAssistant>,
    c: &mut Checker<'_>,
) -> Option<HomeAssistant> {
    let k = table?;
    let prefix = c.checked("discovery_prefix", k.discovery_prefix.as_ref(), |p| topic(p));
    let discovery_prefix = prefix.unwrap_or_else(|| "homeassistant".to_owned());
    k.enabled.unwrap_or(false).then_some(HomeAssistant { discovery_prefix })
}

/// The first part of a topic.
pub(super) fn topic(p: &str) -> Result<String, String> {
    let good = !p.is_empty() && p.len() <= 128 && !p.starts_with(['/', '$']) && !p.ends_with('/');
    if good && !p.contains(['+', '#', ' ']) && printable(p).is_ok() {
        Ok(p.to_owned())
    } else {
        Err(format!("{p:?} is no start of a topic"))
    }
}

pub(super) fn motion(table: Option<&file::Motion>, c: &mut Checker<'_>) -> Option<Motion> {
    let (usual, k) = (Motion::default(), table?);
    let threshold = c.checked("threshold", k.threshold.as_ref(), within(1.0, 100.0));
    let min_area = c.checked("min_area", k.min_area.as_ref(), within(0.0, 1.0));
    let motion = Motion {
        keep_alive: c.duration("keep_alive", k.keep_alive.as_ref(), (SECOND, 24 * HOUR), usual.keep_alive),
        threshold: threshold.map_or(usual.threshold, |t| t as f32),
        min_area: min_area.map_or(usual.min_area, |a| a as f32),
        hold: c.duration("hold", k.hold.as_ref(), (Duration::ZERO, HOUR), usual.hold),
        mask: polygons("mask", k.mask.as_ref(), c),
    };
    k.enabled.unwrap_or(true).then_some(motion)
}

pub(super) fn mask(list: Option<&Vec<Corners>>, c: &mut Checker<'_>) -> Arc<[Polygon]> {
    polygons("mask", list, c).into()
}

pub(super) fn snapshot(table: Option<&file::Snapshot>, c: &mut Checker<'_>) -> Option<Snapshot> {
    let usual = Snapshot::default();
    let Some(k) = table else { return Some(usual) };
    let quality = c.checked("quality", k.quality.as_ref(), within(1, 100));
    let max_bytes = c.checked("max_bytes", k.max_bytes.as_ref(), |text| match bytes(text)? {
        size if (8 << 10..=900 << 10).contains(&size) => Ok(size as usize),
        _ => Err(format!("{text} is not between 8KiB and 900KiB")),
    });
    let max_height = c.checked("max_height", k.max_height.as_ref(), within(64, 8192));
    let snapshot = Snapshot {
        quality: quality.map_or(usual.quality, |q| q as u8),
        max_bytes: max_bytes.unwrap_or(usual.max_bytes),
        max_height: max_height.map_or(usual.max_height, |h| h as u32),
        crop: k.crop.unwrap_or(usual.crop),
    };
    k.enabled.unwrap_or(true).then_some(snapshot)
}

pub(super) fn track(table: Option<&file::Track>, c: &mut Checker<'_>) -> Track {
    let usual = Track::default();
    let Some(k) = table else { return usual };
    let min_hits = c.checked("min_hits", k.min_hits.as_ref(), within(1, 100));
    let mut time = |key: &str, value: &file::Value<String>, range, default| {
        c.duration(key, value.as_ref(), range, default)
    };
    let tenth = SECOND / 10;
    Track {
        min_hits: min_hits.map_or(usual.min_hits, |n| n as u32),
        max_lost: time("max_lost", &k.max_lost, (tenth, HOUR), usual.max_lost),
        stationary_after: time(
            "stationary_after",
            &k.stationary_after,
            (SECOND, HOUR),
            usual.stationary_after,
        ),
        stationary_max_lost: time(
            "stationary_max_lost",
            &k.stationary_max_lost,
            (tenth, 24 * HOUR),
            usual.stationary_max_lost,
        ),
        remember: time("remember", &k.remember, (Duration::ZERO, 365 * DAY), usual.remember),
        update_interval: time("update_interval", &k.update_interval, (tenth, HOUR), usual.update_interval),
    }
}

/// The filters of a camera that reports `labels`.
pub(super) fn filters(
    k: &file::Camera,
    labels: Option<&[String]>,
    c: &mut Checker<'_>,
) -> BTreeMap<String, Filter> {
    let mut filters = BTreeMap::new();
    for (label, table) in &k.filter {
        let unreported = labels.is_some_and(|labels| !labels.contains(label.get_ref()));
        if unreported && label.get_ref() != "all" {
            c.refuse(label, format!("filter {}: not among the camera's labels", label.get_ref()));
        }
        let t = table.get_ref();
        let mut range = |keys: [&str; 2], low: &file::Value<f64>, high: &file::Value<f64>, most: f64| {
            let low_checked = c.checked(keys[0], low.as_ref(), within(0.0, most)).unwrap_or(0.0);
            let high_checked = c.checked(keys[1], high.as_ref(), within(0.0, most));
            if let (Some(value), Some(high)) = (high, high_checked)
                && high < low_checked
            {
                c.refuse(value, format!("{}: {high} is less than {}", keys[1], keys[0]));
            }
            [low_checked as f32, high_checked.map_or(f32::INFINITY, |high| high as f32)]
        };
        let filter = Filter {
            score: range(["min_score", "max_score"], &t.min_score, &t.max_score, 1.0),
            area: range(["min_area", "max_area"], &t.min_area, &t.max_area, 1.0),
            ratio: range(["min_ratio", "max_ratio"], &t.min_ratio, &t.max_ratio, 1000.0),
            include: polygons("include", t.include.as_ref(), c),
            exclude: polygons("exclude", t.exclude.as_ref(), c),
        };
        filters.insert(label.get_ref().clone(), filter);
    }
    filters
}

pub(super) fn zones(k: &file::Camera, labels: Option<&[String]>, c: &mut Checker<'_>) -> Vec<Zone> {
    let mut zones = Vec::new();
    for (zone, table) in &k.zone {
        if let Err(why) = name("zone", zone.get_ref()) {
            c.refuse(zone, why);
        }
        if zones.len() == MOST_ZONES {
            c.refuse(zone, format!("zone {}: a camera has {MOST_ZONES} zones at most", zone.get_ref()));
        }
        let t = table.get_ref();
        let polygon = c.required(start(table), "polygon", t.polygon.as_ref(), |corners| polygon(corners));
        let wanted =
            c.checked("labels", t.labels.as_ref(), |l| some_labels(l, "; leave the key out for all"));
        for label in t.labels.iter().flat_map(Spanned::get_ref) {
            if labels.is_some_and(|labels| !labels.contains(label.get_ref())) {
                c.refuse(label, format!("labels: {} is not among the camera's labels", label.get_ref()));
            }
        }
        let inertia = c.checked("inertia", t.inertia.as_ref(), within(1, 100));
        let loiter = c.duration("loiter", t.loiter.as_ref(), (Duration::ZERO, 24 * HOUR), Duration::ZERO);
        let Some(polygon) = polygon else { continue };
        zones.push(Zone {
            name: zone.get_ref().clone(),
            polygon,
            labels: wanted,
            loiter,
            inertia: inertia.map_or(3, |n| n as u32),
        });
    }
    zones
}

fn polygons(key: &str, list: Option<&Vec<Corners>>, c: &mut Checker<'_>) -> Vec<Polygon> {
    list.into_iter()
        .flatten()
        .filter_map(|corners| c.checked(key, Some(corners), |corners| polygon(corners)))
        .collect()
}

fn polygon(corners: &[crate::array::Array<f32, 2>]) -> Result<Polygon, String> {
    Polygon::new(corners.iter().map(|corner| corner.0).collect())
}
