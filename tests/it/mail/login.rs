//! Encryption and login.

use super::{
    Mailer, SmtpSettings, Unsent, mail,
    server::{Deed, MailServer, Manner},
    settings, smtp,
};
use crate::certificates;

fn trusting(url: &str) -> SmtpSettings {
    SmtpSettings { extra_root_pem: Some(certificates::known().pem.clone()), ..settings(url) }
}

fn encrypted(react: impl Fn(usize, &str) -> Option<Deed> + Send + Sync + 'static) -> Manner {
    let offers = &["PIPELINING", "STARTTLS", "AUTH PLAIN LOGIN"];
    Manner { offers, ..Manner::reacting(react) }
}

#[tokio::test]
async fn a_conversation_is_encrypted_where_that_is_offered() {
    let server = MailServer::start(encrypted(|_, _| None)).await;

    smtp(&trusting(&server.url())).send(&mail()).await.unwrap();

    let lines = server.log(|log| log.lines.clone());
    let words: Vec<_> =
        lines.iter().filter_map(|(_, line)| line.split([' ', ':']).next()).collect();
    assert_eq!(words, ["EHLO", "STARTTLS", "EHLO", "MAIL", "RCPT", "DATA"]);
    assert_eq!(server.mails().len(), 1);
}

#[tokio::test]
async fn a_conversation_may_be_encrypted_from_its_first_byte() {
    let server = MailServer::start(Manner { is_encrypted: true, ..Manner::good() }).await;

    let url = format!("smtps://{}", server.address);
    smtp(&trusting(&url)).send(&mail()).await.unwrap();

    assert_eq!(server.mails().len(), 1);
}

#[tokio::test]
async fn nothing_is_said_to_a_server_with_a_strange_certificate() {
    let starttls = MailServer::start(encrypted(|_, _| None)).await;
    let implicit = MailServer::start(Manner { is_encrypted: true, ..Manner::good() }).await;
    let strange = certificates::strange().pem.clone();

    for url in [starttls.url(), format!("smtps://{}", implicit.address)] {
        for pem in [None, Some(strange.clone())] {
            let smtp = smtp(&SmtpSettings { extra_root_pem: pem, ..settings(&url) });
            let unsent = smtp.send(&mail()).await.unwrap_err();

            assert!(matches!(unsent, Unsent::Away { .. }), "{unsent:?}");
            assert!(unsent.to_string().contains("certificate"), "{unsent}");
        }
    }
    assert!(starttls.lines("MAIL").is_empty() && implicit.lines("EHLO").is_empty());
}

#[tokio::test]
async fn a_password_is_not_said_in_the_open_unless_the_settings_want_it() {
    let server = MailServer::start(Manner::offering(&["AUTH PLAIN"])).await;
    let url = format!("smtp://iven:geheim@{}", server.address);

    let unsent = smtp(&settings(&url)).send(&mail()).await.unwrap_err();
    assert!(unsent.to_string().contains("STARTTLS"), "{unsent}");
    assert!(server.lines("AUTH").is_empty());

    smtp(&settings(&format!("{url}?tls=never"))).send(&mail()).await.unwrap();
    assert_eq!(server.lines("AUTH"), ["AUTH PLAIN AGl2ZW4AZ2VoZWlt"]);
}

#[tokio::test]
async fn what_comes_before_the_encryption_is_not_believed() {
    let server = MailServer::start(encrypted(|_, line| {
        (line == "STARTTLS").then_some(Deed::Say("220 begin\r\n250 I was never here"))
    }))
    .await;

    let unsent = smtp(&trusting(&server.url())).send(&mail()).await.unwrap_err();

    assert!(matches!(unsent, Unsent::Away { .. }), "{unsent:?}");
}

#[tokio::test]
async fn a_login_is_taken_in_the_way_that_is_offered() {
    let asks = |_: usize, line: &str| match line {
        "AUTH LOGIN" => Some(Deed::Say("334 VXNlcm5hbWU6")),
        "aXZlbg==" => Some(Deed::Say("334 UGFzc3dvcmQ6")),
        "Z2VoZWlt" | "AUTH PLAIN AGl2ZW4AZ2VoZWlt" => Some(Deed::Say("235 2.7.0 welcome")),
        _ => None,
    };
    for (offers, lines) in [
        (&["STARTTLS", "AUTH LOGIN"][..], vec!["AUTH LOGIN", "aXZlbg==", "Z2VoZWlt"]),
        (&["STARTTLS", "AUTH LOGIN PLAIN"][..], vec!["AUTH PLAIN AGl2ZW4AZ2VoZWlt"]),
    ] {
        let server = MailServer::start(Manner { offers, ..Manner::reacting(asks) }).await;
        let url = format!("smtp://iven:geheim@{}", server.address);

        smtp(&trusting(&url)).send(&mail()).await.unwrap();

        let said = server.log(|log| log.lines.clone());
        let said: Vec<_> = said.iter().map(|(_, line)| line.as_str()).collect();
        assert!(said.windows(lines.len()).any(|window| window == lines), "{said:?}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_no_mails_fault() {
    let server = MailServer::start(encrypted(|_, line| {
        line.starts_with("AUTH").then_some(Deed::Say("535 5.7.8 wrong for iven"))
    }))
    .await;
    let smtp = smtp(&trusting(&format!("smtp://iven:geheim@{}", server.address)));

    let unsent = smtp.send(&mail()).await.unwrap_err();

    assert!(matches!(unsent, Unsent::Away { .. }), "{unsent:?}");
    assert_eq!(
        unsent.to_string(),
        "the mail server does not take our login: 535 5.7.8 wrong for ***"
    );
}
