//! CSI cameras, as `rpicam-hello --list-cameras` prints them.

use super::{CameraInfo, ModeInfo};
use crate::tool;
use std::time::Duration;

/// The program has this long to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The CSI cameras; none where rpicam-apps is not installed or does not answer.
pub fn cameras() -> Vec<CameraInfo> {
    let programs = ["rpicam-hello", "libcamera-hello"];
    programs
        .into_iter()
        .find_map(|program| tool::answer(program, &["--list-cameras"], TIMEOUT))
        .map(|text| parse(&text))
        .unwrap_or_default()
}

/// Reads lines such as
///
/// ```text
/// 0 : imx219 [3280x2464 10-bit RGGB] (/base/soc/i2c0mux/i2c@1/imx219@10)
///     Modes: 'SRGGB10_CSI2P' : 640x480 [206.65 fps - (1000, 752)/1280x960 crop]
///                              1640x1232 [41.85 fps - (0, 0)/3280x2464 crop]
/// ```
fn parse(text: &str) -> Vec<CameraInfo> {
    let mut cameras: Vec<CameraInfo> = Vec::new();
    let mut format = String::new();
    for line in text.lines() {
        if let Some((number, rest)) = line.split_once(" : ").filter(|(n, _)| n.trim().parse::<u32>().is_ok())
        {
            cameras.push(CameraInfo {
                source: "rpicam",
                path: number.trim().to_owned(),
                by_id: None,
                card: rest.split(" [").next().unwrap_or(rest).trim().to_owned(),
                driver: "libcamera".to_owned(),
                modes: Vec::new(),
            });
        } else if let Some(camera) = cameras.last_mut() {
            if let Some(name) = line.split('\'').nth(1) {
                name.clone_into(&mut format);
            }
            camera.modes.extend(mode(line, &format));
        }
    }
    cameras
}

/// The mode of a line that ends in `WxH [F fps - …]`.
fn mode(line: &str, format: &str) -> Option<ModeInfo> {
    let (before, after) = line.split_once(" [")?;
    let (width, height) = before.split_whitespace().last()?.split_once('x')?;
    let fps = after.split_once(" fps")?.0.parse().ok()?;
    Some(ModeInfo {
        format: format.to_owned(),
        width: width.parse().ok()?,
        height: height.parse().ok()?,
        fps: vec![fps],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "Available cameras
-----------------
0 : imx219 [3280x2464 10-bit RGGB] (/base/soc/i2c0mux/i2c@1/imx219@10)
    Modes: 'SRGGB10_CSI2P' : 640x480 [206.65 fps - (1000, 752)/1280x960 crop]
                             1640x1232 [41.85 fps - (0, 0)/3280x2464 crop]
           'SRGGB8' : 640x480 [206.65 fps - (1000, 752)/1280x960 crop]

1 : imx708_wide [4608x2592 10-bit RGGB] (/base/axi/pcie@120000/rp1/i2c@80000/imx708@1a)
    Modes: 'SRGGB10_CSI2P' : 1536x864 [120.13 fps - (768, 432)/3072x1728 crop]
";

    #[test]
    fn the_list_of_rpicam_hello_is_understood() {
        let cameras = parse(PRINTED);
        let names: Vec<_> =
            cameras.iter().map(|c| (c.path.as_str(), c.card.as_str(), c.modes.len())).collect();
        assert_eq!(names, [("0", "imx219", 3), ("1", "imx708_wide", 1)]);
        let mode = &cameras[0].modes[1];
        assert_eq!((mode.format.as_str(), mode.width, mode.height), ("SRGGB10_CSI2P", 1640, 1232));
        assert_eq!((mode.fps[0], cameras[0].modes[2].format.as_str()), (41.85, "SRGGB8"));
        assert!(parse("No cameras available!\n").is_empty() && parse("").is_empty());
    }
}
