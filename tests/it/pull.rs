//! `edgecam model`: pulls from servers good and bad, mirrors, proxies and full disks, and what is left then.

use crate::support::{data, edgecam, outcome, project};
use crate::web::{Reply, Web, proxy};
use edgecam::model::catalogue::{Catalogue, Hash, LabelSource};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
const ETAG: &str = "ETag: \"v1\"";

/// A model's content: no two pieces of it are alike.
fn content(size: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(&mut next).take(size).collect()
}

fn sha256(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

/// A folder with a catalogue of one model, `m`, whose file is `size` bytes of [`content`].
struct Place {
    folder: tempfile::TempDir,
    body: Vec<u8>,
}

impl Place {
    /// `more`: further lines of the model's entry.
    fn new(base: &str, more: &str) -> Self {
        let (folder, body) = (tempfile::tempdir().expect("a folder"), content(300_000));
        let place = Self { folder, body };
        place.write(&format!(
            "url = \"{base}/files/m_v1.tflite\"\nsha256 = \"{}\"\n{more}",
            sha256(&place.body)
        ));
        place
    }

    fn of(web: &Web) -> Self {
        Self::new(&format!("http://127.0.0.1:{}", web.port), "size = 300000")
    }

    fn write(&self, entry: &str) {
        let text = format!(
            "[labels.l]\nnames = [\"cat\", \"dog\"]\nlicence = \"MIT\"\n[model.m]\ndescription = \"a model\"\ntask = \"detect\"\ninput = [8, 8]\nlicence = \"MIT\"\n{entry}\n"
        );
        std::fs::write(self.path("catalogue.toml"), text).expect("the folder is ours");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program, with this catalogue and these folders.
    fn edgecam(&self) -> Command {
        let mut command = edgecam();
        for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
            command.env_remove(name).env_remove(name.to_uppercase());
        }
        command
            .env("EDGECAM_CATALOGUE", self.path("catalogue.toml"))
            .env("EDGECAM_MODELS", self.path("models"))
            .env_remove("EDGECAM_MODEL_MIRROR");
        command
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.edgecam();
        command.arg("model").args(args);
        command
    }

    fn run(&self, args: &[&str]) -> (i32, String, String) {
        outcome(&self.command(args).output().expect("edgecam runs"))
    }

    fn pull(&self) -> (i32, String, String) {
        self.run(&["pull", "m"])
    }

    /// Pulls and must succeed.
    fn pulls(&self) {
        let (code, _, stderr) = self.pull();
        assert_eq!(code, 0, "{stderr}");
        self.is_installed();
    }

    /// Pulls and must fail with `part` in what is said.
    fn fails(&self, part: &str) {
        let (code, stdout, stderr) = self.pull();
        assert!(code == 1 && stderr.contains(part), "{code} {stderr}");
        assert!(!stdout.contains(".tflite"), "{stdout}");
    }

    fn is_installed(&self) {
        assert!(std::fs::read(self.path("models/m.tflite")).expect("installed") == self.body);
        assert_eq!(self.left(), ["m.tflite"]);
    }

    /// The names in the models' folder.
    fn left(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.path("models")) else { return Vec::new() };
        let mut names: Vec<_> =
            entries.map(|e| e.expect("readable").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    fn partial(&self) -> Option<u64> {
        std::fs::metadata(self.path("models/m.tflite.part")).ok().map(|meta| meta.len())
    }

    /// Starts a pull and waits until `n` bytes of it are there.
    fn start_until(&self, n: u64) -> Child {
        let child = self.command(&["pull", "m"]).stderr(Stdio::piped()).spawn().expect("edgecam starts");
        let deadline = Instant::now() + PATIENCE;
        while self.partial() != Some(n) {
            assert!(Instant::now() < deadline, "only {:?} bytes came", self.partial());
            std::thread::sleep(Duration::from_millis(10));
        }
        child
    }
}

#[test]
fn a_model_and_its_labels_come_once() {
    let labels = b"cat\ndog\n";
    let web = Web::start(vec![
        Reply::whole(labels),
        Reply::File(content(300_000), "\"v1\""),
        Reply::File(content(300_000), "\"v1\""),
        Reply::whole(labels),
        Reply::File(content(300_000), "\"v1\""),
    ]);
    let place = Place::of(&web);
    let base = format!("http://127.0.0.1:{}", web.port);
    let text = std::fs::read_to_string(place.path("catalogue.toml")).expect("written");
    let text = text.replace(
        "names = [\"cat\", \"dog\"]",
        &format!("url = \"{base}/l.txt\"\nsha256 = \"{}\"", sha256(labels)),
    );
    std::fs::write(place.path("catalogue.toml"), format!("{text}labels = \"l\"\n")).expect("ours");
    let (model, label_file) = (place.path("models/m.tflite"), place.path("models/m.txt"));

    let (code, stdout, stderr) = place.pull();
    assert!(code == 0 && stdout.contains(&format!("installed {}", model.display())), "{stdout} {stderr}");
    // No bar where nobody looks.
    assert!(stderr.contains("pulling http://127") && !stderr.contains('\x1b') && !stderr.contains('\r'));
    assert_eq!(place.left(), ["m.tflite", "m.txt"]);
    assert!(std::fs::read(&model).expect("installed") == place.body);
    assert_eq!(std::fs::read(&label_file).expect("installed"), labels);
    let asked: Vec<String> = web.requests().into_iter().map(|request| request.line).collect();
    assert_eq!(asked, ["GET /l.txt HTTP/1.1", "GET /files/m_v1.tflite HTTP/1.1"]);
    assert!(web.requests().iter().all(|request| request.header("Range").is_none()));

    let (code, stdout, _) = place.pull();
    assert!(code == 0 && stdout.matches("already there").count() == 2, "{stdout}");
    let (code, stdout, _) = place.run(&["verify"]);
    assert!(code == 0 && stdout.matches("good").count() == 2, "{stdout}");
    assert_eq!(web.requests().len(), 2, "nothing is asked for what is there");
    let (_, stdout, _) = place.run(&["list"]);
    assert!(stdout.lines().any(|line| line.starts_with("m ") && line.contains("300.00 kB")), "{stdout}");
    let (_, stdout, _) = place.run(&["list", "--json"]);
    let list: serde_json::Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(list[0]["installed"], model.to_str().expect("UTF-8"));
    assert_eq!(list[0]["sha256"], sha256(&place.body));

    // A damaged model is found and replaced; edited labels are found and kept, until forced.
    std::fs::write(&model, "damaged").expect("ours");
    std::fs::write(&label_file, "Katze\nHund\n").expect("ours");
    let (code, stdout, _) = place.run(&["verify", "m"]);
    assert!(code == 1 && stdout.matches("wrong").count() == 2, "{stdout}");
    let (code, _, stderr) = place.pull();
    assert!(code == 0 && stderr.contains("was kept; --force"), "{stderr}");
    assert!(std::fs::read(&model).expect("installed") == place.body);
    assert_eq!(std::fs::read(&label_file).expect("kept"), b"Katze\nHund\n");
    assert_eq!(place.run(&["pull", "m", "--force"]).0, 0);
    assert_eq!(std::fs::read(&label_file).expect("replaced"), labels);
    assert_eq!(web.requests().len(), 5);
}

#[test]
fn labels_in_the_catalogue_need_no_server() {
    let web = Web::start(vec![Reply::whole(&content(300_000))]);
    let place = Place::new(&format!("http://127.0.0.1:{}", web.port), "labels = \"l\"");
    assert_eq!(place.pull().0, 0);
    assert_eq!(std::fs::read(place.path("models/m.txt")).expect("installed"), b"cat\ndog\n");
    assert_eq!(place.run(&["verify"]).0, 0);
    std::fs::remove_file(place.path("models/m.txt")).expect("it is there");
    assert_eq!(place.run(&["verify"]).0, 1);
    let (code, stdout, _) = place.run(&["pull", "m"]);
    assert!(code == 0 && stdout.contains("already there") && stdout.contains("installed"), "{stdout}");
    assert_eq!((place.run(&["verify"]).0, web.requests().len()), (0, 1));
}

#[test]
fn a_model_for_a_coral_comes_with_its_twin() {
    let (compiled, plain) = (content(1000), content(2000));
    let web = Web::start(vec![Reply::whole(&compiled), Reply::whole(&plain)]);
    let place = Place::new("http://localhost", "");
    let entry = |name: &str, body: &[u8], more: &str| {
        format!(
            "[model.{name}]\ndescription = \"a model\"\ntask = \"detect\"\ninput = [8, 8]\nlicence = \"MIT\"\n\
             url = \"http://127.0.0.1:{}/{name}.tflite\"\nsha256 = \"{}\"\n{more}",
            web.port,
            sha256(body)
        )
    };
    let text =
        [entry("m", &plain, ""), entry("m-edgetpu", &compiled, "accelerator = \"edgetpu\"\ncpu = \"m\"\n")];
    std::fs::write(place.path("catalogue.toml"), text.concat()).expect("ours");
    let (code, stdout, stderr) = place.run(&["pull", "m-edgetpu"]);
    let installed = |name: &str| format!("installed {}\n", place.path("models").join(name).display());
    assert_eq!(
        (code, stdout),
        (0, [installed("m-edgetpu.tflite"), installed("m.tflite")].concat()),
        "{stderr}"
    );
    assert!(
        stderr.contains("m-edgetpu is compiled for a Coral Edge TPU; m is the same for the CPU"),
        "{stderr}"
    );
    assert_eq!(place.left(), ["m-edgetpu.tflite", "m.tflite"]);
    let (code, stdout, _) = place.run(&["pull", "m-edgetpu"]);
    assert!(code == 0 && stdout.matches("already there").count() == 2, "{stdout}");
}

#[test]
fn a_git_blob_id_proves_a_file() {
    let body = content(300_000);
    let mut wrong = body.clone();
    wrong[0] ^= 1;
    let web = Web::start(vec![Reply::whole(&wrong), Reply::whole(&body)]);
    let place = Place::of(&web);
    let id = Sha1::new_with_prefix(b"blob 300000\0").chain_update(&body).finalize();
    place.write(&format!("url = \"http://127.0.0.1:{}/m\"\ngit_blob = \"{id:x}\"", web.port));
    place.fails("its checksum is not the catalogue's");
    place.pulls();
    assert_eq!(place.run(&["verify"]).0, 0);
}

#[test]
fn a_transfer_that_broke_off_goes_on_where_it_was() {
    let body = content(300_000);
    let web = Web::start(vec![Reply::cut(&body, 100_000, ETAG), Reply::File(body, "\"v1\"")]);
    let place = Place::of(&web);
    place.fails("it broke off after 100000 of 300000 bytes; the 100000 bytes that came are kept");
    assert_eq!(place.left(), ["m.tflite.part", "m.tflite.part.etag"]);
    let before = web.sent();
    place.pulls();
    let second = &web.requests()[1];
    assert_eq!(second.header("Range"), Some("bytes=100000-"));
    assert_eq!(second.header("If-Range"), Some("\"v1\""));
    let sent = web.sent() - before;
    assert!((200_000..201_000).contains(&sent), "{sent} bytes were sent");
}

#[test]
fn a_server_without_ranges_sends_all_of_it_again() {
    let body = content(300_000);
    let web = Web::start(vec![Reply::cut(&body, 100_000, "X-A: b"), Reply::whole(&body)]);
    let place = Place::of(&web);
    place.fails("kept");
    assert_eq!(place.left(), ["m.tflite.part"]);
    place.pulls();
    assert_eq!(web.requests()[1].header("Range"), Some("bytes=100000-"));
    assert_eq!(web.requests()[1].header("If-Range"), None);
}

#[test]
fn a_file_that_changed_is_fetched_from_its_start() {
    let (body, old) = (content(300_000), vec![7; 300_000]);
    let web = Web::start(vec![Reply::cut(&old, 100_000, ETAG), Reply::File(body, "\"v2\"")]);
    let place = Place::of(&web);
    place.fails("kept");
    place.pulls();
    assert_eq!(web.requests().len(), 2);
    assert_eq!(web.requests()[1].header("If-Range"), Some("\"v1\""));
}

#[test]
fn bytes_of_two_files_are_told_by_the_checksum() {
    // No ETag, so the server sends the rest of another file; then all of it is asked for.
    let (body, old) = (content(300_000), vec![7; 300_000]);
    let web = Web::start(vec![
        Reply::cut(&old, 100_000, "X-A: b"),
        Reply::File(body.clone(), "\"v2\""),
        Reply::File(body, "\"v2\""),
    ]);
    let place = Place::of(&web);
    place.fails("kept");
    place.pulls();
    assert_eq!(web.requests()[1].header("Range"), Some("bytes=100000-"));
    assert_eq!(web.requests()[2].header("Range"), None);
}

#[test]
fn odd_partial_files_do_no_harm() {
    let body = content(300_000);
    let moved = Reply::new(
        "206 Partial Content",
        &["Content-Range: bytes 5-9/300000", "Content-Length: 5"],
        b"12345",
    );
    let web = Web::start(vec![
        Reply::File(body.clone(), "\"v1\""),
        Reply::File(body.clone(), "\"v1\""),
        moved,
        Reply::File(body.clone(), "\"v1\""),
        Reply::File(body.clone(), "\"v1\""),
    ]);
    // Of a size that is not known: what is longer than the file is not to be had as a range.
    let place = Place::new(&format!("http://127.0.0.1:{}", web.port), "");
    std::fs::create_dir(place.path("models")).expect("ours");
    let again = |partial: &[u8]| {
        let _ = std::fs::remove_file(place.path("models/m.tflite"));
        std::fs::write(place.path("models/m.tflite.part"), partial).expect("ours");
        place.pulls();
    };
    again(&vec![0; 400_000]);
    assert_eq!(web.requests().len(), 2);
    // A server that sends another range than the one it was asked for.
    again(&body[..1000]);
    assert_eq!(web.requests().len(), 4);
    // All of it, left by a pull that was killed before it could put it in place.
    again(&body);
    assert_eq!(web.requests().len(), 4);
    // What a power cut left of the note.
    std::fs::write(place.path("models/m.tflite.part.etag"), [0; 9]).expect("ours");
    again(&body[..1000]);
    assert_eq!(web.requests()[4].header("If-Range"), None);
    // A link in a folder that belongs to another is not followed.
    std::fs::write(place.path("victim"), "precious").expect("ours");
    std::fs::remove_file(place.path("models/m.tflite")).expect("it is there");
    std::os::unix::fs::symlink(place.path("victim"), place.path("models/m.tflite.part")).expect("a link");
    place.fails("m.tflite");
    assert_eq!(std::fs::read(place.path("victim")).expect("it is there"), b"precious");
}

#[test]
fn what_is_not_the_file_is_refused_and_leaves_nothing() {
    let mut wrong = content(300_000);
    wrong[150_000] ^= 1;
    let sized = "size = 300000";
    for (reply, more, part) in [
        (Reply::whole(&wrong), sized, "its checksum is not the catalogue's; refused"),
        (
            Reply::whole(b"<html>Please log in</html>"),
            sized,
            "it has 26 bytes there and 300000 in the catalogue",
        ),
        (Reply::whole(b"<html>Please log in</html>"), "", "its checksum is not the catalogue's"),
        (Reply::Endless, sized, "more than its 300000 bytes came; refused"),
        // Shorter than what is sent: the rest is never read.
        (Reply::new("200 OK", &["Content-Length: 1000"], &content(300_000)), "", "checksum"),
        (Reply::new("200 OK", &["Content-Length: 99999999999"], b"x"), "", "99999999999 bytes are too many"),
        (Reply::new("200 OK", &["Content-Length: many"], b"x"), "", "download http://"),
        (
            Reply::new("404 Not Found", &["Content-Length: 0"], b""),
            sized,
            "the server answers 404 (Not Found)",
        ),
        (
            Reply::new("500 Oh", &["Content-Length: 0"], b""),
            sized,
            "500 (Internal Server Error); try again later",
        ),
        (
            Reply::new("503 No", &["Content-Length: 0"], b""),
            sized,
            "503 (Service Unavailable); try again later",
        ),
        (Reply::new("204 No Content", &[], b""), sized, "the server answers 204"),
        (Reply::Bytes(b"SSH-2.0-OpenSSH\r\n\r\n".to_vec()), sized, "download http://"),
        (Reply::Bytes(Vec::new()), sized, "without an answer"),
    ] {
        let web = Web::start(vec![reply]);
        let place = Place::new(&format!("http://127.0.0.1:{}", web.port), more);
        place.fails(part);
        assert_eq!(place.left(), [""; 0], "{part}");
        assert_eq!(web.requests().len(), 1, "{part}");
        assert!(web.sent() < 64 << 20, "{} bytes were sent", web.sent());
    }
}

#[test]
fn a_length_that_is_too_long_is_a_broken_transfer() {
    let body = content(300_000);
    let web = Web::start(vec![
        Reply::new("200 OK", &["Content-Length: 300001"], &body),
        Reply::File(body, "\"v1\""),
    ]);
    let place = Place::new(&format!("http://127.0.0.1:{}", web.port), "");
    place.fails("it broke off after 300000 of 300001 bytes");
    // All of it is there, which the checksum shows.
    place.pulls();
    assert_eq!(web.requests().len(), 1);
}

#[test]
fn a_silent_server_is_given_up() {
    let body = content(300_000);
    let (mut words, mut script) = (Vec::new(), Vec::new());
    let (silent, word) = std::sync::mpsc::channel();
    script.push(Reply::Stall(Vec::new(), word, Vec::new()));
    words.push(silent);
    for n in [0, 100_000] {
        let (reply, word) = Reply::stall(&body, n);
        script.push(reply);
        words.push(word);
    }
    let place = Place::of(&Web::start(script));
    for (kept, left) in
        [(false, vec![]), (false, vec![]), (true, vec!["m.tflite.part", "m.tflite.part.etag"])]
    {
        let (code, _, stderr) = place.run(&["pull", "m", "--timeout", "2"]);
        assert!(code == 1 && stderr.contains("no byte came for 2 s"), "{stderr}");
        assert_eq!(stderr.contains("the 100000 bytes that came are kept"), kept, "{stderr}");
        assert_eq!(place.left(), left);
        // The server goes on to its next connection.
        drop(words.remove(0));
    }
}

#[test]
fn redirects_are_followed_a_few_times() {
    let moved = |to: &str| Reply::new("302 Found", &[&format!("Location: {to}"), "Content-Length: 0"], b"");
    let web = Web::start(vec![moved("/other?a=b"), Reply::whole(&content(300_000))]);
    let place = Place::of(&web);
    place.pulls();
    assert_eq!(web.requests()[1].line, "GET /other?a=b HTTP/1.1");

    let web = Web::start((0..20).map(|_| moved("/again")).collect());
    let place = Place::of(&web);
    place.fails("from one address to the next without end");
    assert!(web.requests().len() <= 6, "{} requests", web.requests().len());
    assert_eq!(place.left(), [""; 0]);
}

#[test]
fn https_is_checked_and_not_left_for_http() {
    let folder = tempfile::tempdir().expect("a folder");
    let certificate = folder.path().join("ca.pem");
    let plain = Web::start(vec![Reply::whole(&content(300_000))]);
    let to = format!("Location: http://127.0.0.1:{}/m", plain.port);
    let script = vec![
        Reply::whole(&content(300_000)),
        Reply::new("302 Found", &[&to, "Content-Length: 0"], b""),
        Reply::whole(&content(300_000)),
    ];
    let web = Web::tls(script, &certificate);
    let place = Place::new(&format!("https://localhost:{}", web.port), "size = 300000");
    let pull = |trusted: &Path| {
        let output =
            place.command(&["pull", "m"]).env("SSL_CERT_FILE", trusted).env("SSL_CERT_DIR", "").output();
        outcome(&output.expect("edgecam runs"))
    };
    let (code, _, stderr) = pull(&certificate);
    assert_eq!(code, 0, "{stderr}");
    place.is_installed();
    std::fs::remove_file(place.path("models/m.tflite")).expect("it is there");
    let (code, _, stderr) = pull(&certificate);
    assert!(code == 1 && stderr.contains("from https to http://127.0.0.1"), "{stderr}");
    assert!(plain.requests().is_empty());

    let stranger = folder.path().join("other.pem");
    Web::tls(Vec::new(), &stranger);
    let (code, _, stderr) = pull(&stranger);
    assert!(code == 1 && stderr.contains("invalid peer certificate"), "{stderr}");
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").expect("ours");
    let (code, _, stderr) = pull(&empty);
    assert!(code == 1 && stderr.contains("install ca-certificates"), "{stderr}");
    assert_eq!(place.left(), [""; 0]);
}

#[test]
fn a_mirror_stands_in() {
    let place = Place::new("https://nowhere.invalid", "size = 300000");
    let mirror = place.path("mirror");
    std::fs::create_dir(&mirror).expect("ours");
    let folder = mirror.to_str().expect("UTF-8");
    let (code, _, stderr) = place.run(&["pull", "m", "--mirror", folder]);
    assert!(code == 1 && stderr.contains("mirror/m_v1.tflite: No such file"), "{stderr}");
    std::fs::write(mirror.join("m_v1.tflite"), &place.body[1..]).expect("ours");
    let (code, _, stderr) = place.run(&["pull", "m", "--mirror", folder]);
    assert!(code == 1 && stderr.contains("it has 299999 bytes there"), "{stderr}");
    assert_eq!(place.left(), [""; 0]);
    std::fs::write(mirror.join("m_v1.tflite"), &place.body).expect("ours");
    assert_eq!(place.run(&["pull", "m", "--mirror", folder]).0, 0);
    place.is_installed();

    let web = Web::start(vec![Reply::whole(&place.body), Reply::new("404 No", &["Content-Length: 0"], b"")]);
    let base = format!("http://user:secret@127.0.0.1:{}/pub/", web.port);
    let pull = |mirror: &str| {
        let output = place.command(&["pull", "m", "--force"]).env("EDGECAM_MODEL_MIRROR", mirror).output();
        outcome(&output.expect("edgecam runs"))
    };
    let (code, _, stderr) = pull(&base);
    assert!(code == 0 && !stderr.contains("secret"), "{stderr}");
    assert_eq!(web.requests()[0].line, "GET /pub/m_v1.tflite HTTP/1.1");
    let (code, _, stderr) = pull(&base);
    assert!(code == 1 && stderr.contains("404") && !stderr.contains("secret"), "{stderr}");
    place.is_installed();
    let (code, _, stderr) = pull("ftp://a");
    assert!(code == 1 && stderr.contains("EDGECAM_MODEL_MIRROR: a mirror is"), "{stderr}");
    assert_eq!(place.run(&["pull", "m", "--mirror", "ftp://a"]).0, 2);
}

#[test]
fn without_a_network_a_mirror_is_suggested() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("free").local_addr().expect("bound").port();
    let place = Place::new(&format!("http://127.0.0.1:{port}"), "");
    place.fails("--mirror");
    Place::new("https://nowhere.invalid", "").fails("--mirror");
    assert_eq!(place.left(), [""; 0]);
}

#[test]
fn a_proxy_is_used_unless_the_host_is_excepted() {
    let body = content(300_000);
    let web = Web::start((0..3).map(|_| Reply::whole(&body)).collect());
    let place = Place::of(&web);
    let (port, asked) = proxy();
    let pull = |variables: &[(&str, String)]| {
        let variables = variables.iter().map(|(name, value)| (*name, value.as_str()));
        let output = place.command(&["pull", "m", "--force"]).envs(variables).output();
        outcome(&output.expect("edgecam runs"))
    };
    let known = format!("http://user:secret@127.0.0.1:{port}");
    let (code, _, stderr) = pull(&[("http_proxy", known.clone())]);
    assert!(code == 0 && !stderr.contains("secret"), "{stderr}");
    place.is_installed();
    assert_eq!(asked.lock().expect("no panic")[0].line, format!("CONNECT 127.0.0.1:{} HTTP/1.1", web.port));
    assert_eq!(web.requests().len(), 1);

    let stranger = format!("http://127.0.0.1:{port}");
    let (code, _, stderr) = pull(&[("ALL_PROXY", stranger.clone())]);
    assert!(code == 1 && stderr.contains("the proxy refuses") && stderr.contains("407"), "{stderr}");

    assert_eq!(pull(&[("http_proxy", stranger.clone()), ("no_proxy", "localhost, 127.0.0.1".into())]).0, 0);
    assert_eq!(pull(&[("https_proxy", stranger)]).0, 0);
    assert_eq!(asked.lock().expect("no panic").len(), 2);
    let (code, _, stderr) = pull(&[("http_proxy", "http://u:secret@:x".into())]);
    assert!(code == 1 && stderr.contains("http_proxy") && !stderr.contains("secret"), "{stderr}");
}

#[test]
fn a_killed_pull_is_taken_up_again() {
    let body = content(300_000);
    let (reply, word) = Reply::stall(&body, 100_000);
    let web = Web::start(vec![reply, Reply::File(body, "\"v1\"")]);
    let place = Place::of(&web);
    let mut child = place.start_until(100_000);
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    drop(word);
    assert_eq!(place.left(), ["m.tflite.part", "m.tflite.part.etag"]);
    place.pulls();
    assert_eq!(web.requests()[1].header("Range"), Some("bytes=100000-"));
}

#[test]
fn two_pulls_at_once_fetch_it_once() {
    let body = content(300_000);
    let (reply, word) = Reply::stall(&body, 100_000);
    let web = Web::start(vec![reply]);
    let place = Place::of(&web);
    let mut first = place.start_until(100_000);
    let mut second = place
        .command(&["pull", "m"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("edgecam starts");
    let mut line = String::new();
    let mut stderr = BufReader::new(second.stderr.take().expect("piped"));
    stderr.read_line(&mut line).expect("it speaks");
    assert!(line.contains("another program is pulling"), "{line}");
    word.send(()).expect("the server waits");
    assert!(first.wait().expect("it ends").success());
    assert!(second.wait().expect("it ends").success());
    let mut said = String::new();
    second.stdout.take().expect("piped").read_to_string(&mut said).expect("it speaks");
    assert!(said.contains("already there"), "{said}");
    place.is_installed();
    assert_eq!(web.requests().len(), 1);
}

/// A file system of its own at `folder`, gone when dropped; `None`, with a message, where we may not mount.
struct Mounted(PathBuf);

impl Mounted {
    fn new(folder: PathBuf, options: &str) -> Option<Self> {
        std::fs::create_dir(&folder).expect("ours");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&folder).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(folder));
        }
        eprintln!("skipped: a small file system can't be mounted here");
        None
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_keeps_nothing() {
    let body = content(300_000);
    let web = Web::start(vec![Reply::whole(&body)]);
    let place = Place::of(&web);
    let Some(_mounted) = Mounted::new(place.path("models"), "size=128k") else { return };
    place.fails("the disk is full");
    assert_eq!(place.left(), [""; 0]);
}

#[test]
fn a_folder_that_can_not_be_written_is_a_sentence() {
    let web = Web::start(Vec::new());
    let place = Place::of(&web);
    // Root may write in any folder, but not on a file system that is mounted to be read.
    let Some(_mounted) = Mounted::new(place.path("models"), "ro") else { return };
    place.fails("name another folder with --into");
    assert!(web.requests().is_empty());
    let file = place.path("catalogue.toml/models");
    let (code, _, stderr) = place.run(&["pull", "m", "--into", file.to_str().expect("UTF-8")]);
    assert!(code == 1 && stderr.contains("create folder"), "{stderr}");
}

#[test]
fn names_and_catalogues_that_are_wrong_are_sentences() {
    let place = Place::new("http://127.0.0.1:1", "");
    for args in [["pull", "n"], ["verify", "n"]] {
        let (code, _, stderr) = place.run(&args);
        assert!(code == 1 && stderr.contains("there is no model n in the catalogue"), "{stderr}");
    }
    let (code, _, stderr) = place.run(&["verify", "m"]);
    assert!(code == 1 && stderr.contains("run \"edgecam model pull m\""), "{stderr}");
    let (code, stdout, stderr) = place.run(&["verify"]);
    assert!(code == 0 && stdout.is_empty() && stderr.contains("no model"), "{stderr}");
    place.write("url = \"file:///etc/passwd\"");
    let (code, _, stderr) = place.run(&["list"]);
    assert!(code == 1 && stderr.contains("catalogue.toml (EDGECAM_CATALOGUE): model m:"), "{stderr}");
    std::fs::remove_file(place.path("catalogue.toml")).expect("it is there");
    assert!(place.run(&["list"]).2.contains("No such file"));
    // Without the variable it is the program's own.
    let output =
        edgecam().args(["model", "list"]).env_remove("EDGECAM_CATALOGUE").output().expect("edgecam runs");
    assert!(outcome(&output).1.contains("ssd-mobilenet-v1-coco "));
}

#[test]
fn a_config_names_a_model_of_the_catalogue() {
    let place = Place::new("http://127.0.0.1:1", "");
    let check = |model: &str| {
        let text = format!(
            "[model.coco]\n{model}\n[[camera]]\nname = \"a\"\nmodel = \"coco\"\nsource = {{ test_pattern = {{}} }}\n"
        );
        std::fs::write(place.path("edgecam.toml"), text).expect("ours");
        let mut command = place.edgecam();
        let output = command.arg("check").arg("--config").arg(place.path("edgecam.toml")).output();
        let (code, _, stderr) = outcome(&output.expect("edgecam runs"));
        (code, stderr.replace(&format!("edgecam: {}:", place.path("edgecam.toml").display()), ""))
    };
    for (model, expected) in [
        ("catalogue = \"m\"", "2:13: catalogue: m is not installed; run \"edgecam model pull m\"\n"),
        ("catalogue = \"mm\"", "2:13: catalogue: there is no model mm in the catalogue"),
        ("catalogue = 5", "2:13: catalogue: invalid type"),
        ("catalogue = \"m\"\npath = \"edgecam.toml\"", "2:13: catalogue: there is a path already"),
        ("threads = 1", "1:8: model coco: path or catalogue is missing\n"),
    ] {
        let (code, stderr) = check(model);
        let problems = stderr.lines().count();
        assert!(code == 78 && stderr.starts_with(expected) && problems == 1, "{model} gives {code} {stderr}");
    }
    std::fs::create_dir(place.path("models")).expect("ours");
    std::fs::write(place.path("models/m.tflite"), "no model").expect("ours");
    let (code, stderr) = check("catalogue = \"m\"");
    // It is found and tried, and is no model.
    assert!(
        code == 78 && stderr.contains("models/m.tflite") && !stderr.contains("not installed"),
        "{stderr}"
    );
}

/// The SHA-256 of each file of the test data's folders, by its sum.
fn sums(folders: &[&str]) -> Option<HashMap<String, PathBuf>> {
    let mut sums = HashMap::new();
    for folder in folders {
        for entry in std::fs::read_dir(data(folder)?).expect("readable").flatten() {
            sums.insert(sha256(&std::fs::read(entry.path()).expect("readable")), entry.path());
        }
    }
    Some(sums)
}

#[test]
fn each_checksum_of_the_catalogue_is_of_a_file_that_was_seen() {
    let Some(sums) = sums(&["classify", "detect", "edgetpu", "labels"]) else { return };
    let Some(index) = data("INDEX.md") else { return };
    let index = std::fs::read_to_string(index).expect("readable");
    let text = std::fs::read_to_string(project().join("models/catalogue.toml")).expect("shipped");
    let catalogue = Catalogue::parse(&text).expect("the shipped catalogue");
    let mut seen = 0;
    for entry in catalogue.models() {
        let labels = match &entry.labels {
            Some(LabelSource::File(labels)) => Some(labels),
            _ => None,
        };
        for download in std::iter::once(&entry.file).chain(labels) {
            seen += 1;
            let sum = match &download.hash {
                Hash::Sha256(sum) => sum,
                Hash::GitBlob(id) => {
                    let row = format!("| {} | {id} |", download.file_name());
                    assert!(index.contains(&row), "{} was never seen", download.url);
                    continue;
                }
            };
            let path = sums.get(sum).unwrap_or_else(|| panic!("{} was never seen", download.url));
            let size = std::fs::metadata(path).expect("readable").len();
            assert_eq!(download.size, Some(size), "{}", download.url);
        }
    }
    assert!(seen > 100, "only {seen} were seen");
}

/// From a mirror into the folder, by the config to a detection.
#[test]
fn a_pulled_model_sees() {
    let Some(sums) = sums(&["classify", "detect", "labels"]) else { return };
    let Some(picture) = data("images/bus.jpg") else { return };
    let place = Place::new("http://127.0.0.1:1", "");
    let text = std::fs::read_to_string(project().join("models/catalogue.toml")).expect("shipped");
    std::fs::write(place.path("catalogue.toml"), &text).expect("ours");
    std::fs::create_dir(place.path("mirror")).expect("ours");
    let catalogue = Catalogue::parse(&text).expect("the shipped catalogue");
    let mirror = place.path("mirror").display().to_string();
    for (name, task) in
        [("ssd-mobilenet-v1-coco", "person"), ("person-96", "person"), ("mobilenet-v1-0.5-160", "")]
    {
        let entry = catalogue.find(name).expect("known");
        let labels = match &entry.labels {
            Some(LabelSource::File(labels)) => Some(labels),
            _ => None,
        };
        for download in std::iter::once(&entry.file).chain(labels) {
            let Hash::Sha256(sum) = &download.hash else { panic!("{name} has no SHA-256") };
            std::fs::copy(&sums[sum], place.path("mirror").join(download.file_name())).expect("ours");
        }
        let (code, _, stderr) = place.run(&["pull", name, "--mirror", &mirror]);
        assert_eq!(code, 0, "{stderr}");
        let mut command = place.edgecam();
        command.arg("detect").arg("--threshold").arg("0.3").arg("--model");
        let output = command.arg(place.path(&format!("models/{name}.tflite"))).arg(&picture).output();
        let (code, stdout, stderr) = outcome(&output.expect("edgecam runs"));
        let found = stdout.lines().skip(1).any(|line| line.trim_start().starts_with(task));
        assert!(code == 0 && found, "{name}: {stdout} {stderr}");
        let config = format!(
            "[model.m]\ncatalogue = \"{name}\"\n[[camera]]\nname = \"a\"\nmodel = \"m\"\nsource = {{ test_pattern = {{}} }}\n"
        );
        std::fs::write(place.path("edgecam.toml"), config).expect("ours");
        let mut command = place.edgecam();
        let output = command.args(["check", "--config"]).arg(place.path("edgecam.toml")).output();
        let (code, _, stderr) = outcome(&output.expect("edgecam runs"));
        assert_eq!(code, 0, "{stderr}");
    }
    assert_eq!(place.run(&["verify"]).0, 0);
}
