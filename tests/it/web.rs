//! A web server on a loopback port that answers each connection by a script, over TLS too, and a proxy.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

/// What a client asked.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET /a HTTP/1.1`.
    pub line: String,
    headers: Vec<(String, String)>,
}

impl Request {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    fn read(stream: &mut impl Read) -> Option<Self> {
        // Byte by byte: what follows the head is not ours.
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).ok()?;
            head.push(byte[0]);
        }
        let text = String::from_utf8(head).ok()?;
        let mut lines = text.lines();
        let line = lines.next()?.to_owned();
        let headers = lines.filter_map(|line| line.split_once(": "));
        Some(Self {
            line,
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        })
    }
}

/// What to do with one connection.
pub enum Reply {
    /// These bytes, and close.
    Bytes(Vec<u8>),
    /// These bytes, and silence until the channel's other end sends or goes; then the second bytes.
    Stall(Vec<u8>, Receiver<()>, Vec<u8>),
    /// A file as a good server has it: ranges, `If-Range`, an ETag.
    File(Vec<u8>, &'static str),
    /// A head, and chunks until the client has had enough.
    Endless,
}

impl Reply {
    /// A status line with headers (`A: b` each), and a body.
    pub fn new(status: &str, headers: &[&str], body: &[u8]) -> Self {
        Self::Bytes(answer(status, headers, body))
    }

    /// A whole file.
    pub fn whole(body: &[u8]) -> Self {
        Self::new("200 OK", &[&format!("Content-Length: {}", body.len())], body)
    }

    /// The first `n` bytes of a file, then the end of the connection.
    pub fn cut(body: &[u8], n: usize, header: &str) -> Self {
        Self::new("200 OK", &[&format!("Content-Length: {}", body.len()), header], &body[..n])
    }

    /// The first `n` bytes of a file, then silence; the rest after a word on the channel.
    pub fn stall(body: &[u8], n: usize) -> (Self, Sender<()>) {
        let (sender, receiver) = channel();
        let Self::Bytes(first) = Self::cut(body, n, "ETag: \"v1\"") else { unreachable!("bytes") };
        (Self::Stall(first, receiver, body[n..].to_vec()), sender)
    }
}

fn answer(status: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 {status}\r\nConnection: close\r\n").into_bytes();
    for header in headers {
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}

/// The server; its thread ends with the test program.
pub struct Web {
    /// Where it listens on 127.0.0.1.
    pub port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
    sent: Arc<Mutex<u64>>,
}

impl Web {
    /// Answers one connection after the other by `script`; further ones are closed without an answer.
    pub fn start(script: Vec<Reply>) -> Self {
        Self::listen(script, None)
    }

    /// As [`Web::start`], over TLS; the certificate of `localhost` to trust is written to `certificate`.
    pub fn tls(script: Vec<Reply>, certificate: &Path) -> Self {
        let key = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
        std::fs::write(certificate, key.cert.pem()).expect("the folder is ours");
        let secret =
            rustls::pki_types::PrivateKeyDer::try_from(key.signing_key.serialize_der()).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![key.cert.der().clone()], secret)
            .expect("a certificate and its key");
        Self::listen(script, Some(Arc::new(config)))
    }

    fn listen(script: Vec<Reply>, tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let web = Self {
            port: listener.local_addr().expect("bound").port(),
            requests: Arc::default(),
            sent: Arc::default(),
        };
        let (requests, sent) = (Arc::clone(&web.requests), Arc::clone(&web.sent));
        std::thread::spawn(move || {
            let mut script = script.into_iter();
            for stream in listener.incoming().flatten() {
                let reply = script.next();
                let serve = |stream: &mut dyn Stream| serve(stream, reply, &requests, &sent);
                match &tls {
                    None => serve(&mut { stream }),
                    Some(config) => {
                        let connection = rustls::ServerConnection::new(Arc::clone(config)).expect("a config");
                        let mut stream = rustls::StreamOwned::new(connection, stream);
                        serve(&mut stream);
                        stream.conn.send_close_notify();
                        let _ = stream.flush();
                    }
                }
            }
        });
        web
    }

    /// What was asked so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("no panic").clone()
    }

    /// Bytes that were sent, heads and all.
    pub fn sent(&self) -> u64 {
        *self.sent.lock().expect("no panic")
    }
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

fn serve(
    mut stream: &mut dyn Stream,
    reply: Option<Reply>,
    requests: &Mutex<Vec<Request>>,
    sent: &Mutex<u64>,
) {
    let Some(request) = Request::read(&mut stream) else { return };
    requests.lock().expect("no panic").push(request.clone());
    let mut write = |bytes: &[u8]| {
        let result = stream.write_all(bytes).and_then(|()| stream.flush());
        *sent.lock().expect("no panic") += bytes.len() as u64;
        result.is_ok()
    };
    match reply {
        None => {}
        Some(Reply::Bytes(bytes)) => drop(write(&bytes)),
        Some(Reply::Stall(first, word, rest)) => {
            write(&first);
            if word.recv().is_ok() {
                write(&rest);
            }
        }
        Some(Reply::File(body, etag)) => drop(write(&file(&request, &body, etag))),
        Some(Reply::Endless) => {
            let mut more = write(&answer("200 OK", &["Transfer-Encoding: chunked"], b""));
            while more {
                more = write(&[&b"10000\r\n"[..], &vec![b'x'; 0x10000], b"\r\n"].concat());
            }
        }
    }
}

fn file(request: &Request, body: &[u8], etag: &str) -> Vec<u8> {
    let tag = format!("ETag: {etag}");
    let same = request.header("If-Range").is_none_or(|known| known == etag);
    let from = request.header("Range").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-'));
    match from.map(|from| from.parse::<usize>().expect("a byte")) {
        Some(from) if same && from >= body.len() => {
            answer("416 Range Not Satisfiable", &["Content-Length: 0"], b"")
        }
        Some(from) if same => {
            let range = format!("Content-Range: bytes {from}-{}/{}", body.len() - 1, body.len());
            let length = format!("Content-Length: {}", body.len() - from);
            answer("206 Partial Content", &[&tag, &range, &length], &body[from..])
        }
        _ => answer("200 OK", &[&tag, &format!("Content-Length: {}", body.len())], body),
    }
}

/// Starts a proxy that connects whatever it is asked to; its port, and what it was asked.
pub fn proxy() -> (u16, Arc<Mutex<Vec<Request>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let requests = Arc::<Mutex<Vec<Request>>>::default();
    let asked = Arc::clone(&requests);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let Some(request) = Request::read(&mut stream) else { continue };
            let target = request.line.split(' ').nth(1).unwrap_or_default().to_owned();
            let allowed = request.header("Proxy-Authorization").is_some();
            asked.lock().expect("no panic").push(request);
            if !allowed {
                let _ = stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
                continue;
            }
            let Ok(server) = TcpStream::connect(target) else { continue };
            let _ = stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n");
            let (mut up, mut down) =
                (stream.try_clone().expect("a socket"), server.try_clone().expect("a socket"));
            std::thread::spawn(move || std::io::copy(&mut up, &mut down));
            let (mut from, mut to) = (BufReader::new(server), stream);
            while let Ok(bytes) = from.fill_buf() {
                let n = bytes.len();
                if n == 0 || to.write_all(bytes).is_err() {
                    break;
                }
                from.consume(n);
            }
        }
    });
    (port, requests)
}
