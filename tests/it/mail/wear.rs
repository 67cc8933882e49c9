//! How conversations are kept and used again.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

use futures_util::future::join_all;

use super::{
    Duration, Mail, Mailer, SmtpSettings, mail,
    server::{Deed, MailServer, Manner},
    settings, smtp,
};

#[tokio::test]
async fn mails_follow_each_other_in_one_conversation() {
    let server = MailServer::start(Manner::good()).await;
    let smtp = smtp(&settings(&server.url()));

    for _ in 0..3 {
        smtp.send(&mail()).await.unwrap();
    }

    assert_eq!((server.connections(), server.mails().len()), (1, 3));
    assert_eq!(server.lines("EHLO").len(), 1);
}

#[tokio::test]
async fn a_conversation_that_ended_in_the_meantime_costs_no_mail_and_makes_no_double() {
    for deed in [|| Deed::SayAndClose("421 4.4.2 idle for too long"), || Deed::Close] {
        // The first conversation ends before its second mail.
        let mails = AtomicUsize::new(0);
        let server = MailServer::start(Manner::reacting(move |number, line| {
            let is_second =
                line.starts_with("MAIL") && number == 1 && mails.fetch_add(1, Ordering::SeqCst) > 0;
            is_second.then(deed)
        }))
        .await;
        let smtp = smtp(&settings(&server.url()));

        smtp.send(&mail()).await.unwrap();
        smtp.send(&Mail { id: "second".into(), ..mail() }).await.unwrap();
        smtp.send(&Mail { id: "third".into(), ..mail() }).await.unwrap();

        assert_eq!((server.connections(), server.mails().len()), (2, 3));
    }
}

#[tokio::test]
async fn there_are_never_more_conversations_than_the_settings_say() {
    let server = MailServer::start(Manner::good()).await;
    let smtp = smtp(&SmtpSettings { connections: 3, ..settings(&server.url()) });
    let mails: Vec<_> = (0..50).map(|n| Mail { id: format!("m{n}"), ..mail() }).collect();

    let taken = join_all(mails.iter().map(|mail| smtp.send(mail))).await;

    assert!(taken.iter().all(Result::is_ok), "{taken:?}");
    assert_eq!(server.mails().len(), 50);
    assert!(server.log(|log| log.most_open) <= 3);
}

#[tokio::test]
async fn a_sender_that_gives_up_leaves_its_turn_to_others() {
    // The first conversation is silent for ever.
    let server = MailServer::start(Manner::reacting(|number, line| {
        (number == 1 && line.is_empty()).then_some(Deed::BeSilent)
    }))
    .await;
    let smtp = smtp(&SmtpSettings { connections: 1, ..settings(&server.url()) });

    let mail = mail();
    let given_up = tokio::time::timeout(Duration::from_millis(100), smtp.send(&mail)).await;
    smtp.send(&mail).await.unwrap();

    assert!(given_up.is_err());
    assert_eq!(server.mails().len(), 1);
}

#[tokio::test]
async fn conversations_that_nobody_needs_are_ended() {
    let server = MailServer::start(Manner::good()).await;
    let idle = Duration::from_millis(50);
    let smtp = smtp(&SmtpSettings { idle, ..settings(&server.url()) });
    smtp.send(&mail()).await.unwrap();

    while server.lines("QUIT").is_empty() {
        tokio::task::yield_now().await;
    }
    smtp.send(&mail()).await.unwrap();

    assert_eq!(server.connections(), 2);
}

/// The number is for reading; the limit is far below what any machine does. A mail that waits for
/// acknowledgements takes 40 ms: 8 conversations would take 10 s.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_mail_waits_for_an_acknowledgement() {
    const MAILS: u32 = 2000;
    let server = MailServer::start(Manner::good()).await;
    let smtp = smtp(&SmtpSettings { connections: 8, ..settings(&server.url()) });
    let mail = mail();

    let began = Instant::now();
    let taken = join_all((0..MAILS).map(|_| smtp.send(&mail))).await;
    let seconds = began.elapsed().as_secs_f64();

    assert!(taken.iter().all(Result::is_ok));
    println!("{:.0} mails/s over 8 conversations", f64::from(MAILS) / seconds);
    assert!(seconds < 8.0, "{MAILS} mails take {seconds} s");
}
