//! A mail in the form in which it travels.

use bson::DateTime;
use jobs::ports::{Mail, PortError, Unsent};
use lettre::{
    Address, Message,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
};
use url::{Host, Url};

use super::{dkim::Seal, offers::Offers};

/// The codes of mails that no server would take.
const BAD_ADDRESS: &str = "smtp_bad_address";
const BAD_MAIL: &str = "smtp_bad_mail";

/// What all our mails have in common.
pub(super) struct Letterhead {
    from: Mailbox,
    seal: Option<Seal>,
}

/// A mail, sealed and ready to be handed over.
pub(super) struct Parcel {
    /// Without the dot at its end; dots at the beginning of lines are doubled.
    pub(super) content: Vec<u8>,
    from: String,
    pub(super) to: String,
    id: String,
}

impl Letterhead {
    /// Reads `Iven <noreply@example.org>`.
    pub(super) fn new(from: &str, seal: Option<Seal>) -> Result<Self, PortError> {
        let from: Mailbox = one_line(from).parse().map_err(|_| {
            let message = format!("the sender {from:?} is not written as Name <name@example.org>");
            PortError::refused("bad_smtp_from", message)
        })?;
        let from = Mailbox::new(from.name, ascii_domain(from.email));
        Ok(Self { from, seal })
    }

    /// Writes a mail; the same mail has the same `Message-ID` each time.
    pub(super) fn write(&self, mail: &Mail, now: DateTime) -> Result<Parcel, Unsent> {
        let to = address(&mail.to)?;
        let name = mail.to_name.as_deref().map(one_line).filter(|name| !name.is_empty());
        if !is_token(&mail.id) {
            return Err(never(BAD_MAIL, "the mail's id is no word of letters and digits"));
        }
        let mut builder = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(name, to.clone()))
            .subject(one_line(&mail.subject))
            .date(now.to_system_time())
            .message_id(Some(format!("<{}@{}>", mail.id, self.from.email.domain())))
            .raw_header(header("Auto-Submitted", "auto-generated"));
        if is_token(&mail.language) {
            builder = builder.raw_header(header("Content-Language", &mail.language));
        }
        if let Some(address) = &mail.unsubscribe {
            let url = Url::parse(address).ok().filter(|url| url.scheme() == "https");
            let url = url.ok_or_else(|| never(BAD_MAIL, "the link that ends mails is no https"))?;
            builder = builder
                .raw_header(header("List-Unsubscribe", &format!("<{url}>")))
                .raw_header(header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"));
        }
        let parts = MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone());
        let mut message = builder
            .multipart(parts)
            .map_err(|error| never(BAD_MAIL, &format!("the mail cannot be written: {error}")))?;
        if let Some(seal) = &self.seal {
            seal.put_on(&mut message);
        }
        Ok(Parcel {
            content: stuffed(&message.formatted()),
            from: self.from.email.to_string(),
            to: to.to_string(),
            id: mail.id.clone(),
        })
    }
}

impl Parcel {
    /// Whether the server would take it at all.
    pub(super) fn fits(&self, offers: &Offers) -> Result<(), Unsent> {
        if offers.most_bytes.is_some_and(|most| most < self.content.len()) {
            return Err(never("smtp_too_large", "the mail is larger than the mail server takes"));
        }
        if !self.is_ascii() && !offers.utf8 {
            let message = "the mail server takes no address with letters beyond ASCII";
            return Err(never("smtp_no_utf8", message));
        }
        Ok(())
    }

    /// The commands `MAIL` and `RCPT`.
    pub(super) fn envelope(&self, offers: &Offers) -> (String, String) {
        let mut mail = format!("MAIL FROM:<{}>", self.from);
        let mut rcpt = format!("RCPT TO:<{}>", self.to);
        if offers.size {
            mail += &format!(" SIZE={}", self.content.len());
        }
        if offers.eight_bits && !self.content.is_ascii() {
            mail += " BODY=8BITMIME";
        }
        if !self.is_ascii() {
            mail += " SMTPUTF8";
        }
        if offers.dsn {
            mail += &format!(" RET=HDRS ENVID={}", xtext(&self.id));
            rcpt += " NOTIFY=SUCCESS,FAILURE,DELAY";
            if self.to.is_ascii() {
                rcpt += &format!(" ORCPT=rfc822;{}", xtext(&self.to));
            }
        }
        (mail, rcpt)
    }

    fn is_ascii(&self) -> bool {
        self.to.is_ascii() && self.from.is_ascii()
    }
}

fn never(code: &str, message: &str) -> Unsent {
    Unsent::Never { code: code.into(), message: message.into() }
}

fn address(text: &str) -> Result<Address, Unsent> {
    let address = text.trim().parse().ok().filter(|_| !text.trim().contains(char::is_control));
    let address: Option<Address> = address.map(ascii_domain);
    address.ok_or_else(|| never(BAD_ADDRESS, "the address is none"))
}

/// Names of places go over the line in ASCII, whatever script they are in; names of people do not.
fn ascii_domain(address: Address) -> Address {
    if address.domain().is_ascii() {
        return address;
    }
    match Host::parse(address.domain()) {
        Ok(Host::Domain(domain)) => Address::new(address.user(), domain).unwrap_or(address),
        _ => address,
    }
}

/// A header ends where its line ends: nobody's name or subject begins another one.
fn one_line(text: &str) -> String {
    let spaced = text.replace(char::is_control, " ");
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

/// What may stand before the `@` of a `Message-ID`, and as a language.
fn is_token(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'+');
    let word = |part: &str| !part.is_empty() && part.bytes().all(fits);
    text.len() <= 100 && text.split('.').all(word)
}

/// RFC 3461, 4: printable ASCII but for `+` and `=`, and the rest in two digits.
fn xtext(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'+' | b'=' => out += &format!("+{byte:02X}"),
            b'!'..=b'~' => out.push(char::from(byte)),
            _ => out += &format!("+{byte:02X}"),
        }
    }
    out
}

/// Every line ends with CRLF, and no line of the mail is the dot that ends it (RFC 5321, 4.5.2).
fn stuffed(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 50);
    let mut bytes = bytes.iter().copied().peekable();
    let mut at_start = true;
    while let Some(byte) = bytes.next() {
        match byte {
            b'\r' | b'\n' => {
                if byte == b'\r' {
                    bytes.next_if_eq(&b'\n');
                }
                out.extend_from_slice(b"\r\n");
            }
            b'.' if at_start => out.extend_from_slice(b".."),
            _ => out.push(byte),
        }
        at_start = matches!(byte, b'\r' | b'\n');
    }
    if !at_start {
        out.extend_from_slice(b"\r\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{is_token, one_line, stuffed, xtext};

    #[test]
    fn a_line_of_the_mail_never_ends_it() {
        for (mail, sent) in [
            ("a\r\n.\r\nb\r\n", "a\r\n..\r\nb\r\n"),
            ("a\n.\n", "a\r\n..\r\n"),
            ("a\r.\r", "a\r\n..\r\n"),
            (".a.", "..a.\r\n"),
            ("", ""),
        ] {
            assert_eq!(stuffed(mail.as_bytes()), sent.as_bytes(), "{mail:?}");
        }
    }

    #[test]
    fn a_header_has_one_line() {
        assert_eq!(one_line(" Hello\r\nBcc: you\u{0}\tand\u{85}me "), "Hello Bcc: you and me");
    }

    #[test]
    fn ids_of_reports_are_written_in_printable_ascii() {
        assert_eq!(xtext("a+b=c d\u{e9}~"), "a+2Bb+3Dc+20d+C3+A9~");
        for good in ["65f0c0ffee.email", "fr-CA", "a_b+c"] {
            assert!(is_token(good), "{good}");
        }
        for bad in ["", "a..b", ".a", "a@b", "a b", "a\r\nb", "<a>"] {
            assert!(!is_token(bad), "{bad}");
        }
    }
}
