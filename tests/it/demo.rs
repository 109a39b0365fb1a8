//! `demo.sh`, with a program in the place of edgecam that says how it was called.

use crate::support::{outcome, project};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// Exit code, stdout and stderr of the demo, run in `here` with `variables`.
fn demo(here: &Path, variables: &[(&str, &str)]) -> (i32, String, String) {
    let program = here.join("target/release/edgecam");
    std::fs::create_dir_all(program.parent().expect("a folder")).expect("the folder is ours");
    let say = "#!/bin/sh\necho \"$EDGECAM_MODEL $EDGECAM_DEMO_IMAGES $EDGECAM_LABELS\"\ncat \"$3\"\n";
    std::fs::write(&program, say).expect("the folder is ours");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
    // Elsewhere than the project, so that there is no data beside it.
    let place = here.join("project");
    std::fs::create_dir_all(place.join("configs")).expect("the folder is ours");
    for file in ["demo.sh", "configs/demo.toml", "configs/pictures.toml"] {
        std::fs::copy(project().join(file), place.join(file)).expect("it is shipped");
    }
    let mut command = Command::new("sh");
    command.arg(place.join("demo.sh")).current_dir(here).env("CARGO_TARGET_DIR", here.join("target"));
    for name in ["EDGECAM_MODEL", "EDGECAM_LABELS", "EDGECAM_DEMO_IMAGES"] {
        command.env_remove(name);
    }
    outcome(&command.envs(variables.iter().copied()).output().expect("sh runs"))
}

#[test]
fn paths_are_meant_from_where_the_user_stands_and_labels_may_be_packed_in() {
    let here = tempfile::tempdir().expect("a folder");
    std::fs::write(here.path().join("my.tflite"), "a model").expect("the folder is ours");
    let given = [("EDGECAM_MODEL", "my.tflite"), ("EDGECAM_DEMO_IMAGES", "pictures/*.jpg")];
    let (code, stdout, stderr) = demo(here.path(), &given);
    let folder = here.path().display();
    assert!(
        stdout.starts_with(&format!("{folder}/my.tflite {folder}/pictures/*.jpg \n")),
        "{stdout} {stderr}"
    );
    assert!(code == 0 && stdout.contains("[[camera]]") && !stdout.contains("labels"), "{code} {stdout}");

    let (_, stdout, stderr) = demo(here.path(), &[&given[..], &[("EDGECAM_LABELS", "/my.txt")]].concat());
    assert!(stdout.contains(" /my.txt\n") && stdout.contains("labels = "), "{stdout} {stderr}");
}

#[test]
fn what_is_missing_is_said_in_words() {
    let here = tempfile::tempdir().expect("a folder");
    std::fs::write(here.path().join("my.tflite"), "a model").expect("the folder is ours");
    for (given, part) in [
        (&[("EDGECAM_MODEL", "my.tflite")][..], "demo: there are no pictures to look at"),
        (
            &[("EDGECAM_MODEL", "no.tflite"), ("EDGECAM_DEMO_IMAGES", "pictures")],
            "no.tflite; EDGECAM_MODEL names a .tflite file",
        ),
    ] {
        let (code, _, stderr) = demo(here.path(), given);
        assert!(code == 1 && stderr.contains(part) && stderr.lines().count() == 1, "{code} {stderr}");
    }
}

#[test]
fn with_nothing_named_the_shapes_of_the_test_pattern_are_found() {
    let here = tempfile::tempdir().expect("a folder");
    let (code, stdout, stderr) = demo(here.path(), &[]);
    assert!(code == 0 && stdout.contains("test_pattern"), "{stdout} {stderr}");

    let mut edgecam = crate::support::edgecam()
        .args(["run", "--config", "configs/demo.toml"])
        .current_dir(project())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("edgecam runs");
    let lines = BufReader::new(edgecam.stdout.take().expect("it is piped")).lines();
    let found: Vec<String> =
        lines.map_while(Result::ok).filter(|line| line.contains("rectangle")).take(3).collect();
    edgecam.kill().and_then(|()| edgecam.wait()).expect("it ends");
    assert!(found.len() == 3 && found.iter().all(|line| line.contains(" pattern #")), "{found:?}");
}
