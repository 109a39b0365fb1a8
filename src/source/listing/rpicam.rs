//! CSI cameras, as `rpicam-hello --list-cameras` prints them.

use super::{CameraInfo, ModeInfo};
use rustix::process::{Pid, Signal, kill_process_group};
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The program has this long to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The CSI cameras; none where rpicam-apps is not installed or does not answer.
pub fn cameras() -> Vec<CameraInfo> {
    let programs = ["rpicam-hello", "libcamera-hello"];
    programs
        .into_iter()
        .find_map(|program| answer(program, TIMEOUT))
        .map(|text| parse(&text))
        .unwrap_or_default()
}

/// What `program --list-cameras` prints within `timeout`; `None` when it can't be started.
fn answer(program: &str, timeout: Duration) -> Option<String> {
    let mut command = Command::new(program);
    command.arg("--list-cameras").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.process_group(0).spawn().ok()?;
    let mut stdout = child.stdout.take()?;
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        let _ = stdout.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    });
    let deadline = Instant::now() + timeout;
    while !reader.is_finished() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
    // Not yet reaped, so the number is still that of this group.
    let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
    let _ = child.wait();
    reader.join().ok()
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

    #[test]
    fn a_program_that_does_not_answer_is_given_up() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("hangs");
        std::fs::write(&path, "#!/bin/sh\necho '0 : imx219 [1x1]'\nsleep 60 &\nsleep 60\n").expect("written");
        rustix::fs::chmod(&path, rustix::fs::Mode::from_raw_mode(0o755)).expect("made executable");
        let start = Instant::now();
        let text = answer(path.to_str().expect("UTF-8"), Duration::from_millis(300));
        assert!(start.elapsed() < Duration::from_secs(5));
        assert_eq!(text.as_deref().map(parse).map(|cameras| cameras.len()), Some(1));
        assert_eq!(answer("no-such-program", TIMEOUT), None);
    }
}
