//! The settings: defaults, then a file, then the environment; all faults at once.

mod faults;
mod layers;
mod thumbnails;

use std::{ffi::OsString, fmt, path::PathBuf};

use serde::{Deserialize, Serialize};

use layers::Layers;
pub use thumbnails::{SizeSetting, Thumbnails};

/// The defaults, which are also the manual.
pub const DEFAULTS: &str = include_str!("config.default.toml");

/// Names of the environment that are shorter than the rule makes them.
const SHORT_NAMES: [(&str, &str, &str); 6] = [
    ("MONGODB_URL", "store", "mongodb_url"),
    ("S3_ENDPOINT", "s3", "endpoint"),
    ("S3_BUCKET", "s3", "bucket"),
    ("CLAMD", "scanner", "address"),
    ("SMTP_URL", "email", "url"),
    ("IVEN_BIND", "http", "bind"),
];

/// Names of the environment that the scripts read; README.md tells of them.
const OF_SCRIPTS: [&str; 3] = ["IVEN_DATA", "IVEN_FRESHCLAM", "IVEN_CORPUS"];

/// All settings; `config.default.toml` explains them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config.default.toml is the manual")]
pub struct Config {
    pub http: Http,
    pub auth: Auth,
    pub store: Store,
    pub s3: S3Settings,
    pub scanner: ScannerSettings,
    pub uploads: Uploads,
    pub thumbnails: Thumbnails,
    pub decoder: DecoderSettings,
    pub privacy: PrivacySettings,
    pub notifications: NotificationSettings,
    pub email: EmailSettings,
    pub fcm: FcmSection,
    pub webpush: WebPushSection,
    pub sms: SmsSection,
    pub worker: Worker,
    pub rate: RateSettings,
    pub log: Log,
    pub telemetry: Telemetry,
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

section!(Http {
    bind: String,
    metrics_bind: String,
    public_url: String,
    cors_origins: Vec<String>,
    max_listeners: u32,
});
section!(Auth { keys: Vec<KeySetting>, token_secret: Secret, token_public_key: String });
section!(KeySetting { name: String, key: Secret, scopes: Vec<crate::api::Scope> });
section!(Store { data_dir: PathBuf, mongodb_url: Secret });
section!(S3Settings {
    bucket: String,
    region: String,
    endpoint: String,
    access_key: Secret,
    secret_key: Secret,
    path_style: String,
    checksums: bool,
    downloads: String,
    signed_seconds: u64,
    public_url: String,
    copies_mb: u64,
});
section!(ScannerSettings { address: String, max_file_mb: u64, timeout_seconds: u64 });
section!(Uploads { max_file_mb: u64, idle_seconds: u64, hard_seconds: u64 });
section!(DecoderSettings {
    sandbox: bool,
    memory_mb: u64,
    timeout_seconds: u64,
    max_still_mb: u64,
    max_megapixels: u64,
    max_frames: u32,
    max_film_seconds: u64,
});
section!(PrivacySettings { strip_originals: bool });
section!(EmailSettings {
    url: Secret,
    from: String,
    hello: String,
    connections: u32,
    timeout_seconds: u64,
    report_wait_seconds: u64,
    dkim_domain: String,
    dkim_selector: String,
    dkim_key: Secret,
    ca_file: PathBuf,
});
section!(FcmSection {
    service_account: Secret,
    endpoint: String,
    token_uri: String,
    timeout_seconds: u64,
    ca_file: PathBuf,
});
section!(WebPushSection {
    vapid_key: Secret,
    subject: String,
    timeout_seconds: u64,
    allow_private: bool,
    ca_file: PathBuf,
});
section!(SmsSection {
    url: String,
    user: String,
    password: Secret,
    from: String,
    timeout_seconds: u64,
    ca_file: PathBuf,
});
section!(NotificationSettings { app_name: String, app_url: String, templates_dir: String });
section!(Worker {
    ingest: u32,
    scan: u32,
    media: u32,
    housekeeping: u32,
    notify: u32,
    push: u32,
    email: u32,
    sms: u32,
});
section!(RateSettings {
    ingest: u32,
    scan: u32,
    media: u32,
    housekeeping: u32,
    notify: u32,
    push: u32,
    email: u32,
    sms: u32,
    burst_seconds: u32,
});
section!(Log { format: String, level: String });
section!(Telemetry { otlp_endpoint: String });

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
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, Vec<String>> {
        let defaults = DEFAULTS.parse().map_err(|error| vec![format!("the defaults: {error}")])?;
        let mut layers = Layers::new(defaults);
        if let Some(file) = file {
            layers.file(file);
        }
        for (name, value) in environment {
            layers.variable(&name, &value);
        }
        let (settings, mut faults) = layers.done();
        let config: Self = settings
            .try_into()
            .map_err(|error: toml::de::Error| vec![error.message().to_owned()])?;
        faults.extend(config.faults());
        if faults.is_empty() { Ok(config) } else { Err(faults) }
    }

    /// The settings as a file, secrets masked.
    pub fn masked(&self) -> String {
        toml::to_string(self).unwrap_or_else(|error| format!("# {error}"))
    }
}

/// Variables that look like ours and change nothing: neither settings nor known to the scripts.
pub fn unused(environment: &[(OsString, OsString)]) -> Vec<&str> {
    let known = |name: &&str| {
        name.starts_with("IVEN__")
            || SHORT_NAMES.iter().any(|(short, ..)| short == name)
            || OF_SCRIPTS.contains(name)
    };
    let names = environment.iter().filter_map(|(name, _)| name.to_str());
    names.filter(|name| name.starts_with("IVEN_") && !known(name)).collect()
}

/// Whether the scripts are told of a data folder and this program is not.
pub fn folder_of_scripts_only(environment: &[(OsString, OsString)]) -> bool {
    let has = |wanted: &str| environment.iter().any(|(name, _)| name == wanted);
    has("IVEN_DATA") && !has("IVEN__STORE__DATA_DIR")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
    }

    #[test]
    fn the_defaults_are_without_fault() {
        let config = Config::read(None, Vec::new()).unwrap();

        assert_eq!(config.http.bind, "127.0.0.1:8787");
        let sizes = [320, 960, 1920].map(jobs::ports::PictureSize::square);
        assert_eq!(config.thumbnails.recipe().sizes, sizes);
        assert_eq!(config.thumbnails.version, 1);
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
    fn all_faults_are_said_at_once_and_name_their_key_and_place() {
        let file = "[http]\nbind = \"0.0.0.0:80\"\nport = 80\n[htp]\n[log]\nlevel = 5\n\
                    [thumbnails]\nsizes = [9]\n[uploads]\nidle_seconds = 10\nhard_seconds = 9\n";
        let names = [
            ("IVEN__WORKER__MEDIA", "two"),
            ("IVEN__WORKER__SCAN", "-1"),
            ("IVEN__WORKER__CRON", "1"),
            ("IVEN__HTTP", "x"),
            ("IVEN__SCANNER__TIMEOUT_SECONDS", "0"),
            ("IVEN__DECODER__TIMEOUT_SECONDS", "0"),
            ("IVEN__DECODER__MAX_STILL_MB", "0"),
            ("IVEN__DECODER__MAX_MEGAPIXELS", "0"),
            ("IVEN__DECODER__MAX_FRAMES", "0"),
            ("IVEN__DECODER__MAX_FILM_SECONDS", "0"),
            ("IVEN__RATE__BURST_SECONDS", "0"),
        ];

        let faults = Config::read(Some(file), environment(&names)).unwrap_err();

        let number = "is not a whole number from 0 to 4294967295";
        let expected = [
            "http.port is no setting (the settings file)",
            "htp is no section of the settings (the settings file)",
            "log.level is not a text (the settings file)",
            &format!("worker.media {number} (IVEN__WORKER__MEDIA)"),
            &format!("worker.scan {number} (IVEN__WORKER__SCAN)"),
            "worker.cron is no setting (IVEN__WORKER__CRON)",
            "IVEN__HTTP is not of the form IVEN__SECTION__KEY",
            "http.bind is reachable from other machines, which needs a key in auth.keys",
            "a box in thumbnails.sizes is not from 16 to 8192 pixels",
            "uploads.hard_seconds is below uploads.idle_seconds",
            "scanner.timeout_seconds is 0",
            "decoder.timeout_seconds is 0",
            "decoder.max_still_mb is not from 1 to 2048",
            "decoder.max_megapixels is not from 1 to 5000",
            "decoder.max_frames is not from 1 to 200000",
            "decoder.max_film_seconds is 0",
            "rate.burst_seconds is not from 1 to 3600",
        ];
        let sorted = |mut faults: Vec<String>| {
            faults.sort();
            faults
        };
        assert_eq!(sorted(faults), sorted(expected.map(str::to_owned).into()));
    }

    #[test]
    fn a_fault_does_not_repeat_a_secret() {
        let key = "{ name = \"api\", key = 5318008, scopes = [\"read\"] }";
        for (file, place) in [
            (format!("[auth]\nkeys = [{key}]"), "auth.keys is not a list"),
            ("[auth]\ntoken_secret = 5318008".to_owned(), "auth.token_secret is not a text"),
            ("\n[auth]\ntoken_secret = \"5318008\n".to_owned(), "the settings file, line 3: "),
        ] {
            let faults = Config::read(Some(&file), Vec::new()).unwrap_err();

            assert!(faults[0].starts_with(place), "{faults:?}");
            assert!(!faults[0].contains("5318008"), "{faults:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_a_fault_of_our_variables_only() {
        use std::os::unix::ffi::OsStringExt;
        let odd = || OsString::from_vec(vec![b'a', 0xff]);
        let named = |name: &str| vec![(OsString::from(name), odd()), (odd(), odd())];

        assert!(Config::read(None, named("LS_COLORS")).is_ok());
        let faults = Config::read(None, named("CLAMD")).unwrap_err();
        assert_eq!(faults, ["scanner.address is no text in UTF-8 (CLAMD)"]);
    }

    #[test]
    fn what_nothing_could_be_started_with_is_a_fault_at_once() {
        for level in ["loud", "info,loud", "", "a=loud", "info,,warn"] {
            let faults = Config::read(None, environment(&[("IVEN__LOG__LEVEL", level)]));
            assert!(faults.unwrap_err()[0].starts_with("log.level is not"), "{level}");
        }
        for (name, value, setting) in [
            ("IVEN__AUTH__TOKEN_PUBLIC_KEY", "abc", "auth.token_public_key"),
            ("IVEN__HTTP__METRICS_BIND", "localhost", "http.metrics_bind"),
            ("IVEN__TELEMETRY__OTLP_ENDPOINT", "collector:4318", "telemetry.otlp_endpoint"),
            ("IVEN__TELEMETRY__OTLP_ENDPOINT", "https://collector", "telemetry.otlp_endpoint"),
            ("CLAMD", "clamd", "scanner.address"),
            ("CLAMD", "unix:", "scanner.address"),
            ("CLAMD", "localhost:many", "scanner.address"),
            ("MONGODB_URL", "localhost:27017/iven", "store.mongodb_url"),
            ("MONGODB_URL", "mongodb:///iven", "store.mongodb_url"),
            ("MONGODB_URL", "mongodb://localhost", "store.mongodb_url"),
            ("MONGODB_URL", "mongodb://localhost/?w=1", "store.mongodb_url"),
        ] {
            let faults = Config::read(None, environment(&[(name, value)])).unwrap_err();
            assert!(faults[0].starts_with(&format!("{setting} is not ")), "{value}: {faults:?}");
        }
        for (name, value) in [
            ("IVEN__LOG__LEVEL", "WARN,iven_worker::worker=debug"),
            ("IVEN__HTTP__METRICS_BIND", "0.0.0.0:9787"),
            ("IVEN__TELEMETRY__OTLP_ENDPOINT", "http://collector:4318/"),
            ("CLAMD", "tcp:localhost:3310"),
            ("CLAMD", "/run/clamd.sock"),
            ("MONGODB_URL", "mongodb+srv://me:pw@db.example.org/iven?w=1"),
            ("MONGODB_URL", "mongodb://a:1,b:2/iven"),
        ] {
            assert!(Config::read(None, environment(&[(name, value)])).is_ok(), "{value}");
        }
    }

    #[test]
    fn a_data_folder_that_only_the_scripts_read_is_noticed() {
        let [scripts, program] = [("IVEN_DATA", "a"), ("IVEN__STORE__DATA_DIR", "b")];

        assert!(folder_of_scripts_only(&environment(&[scripts])));
        assert!(!folder_of_scripts_only(&environment(&[scripts, program])));
        assert!(!folder_of_scripts_only(&environment(&[program])));
    }

    #[test]
    fn a_variable_that_changes_nothing_is_known() {
        let names = ["IVEN_BIND", "IVEN_DATA", "IVEN_PORT", "IVEN__LOG__LEVEL", "HOME"];

        let all = environment(&names.map(|name| (name, "x")));

        assert_eq!(unused(&all), ["IVEN_PORT"]);
    }

    #[test]
    fn secrets_are_never_shown() {
        let names = environment(&[("IVEN__AUTH__TOKEN_SECRET", &"s3cret".repeat(8))]);

        let config = Config::read(None, names).unwrap();

        assert!(!format!("{config:?}{}", config.masked()).contains("s3cret"));
    }
}
