//! A web server as the origin: ureq, with rustls and ring.

mod proxy;
mod sentence;

use super::{Body, Origin};
use crate::model::catalogue::Download;
use rustls::crypto::ring;
use sentence::{sentence, without_password};
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;
use ureq::http::{HeaderMap, Response, StatusCode, header};
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, config::Config};

/// A server may send us on this often.
const MAX_REDIRECTS: u32 = 5;

/// A web server: each file's own, or a mirror.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// Has the files by name, instead of the servers that the catalogue names.
    pub base: Option<String>,
    /// How long to wait for a connection, and for a byte.
    pub patience: Duration,
}

impl Origin for Http {
    fn open(&self, download: &Download, have: u64, validator: Option<&str>) -> Result<Body, String> {
        let url = self.url(download);
        let agent = self.agent(&url)?;
        let asked = |from: u64| {
            let mut request = agent.get(&url);
            if from > 0 {
                request = request.header(header::RANGE, format!("bytes={from}-"));
                if let Some(validator) = validator {
                    request = request.header(header::IF_RANGE, validator);
                }
            }
            request.call().map_err(|e| self.sentence(&e))
        };
        let mut response = asked(have)?;
        // A range that is not to be had, or not the one asked for: the whole file then.
        if have > 0 && response.status() != StatusCode::OK && range(&response).map(|r| r.0) != Some(have) {
            response = asked(0)?;
        }
        let (from, total) = match response.status() {
            StatusCode::OK => (0, response.body().content_length()),
            StatusCode::PARTIAL_CONTENT => range(&response).ok_or("the server sends an odd range")?,
            status => return Err(refusal(status)),
        };
        let validator = validator_of(response.headers());
        let bytes = Told { bytes: response.into_body().into_reader(), patience: self.patience };
        Ok(Body { from, total, validator, bytes: Box::new(bytes) })
    }

    fn address(&self, download: &Download) -> String {
        without_password(&self.url(download))
    }
}

impl Http {
    fn url(&self, download: &Download) -> String {
        match &self.base {
            Some(base) => format!("{}/{}", base.trim_end_matches('/'), download.file_name()),
            None => download.url.clone(),
        }
    }

    fn agent(&self, url: &str) -> Result<Agent, String> {
        let https = url.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"));
        let roots = rustls_native_certs::load_native_certs().certs;
        if https && roots.is_empty() {
            return Err("find the system's certificates: there are none; install ca-certificates".to_owned());
        }
        let roots = roots.iter().map(|root| Certificate::from_der(root).to_owned()).collect();
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
            .root_certs(RootCerts::Specific(Arc::new(roots)))
            .build();
        let config = Config::builder()
            .tls_config(tls)
            .https_only(https)
            .http_status_as_error(false)
            .max_redirects(MAX_REDIRECTS)
            .proxy(proxy::of(https, |name| std::env::var(name).ok())?)
            .user_agent(concat!("edgecam/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .timeout_resolve(Some(self.patience))
            .timeout_connect(Some(self.patience))
            .timeout_per_read(Some(self.patience))
            .timeout_per_write(Some(self.patience))
            .build();
        Ok(config.new_agent())
    }

    fn sentence(&self, e: &ureq::Error) -> String {
        let text = sentence(e, self.patience);
        if self.base.is_none() && sentence::is_offline(e) {
            return format!(
                "{text}; without a network, have the file in a folder or on a server of your own and name that with --mirror"
            );
        }
        text
    }
}

/// What a status that brings no file means.
fn refusal(status: StatusCode) -> String {
    let name = status.canonical_reason().unwrap_or("no known status");
    let hint = if status.is_server_error() { "; try again later" } else { "" };
    format!("the server answers {} ({name}){hint}", status.as_u16())
}

/// First byte and whole length of `Content-Range: bytes FIRST-LAST/LENGTH` (RFC 9110, 14.4).
fn range<T>(response: &Response<T>) -> Option<(u64, Option<u64>)> {
    let text = response.headers().get(header::CONTENT_RANGE)?.to_str().ok()?;
    let (range, length) = text.strip_prefix("bytes ")?.split_once('/')?;
    Some((range.split_once('-')?.0.parse().ok()?, length.parse().ok()))
}

/// A strong ETag, else the date of the last change: what `If-Range` takes (RFC 9110, 13.1.5).
fn validator_of(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let etag = text(header::ETAG).filter(|etag| etag.starts_with('"'));
    etag.or_else(|| text(header::LAST_MODIFIED)).map(str::to_owned)
}

/// The content, with errors as sentences.
struct Told<R> {
    bytes: R,
    patience: Duration,
}

impl<R: Read> Read for Told<R> {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        match self.bytes.read(piece) {
            // The reader of the file counts bytes itself.
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Err(e),
            Err(e) => Err(io::Error::other(sentence(&e.into(), self.patience))),
            ok => ok,
        }
    }
}

#[cfg(test)]
mod tests;
