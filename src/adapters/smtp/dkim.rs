//! The domain's signature on its mails (DKIM, RFC 6376).

use base64::{Engine, engine::general_purpose::STANDARD};
use jobs::ports::PortError;
use lettre::{
    Message,
    message::{
        dkim::{
            DkimCanonicalization, DkimCanonicalizationType, DkimConfig, DkimSigningAlgorithm,
            DkimSigningKey,
        },
        header::HeaderName,
    },
};
use rsa::{
    RsaPrivateKey,
    pkcs1::{EncodeRsaPrivateKey, LineEnding},
    pkcs8::DecodePrivateKey,
};

/// What is signed; the links that end mails must be (RFC 8058, 4). `Content-Type` is not: lettre
/// keeps that of a mail of two parts apart, and would sign that there is none.
const SIGNED: [&str; 8] = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "MIME-Version",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
];
/// So begins an Ed25519 key of 32 bytes in PKCS #8, behind its length and version (RFC 8410, 7).
const ED25519: [u8; 11] = [0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// Whose signature it is.
#[derive(Clone)]
pub struct Dkim {
    /// The domain that signs: that of the sender.
    pub domain: String,
    /// Where its public key is: `<selector>._domainkey.<domain>`.
    pub selector: String,
    /// RSA or Ed25519, as `BEGIN PRIVATE KEY` or `BEGIN RSA PRIVATE KEY`.
    pub private_key_pem: String,
}

/// What puts the signature on.
pub(super) struct Seal(DkimConfig);

impl Seal {
    pub(super) fn new(dkim: &Dkim) -> Result<Self, PortError> {
        let fits = |name: &str| {
            !name.is_empty()
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
        };
        if !fits(&dkim.domain) || !fits(&dkim.selector) {
            return Err(refused("the domain and the selector are names such as mail.example.org"));
        }
        let headers = SIGNED.map(HeaderName::new_from_ascii_str).to_vec();
        let relaxed = DkimCanonicalization {
            header: DkimCanonicalizationType::Relaxed,
            body: DkimCanonicalizationType::Relaxed,
        };
        let (selector, domain) = (dkim.selector.clone(), dkim.domain.clone());
        let key = key(&dkim.private_key_pem)?;
        Ok(Self(DkimConfig::new(selector, domain, key, headers, relaxed)))
    }

    pub(super) fn put_on(&self, message: &mut Message) {
        message.sign(&self.0);
    }
}

fn refused(why: &str) -> PortError {
    PortError::refused("bad_dkim", format!("mails cannot be signed: {why}"))
}

fn key(pem: &str) -> Result<DkimSigningKey, PortError> {
    let bad = || refused("the private key is no PEM of an RSA or Ed25519 key");
    let (text, algorithm) = if let Some(secret) = ed25519(pem) {
        (STANDARD.encode(secret), DkimSigningAlgorithm::Ed25519)
    } else if let Ok(key) = RsaPrivateKey::from_pkcs8_pem(pem.trim()) {
        let pem = key.to_pkcs1_pem(LineEnding::LF).map_err(|_| bad())?;
        (pem.to_string(), DkimSigningAlgorithm::Rsa)
    } else {
        (pem.trim().to_owned(), DkimSigningAlgorithm::Rsa)
    };
    DkimSigningKey::new(&text, algorithm).map_err(|_| bad())
}

fn ed25519(pem: &str) -> Option<Vec<u8>> {
    let lines = pem.trim().lines().filter(|line| !line.starts_with("-----"));
    let der = STANDARD.decode(lines.map(str::trim).collect::<String>()).ok()?;
    let secret = der.get(5..)?.strip_prefix(&ED25519)?;
    secret.get(..32).map(<[u8]>::to_vec)
}
