//! A real Mosquitto on a free loopback port, and a subscriber that is not ours.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Long enough for a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A broker, killed when dropped.
pub struct Broker {
    /// Where it listens on 127.0.0.1.
    pub port: u16,
    folder: tempfile::TempDir,
    child: Option<Child>,
}

impl Broker {
    /// Starts one with further lines of config; `None`, with a message, where Mosquitto is missing.
    pub fn start(lines: &str) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound").port();
        let folder = tempfile::tempdir().expect("a folder");
        let config = format!("listener {port} 127.0.0.1\n{lines}\n");
        std::fs::write(folder.path().join("mosquitto.conf"), config).expect("the folder is ours");
        let mut broker = Self { port, folder, child: None };
        if broker.run() {
            return Some(broker);
        }
        eprintln!("skipped: mosquitto is not installed (make setup)");
        None
    }

    /// One that lets everybody in.
    pub fn open() -> Option<Self> {
        Self::start("allow_anonymous true")
    }

    /// Starts it (again) on its port; false where the program is missing.
    pub fn run(&mut self) -> bool {
        let program =
            if Path::new("/usr/sbin/mosquitto").exists() { "/usr/sbin/mosquitto" } else { "mosquitto" };
        let mut command = Command::new(program);
        command
            .arg("-c")
            .arg(self.folder.path().join("mosquitto.conf"))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let Ok(child) = command.spawn() else { return false };
        self.child = Some(child);
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < deadline, "mosquitto does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        true
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        let id = self.child.as_ref().expect("it runs").id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().expect("kill runs").success());
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A message as `mosquitto_sub` saw it.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    pub retained: bool,
    pub topic: String,
    pub payload: String,
    /// Of the payload.
    pub bytes: usize,
}

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |c: u8| char::from(c).to_digit(16).unwrap_or_default() as u8;
    hex.as_bytes().chunks(2).map(|pair| pair.iter().fold(0, |byte, &c| byte << 4 | digit(c))).collect()
}

/// A running `mosquitto_sub`.
pub struct Subscriber {
    child: Child,
    messages: Arc<Mutex<Vec<Message>>>,
}

impl Subscriber {
    /// Subscribes to `topic` with further arguments.
    pub fn new(port: u16, topic: &str, arguments: &[&str]) -> Self {
        Self::to("127.0.0.1", port, topic, arguments)
    }

    /// The same at `host`.
    pub fn to(host: &str, port: u16, topic: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new("mosquitto_sub")
            .args(["-h", host, "-p", &port.to_string(), "-t", topic, "-F", "%r %t %x"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("mosquitto_sub comes with the broker's clients");
        let messages = Arc::<Mutex<Vec<Message>>>::default();
        let (out, list) = (child.stdout.take().expect("piped"), Arc::clone(&messages));
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                let mut parts = line.splitn(3, ' ');
                let mut next = || parts.next().unwrap_or_default().to_owned();
                let (retained, topic, hex) = (next() == "1", next(), next());
                // Pictures are no text.
                let payload = String::from_utf8_lossy(&bytes(&hex)).into_owned();
                let message = Message { retained, topic, payload, bytes: hex.len() / 2 };
                list.lock().expect("no panic").push(message);
            }
        });
        Self { child, messages }
    }

    /// What came so far.
    pub fn messages(&self) -> Vec<Message> {
        self.messages.lock().expect("no panic").clone()
    }

    /// What came since the last time, which is forgotten.
    pub fn take(&self) -> Vec<Message> {
        std::mem::take(&mut self.messages.lock().expect("no panic"))
    }

    /// Waits for a message that `wanted` accepts.
    pub fn wait(&self, what: &str, wanted: impl Fn(&Message) -> bool) -> Message {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let seen = self.messages.lock().expect("no panic").clone();
            if let Some(message) = seen.iter().find(|m| wanted(m)) {
                return message.clone();
            }
            if Instant::now() > deadline {
                let mut err = std::io::stderr();
                for m in seen.iter().take(60) {
                    let _ = writeln!(err, "{m:?}");
                }
                panic!("no {what} within {PATIENCE:?}");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for `payload` on `topic`.
    pub fn wait_for(&self, topic: &str, payload: &str) -> Message {
        self.wait(&format!("{payload} on {topic}"), |m| m.topic == topic && m.payload == payload)
    }

    /// Whether a message came that `wanted` accepts.
    pub fn saw(&self, wanted: impl Fn(&Message) -> bool) -> bool {
        self.messages.lock().expect("no panic").iter().any(wanted)
    }

    /// Forgets what came so far.
    pub fn forget(&self) {
        self.messages.lock().expect("no panic").clear();
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
