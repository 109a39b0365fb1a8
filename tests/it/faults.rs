//! What breaks while the daemon runs, and must not break the daemon.

use crate::broker::{Broker, Subscriber};
use crate::daemon::{MODEL, Place, mqtt, picture, quoted};
use crate::support::{data, edgecam, outcome};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// A byte of the model's operators that has the runtime call what is not there.
const CRASH: (usize, u8) = (4_178_206, 0xFF);

fn make_pipe(path: &Path) {
    let pipe = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, path, pipe, rustix::fs::Mode::from_raw_mode(0o600), 0)
        .expect("the folder is ours");
}

/// Copies the SSD model to `path` and has the config name it.
fn own_model(place: &Place, path: &Path) {
    let model = data(MODEL).expect("checked");
    std::fs::copy(&model, path).expect("the folder is ours");
    let text = std::fs::read_to_string(&place.config).expect("written");
    std::fs::write(&place.config, text.replace(&quoted(&model), &quoted(path))).expect("the folder is ours");
}

/// Puts another content under the name of a file, as package tools do.
fn replace(path: &Path, bytes: &[u8]) {
    let new = path.with_extension("new");
    std::fs::write(&new, bytes).expect("the folder is ours");
    std::fs::rename(new, path).expect("the folder is ours");
}

#[test]
fn a_model_that_crashes_the_runtime_is_refused_and_the_old_one_goes_on() {
    let Some(place) = Place::new() else { return };
    place.write("", &picture("porch", "bus.jpg", ""));
    let model = place.path("own.tflite");
    own_model(&place, &model);
    let mut daemon = place.run();
    daemon.wait_for_line("ready after");
    daemon.wait_for_line(" bus ");
    assert_eq!(place.reload(), (0, "reloaded: nothing changed\n".to_owned()));

    let good = std::fs::read(&model).expect("written");
    replace(&model, &good);
    let (code, text) = place.reload();
    assert!(code == 0 && text.contains("model coco: loaded"), "{code} {text}");

    let mut bad = good;
    bad[CRASH.0] = CRASH.1;
    replace(&model, &bad);
    let (code, text) = place.reload();
    let refused = format!("load model {}: ", model.display());
    assert!(code == 78 && text.contains(&refused) && text.contains("not reloaded"), "{code} {text}");
    daemon.lines.lock().expect("no panic").clear();
    daemon.wait_for_line(" bus ");
    daemon.signal("-TERM");
    assert_eq!(daemon.exit(), 0);

    let mut daemon = place.run();
    assert_eq!(daemon.exit(), 78);
    daemon.wait_for_line(&refused);
}

#[test]
fn labels_replaced_under_their_name_are_read_again() {
    let Some(place) = Place::new() else { return };
    place.write("", &picture("porch", "bus.jpg", ""));
    let (labels, own) = (data("labels/coco_labels.txt").expect("beside it"), place.path("own.txt"));
    let names = std::fs::read_to_string(&labels).expect("readable");
    std::fs::write(&own, &names).expect("the folder is ours");
    let text = std::fs::read_to_string(&place.config).expect("written");
    let text = text.replace(&quoted(&labels), &quoted(&own));
    std::fs::write(&place.config, text).expect("the folder is ours");
    let daemon = place.run();
    daemon.wait_for_line("ready after");
    daemon.wait_for_line(" bus ");
    replace(&own, names.replace("bus", "charabanc").as_bytes());
    let (code, text) = place.reload();
    assert!(code == 0 && text.contains("model coco: loaded"), "{code} {text}");
    daemon.wait_for_line(" charabanc ");
}

#[test]
fn a_camera_whose_frames_can_not_be_decoded_is_offline() {
    let (Some(place), Some(broker)) = (Place::new(), Broker::open()) else { return };
    let (good, shown) = (data("images/bus.jpg").expect("beside the models"), place.path("shown.jpg"));
    std::fs::copy(&good, &shown).expect("the folder is ours");
    let show = format!("while :; do cat {}; sleep 0.1; done", shown.display());
    let camera = format!(
        "[[camera]]\nname = \"porch\"\nsource = {{ command = {{ argv = [\"sh\", \"-c\", \"{show}\"], format = \"mjpeg\" }} }}\nmodel = \"coco\"\nlabels = [\"bus\"]\nstall_timeout = \"1s\"\n"
    );
    place.write(&mqtt(broker.port), &camera);
    let daemon = place.run();
    let sub = Subscriber::new(broker.port, "edgecam/porch/#", &[]);
    sub.wait_for("edgecam/porch/bus", "1");
    sub.wait_for("edgecam/porch/status", "online");
    // Tables that don't exist: whole to look at, and not to be decoded.
    let mut bytes = std::fs::read(&good).expect("readable");
    let table = bytes.windows(2).position(|w| w == [0xFF, 0xC4]).expect("a Huffman table");
    bytes[table + 5..table + 21].fill(0xFF);
    sub.forget();
    replace(&shown, &bytes);
    sub.wait_for("edgecam/porch/status", "offline");
    sub.wait_for("edgecam/porch/bus", "0");
    daemon.wait_for_line("offline: no frame that can be used for");
    sub.forget();
    replace(&shown, &std::fs::read(&good).expect("readable"));
    sub.wait_for("edgecam/porch/status", "online");
    sub.wait_for("edgecam/porch/bus", "1");
}

#[test]
fn a_pipe_among_the_pictures_hangs_neither_a_reload_nor_the_stop() {
    let Some(place) = Place::new() else { return };
    let pipe = place.path("pipe.jpg");
    make_pipe(&pipe);
    let porch = picture("porch", "bus.jpg", "");
    let piped = |name: &str, path: &Path| {
        format!(
            "[[camera]]\nname = \"{name}\"\nsource = {{ files = {{ path = {} }} }}\nmodel = \"coco\"\n",
            quoted(path)
        )
    };
    place.write("", &format!("{porch}{}", piped("pipe", &pipe)));
    let mut daemon = place.run();
    daemon.wait_for_line("neither a file nor a folder");
    daemon.wait_for_line("ready after");
    daemon.wait_for_line(" bus ");
    place.write("", &porch);
    assert_eq!(place.reload(), (0, "reloaded\ncamera pipe: removed\n".to_owned()));
    daemon.signal("-TERM");
    assert_eq!(daemon.exit(), 0);
}

#[test]
fn a_reload_does_not_show_files_again_that_were_shown_once() {
    let Some(place) = Place::new() else { return };
    let bus = data("images/bus.jpg").expect("beside the models");
    let once = format!(
        "[[camera]]\nname = \"once\"\nsource = {{ files = {{ path = {} }} }}\nmodel = \"coco\"\n",
        quoted(&bus)
    );
    place.write("", &format!("{}{once}", picture("porch", "bus.jpg", "")));
    let daemon = place.run();
    daemon.wait_for_line("has no more frames");
    daemon.wait_for_line("ready after");
    assert_eq!(place.reload(), (0, "reloaded: nothing changed\n".to_owned()));
    // When only what has ended is left, so has the daemon.
    place.write("", &once);
    let (code, text) = place.reload();
    assert!(code == 0 && text.contains("camera porch: removed"), "{code} {text}");
    daemon.wait_for_line("no camera has more frames");
}

#[test]
fn a_key_that_needs_a_restart_is_named_until_it_is_as_it_runs() {
    let Some(place) = Place::new() else { return };
    let porch = picture("porch", "bus.jpg", "");
    place.write("", &porch);
    let _daemon = place.run();
    while place.reload().0 != 0 {
        std::thread::sleep(Duration::from_millis(20));
    }
    place.write(&format!("[runtime]\nlibrary = {}", quoted(&data(MODEL).expect("checked"))), &porch);
    let notice = (0, "reloaded\nruntime.library: takes effect after a restart\n".to_owned());
    assert_eq!([place.reload(), place.reload()], [notice.clone(), notice]);
    place.write("", &porch);
    assert_eq!(place.reload(), (0, "reloaded: nothing changed\n".to_owned()));
}

#[test]
fn a_log_that_nobody_reads_does_not_hold_up_the_stop() {
    let Some(place) = Place::new() else { return };
    place.write("", &picture("porch", "bus.jpg", ""));
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    rustix::io::ioctl_fionbio(&writer, true).expect("it does not wait");
    while std::io::Write::write(&mut writer, &[b'x'; 4096]).is_ok() {}
    rustix::io::ioctl_fionbio(&writer, false).expect("it waits");
    let mut command = edgecam();
    command.arg("run").arg("--config").arg(&place.config);
    command.env("RUNTIME_DIRECTORY", place.path("run")).env("STATE_DIRECTORY", place.path("state"));
    let mut child = command.stderr(writer).stdout(Stdio::null()).process_group(0).spawn().expect("it starts");
    let deadline = Instant::now() + crate::broker::PATIENCE;
    while place.reload().0 != 0 {
        assert!(Instant::now() < deadline, "it does not start");
        std::thread::sleep(Duration::from_millis(20));
    }
    let id = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(id, rustix::process::Signal::TERM).expect("it runs");
    while child.try_wait().expect("it is ours").is_none() {
        if Instant::now() > deadline {
            let _ = child.kill();
            panic!("it does not end");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(reader);
}

#[test]
fn a_probe_of_a_camera_that_sends_garbage_ends() {
    let Some(place) = Place::new() else { return };
    let camera = "[[camera]]\nname = \"noise\"\nsource = { command = { argv = [\"cat\", \"/dev/urandom\"], format = \"mjpeg\" } }\nmodel = \"coco\"\nstall_timeout = \"1s\"\n";
    place.write("", camera);
    let out = edgecam().args(["check", "--probe", "--config"]).arg(&place.config).output();
    let (code, text, _) = outcome(&out.expect("edgecam runs"));
    assert!(code == 1 && text.contains("camera noise: failed: no "), "{code} {text}");
}

#[test]
fn a_runtime_library_that_was_cut_short_is_a_sentence() {
    let Some(place) = Place::new() else { return };
    place.write("", &picture("porch", "bus.jpg", ""));
    let (whole, cut) = (std::fs::read(crate::support::library()).expect("make setup"), place.path("cut.so"));
    std::fs::write(&cut, &whole[..whole.len() / 2]).expect("the folder is ours");
    let image = data("images/bus.jpg").expect("beside the models");
    let commands = [
        vec!["run".as_ref(), "--config".as_ref(), place.config.as_os_str()],
        vec!["detect".as_ref(), "--model".as_ref(), place.config.as_os_str(), image.as_os_str()],
    ];
    for arguments in commands {
        let out = edgecam().args(&arguments).env("EDGECAM_LITERT", &cut).output().expect("edgecam runs");
        let (code, _, stderr) = outcome(&out);
        assert!(code == 1 && stderr.contains("cut.so: it is cut short"), "{code} {stderr}");
    }
}
