//! Addresses that are good for a while for whoever has them, where the object store gives none.

use bson::DateTime;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::problem::Problem;

/// Signs addresses of this service and knows them again.
pub struct Signer {
    public_url: String,
    secret: [u8; 32],
}

impl Signer {
    /// Signs with `secret`, which all processes of one service share. Without one, addresses are
    /// good for as long as this process lives.
    pub fn new(public_url: &str, secret: Option<&str>) -> Self {
        let shared = |secret: &str| Sha256::digest(format!("signed addresses\n{secret}")).into();
        let own = || {
            let (one, other) = (uuid::Uuid::new_v4(), uuid::Uuid::new_v4());
            Sha256::digest([one.into_bytes(), other.into_bytes()].concat()).into()
        };
        Self { public_url: public_url.to_owned(), secret: secret.map_or_else(own, shared) }
    }

    /// The address of `path` for requests of this method, with `said` (such as a hash in hex) among
    /// what is signed.
    pub fn sign(&self, method: &str, path: &str, said: &str, until: DateTime) -> String {
        let millis = until.timestamp_millis();
        let signature = hex::encode(self.mac(method, path, said, millis).finalize().into_bytes());
        let said = if said.is_empty() { String::new() } else { format!("said={said}&") };
        format!("{}{path}?{said}until={millis}&signature={signature}", self.public_url)
    }

    /// Refuses an address that was not signed here or is not good any more at `now`.
    pub fn check(
        &self,
        method: &str,
        path: &str,
        seal: &Seal,
        now: DateTime,
    ) -> Result<(), Problem> {
        let said = seal.said.as_deref().unwrap_or_default();
        let signature = hex::decode(&seal.signature).unwrap_or_default();
        let mac = self.mac(method, path, said, seal.until);
        if mac.verify_slice(&signature).is_err() {
            let detail = "this address was not signed by this service";
            return Err(Problem::new(axum::http::StatusCode::FORBIDDEN, "bad_signature", detail));
        }
        if seal.until <= now.timestamp_millis() {
            let detail = "this address is not good any more, ask for another one";
            return Err(Problem::new(axum::http::StatusCode::FORBIDDEN, "address_expired", detail));
        }
        Ok(())
    }

    fn mac(&self, method: &str, path: &str, said: &str, millis: i64) -> Hmac<Sha256> {
        // Keys of HMAC have any length.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).unwrap_or_else(|_| {
            unreachable!("HMAC takes keys of every length");
        });
        mac.update(format!("{method}\n{path}\n{said}\n{millis}").as_bytes());
        mac
    }
}

/// What a signed address says behind its question mark.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// What was signed along with the path.
    pub said: Option<String>,
    until: i64,
    signature: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal_of(address: &str) -> (String, Seal) {
        let (path, query) = address.strip_prefix("http://here").unwrap().split_once('?').unwrap();
        let value =
            |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
        let seal = Seal {
            said: value("said").map(str::to_owned),
            until: value("until").unwrap().parse().unwrap(),
            signature: value("signature").unwrap().to_owned(),
        };
        (path.to_owned(), seal)
    }

    #[test]
    fn an_address_is_good_for_its_request_and_its_time_alone() {
        let signer = Signer::new("http://here", Some("a secret"));
        let (now, end) = (DateTime::from_millis(1_000), DateTime::from_millis(2_000));
        let (path, seal) = seal_of(&signer.sign("PUT", "/signed/a", "abc", end));

        assert!(signer.check("PUT", &path, &seal, now).is_ok());
        assert!(signer.check("GET", &path, &seal, now).is_err());
        assert!(signer.check("PUT", "/signed/b", &seal, now).is_err());
        assert!(signer.check("PUT", &path, &seal, end).is_err());
        let longer =
            Seal { until: 3_000, said: seal.said.clone(), signature: seal.signature.clone() };
        assert!(signer.check("PUT", &path, &longer, now).is_err());
        let other = Seal { said: Some("abd".to_owned()), ..seal };
        assert!(signer.check("PUT", &path, &other, now).is_err());
    }

    #[test]
    fn processes_with_one_secret_know_each_others_addresses() {
        let signers = [Some("one"), Some("one"), Some("two"), None]
            .map(|secret| Signer::new("http://here", secret));
        let (now, end) = (DateTime::from_millis(1_000), DateTime::from_millis(2_000));
        let (path, seal) = seal_of(&signers[0].sign("GET", "/signed/a", "", end));

        let known = signers.map(|signer| signer.check("GET", &path, &seal, now).is_ok());

        assert_eq!(known, [true, true, false, false]);
    }
}
