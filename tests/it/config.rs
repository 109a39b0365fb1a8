//! `edgecam check` on configs good and bad: every problem at its place, all at once, exit 78.

use crate::support::{edgecam, outcome, project};
use edgecam::config::parse;
use std::path::Path;

fn problems(text: &str) -> Vec<String> {
    let path = project().join("test.toml");
    let lines = parse(text, &path).expect_err("a wrong config").lines();
    let name = format!("{}:", path.display());
    lines
        .iter()
        .map(|line| line.strip_prefix(&name).expect("the file's name leads").trim_start().to_owned())
        .collect()
}

/// Where a good value stands, for a bad one to take its place.
const GOOD: &str = r#"
[mqtt]
url = "mqtt://localhost"
prefix = "home/edgecam"
client_id = "one"
username = "me"
password_file = "Cargo.toml"
keep_alive = "30s"
max_back_off = "10s"
[outbox]
max_bytes = "32MiB"
max_age = "2d"
sync_interval = "0"
[homeassistant]
enabled = true
discovery_prefix = "ha"
[stats]
interval = "30s"
[thermal]
enabled = true
limit = 70
[runtime]
library = "Cargo.toml"
[model.coco]
path = "Cargo.toml"
labels = "Cargo.toml"
threads = 2
accelerator = "cpu"
cpu = "Cargo.toml"
decoder = "ssd"
fit = "stretch"
mean = [1, 2, 3]
std = [1, 2, 3]
[[camera]]
name = "a"
source = { v4l2 = { device = "auto", size = [640, 480], fps = 29.97, format = "yuyv" } }
stall_timeout = "10s"
model = "coco"
region = [0, 0, 1, 0.5]
fps = 5
threshold = 0.5
labels = ["person"]
motion = { enabled = true, keep_alive = "20s", threshold = 10, min_area = 0.002, hold = "3s" }
snapshot = { enabled = true, quality = 70, max_bytes = "100KiB", max_height = 480, crop = true }
track = { min_hits = 2, max_lost = "3s", stationary_after = "8s", stationary_max_lost = "90s", remember = "12h", update_interval = "2s" }
mask = [[[0, 0], [0.2, 0], [0.2, 0.2]]]
[camera.filter.person]
min_score = 0.6
max_score = 0.95
min_area = 0.002
max_area = 0.5
min_ratio = 0.2
max_ratio = 2
[camera.filter.all]
exclude = [[[0, 0], [1, 0], [1, 0.1]]]
[camera.zone.steps]
polygon = [[0.4, 0.5], [0.6, 0.5], [0.6, 1]]
labels = ["person"]
loiter = "5s"
inertia = 2
[[camera]]
name = "b"
source = { rpicam = { camera = 0, size = [1280, 720], fps = 10, rotation = 180, format = "mjpeg", args = ["--hflip"] } }
model = "coco"
[[camera]]
name = "c"
source = { command = { argv = ["cat"], format = "nv12", size = [64, 48] } }
model = "coco"
[[camera]]
name = "d"
source = { files = { path = "src/*.rs", fps = 5, loop = true } }
model = "coco"
[[camera]]
name = "e"
source = { test_pattern = { size = [64, 48], fps = 5, seed = 3 } }
model = "coco"
[collect]
path = "saved"
max_bytes = "50MiB"
interval = "5s"
uncertain = [0.3, 0.5]
negatives = "0"
"#;

#[test]
fn the_good_one_is_good() {
    let config = parse(GOOD, &project().join("test.toml")).expect("a good config");
    assert_eq!((config.cameras.len(), config.models.len()), (5, 1));
    let first = &config.cameras[0];
    assert_eq!(
        (first.mask.len(), first.zones[0].inertia, first.filters["person"].area),
        (1, 2, [0.002, 0.5])
    );
    assert_eq!(config.thermal.map(|thermal| thermal.limit), Some(70.0));
    assert_eq!(config.models[0].manifest.cpu, Some(project().join("Cargo.toml")));
    assert_eq!(config.outbox.sync_interval, std::time::Duration::ZERO);
    assert!(config.homeassistant.is_some_and(|ha| ha.discovery_prefix == "ha"));
    let collect = config.cameras[4].collect.as_ref().expect("it is for every camera");
    assert_eq!((collect.max_bytes, collect.uncertain, collect.negatives), (50 << 20, [0.3, 0.5], None));
    assert_eq!(collect.path.as_deref(), Some(project().join("saved").as_path()));
    assert_eq!(config.mqtt.expect("a broker").prefix, "home/edgecam");
}

#[test]
fn a_credential_of_the_service_need_not_be_there() {
    let file = "password_file = \"/run/credentials/edgecam.service/p\"";
    let credential = GOOD.replacen("password_file = \"Cargo.toml\"", file, 1);
    let config = parse(&credential, &project().join("test.toml")).expect("a good config");
    let mqtt = config.mqtt.expect("a broker");
    assert!(mqtt.password().is_err(), "it is missing when it is needed");
    let found = problems(&credential.replace("/run/credentials/edgecam.service/p", "/no/such/file"));
    assert!(found.len() == 1 && found[0].contains("password_file: /no/such/file"), "{found:?}");
}

/// Where the list that `text` begins with ends.
fn closed(text: &str) -> usize {
    let mut depth = 0;
    let ends = |c: char| {
        depth += i32::from(c == '[') - i32::from(c == ']');
        depth == 0
    };
    text.find(ends).expect("closed") + 1
}

#[test]
fn garbage_in_each_field_is_one_problem_at_its_place() {
    let mut tried = 0;
    for (number, line) in GOOD.lines().enumerate() {
        let words: Vec<&str> = line.split(" = ").collect();
        if words.len() < 2 {
            continue;
        }
        // Inside `{ … }` each `key = value` is a field too.
        for (index, _) in line.match_indices(" = ") {
            let value_at = index + 3;
            let value = &line[value_at..];
            let end = if value.starts_with('{') {
                continue;
            } else if value.starts_with('[') {
                closed(value)
            } else {
                value.find([',', '}']).map_or(value.len(), |end| value[..end].trim_end().len())
            };
            for garbage in ["{ x = 1 }", "[[1]]", "1979-05-27"] {
                let mut lines: Vec<String> = GOOD.lines().map(str::to_owned).collect();
                lines[number] = format!("{}{garbage}{}", &line[..value_at], &line[value_at + end..]);
                let found = problems(&lines.join("\n"));
                assert_eq!(found.len(), 1, "{} gives {found:#?}", lines[number]);
                let column = value_at + 1;
                let place = found[0].split(": ").next().expect("a place");
                let (row, col) = place.split_once(':').expect("line:column");
                assert_eq!(row, (number + 1).to_string(), "{} gives {found:?}", lines[number]);
                let col: usize = col.parse().expect("a number");
                assert!((column..=column + 2).contains(&col), "{} gives {found:?}", lines[number]);
                tried += 1;
            }
        }
    }
    assert!(tried > 100, "only {tried} were tried");
}

#[test]
fn values_out_of_range_are_told_with_their_line() {
    for (good, bad, part) in [
        ("mqtt://localhost", "http://localhost", "mqtt://host:1883"),
        ("home/edgecam", "a/#", "no start of a topic"),
        ("home/edgecam", "a\\nb", "no start of a topic"),
        ("\"one\"", "\"o\\u0000ne\"", "client_id: the control character"),
        ("\"me\"", "\"m\\u0000e\"", "username: the control character"),
        ("\"me\"", &format!("{:?}", "m".repeat(70_000)), "65535 bytes at most"),
        ("mqtt://localhost", "mqtt://local\\nhost", "names no host"),
        ("[\"cat\"]", "[\"cat\", \"a\\u0000b\"]", "argv: a NUL"),
        ("[\"--hflip\"]", "[\"--h\\u0000flip\"]", "args: a NUL"),
        ("device = \"auto\"", "device = \"/dev/\\u0000\"", "a path such as"),
        ("interval = \"30s\"", "interval = \"30 s\"", "no duration"),
        ("threads = 2", "threads = 0", "between 1 and 64"),
        ("\"cpu\"", "\"warp\"", "\"warp\""),
        ("std = [1, 2, 3]", "std = [1, 0, 3]", "deviation of 0"),
        ("name = \"a\"", "name = \"stats\"", "a topic of its own"),
        ("name = \"b\"", "name = \"a\"", "already"),
        ("\"yuyv\"", "\"yuyw\"", "no format"),
        ("[0, 0, 1, 0.5]", "[0.5, 0, 0.2, 1]", "x_min"),
        ("threshold = 0.5", "threshold = 1.5", "between 0 and 1"),
        ("url = \"mqtt://localhost\"", "url = \"mqtt://localhost\"\nembedded = true", "leave the url out"),
        (
            "url = \"mqtt://localhost\"",
            "url = \"mqtt://localhost\"\nlisten = \"127.0.0.1:1\"",
            "write embedded = true",
        ),
        ("[0.2, 0.2]]]", "[0.2, 1.2]]]", "mask: "),
        ("[0.2, 0.2]]]", "[0.3, 0]]]", "mask: "),
        ("min_score = 0.6", "min_score = 0.99", "max_score: 0.95 is less than min_score"),
        ("[camera.filter.person]", "[camera.filter.cow]", "filter cow: not among the camera's labels"),
        ("[camera.zone.steps]", "[camera.zone.all]", "a topic of its own"),
        ("[camera.zone.steps]", "[camera.zone.Steps]", "no name for a zone"),
        ("polygon = [[0.4, 0.5], [0.6, 0.5], [0.6, 1]]", "polygon = [[0.4, 0.5]]", "polygon: "),
        ("polygon = [[0.4, 0.5], [0.6, 0.5], [0.6, 1]]\n", "", "polygon is missing"),
        ("sync_interval = \"0\"", "sync_interval = \"2h\"", "more than 1h"),
        ("quality = 70", "quality = 0", "between 1 and 100"),
        ("max_bytes = \"100KiB\"", "max_bytes = \"2MiB\"", "between 8KiB and 900KiB"),
        ("limit = 70", "limit = 39.9", "limit: 39.9 is not between 40 and 100"),
        ("limit = 70", "limit = 101", "limit: 101 is not between 40 and 100"),
        ("limit = 70", "limits = 70", "did you mean limit?"),
        ("rotation = 180", "rotation = 90", "0 or 180"),
        (
            "size = [64, 48] } }\nmodel = \"coco\"\n[[camera]]\nname = \"d\"",
            "size = [63, 48] } }\nmodel = \"coco\"\n[[camera]]\nname = \"d\"",
            "even",
        ),
        ("argv = [\"cat\"]", "argv = []", "name a program"),
        ("src/*.rs", "src/*.nothing", "nothing there"),
        ("path = \"Cargo.toml\"", "path = \"no.tflite\"", "no.tflite"),
        ("treshold", "treshold", ""),
    ] {
        if part.is_empty() {
            continue;
        }
        assert!(GOOD.contains(good), "{good}");
        let found = problems(&GOOD.replacen(good, bad, 1));
        assert!(found.len() == 1 && found[0].contains(part), "{bad} gives {found:#?}");
    }
}

#[test]
fn thermal_care_is_usual_and_can_be_left_out() {
    let limit = |table: &str| {
        let text = GOOD.replace("[thermal]\nenabled = true\nlimit = 70\n", table);
        let config = parse(&text, &project().join("test.toml")).expect("a good config");
        config.thermal.map(|thermal| thermal.limit)
    };
    assert_eq!(
        [limit(""), limit("[thermal]\n"), limit("[thermal]\nlimit = 40\n")],
        [Some(75.0), Some(75.0), Some(40.0)]
    );
    assert_eq!(limit("[thermal]\nenabled = false\nlimit = 70\n"), None);
}

#[test]
fn many_problems_are_told_together_in_order_with_hints() {
    let found =
        problems("[mqtt]\nurl = 5\nprefx = \"a\"\n[[camera]]\nname = \"A\"\nsorce = 1\nmodel = \"x\"\n");
    assert_eq!(found.len(), 6, "{found:#?}");
    assert!(found[0].starts_with("2:7: url:") && found[1].contains("did you mean prefix?"), "{found:#?}");
    assert!(
        found[2].contains("source is missing") && found[4].contains("did you mean source?"),
        "{found:#?}"
    );
}

#[test]
fn files_that_are_no_config_exit_78_with_a_sentence() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("the folder is ours");
        path
    };
    let cases = [
        (file("big.toml", &vec![b'#'; 20 << 20]), "too many"),
        (
            file("latin.toml", b"# \xc3\xa4\na = \"\xc3\xa4\xe9\""),
            "latin.toml:2:7: read the config: this is not UTF-8",
        ),
        (file("empty.toml", b""), "there is no camera"),
        (file("open.toml", b"a = ["), "not TOML"),
        (folder.path().to_owned(), "not a file"),
        (folder.path().join("missing.toml"), "No such file"),
    ];
    for (path, part) in cases {
        for command in ["check", "run"] {
            let output = edgecam().arg(command).arg("--config").arg(&path).output().expect("edgecam runs");
            let (code, _, stderr) = outcome(&output);
            assert!(code == 78 && stderr.contains(part), "{command} {}: {code} {stderr}", path.display());
        }
    }
}

#[test]
fn the_shipped_configs_lack_nothing_but_the_users_files() {
    for name in ["edgecam", "demo"] {
        let path = project().join(format!("configs/{name}.toml"));
        let output = edgecam().arg("check").arg("--config").arg(&path).output().expect("edgecam runs");
        let (code, _, stderr) = outcome(&output);
        let of_user = |line: &str| line.contains("No such file") || line.contains("is not set");
        assert!(code == 0 || stderr.lines().all(of_user), "{stderr}");
        assert!(Path::new(&path).exists());
    }
}
