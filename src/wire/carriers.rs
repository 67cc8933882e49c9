//! Those who carry messages to people, by the settings.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::Context;
use jobs::{
    ports::{Carriers, Clock, Mailer, PortError, Pusher, Templates, Texter},
    seals::Seals,
};

use crate::{
    adapters::{
        fcm::{Fcm, FcmSettings},
        sms::{Sms, SmsSettings},
        smtp::{Dkim, Smtp, SmtpSettings},
        templates::Files,
        web_push::{WebPush, WebPushSettings},
    },
    config::{Config, EmailSettings},
};

/// A conversation with a mail server that nobody needs is ended after so long.
const IDLE: Duration = Duration::from_secs(30);

/// All that the settings name; nobody is called.
pub fn carriers(config: &Config, clock: &Arc<dyn Clock>) -> anyhow::Result<Carriers> {
    let mailer = mailer(&config.email, clock).context("section email")?;
    let fcm = fcm(config, clock).context("section fcm")?;
    let web_push = web_push(config, clock).context("section webpush")?;
    let web_push_key = web_push.as_ref().map(|web_push| web_push.public_key().to_owned());
    let web_push = web_push.map(|web_push| Arc::new(web_push) as Arc<dyn Pusher>);
    let texter = texter(config, clock).context("section sms")?;
    Ok(Carriers { mailer, fcm, web_push, web_push_key, texter })
}

fn mailer(
    email: &EmailSettings,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Option<Arc<dyn Mailer>>> {
    let Some(url) = email.url.text() else { return Ok(None) };
    let key = email.dkim_key.text().map(text_or_file).transpose()?;
    let dkim = key.map(|private_key_pem| Dkim {
        domain: email.dkim_domain.clone(),
        selector: email.dkim_selector.clone(),
        private_key_pem,
    });
    let settings = SmtpSettings {
        url: url.to_owned(),
        from: email.from.clone(),
        hello: said(&email.hello),
        connections: email.connections,
        idle: IDLE,
        timeout: Duration::from_secs(email.timeout_seconds),
        dkim,
        extra_root_pem: certificates(&email.ca_file)?,
    };
    Ok(Some(Arc::new(Smtp::new(&settings, clock.clone())?)))
}

fn fcm(config: &Config, clock: &Arc<dyn Clock>) -> anyhow::Result<Option<Arc<dyn Pusher>>> {
    let section = &config.fcm;
    let Some(account) = section.service_account.text() else { return Ok(None) };
    let settings = FcmSettings {
        service_account: account.to_owned(),
        endpoint: said(&section.endpoint),
        token_uri: said(&section.token_uri),
        timeout: Duration::from_secs(section.timeout_seconds),
        extra_root_pem: certificates(&section.ca_file)?,
    };
    Ok(Some(Arc::new(Fcm::new(&settings, clock.clone())?)))
}

fn web_push(config: &Config, clock: &Arc<dyn Clock>) -> anyhow::Result<Option<WebPush>> {
    let section = &config.webpush;
    let Some(key) = section.vapid_key.text() else { return Ok(None) };
    let settings = WebPushSettings {
        vapid_key: key.to_owned(),
        subject: section.subject.clone(),
        timeout: Duration::from_secs(section.timeout_seconds),
        allow_private: section.allow_private,
        extra_root_pem: certificates(&section.ca_file)?,
    };
    Ok(Some(WebPush::new(&settings, clock.clone())?))
}

fn texter(config: &Config, clock: &Arc<dyn Clock>) -> anyhow::Result<Option<Arc<dyn Texter>>> {
    let section = &config.sms;
    let Some(url) = said(&section.url) else { return Ok(None) };
    let settings = SmsSettings {
        url,
        user: section.user.clone(),
        password: section.password.0.clone(),
        from: section.from.clone(),
        timeout: Duration::from_secs(section.timeout_seconds),
        extra_root_pem: certificates(&section.ca_file)?,
    };
    Ok(Some(Arc::new(Sms::new(&settings, clock.clone())?)))
}

/// A channel, and what its carrier says of itself if there is one.
pub type Checked = (&'static str, Option<Result<String, PortError>>);

/// What `doctor` asks of each channel; a channel that is off says nothing.
pub async fn checked(carriers: &Carriers) -> Vec<Checked> {
    let mut lines = Vec::new();
    let email = match &carriers.mailer {
        Some(mailer) => Some(mailer.check().await),
        None => None,
    };
    lines.push(("email", email));
    for (name, pusher) in [("fcm", &carriers.fcm), ("webpush", &carriers.web_push)] {
        let line = match pusher {
            Some(pusher) => Some(pusher.check().await),
            None => None,
        };
        lines.push((name, line));
    }
    let sms = match &carriers.texter {
        Some(texter) => Some(texter.check().await),
        None => None,
    };
    lines.push(("sms", sms));
    lines
}

/// A setting that is not empty.
fn said(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// A text in PEM, or that of the file with this path.
fn text_or_file(said: &str) -> anyhow::Result<String> {
    if said.contains("-----BEGIN") {
        return Ok(said.to_owned());
    }
    std::fs::read_to_string(said).with_context(|| format!("the file {said} cannot be read"))
}

fn certificates(file: &Path) -> anyhow::Result<Option<String>> {
    if file.as_os_str().is_empty() {
        return Ok(None);
    }
    let read = std::fs::read_to_string(file);
    read.map(Some).with_context(|| format!("the file {} cannot be read", file.display()))
}

/// The words of notifications: the built-in ones, and before them those of this folder if there is
/// one.
pub fn templates(folder: &str) -> anyhow::Result<Arc<dyn Templates>> {
    let folder = Some(folder).filter(|folder| !folder.is_empty());
    let files = Files::open(folder.map(Path::new));
    Ok(Arc::new(files.context("notifications.templates_dir has faults")?))
}

/// What tokens in pushes and mails are sealed with: good as long as this process lives, without a
/// secret that all processes share.
pub fn seals(config: &Config) -> Seals {
    match config.auth.token_secret.text() {
        Some(secret) => Seals::new(secret.as_bytes()),
        None => Seals::new(
            &[uuid::Uuid::new_v4().into_bytes(), uuid::Uuid::new_v4().into_bytes()].concat(),
        ),
    }
}
