//! Who we are for Google: a service account.

use jobs::ports::PortError;
use jsonwebtoken::EncodingKey;
use serde::Deserialize;

/// Where Google gives tokens when the account does not say it.
const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";

/// What Google's console writes into the file, as far as we read it.
#[derive(Deserialize)]
struct File {
    project_id: String,
    client_email: String,
    private_key: String,
    #[serde(default)]
    private_key_id: Option<String>,
    #[serde(default)]
    token_uri: Option<String>,
}

/// A service account that may send.
pub(super) struct Account {
    pub(super) project: String,
    pub(super) email: String,
    pub(super) key: EncodingKey,
    pub(super) key_id: Option<String>,
    pub(super) token_uri: String,
}

impl Account {
    /// Reads the JSON, or the file that has it.
    pub(super) fn read(text_or_path: &str) -> Result<Self, PortError> {
        let refused = |why: &str| {
            PortError::refused("bad_fcm_account", format!("the service account of FCM {why}"))
        };
        let text = text_or_path.trim();
        let text = match text.starts_with('{') {
            true => text.to_owned(),
            false => std::fs::read_to_string(text)
                .map_err(|error| refused(&format!("cannot be read from {text}: {error}")))?,
        };
        // What serde says of a wrong file may quote its secrets.
        let file: File = serde_json::from_str(&text).map_err(|_| {
            refused("is no JSON with project_id, client_email and private_key, as Google writes it")
        })?;
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:_".contains(&byte);
        if file.project_id.is_empty() || !file.project_id.bytes().all(fits) {
            return Err(refused("has a project_id that is no name"));
        }
        let key = EncodingKey::from_rsa_pem(file.private_key.as_bytes())
            .map_err(|_| refused("has a private_key that is no RSA key in PEM"))?;
        Ok(Self {
            project: file.project_id,
            email: file.client_email,
            key,
            key_id: file.private_key_id,
            token_uri: file.token_uri.unwrap_or_else(|| TOKEN_URI.to_owned()),
        })
    }
}
