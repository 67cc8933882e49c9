//! What a mail server gets of us, and what we make of its answers.

mod dkim;
mod login;
pub mod reader;
mod refusals;
pub mod server;
mod wear;

use std::{sync::Arc, time::Duration};

use iven_worker::adapters::{
    clock::SystemClock,
    smtp::{Dkim, Smtp, SmtpSettings},
};
use jobs::ports::{Mail, Mailer, PortError, Taken, Unsent};

use self::{
    reader::Part,
    server::{MailServer, Manner},
};

fn settings(url: &str) -> SmtpSettings {
    SmtpSettings {
        url: url.to_owned(),
        from: "Iven <noreply@iven.test>".into(),
        hello: None,
        connections: 2,
        timeout: Duration::from_secs(5),
        idle: Duration::from_secs(30),
        dkim: None,
        extra_root_pem: None,
    }
}

fn smtp(settings: &SmtpSettings) -> Smtp {
    Smtp::new(settings, Arc::new(SystemClock)).unwrap()
}

fn mail() -> Mail {
    Mail {
        id: "65f0c0ffee.email".into(),
        to: "jane@b.test".into(),
        to_name: None,
        subject: "Hello".into(),
        text: "A text\n.\nwith a dot".into(),
        html: "<p>A text</p>".into(),
        language: "fr".into(),
        unsubscribe: None,
    }
}

#[tokio::test]
async fn a_mail_arrives_whole() {
    let server = MailServer::start(Manner::good()).await;
    let text = "Bonjour Zoë,\n\n.une ligne\nà bientôt 🎉\n".to_owned();
    let html = format!("<html><body>{}</body></html>", "<p>À bientôt 🎉</p>\n".repeat(100));
    let url = format!("https://iven.test/u/{}?a=1", "x".repeat(120));
    let mail = Mail {
        to_name: Some("Zoë \"Z\" Müller, née O'Hara".into()),
        subject: "Vos photos de la fête d'été à Saint-Étienne sont prêtes, venez les voir 🎉"
            .into(),
        text: text.clone(),
        html: html.clone(),
        unsubscribe: Some(url.clone()),
        ..mail()
    };

    let taken = smtp(&settings(&server.url())).send(&mail).await.unwrap();

    assert_eq!(taken, Taken { id: Some("4Yx3".into()), is_reported: true });
    let received = server.mails().remove(0);
    assert_eq!((&*received.from, &*received.to), ("noreply@iven.test", "jane@b.test"));
    assert!(received.content.lines().all(|line| line.len() <= 998 && line.is_ascii()));
    let part = Part::read(&received.content);
    let names = ["Date", "Content-Type"];
    let (told, fixed): (Vec<_>, Vec<_>) =
        part.headers.iter().cloned().partition(|(name, _)| names.contains(&&**name));
    let expected = [
        ("From", "Iven <noreply@iven.test>"),
        ("To", "Zoë \"Z\" Müller, née O'Hara <jane@b.test>"),
        ("Subject", &mail.subject),
        ("Message-ID", "<65f0c0ffee.email@iven.test>"),
        ("Auto-Submitted", "auto-generated"),
        ("Content-Language", "fr"),
        ("List-Unsubscribe", &format!("<{url}>")),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ("MIME-Version", "1.0"),
    ];
    assert_eq!(fixed, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert!(httpdate::parse_http_date(&told[0].1.replace("+0000", "GMT")).is_ok(), "{told:?}");
    assert!(told[1].1.starts_with("multipart/alternative;"), "{told:?}");
    let parts = part.parts();
    let kinds: Vec<_> = parts.iter().map(|part| part.header("Content-Type").unwrap()).collect();
    assert_eq!(kinds, ["text/plain; charset=utf-8", "text/html; charset=utf-8"]);
    let texts: Vec<_> = parts.iter().map(|part| part.text().replace("\r\n", "\n")).collect();
    assert_eq!(texts, [text, html]);
}

#[tokio::test]
async fn nobody_writes_headers_by_a_name_or_a_subject() {
    let server = MailServer::start(Manner::good()).await;
    let smtp = smtp(&settings(&server.url()));
    let evil = "Hi\r\nBcc: all@b.test\r\n\r\n<p>buy</p>";
    let mail =
        Mail { subject: evil.into(), to_name: Some(evil.into()), language: evil.into(), ..mail() };

    smtp.send(&mail).await.unwrap();

    let part = Part::read(&server.mails()[0].content);
    assert_eq!(part.header("Bcc"), None);
    assert_eq!(part.header("Content-Language"), None);
    assert_eq!(part.header("Subject"), Some("Hi Bcc: all@b.test <p>buy</p>"));
    for bad in [
        Mail { to: "a@b.test>\r\nRCPT TO:<c@b.test".into(), ..mail.clone() },
        Mail { to: "a@b.test, c@b.test".into(), ..mail.clone() },
        Mail { to: "jane".into(), ..mail.clone() },
        Mail { id: "a\r\nBcc: b".into(), ..mail.clone() },
        Mail { unsubscribe: Some("javascript:alert(1)".into()), ..mail },
    ] {
        let refused = smtp.send(&bad).await.unwrap_err();
        assert!(matches!(refused, Unsent::Never { .. }), "{refused:?}");
    }
    assert_eq!(server.lines("RCPT").len(), 1);
}

#[tokio::test]
async fn the_envelope_asks_for_reports_where_they_are_offered() {
    for (offers, mail_line, rcpt_line) in [
        (
            &["PIPELINING", "DSN"][..],
            "MAIL FROM:<noreply@iven.test> RET=HDRS ENVID=65f0c0ffee.email",
            "RCPT TO:<a+b@b.test> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;a+2Bb@b.test",
        ),
        (&["8BITMIME"][..], "MAIL FROM:<noreply@iven.test>", "RCPT TO:<a+b@b.test>"),
    ] {
        let server = MailServer::start(Manner::offering(offers)).await;
        let smtp = smtp(&settings(&server.url()));
        assert!(!smtp.reports());

        let taken = smtp.send(&Mail { to: "a+b@b.test".into(), ..mail() }).await.unwrap();

        let has_dsn = offers.contains(&"DSN");
        assert_eq!((taken.is_reported, smtp.reports()), (has_dsn, has_dsn));
        assert_eq!(server.lines("MAIL"), [mail_line]);
        assert_eq!(server.lines("RCPT"), [rcpt_line]);
        assert_eq!(server.lines("EHLO"), ["EHLO [127.0.0.1]"]);
        // RCPT and DATA came with MAIL, where that is allowed.
        let together = if offers.contains(&"PIPELINING") { 2 } else { 0 };
        assert_eq!(server.log(|log| log.together), together);
    }
}

#[tokio::test]
async fn addresses_in_all_scripts_are_written_as_the_server_takes_them() {
    let open = MailServer::start(Manner::good()).await;
    let narrow = MailServer::start(Manner::offering(&[])).await;
    let (open_smtp, narrow_smtp) = (smtp(&settings(&open.url())), smtp(&settings(&narrow.url())));
    let place = Mail { to: "jane@münchen.test".into(), ..mail() };
    let name = Mail { to: "zoë@b.test".into(), ..mail() };

    narrow_smtp.send(&place).await.unwrap();
    let refused = narrow_smtp.send(&name).await.unwrap_err();
    open_smtp.send(&name).await.unwrap();

    assert_eq!(narrow.lines("RCPT"), ["RCPT TO:<jane@xn--mnchen-3ya.test>"]);
    assert!(matches!(&refused, Unsent::Never { code, .. } if code == "smtp_no_utf8"));
    let line = &open.lines("MAIL")[0];
    assert!(line.contains(" SMTPUTF8"), "{line}");
    assert_eq!(open.mails()[0].to, "zoë@b.test");
}

#[tokio::test]
async fn settings_that_are_none_are_refused_in_plain_words() {
    let good = settings("smtp://a.test");
    let dkim = |key: &str| {
        let (domain, selector) = ("iven.test".into(), "m1".into());
        Some(Dkim { domain, selector, private_key_pem: key.into() })
    };
    for (bad, code) in [
        (SmtpSettings { url: "a.test:25".into(), ..good.clone() }, "bad_smtp_url"),
        (SmtpSettings { from: "Iven".into(), ..good.clone() }, "bad_smtp_from"),
        (SmtpSettings { hello: Some("a b".into()), ..good.clone() }, "bad_smtp_hello"),
        (SmtpSettings { dkim: dkim("no key"), ..good.clone() }, "bad_dkim"),
        (SmtpSettings { extra_root_pem: Some("none".into()), ..good }, "bad_certificate"),
    ] {
        let refused = Smtp::new(&bad, Arc::new(SystemClock)).err();
        let found = refused.as_ref().map(|refused| match refused {
            PortError::Refused { code, .. } => code.as_str(),
            _ => "",
        });
        assert_eq!(found, Some(code), "{refused:?}");
    }
}

#[tokio::test]
async fn the_check_says_what_the_server_offers() {
    let server = MailServer::start(Manner::good()).await;

    let line = smtp(&settings(&server.url())).check().await.unwrap();

    assert_eq!(line, format!("{} offers PIPELINING, DSN, SMTPUTF8", server.address));
    assert_eq!(server.lines("NOOP").len() + server.lines("QUIT").len(), 2);
}
