//! What mail servers report about mails of ours (DSN, RFC 3464).

use mail_parser::{MessageParser, MimeHeaders, PartType};

use super::{Needs, record};
use crate::{
    model::{Channel, Delivery, DeliveryError, DeliveryState, ErrorClass, NotificationId},
    ports::PortError,
};

/// A report about one mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The notification, which the mail had as its envelope id.
    pub notification: NotificationId,
    /// What became of the mail.
    pub reported: Reported,
    /// The code, such as `5.1.1`.
    pub status: String,
    /// The address that the report is about.
    pub recipient: String,
}

/// What became of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reported {
    /// It lies in the person's mailbox.
    Delivered,
    /// It went on to a server that reports nothing.
    Relayed,
    /// It is still on its way.
    Delayed,
    /// It will not arrive.
    Failed,
}

impl Report {
    /// The report in a raw message. Refused, with `not_a_report`, where the message is none, or is
    /// not about a mail of ours.
    pub fn read(message: &[u8]) -> Result<Self, PortError> {
        let refused = |message: &str| PortError::refused("not_a_report", message);
        let parsed = MessageParser::default().parse(message);
        let parsed = parsed.ok_or_else(|| refused("the message cannot be read"))?;
        let is_status = |part: &&mail_parser::MessagePart<'_>| {
            part.content_type().is_some_and(|kind| {
                kind.ctype().eq_ignore_ascii_case("message")
                    && kind.subtype().is_some_and(|sub| sub.eq_ignore_ascii_case("delivery-status"))
            })
        };
        let part = parsed.parts.iter().find(is_status);
        let part =
            part.ok_or_else(|| refused("the message has no part message/delivery-status"))?;
        let text = match &part.body {
            PartType::Text(text) => text.clone().into_owned(),
            PartType::Binary(bytes) | PartType::InlineBinary(bytes) => {
                String::from_utf8_lossy(bytes).into_owned()
            }
            _ => return Err(refused("the part message/delivery-status is no text")),
        };
        let field = |name: &str| {
            field(&text, name).ok_or_else(|| refused(&format!("the report has no {name}")))
        };
        let id = field("Original-Envelope-Id")?;
        let notification = id.trim().parse().map_err(|_| refused("the mail was none of ours"))?;
        let reported = match field("Action")?.to_ascii_lowercase().as_str() {
            "delivered" => Reported::Delivered,
            "relayed" | "expanded" => Reported::Relayed,
            "delayed" => Reported::Delayed,
            "failed" => Reported::Failed,
            _ => return Err(refused("the report has an action that nobody knows")),
        };
        let address =
            |value: String| value.rsplit(';').next().unwrap_or_default().trim().to_owned();
        Ok(Self {
            notification,
            reported,
            status: field("Status")?.split_whitespace().next().unwrap_or_default().to_owned(),
            recipient: address(field("Final-Recipient")?),
        })
    }
}

/// A field's value, its folded lines put together.
fn field(text: &str, name: &str) -> Option<String> {
    let mut lines = text.lines().skip_while(|line| {
        let found = line.split_once(':').map(|(found, _)| found.trim());
        !found.is_some_and(|found| found.eq_ignore_ascii_case(name))
    });
    let first = lines.next()?.split_once(':')?.1.trim().to_owned();
    let folded = lines.take_while(|line| line.starts_with([' ', '\t']));
    Some(folded.fold(first, |value, line| value + " " + line.trim()))
}

/// Writes what a report says; whether that is new.
pub async fn report(needs: &Needs, report: &Report) -> Result<bool, PortError> {
    let mut is_new = false;
    let written = record::deliver(needs, report.notification, Channel::Email, |delivery, now| {
        is_new = apply(delivery, report, now);
        is_new
    });
    let notification = match written.await {
        Err(PortError::Missing(_)) => return Ok(false),
        written => written?,
    };
    // Whoever writes a report can name any address: only the one that was written to counts.
    let is_gone = ["5.1.1", "5.1.10", "5.1.2", "5.1.3"].contains(&report.status.as_str());
    if report.reported == Reported::Failed && is_gone && is_new {
        let user = needs.users.user(notification.user_id).await?;
        let address = user
            .and_then(|user| user.email)
            .filter(|email| email.trim().eq_ignore_ascii_case(&report.recipient));
        if let Some(address) = address {
            let code = format!("smtp_{}", report.status);
            needs.contacts.suppress(&address, &code, needs.clock.now()).await?;
        }
    }
    Ok(is_new)
}

fn apply(delivery: &mut Delivery, report: &Report, now: bson::DateTime) -> bool {
    use DeliveryState::{Retry, Sending, Sent};
    // An attempt whose answer got lost is resolved by its report.
    if !matches!(delivery.state, Sending | Retry | Sent) {
        return false;
    }
    match report.reported {
        Reported::Delivered => {
            delivery.end(DeliveryState::Delivered, None);
            delivery.sent_at.get_or_insert(now);
            delivery.delivered_at = Some(now);
            delivery.last_error = None;
        }
        Reported::Relayed if delivery.state == Sent => return false,
        Reported::Relayed => super::outcome::sent(delivery, None, now),
        Reported::Delayed => return false,
        Reported::Failed => {
            let error = DeliveryError {
                class: ErrorClass::Permanent,
                code: format!("smtp_{}", report.status),
                message: "the mail came back".to_owned(),
            };
            record::fail(delivery, error);
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Postfix 3.7 writes it, shortened.
    fn dsn(action: &str, status: &str) -> String {
        format!(
            "From: MAILER-DAEMON@mail.example\r\nTo: noreply@iven.example\r\n\
             Subject: Successful Mail Delivery Report\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/report; report-type=delivery-status;\r\n \
             boundary=\"b/mail\"\r\n\r\nThis is a MIME-encapsulated message.\r\n\r\n\
             --b/mail\r\nContent-Description: Notification\r\n\
             Content-Type: text/plain; charset=us-ascii\r\n\r\n\
             Action: nonsense in the text for people\r\n\r\n--b/mail\r\n\
             Content-Description: Delivery report\r\nContent-Type: message/delivery-status\r\n\r\n\
             Reporting-MTA: dns; mail.example\r\n\
             Original-Envelope-Id: 65a5400000000000000000ff\r\n\
             Arrival-Date: Mon, 15 Jan 2024 20:35:00 +0000 (UTC)\r\n\r\n\
             Final-Recipient: rfc822; marie@example.org\r\nOriginal-Recipient:\r\n \
             rfc822;marie@example.org\r\nAction: {action}\r\nStatus: {status}\r\n\
             Diagnostic-Code: x-unix; user unknown\r\n\r\n--b/mail--\r\n"
        )
    }

    #[test]
    fn a_report_says_which_mail_it_is_about_and_what_became_of_it() {
        for (action, reported) in [
            ("delivered", Reported::Delivered),
            ("relayed", Reported::Relayed),
            ("Failed", Reported::Failed),
            ("delayed", Reported::Delayed),
        ] {
            let read = Report::read(dsn(action, "5.1.1 (no such user)").as_bytes()).unwrap();

            let expected = Report {
                notification: "65a5400000000000000000ff".parse().unwrap(),
                reported,
                status: "5.1.1".to_owned(),
                recipient: "marie@example.org".to_owned(),
            };
            assert_eq!(read, expected, "{action}");
        }
    }

    #[test]
    fn what_is_no_report_about_a_mail_of_ours_is_refused() {
        let whole = dsn("failed", "5.1.1");
        for odd in [
            "",
            "Subject: hello\r\n\r\nAction: failed",
            &whole.replace("65a5400000000000000000ff", "QQ123"),
            &whole.replace("Original-Envelope-Id", "X-Id"),
            &whole.replace("Action: failed", "Action: eaten"),
            &whole.replace("message/delivery-status", "text/plain"),
        ] {
            let refused = Report::read(odd.as_bytes()).unwrap_err();
            assert!(matches!(refused, PortError::Refused { code, .. } if code == "not_a_report"));
        }
        for end in 0..whole.len() {
            // Cut anywhere, and never a panic.
            drop(Report::read(&whole.as_bytes()[..end]));
        }
    }
}
