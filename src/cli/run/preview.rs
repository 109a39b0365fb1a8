//! `edgecam check --preview`: a frame of a camera with its zones and masks, to see whether they are where they
//! should be.

use super::probe::first_frame;
use crate::config::Config;
use crate::geometry::{NormBox, Polygon};
use crate::preview::draw_zones;
use crate::snapshot::Studio;
use anyhow::{Context, anyhow};
use std::path::Path;

/// Taller pictures are made smaller.
const MAX_HEIGHT: u32 = 1080;

/// Writes it to `file`, of a kind told by its name.
pub fn preview(config: &Config, camera: &str, file: &Path) -> anyhow::Result<()> {
    let known = || config.cameras.iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(", ");
    let found = config.cameras.iter().find(|c| c.name == camera);
    let camera = found.with_context(|| format!("there is no camera {camera}; there is {}", known()))?;
    let (frame, _) = first_frame(camera).map_err(|why| anyhow!("camera {}: {why}", camera.name))?;
    let picture = Studio::default().picture(&frame, NormBox::FULL, MAX_HEIGHT, &camera.mask, &[], &[]);
    let mut picture = picture.map_err(|why| anyhow!("camera {}: {why}", camera.name))?;
    let zones: Vec<(&str, &Polygon)> = camera.zones.iter().map(|z| (z.name.as_str(), &z.polygon)).collect();
    draw_zones(&mut picture, &zones, &camera.mask).map_err(|e| anyhow!(e))?;
    picture.save(file).with_context(|| format!("write {}", file.display()))
}
