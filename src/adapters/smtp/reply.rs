//! What a mail server's answers mean for a mail.

use jobs::ports::Unsent;

/// At most so much of a server's words goes into our messages.
const WORDS: usize = 200;

/// One answer: its three digits and the words behind them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) code: u16,
    pub(super) lines: Vec<String>,
}

/// What the server was asked when it said no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// Our own address.
    Sender,
    /// The person's.
    Recipient,
    /// The mail itself.
    Content,
}

/// Codes about ourselves (closing, no login, a wrong one): no mail is at fault for them.
/// RFC 5321 and RFC 4954.
const ABOUT_US: [u16; 7] = [421, 432, 454, 530, 534, 535, 538];
/// "Bad destination mailbox address" and "has a null MX", "has moved" (RFC 3463, RFC 7505).
const NOBODY: [&str; 3] = ["5.1.1", "5.1.6", "5.1.10"];
/// How servers without enhanced codes say it.
const NOBODY_WORDS: [&str; 7] = [
    "user unknown",
    "unknown user",
    "no such user",
    "no such recipient",
    "does not exist",
    "recipient not found",
    "no mailbox here",
];

impl Reply {
    /// Whether it says yes, or go on.
    pub(super) fn is_yes(&self) -> bool {
        (200..400).contains(&self.code)
    }

    /// The enhanced code (RFC 2034), if the answer begins with one.
    pub(super) fn enhanced(&self) -> Option<&str> {
        let word = self.lines.first()?.split(' ').next()?;
        let mut parts = word.split('.');
        let fits = |part: Option<&str>, most: usize| {
            part.is_some_and(|part| {
                (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
            })
        };
        let is_code = fits(parts.next(), 1)
            && fits(parts.next(), 3)
            && fits(parts.next(), 3)
            && parts.next().is_none();
        is_code.then_some(word)
    }

    /// What a refusal means; `to` is kept out of the words.
    pub(super) fn unsent(&self, about: About, to: &str) -> Unsent {
        let what = match about {
            About::Sender => "the sender",
            About::Recipient => "the recipient",
            About::Content => "the mail",
        };
        let message = format!("the mail server refuses {what}: {}", self.words(to));
        // 454 is said of one recipient, too: "relay access denied" of a Postfix that defers.
        let is_about_one = self.code == 454 && about == About::Recipient;
        if ABOUT_US.contains(&self.code) && !is_about_one {
            return Unsent::Away { message, after: None };
        }
        let code = format!("smtp_{}", self.enhanced().unwrap_or(&self.code.to_string()));
        if about == About::Recipient && self.is_about_nobody() {
            return Unsent::Gone { code, message };
        }
        match self.code {
            500..600 => Unsent::Never { code, message },
            _ => Unsent::Later { code, message, after: None },
        }
    }

    fn is_about_nobody(&self) -> bool {
        match self.enhanced() {
            Some(enhanced) => NOBODY.contains(&enhanced),
            None => {
                let words = self.lines.join(" ").to_lowercase();
                matches!(self.code, 550 | 551)
                    && NOBODY_WORDS.iter().any(|nobody| words.contains(nobody))
            }
        }
    }

    /// Its words on one line, without anything that may be part of an address.
    pub(super) fn words(&self, to: &str) -> String {
        let parts: Vec<String> = to
            .split(|char: char| !char.is_alphanumeric())
            .filter(|part| part.chars().count() > 1)
            .map(str::to_lowercase)
            .collect();
        let hide = |word: &str| {
            let lower = word.to_lowercase();
            let names = |char: char| !char.is_alphanumeric();
            if word.contains('@') || lower.split(names).any(|part| parts.iter().any(|p| p == part))
            {
                return "***".to_owned();
            }
            word.chars().filter(|char| !char.is_control()).collect()
        };
        let words: Vec<String> =
            self.lines.iter().flat_map(|line| line.split_whitespace()).map(hide).collect();
        let text: String = words.join(" ").chars().take(WORDS).collect();
        format!("{} {text}", self.code)
    }

    /// The server's name for a mail that it has taken, as most servers write it.
    pub(super) fn queued_as(&self) -> Option<String> {
        let text = self.lines.join(" ");
        let (_, after) = text.split_once("queued as ")?;
        let id = after.split_whitespace().next()?;
        Some(id.chars().take(WORDS).collect())
    }
}

#[cfg(test)]
mod tests {
    use jobs::ports::Unsent;

    use super::{About, Reply};

    fn reply(code: u16, words: &str) -> Reply {
        Reply { code, lines: words.lines().map(str::to_owned).collect() }
    }

    fn meaning(about: About, code: u16, words: &str) -> (&'static str, String) {
        match reply(code, words).unsent(about, "jane.doe@a.org") {
            Unsent::Away { .. } => ("away", String::new()),
            Unsent::Later { code, .. } => ("later", code),
            Unsent::Never { code, .. } => ("never", code),
            Unsent::Gone { code, .. } => ("gone", code),
            Unsent::Unknown { .. } => ("unknown", String::new()),
        }
    }

    #[test]
    fn the_enhanced_code_decides_before_the_plain_one() {
        use About::{Content, Recipient, Sender};

        for (about, code, words, kind, stable) in [
            (Recipient, 450, "4.2.1 mailbox busy", "later", "smtp_4.2.1"),
            (Recipient, 452, "4.5.3 too many recipients", "later", "smtp_4.5.3"),
            (Content, 452, "4.3.2 overload", "later", "smtp_4.3.2"),
            (Recipient, 451, "try again", "later", "smtp_451"),
            (Recipient, 554, "5.7.1 relay access denied", "never", "smtp_5.7.1"),
            (Content, 552, "5.3.4 too large", "never", "smtp_5.3.4"),
            (Recipient, 550, "5.1.1 no such user", "gone", "smtp_5.1.1"),
            (Recipient, 556, "5.1.10 null MX", "gone", "smtp_5.1.10"),
            (Recipient, 550, "User unknown", "gone", "smtp_550"),
            (Recipient, 550, "5.7.26 user unknown to SPF", "never", "smtp_5.7.26"),
            (Sender, 550, "User unknown", "never", "smtp_550"),
            (Sender, 530, "5.7.0 authentication required", "away", ""),
            (Content, 421, "4.3.2 shutting down", "away", ""),
        ] {
            assert_eq!(meaning(about, code, words), (kind, stable.into()), "{code} {words}");
        }
    }

    #[test]
    fn no_address_is_in_the_words() {
        let words = "5.1.1 <Jane.Doe@a.org>: Recipient (jane) unknown,\n5.1.1 Doe has left\u{7}";

        let said = reply(550, words).words("jane.doe@a.org");

        assert_eq!(said, "550 5.1.1 *** Recipient *** unknown, 5.1.1 *** has left");
    }

    #[test]
    fn only_three_numbers_are_an_enhanced_code() {
        for (words, enhanced) in [
            ("4.2.1 busy", Some("4.2.1")),
            ("5.7.509", Some("5.7.509")),
            ("5.7 no", None),
            ("a.b.c", None),
            ("1.2.3.4 is listed", None),
            ("", None),
        ] {
            assert_eq!(reply(550, words).enhanced(), enhanced, "{words}");
        }
    }

    #[test]
    fn the_name_in_the_queue_is_read() {
        let taken = reply(250, "2.0.0 Ok: queued as 4Yx3");

        assert_eq!(taken.queued_as().as_deref(), Some("4Yx3"));
        assert_eq!(reply(250, "OK").queued_as(), None);
    }
}
