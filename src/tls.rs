//! Whom we believe at the other end of an encrypted connection.

use std::sync::Arc;

use jobs::ports::PortError;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};

/// The settings of a client that believes the machine's certificate authorities, and besides them
/// those in `extra_root_pem`.
pub fn client(extra_root_pem: Option<&str>) -> Result<ClientConfig, PortError> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if let Some(pem) = extra_root_pem {
        add(&mut roots, pem)?;
    }
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map(|config| config.with_root_certificates(roots).with_no_client_auth())
        .map_err(|error| PortError::refused("bad_tls_settings", error.to_string()))
}

fn add(roots: &mut RootCertStore, pem: &str) -> Result<(), PortError> {
    let refused = |why: String| {
        PortError::refused("bad_certificate", format!("the certificate to trust is none: {why}"))
    };
    let mut count = 0;
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|error| refused(format!("{error:?}")))?;
        roots.add(certificate).map_err(|error| refused(error.to_string()))?;
        count += 1;
    }
    if count == 0 {
        return Err(refused("there is no BEGIN CERTIFICATE in it".into()));
    }
    Ok(())
}
