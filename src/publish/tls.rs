//! TLS for the broker's connection: rustls with ring.

use crate::config::Tls;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use std::path::Path;
use std::sync::Arc;

/// The client side of a connection; the error names the file it is about.
pub fn client(tls: &Tls) -> Result<Arc<ClientConfig>, String> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| format!("start TLS: {e}"))?
        .with_root_certificates(roots(tls.ca_file.as_deref())?);
    let config = match (&tls.cert_file, &tls.key_file) {
        (Some(cert), Some(key)) => {
            let chain = certificates(cert)?;
            let secret = PrivateKeyDer::from_pem_file(key).map_err(|e| match e {
                pem::Error::NoItemsFound => format!("read key_file {}: no private key in it", key.display()),
                e => format!("read key_file {}: {e}", key.display()),
            })?;
            builder.with_client_auth_cert(chain, secret).map_err(|e| {
                let files = format!("use cert_file {} with key_file {}", cert.display(), key.display());
                match e {
                    rustls::Error::InconsistentKeys(_) => {
                        format!("{files}: the key is not the certificate's")
                    }
                    e => format!("{files}: {e}"),
                }
            })?
        }
        _ => builder.with_no_client_auth(),
    };
    Ok(Arc::new(config))
}

/// The certificates to trust: those of `ca_file`, or the system's.
fn roots(ca_file: Option<&Path>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    if let Some(file) = ca_file {
        for certificate in certificates(file)? {
            roots.add(certificate).map_err(|e| format!("use ca_file {}: {e}", file.display()))?;
        }
        return Ok(roots);
    }
    let system = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(system.certs);
    if roots.is_empty() {
        return Err(
            "find the system's certificates: there are none; install ca-certificates, or name a ca_file"
                .to_owned(),
        );
    }
    Ok(roots)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let told = |e: &dyn std::fmt::Display| format!("read certificates from {}: {e}", file.display());
    let list = CertificateDer::pem_file_iter(file).map_err(|e| told(&e))?;
    let list: Vec<_> = list.collect::<Result<_, _>>().map_err(|e| told(&e))?;
    if list.is_empty() { Err(told(&"no certificate in it")) } else { Ok(list) }
}
