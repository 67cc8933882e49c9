//! Certificates for servers of tests: made anew for each run, and believed by nobody else.

use std::sync::{Arc, OnceLock};

use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};

/// A server's certificate for `localhost` and 127.0.0.1.
pub struct Identity {
    /// For those who shall believe it.
    pub pem: String,
    certificate: rcgen::CertifiedKey<rcgen::KeyPair>,
}

/// The one that servers of tests show.
pub fn known() -> &'static Identity {
    static KNOWN: OnceLock<Identity> = OnceLock::new();
    KNOWN.get_or_init(Identity::new)
}

/// Another one, for the same names.
pub fn strange() -> &'static Identity {
    static STRANGE: OnceLock<Identity> = OnceLock::new();
    STRANGE.get_or_init(Identity::new)
}

impl Identity {
    fn new() -> Self {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let certificate = rcgen::generate_simple_self_signed(names).unwrap();
        Self { pem: certificate.cert.pem(), certificate }
    }

    /// A server that shows it and speaks the first of these that the client knows.
    pub fn server(&self, protocols: &[&str]) -> Arc<ServerConfig> {
        let key = PrivatePkcs8KeyDer::from(self.certificate.signing_key.serialize_der());
        let chain = vec![self.certificate.cert.der().clone()];
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, PrivateKeyDer::from(key))
            .unwrap();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    }
}
