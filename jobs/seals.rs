//! Sealed texts: whoever shows one had it from us. They stand in the addresses of receipts and of
//! "unsubscribe".

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// As long as nobody can try them all.
const MAC_BYTES: usize = 16;

/// Seals texts and knows them again.
#[derive(Clone)]
pub struct Seals([u8; 32]);

impl Seals {
    /// Seals with a secret that all processes of one service share.
    pub fn new(secret: &[u8]) -> Self {
        Self(Sha256::digest([b"sealed texts\n", secret].concat()).into())
    }

    /// The text and its seal, fit for an address.
    pub fn seal(&self, text: &str) -> String {
        let mac = self.mac(text).finalize().into_bytes();
        let sealed = [mac.get(..MAC_BYTES).unwrap_or_default(), text.as_bytes()].concat();
        BASE64.encode(sealed)
    }

    /// The text, if the seal is ours.
    pub fn open(&self, sealed: &str) -> Option<String> {
        let bytes = BASE64.decode(sealed).ok()?;
        let (mac, text) = bytes.split_at_checked(MAC_BYTES)?;
        let text = std::str::from_utf8(text).ok()?;
        self.mac(text).verify_truncated_left(mac).ok()?;
        Some(text.to_owned())
    }

    fn mac(&self, text: &str) -> Hmac<Sha256> {
        // Keys of HMAC have any length.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0)
            .unwrap_or_else(|_| unreachable!("HMAC takes keys of every length"));
        mac.update(text.as_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_text_is_read_by_who_has_the_secret_and_cannot_be_changed() {
        let (ours, theirs) = (Seals::new(b"ours"), Seals::new(b"theirs"));

        let sealed = ours.seal("r:1:téléphone");

        assert_eq!(ours.open(&sealed).as_deref(), Some("r:1:téléphone"));
        assert_eq!(theirs.open(&sealed), None);
        for at in 0..sealed.len() {
            let mut bent = sealed.clone().into_bytes();
            bent[at] = if bent[at] == b'A' { b'B' } else { b'A' };
            let bent = String::from_utf8(bent).unwrap();
            assert!(ours.open(&bent).is_none_or(|text| text == "r:1:téléphone"), "{at}");
        }
        for odd in ["", "A", "é", &"A".repeat(21)] {
            assert_eq!(ours.open(odd), None);
        }
    }
}
