//! The control socket through its front door: a listener, and clients good and bad.

use edgecam::control::{ControlError, Listener, Reload, Verdict, request, serve};
use edgecam::shutdown::Shutdown;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;

struct Daemon {
    dir: tempfile::TempDir,
    path: PathBuf,
    requests: mpsc::Receiver<Reload>,
    shutdown: Shutdown,
    task: tokio::task::JoinHandle<()>,
}

impl Daemon {
    fn start() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("run/control.sock");
        let listener = Listener::bind(&path).expect("it listens");
        let (sender, requests) = mpsc::channel(1);
        let shutdown = Shutdown::new();
        let task = tokio::spawn(serve(listener, sender, shutdown.clone()));
        Self { dir, path, requests, shutdown, task }
    }

    fn ask(&self) -> tokio::task::JoinHandle<Result<Verdict, ControlError>> {
        let path = self.path.clone();
        tokio::task::spawn_blocking(move || request(&path))
    }
}

fn send(path: &Path, bytes: &[u8]) -> UnixStream {
    let mut stream = UnixStream::connect(path).expect("it listens");
    stream.write_all(bytes).expect("it takes them");
    stream
}

#[tokio::test]
async fn a_reload_gets_its_verdict() {
    let mut daemon = Daemon::start();
    let refused =
        Verdict::Refused { problems: vec!["edgecam.toml:3:1: camera porch: no such model: coco".into()] };
    let applied = Verdict::Applied { changes: vec![], needs_restart: vec!["runtime.library".into()] };
    for verdict in [refused, applied] {
        let client = daemon.ask();
        let asked = daemon.requests.recv().await.expect("a request");
        asked.reply.send(verdict.clone()).expect("somebody waits");
        assert_eq!(client.await.expect("no panic").expect("a verdict"), verdict);
    }
}

#[tokio::test]
async fn garbage_is_ignored_and_the_next_client_served() {
    let mut daemon = Daemon::start();
    for garbage in
        [&b"GET / HTTP/1.1\r\n\r\n"[..], b"\xff\xfe\n", b"{\"request\":\"format\"}\n", &[b'x'; 1100]]
    {
        let mut stream = send(&daemon.path, garbage);
        let read = tokio::task::spawn_blocking(move || {
            let mut answer = Vec::new();
            // A socket closed with bytes unread may report a reset.
            let _ = stream.read_to_end(&mut answer);
            answer
        });
        assert!(read.await.expect("no panic").is_empty());
    }
    drop(send(&daemon.path, b""));
    let client = daemon.ask();
    let asked = daemon.requests.recv().await.expect("a request");
    let verdict = Verdict::Applied { changes: vec![], needs_restart: vec![] };
    asked.reply.send(verdict.clone()).expect("somebody waits");
    assert_eq!(client.await.expect("no panic").expect("a verdict"), verdict);
}

#[tokio::test]
async fn a_daemon_that_stops_leaves_no_client_waiting_and_no_socket() {
    let mut daemon = Daemon::start();
    let client = daemon.ask();
    let _asked = daemon.requests.recv().await.expect("a request");
    daemon.shutdown.trigger();
    daemon.task.await.expect("it ends");
    assert!(matches!(client.await.expect("no panic"), Err(ControlError::NoAnswer(_))));
    assert!(!daemon.path.exists());
    drop(daemon.dir);
}

#[tokio::test]
async fn the_socket_is_for_owner_and_group() {
    let daemon = Daemon::start();
    let mode = std::fs::metadata(&daemon.path).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
}

#[tokio::test]
async fn a_second_daemon_is_refused_and_the_first_goes_on() {
    let mut daemon = Daemon::start();
    let refusal = Listener::bind(&daemon.path).expect_err("the first one answers").to_string();
    assert!(refusal.ends_with("another edgecam answers there; stop it first"), "{refusal}");
    let client = daemon.ask();
    let asked = daemon.requests.recv().await.expect("a request");
    asked.reply.send(Verdict::Applied { changes: vec![], needs_restart: vec![] }).expect("somebody waits");
    client.await.expect("no panic").expect("a verdict");
}

#[tokio::test]
async fn a_stale_socket_is_replaced_and_a_file_is_not() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("control.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).expect("a socket"));
    assert!(matches!(request(&path), Err(ControlError::NotRunning(_))));
    drop(Listener::bind(&path).expect("nobody answers on the old one"));

    std::fs::write(&path, "precious").expect("a file");
    assert!(matches!(Listener::bind(&path), Err(ControlError::InTheWay(_))));
    assert_eq!(std::fs::read_to_string(&path).expect("it is there"), "precious");
}

#[test]
fn without_a_daemon_one_sentence_says_so() {
    let dir = tempfile::tempdir().expect("a folder");
    let text = request(&dir.path().join("control.sock")).expect_err("nobody listens").to_string();
    assert!(text.starts_with("no edgecam listens on "), "{text}");
}
