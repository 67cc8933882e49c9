//! The settings: defaults, then a file, then the environment; all faults at once.

use std::{fmt, net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

/// The defaults, which are also the manual.
pub const DEFAULTS: &str = include_str!("config.default.toml");

/// Names of the environment that are shorter than the rule makes them.
const SHORT_NAMES: [(&str, &str, &str); 3] = [
    ("MONGODB_URL", "store", "mongodb_url"),
    ("CLAMD", "scanner", "address"),
    ("IVEN_BIND", "http", "bind"),
];

/// All settings; `config.default.toml` explains them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config.default.toml is the manual")]
pub struct Config {
    pub http: Http,
    pub auth: Auth,
    pub store: Store,
    pub scanner: ScannerSettings,
    pub uploads: Uploads,
    pub thumbnails: Thumbnails,
    pub decoder: DecoderSettings,
    pub worker: Worker,
    pub log: Log,
}

macro_rules! section {
    ($name:ident { $($field:ident: $kind:ty),+ $(,)? }) => {
        #[derive(Debug, Clone, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        #[expect(missing_docs, reason = "config.default.toml is the manual")]
        pub struct $name {
            $(pub $field: $kind,)+
        }
    };
}

section!(Http { bind: String, public_url: String });
section!(Auth { keys: Vec<KeySetting>, token_secret: Secret, token_public_key: String });
section!(KeySetting { name: String, key: Secret, scopes: Vec<crate::api::Scope> });
section!(Store { data_dir: PathBuf, mongodb_url: Secret });
section!(ScannerSettings { address: String, max_file_mb: u64, timeout_seconds: u64 });
section!(Uploads { max_file_mb: u64, idle_seconds: u64, hard_seconds: u64 });
section!(Thumbnails { sizes: Vec<u32> });
section!(DecoderSettings { memory_mb: u64, timeout_seconds: u64 });
section!(Worker { ingest: u32, scan: u32, media: u32, housekeeping: u32 });
section!(Log { format: String, level: String });

/// A text that is never shown.
#[derive(Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl Secret {
    /// The text, if there is any.
    pub fn text(&self) -> Option<&str> {
        (!self.0.is_empty()).then_some(self.0.as_str())
    }

    fn masked(&self) -> &'static str {
        if self.0.is_empty() { "" } else { "***" }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.masked())
    }
}

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.masked())
    }
}

impl Config {
    /// The defaults under `file` (the text of a settings file) under `environment`.
    pub fn read(
        file: Option<&str>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Vec<String>> {
        let parse = |text: &str, what: &str| {
            text.parse::<Table>().map_err(|error| vec![format!("{what}: {error}")])
        };
        let mut settings = parse(DEFAULTS, "the defaults")?;
        if let Some(file) = file {
            merge(&mut settings, parse(file, "the settings file")?);
        }
        for (name, value) in environment {
            if let Some((section, key)) = setting_of(&name) {
                set(&mut settings, &section, key, &value);
            }
        }
        let config: Self = settings
            .try_into()
            .map_err(|error: toml::de::Error| vec![error.message().to_owned()])?;
        let faults = config.faults();
        if faults.is_empty() { Ok(config) } else { Err(faults) }
    }

    /// Everything that is wrong, each as a sentence.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut fault = |wrong: bool, sentence: &str| {
            if wrong {
                faults.push(sentence.to_owned());
            }
        };
        let bind = self.http.bind.parse::<SocketAddr>();
        fault(bind.is_err(), "http.bind is not of the form 127.0.0.1:8787");
        let open = self.auth.keys.is_empty();
        let far = bind.is_ok_and(|address| !address.ip().is_loopback());
        fault(
            open && far,
            "http.bind is reachable from other machines, which needs a key in auth.keys",
        );
        let url = &self.http.public_url;
        let odd = !url.is_empty() && (!url.starts_with("http") || url.ends_with('/'));
        fault(odd, "http.public_url is not of the form https://media.example.org");
        let short = self.auth.token_secret.text().is_some_and(|secret| secret.len() < 32);
        fault(short, "auth.token_secret has fewer than 32 characters");
        let weak = self.auth.keys.iter().any(|key| key.key.0.len() < 16);
        fault(weak, "a key in auth.keys has fewer than 16 characters");
        let sizes = &self.thumbnails.sizes;
        let rising = sizes.is_sorted_by(|a, b| a < b);
        let odd = sizes.is_empty() || !rising || sizes.iter().any(|s| !(16..=8192).contains(s));
        fault(odd, "thumbnails.sizes are not rising numbers from 16 to 8192");
        let Worker { ingest, scan, media, housekeeping } = self.worker;
        let places = [ingest, scan, media, housekeeping];
        let odd = places.iter().any(|places| !(1..=256).contains(places));
        fault(odd, "worker.ingest, scan, media and housekeeping are not from 1 to 256");
        let uploads = &self.uploads;
        let odd = uploads.max_file_mb == 0 || uploads.max_file_mb > 48_000;
        fault(odd, "uploads.max_file_mb is not from 1 to 48000");
        fault(uploads.idle_seconds == 0, "uploads.idle_seconds is 0");
        fault(self.decoder.memory_mb < 64, "decoder.memory_mb is below 64");
        let format = self.log.format.as_str();
        fault(!["pretty", "json"].contains(&format), "log.format is neither pretty nor json");
        faults
    }

    /// The settings as a file, secrets masked.
    pub fn masked(&self) -> String {
        toml::to_string(self).unwrap_or_else(|error| format!("# {error}"))
    }
}

/// The section and key that a name of the environment means.
fn setting_of(name: &str) -> Option<(String, &str)> {
    if let Some((_, section, key)) = SHORT_NAMES.iter().find(|(short, ..)| *short == name) {
        return Some(((*section).to_owned(), key));
    }
    None.or_else(|| {
        let (section, key) = name.strip_prefix("IVEN__")?.split_once("__")?;
        Some((section.to_ascii_lowercase(), key))
    })
}

/// A value of the environment: TOML where it is (numbers, lists), else text.
fn set(settings: &mut Table, section: &str, key: &str, value: &str) {
    let key = key.to_ascii_lowercase();
    let Some(Value::Table(section)) = settings.get_mut(section) else {
        let only = Table::from_iter([(key, Value::String(value.to_owned()))]);
        // Unknown sections are kept, so that they are complained of like unknown keys.
        settings.insert(section.to_owned(), Value::Table(only));
        return;
    };
    let text = matches!(section.get(&key), Some(Value::String(_)));
    let parsed = format!("value = {value}").parse::<Table>().ok();
    let parsed = parsed.and_then(|mut table| table.remove("value")).filter(|_| !text);
    section.insert(key, parsed.unwrap_or_else(|| Value::String(value.to_owned())));
}

fn merge(into: &mut Table, from: Table) {
    for (name, value) in from {
        match (into.get_mut(&name), value) {
            (Some(Value::Table(into)), Value::Table(from)) => merge(into, from),
            (_, value) => {
                into.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_defaults_are_without_fault() {
        let config = Config::read(None, Vec::new()).unwrap();

        assert_eq!(config.http.bind, "127.0.0.1:8787");
        assert_eq!(config.thumbnails.sizes, [320, 960, 1920]);
    }

    #[test]
    fn the_environment_wins_over_the_file_and_the_file_over_the_defaults() {
        let file = "[worker]\nmedia = 3\nscan = 9\n";
        let names = [("IVEN__WORKER__MEDIA", "5"), ("CLAMD", "unix:/run/clamd.sock")];

        let config = Config::read(Some(file), environment(&names)).unwrap();

        assert_eq!((config.worker.media, config.worker.scan), (5, 9));
        assert_eq!(config.scanner.address, "unix:/run/clamd.sock");
    }

    #[test]
    fn all_faults_are_said_at_once() {
        let file = "[http]\nbind = \"0.0.0.0:80\"\n[thumbnails]\nsizes = [9]\n";

        let faults = Config::read(Some(file), Vec::new()).unwrap_err();

        assert_eq!(faults.len(), 2, "{faults:?}");
    }

    #[test]
    fn an_unknown_key_is_an_error_wherever_it_stands() {
        let names = environment(&[("IVEN__HTTP__PORT", "80")]);

        assert!(Config::read(None, names).unwrap_err()[0].contains("port"));
        assert!(Config::read(Some("[htp]\n"), Vec::new()).unwrap_err()[0].contains("htp"));
    }

    #[test]
    fn secrets_are_never_shown() {
        let names = environment(&[("IVEN__AUTH__TOKEN_SECRET", &"s3cret".repeat(8))]);

        let config = Config::read(None, names).unwrap();

        assert!(!format!("{config:?}{}", config.masked()).contains("s3cret"));
    }
}
