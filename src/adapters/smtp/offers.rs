//! What a mail server can do beyond the old protocol, from its answer to `EHLO`.

use super::reply::Reply;

/// What of it we use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Offers {
    /// The conversation may be encrypted (RFC 3207).
    pub(super) starttls: bool,
    /// Commands may be sent before the answers to earlier ones (RFC 2920).
    pub(super) pipelining: bool,
    /// It reports what became of mails (RFC 3461).
    pub(super) dsn: bool,
    /// Addresses may be in any script (RFC 6531).
    pub(super) utf8: bool,
    /// It knows `BODY=8BITMIME` (RFC 6152).
    pub(super) eight_bits: bool,
    /// It wants to know how large a mail is (RFC 1870).
    pub(super) size: bool,
    /// The largest mail that it takes, in bytes.
    pub(super) most_bytes: Option<usize>,
    /// Logins: `AUTH PLAIN`.
    pub(super) plain: bool,
    /// `AUTH LOGIN`.
    pub(super) login: bool,
}

impl Offers {
    /// Reads the lines behind the greeting.
    pub(super) fn read(reply: &Reply) -> Self {
        let mut offers = Self::default();
        for line in reply.lines.iter().skip(1) {
            let line = line.to_ascii_uppercase();
            // Old servers write AUTH=PLAIN.
            let mut words = line.split([' ', '=']);
            match words.next().unwrap_or_default() {
                "STARTTLS" => offers.starttls = true,
                "PIPELINING" => offers.pipelining = true,
                "DSN" => offers.dsn = true,
                "SMTPUTF8" => offers.utf8 = true,
                "8BITMIME" => offers.eight_bits = true,
                "SIZE" => {
                    offers.size = true;
                    let most = words.next().and_then(|word| word.parse().ok());
                    offers.most_bytes = most.filter(|bytes| *bytes > 0);
                }
                "AUTH" => words.for_each(|word| match word {
                    "PLAIN" => offers.plain = true,
                    "LOGIN" => offers.login = true,
                    _ => {}
                }),
                _ => {}
            }
        }
        offers
    }

    /// The names of what matters to us.
    pub(super) fn names(&self) -> String {
        let all = [
            ("STARTTLS", self.starttls),
            ("PIPELINING", self.pipelining),
            ("DSN", self.dsn),
            ("SMTPUTF8", self.utf8),
        ];
        let offered: Vec<_> = all.iter().filter(|(_, is)| *is).map(|(name, _)| *name).collect();
        if offered.is_empty() { "nothing".into() } else { offered.join(", ") }
    }
}

#[cfg(test)]
mod tests {
    use super::{Offers, Reply};

    #[test]
    fn what_is_offered_is_read_from_the_lines_behind_the_first() {
        let lines = "DSN greets you\nsize 1000\nAUTH=LOGIN plain\nPipelining\n8BITMIME\nX-A";
        let reply = Reply { code: 250, lines: lines.lines().map(str::to_owned).collect() };

        let offers = Offers::read(&reply);

        let expected = Offers {
            pipelining: true,
            eight_bits: true,
            size: true,
            most_bytes: Some(1000),
            plain: true,
            login: true,
            ..Offers::default()
        };
        assert_eq!(offers, expected);
        assert_eq!(offers.names(), "PIPELINING");
    }
}
