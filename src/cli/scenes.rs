//! `edgecam scenes`: pictures of the test pattern with their truth, as `edgecam eval` and trainings read
//! them.

use super::Exit;
use crate::eval::layout::{add_object, data_yaml};
use crate::frame::Size;
use crate::source::test_pattern::{LABELS, draw, visible_truth};
use anyhow::Context;
use clap::Args;
use image::{ColorType, save_buffer};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Write pictures whose objects are known exactly
#[derive(Args, Debug)]
pub(super) struct Scenes {
    /// The folder to write to
    #[arg(value_name = "OUT")]
    out: PathBuf,
    /// How many pictures
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=999_999))]
    count: u32,
    /// Which pictures
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u32,
    /// Width and height in pixels
    #[arg(long, value_name = "WIDTHxHEIGHT", default_value = "320x240", value_parser = size)]
    size: Size,
    /// Each picture is taken so many frames later in its scene than the one before
    #[arg(long, value_name = "FRAMES", default_value_t = 7)]
    step: u32,
}

fn size(text: &str) -> Result<Size, String> {
    let side = |word: &str| word.parse::<u32>().ok().filter(|n| (8..=8192).contains(n));
    let sides = text.split_once('x').and_then(|(w, h)| Some(Size::new(side(w)?, side(h)?)));
    sides.ok_or_else(|| "a size is a width and a height from 8 to 8192, as in 320x240".to_owned())
}

impl Scenes {
    pub(super) fn run(&self, out: &mut dyn Write) -> anyhow::Result<Exit> {
        let (images, labels) = (self.out.join("images"), self.out.join("labels"));
        for folder in [&images, &labels] {
            fs::create_dir_all(folder).with_context(|| format!("make folder {}", folder.display()))?;
        }
        let (mut rgb, mut objects) = (Vec::new(), 0);
        for i in 0..self.count {
            // The count fits 20 bits, so sets of different seeds share no scene.
            let scene = u64::from(self.seed) << 20 | u64::from(i);
            let frame = u64::from(i) * u64::from(self.step);
            draw(scene, self.size, frame, &mut rgb);
            let path = images.join(format!("{i:06}.png"));
            save_buffer(&path, &rgb, self.size.width, self.size.height, ColorType::Rgb8)
                .with_context(|| format!("write {}", path.display()))?;
            let mut lines = String::new();
            for (class, b) in visible_truth(scene, self.size, frame) {
                add_object(&mut lines, class, b);
                objects += 1;
            }
            write(&labels.join(format!("{i:06}.txt")), &lines)?;
        }
        write(&self.out.join("config.yaml"), &data_yaml(&LABELS))?;
        writeln!(out, "{} pictures with {objects} objects in {}", self.count, self.out.display())?;
        Ok(Exit::Fine)
    }
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| format!("write {}", path.display()))
}
