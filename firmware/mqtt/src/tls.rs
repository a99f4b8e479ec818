//! TLS settings from files.

use std::path::Path;
use std::sync::Arc;

use dunlin_provision::Broker;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::error::SetupError;

/// What a client needs to trust the broker and to be trusted.
pub(crate) fn configuration(broker: &Broker) -> Result<ClientConfig, SetupError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(SetupError::Identity)?
        .with_root_certificates(authorities(broker.ca.as_deref())?);
    match (&broker.certificate, &broker.key) {
        (Some(certificate), Some(key)) => builder
            .with_client_auth_cert(certificates(certificate)?, private_key(key)?)
            .map_err(SetupError::Identity),
        _ => Ok(builder.with_no_client_auth()),
    }
}

fn authorities(file: Option<&Path>) -> Result<RootCertStore, SetupError> {
    let mut store = RootCertStore::empty();
    let found = match file {
        Some(file) => certificates(file)?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    let (added, _) = store.add_parsable_certificates(found);
    match (added, file) {
        (0, None) => Err(SetupError::NoAuthorities),
        (0, Some(file)) => {
            Err(SetupError::Pem { path: file.to_owned(), what: "certificate of an authority" })
        }
        _ => Ok(store),
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, SetupError> {
    let bytes = read(path)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(SetupError::Pem { path: path.to_owned(), what: "certificate" }),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, SetupError> {
    PrivateKeyDer::from_pem_slice(&read(path)?)
        .map_err(|_| SetupError::Pem { path: path.to_owned(), what: "private key" })
}

fn read(path: &Path) -> Result<Vec<u8>, SetupError> {
    std::fs::read(path).map_err(|cause| SetupError::Read { path: path.to_owned(), cause })
}

/// User name and password, if the broker wants them.
pub(crate) fn credentials(broker: &Broker) -> Result<Option<(String, String)>, SetupError> {
    let (Some(username), Some(path)) = (&broker.username, &broker.password_file) else { return Ok(None) };
    let password =
        std::fs::read_to_string(path).map_err(|cause| SetupError::Read { path: path.clone(), cause })?;
    Ok(Some((username.clone(), password.trim_end_matches(['\n', '\r']).to_owned())))
}
