//! What each answer of a mail server means for a mail.

use super::{
    Duration, Mail, Mailer, SmtpSettings, Unsent, mail,
    server::{Deed, MailServer, Manner},
    settings, smtp,
};

/// Lines that begin so are answered so, on every connection.
fn saying(beginning: &'static str, words: &'static str) -> Manner {
    Manner::reacting(move |_, line| match beginning {
        "" => line.is_empty().then_some(Deed::Say(words)),
        _ => line.starts_with(beginning).then_some(Deed::Say(words)),
    })
}

fn kind(unsent: &Unsent) -> (&'static str, &str) {
    match unsent {
        Unsent::Away { .. } => ("away", ""),
        Unsent::Later { code, .. } => ("later", code),
        Unsent::Never { code, .. } => ("never", code),
        Unsent::Gone { code, .. } => ("gone", code),
        Unsent::Unknown { .. } => ("unknown", ""),
    }
}

#[tokio::test]
async fn refusals_say_whether_and_when_the_mail_may_be_sent_again() {
    for (at, words, expected) in [
        ("", "421 4.3.2 too busy", ("away", "")),
        ("", "554 5.3.2 not here", ("away", "")),
        ("EHLO", "502 5.5.1 what", ("away", "")),
        ("MAIL", "421 4.3.2 too busy", ("away", "")),
        ("MAIL", "530 5.7.0 log in first", ("away", "")),
        ("MAIL", "451 4.3.0 disk trouble", ("later", "smtp_4.3.0")),
        ("MAIL", "553 5.7.1 not yours", ("never", "smtp_5.7.1")),
        ("RCPT", "450 4.2.1 jane@b.test is busy", ("later", "smtp_4.2.1")),
        ("RCPT", "452 4.5.3 too many", ("later", "smtp_4.5.3")),
        ("RCPT", "550 5.1.1 <jane@b.test> is unknown", ("gone", "smtp_5.1.1")),
        ("RCPT", "550 User unknown", ("gone", "smtp_550")),
        ("RCPT", "554 5.7.1 no relay for jane", ("never", "smtp_5.7.1")),
        ("DATA", "451 4.3.0 not now", ("later", "smtp_4.3.0")),
        (".", "452 4.3.1 disk full", ("later", "smtp_4.3.1")),
        (".", "554 5.6.0 looks like spam", ("never", "smtp_5.6.0")),
        (".", "421 4.3.2 going down", ("away", "")),
    ] {
        for offers in [&["PIPELINING", "DSN"][..], &[][..]] {
            let server = MailServer::start(Manner { offers, ..saying(at, words) }).await;

            let unsent = smtp(&settings(&server.url())).send(&mail()).await.unwrap_err();

            assert_eq!(kind(&unsent), expected, "{at} {words}: {unsent:?}");
            let message = unsent.to_string();
            assert!(!message.contains("jane"), "{message}");
            assert!(server.mails().is_empty());
        }
    }
}

#[tokio::test]
async fn after_a_refusal_the_conversation_goes_on() {
    let server = MailServer::start(Manner::reacting(|_, line| {
        line.starts_with("RCPT TO:<gone@").then_some(Deed::Say("550 5.1.1 unknown"))
    }))
    .await;
    let smtp = smtp(&settings(&server.url()));

    let refused = smtp.send(&Mail { to: "gone@b.test".into(), ..mail() }).await;
    smtp.send(&mail()).await.unwrap();

    assert!(refused.is_err());
    assert_eq!((server.connections(), server.lines("RSET").len()), (1, 1));
    assert_eq!(server.mails()[0].to, "jane@b.test");
}

#[tokio::test]
async fn a_server_that_wants_a_mail_for_nobody_gets_none() {
    let server = MailServer::start(Manner::reacting(|_, line| match line {
        "DATA" => Some(Deed::Say("354 go on")),
        _ => line.starts_with("RCPT TO:<gone@").then_some(Deed::Say("550 5.1.1 unknown")),
    }))
    .await;
    let smtp = smtp(&settings(&server.url()));

    let refused = smtp.send(&Mail { to: "gone@b.test".into(), ..mail() }).await.unwrap_err();
    smtp.send(&mail()).await.unwrap();

    assert_eq!(kind(&refused), ("gone", "smtp_5.1.1"));
    assert_eq!((server.connections(), server.mails().len()), (2, 1));
}

#[tokio::test]
async fn a_mail_above_the_servers_limit_is_not_handed_over() {
    let server = MailServer::start(Manner::offering(&["SIZE 300"])).await;

    let unsent = smtp(&settings(&server.url())).send(&mail()).await.unwrap_err();

    assert_eq!(kind(&unsent), ("never", "smtp_too_large"));
    assert!(server.lines("MAIL").is_empty());
}

#[tokio::test]
async fn nobody_there_means_away() {
    let server = MailServer::start(Manner::reacting(|_, _| Some(Deed::Close))).await;
    let closed = { std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap() };

    for url in [server.url(), format!("smtp://{closed}")] {
        let unsent = smtp(&settings(&url)).send(&mail()).await.unwrap_err();

        assert_eq!(kind(&unsent), ("away", ""), "{unsent:?}");
    }
}

#[tokio::test]
async fn what_breaks_after_the_dot_is_unknown_and_before_it_is_not() {
    for (at, is_silent, expected) in [
        (".", false, ("unknown", "")),
        (".", true, ("unknown", "")),
        ("DATA", false, ("away", "")),
        ("DATA", true, ("away", "")),
        ("", true, ("away", "")),
    ] {
        let server = MailServer::start(Manner::reacting(move |_, line| {
            (line == at).then_some(if is_silent { Deed::BeSilent } else { Deed::Close })
        }))
        .await;
        let timeout = Duration::from_millis(200);
        let smtp = smtp(&SmtpSettings { timeout, ..settings(&server.url()) });

        let unsent = smtp.send(&mail()).await.unwrap_err();

        assert_eq!(kind(&unsent), expected, "{at} {unsent:?}");
        assert_eq!(server.connections(), 1);
    }
}

#[tokio::test]
async fn a_server_of_another_kind_is_away() {
    let server = MailServer::start(Manner::reacting(|_, line| {
        line.is_empty().then_some(Deed::Say("HTTP/1.1 400 Bad Request"))
    }))
    .await;

    let unsent = smtp(&settings(&server.url())).send(&mail()).await.unwrap_err();

    assert_eq!(unsent.to_string(), "the other end does not speak SMTP");
}
