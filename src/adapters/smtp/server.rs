//! Where the mail server is and how it is spoken to, from its URL.

use jobs::ports::PortError;
use percent_encoding::percent_decode_str;
use url::Url;

/// When the connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encryption {
    /// From its first byte.
    Implicit,
    /// By STARTTLS, or there is no conversation.
    Required,
    /// By STARTTLS where it is offered.
    Offered,
    /// Not at all.
    Never,
}

/// A mail server.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) encryption: Encryption,
    /// The name and the password.
    pub(super) login: Option<(String, String)>,
}

impl Server {
    /// Reads `smtp://user:pass@host:587`, `smtps://host`, `smtp://host:25?tls=required`.
    pub(super) fn parse(text: &str) -> Result<Self, PortError> {
        let url = Url::parse(text).map_err(|_| bad("it is no URL"))?;
        let implicit = match url.scheme() {
            "smtp" => false,
            "smtps" => true,
            _ => return Err(bad("it does not begin with smtp:// or smtps://")),
        };
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| bad("there is no host in it"))?;
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(bad("nothing but ?tls= may follow the host"));
        }
        let login = login(&url)?;
        let port = match (implicit, &login) {
            (true, _) => 465,
            (false, Some(_)) => 587,
            (false, None) => 25,
        };
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: url.port().unwrap_or(port),
            encryption: encryption(&url, implicit, login.is_some())?,
            login,
        })
    }
}

fn bad(why: &str) -> PortError {
    // The URL holds a password: it is not said again.
    let message = format!("the mail server's URL is not smtp://user:password@host:587: {why}");
    PortError::refused("bad_smtp_url", message)
}

fn login(url: &Url) -> Result<Option<(String, String)>, PortError> {
    let plain = |text: &str| {
        let decoded = percent_decode_str(text).decode_utf8();
        let text = decoded.map_err(|_| bad("the name or the password is not UTF-8"))?;
        if text.contains(char::is_control) {
            return Err(bad("the name or the password has control characters"));
        }
        Ok(text.into_owned())
    };
    match (url.username(), url.password()) {
        ("", None) => Ok(None),
        ("", Some(_)) => Err(bad("there is a password without a name")),
        (_, None) => Err(bad("there is a name without a password")),
        (name, Some(password)) => Ok(Some((plain(name)?, plain(password)?))),
    }
}

/// A password does not go over an open line unless somebody says so.
fn encryption(url: &Url, implicit: bool, has_login: bool) -> Result<Encryption, PortError> {
    let mut asked = None;
    for (name, value) in url.query_pairs() {
        if name != "tls" {
            return Err(bad("the only parameter is tls"));
        }
        asked = Some(match &*value {
            "required" => Encryption::Required,
            "never" => Encryption::Never,
            _ => return Err(bad("tls is required or never")),
        });
    }
    match asked {
        Some(Encryption::Never) if implicit => Err(bad("smtps is never without TLS")),
        _ if implicit => Ok(Encryption::Implicit),
        Some(asked) => Ok(asked),
        None if has_login => Ok(Encryption::Required),
        None => Ok(Encryption::Offered),
    }
}

#[cfg(test)]
mod tests {
    use super::{Encryption, Server};

    fn read(url: &str) -> (String, u16, Encryption, Option<(String, String)>) {
        let server = Server::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"));
        (server.host, server.port, server.encryption, server.login)
    }

    #[test]
    fn a_url_says_where_and_how() {
        let login = Some(("me@a.org".to_owned(), "p/w:1".to_owned()));

        let full = read("smtp://me%40a.org:p%2Fw%3A1@mail.a.org");
        assert_eq!(full, ("mail.a.org".into(), 587, Encryption::Required, login.clone()));
        let open = read("smtp://me%40a.org:p%2Fw%3A1@mail.a.org:2525/?tls=never");
        assert_eq!(open, ("mail.a.org".into(), 2525, Encryption::Never, login));
        assert_eq!(read("smtps://a.org"), ("a.org".into(), 465, Encryption::Implicit, None));
        assert_eq!(read("smtp://[::1]"), ("::1".into(), 25, Encryption::Offered, None));
        let required = read("smtp://localhost:25?tls=required");
        assert_eq!(required, ("localhost".into(), 25, Encryption::Required, None));
    }

    #[test]
    fn a_url_that_is_none_is_refused_without_its_password() {
        for url in [
            "",
            "mail.a.org",
            "http://u:secret@a.org",
            "smtp://",
            "smtp://u@a.org",
            "smtp://:secret@a.org",
            "smtp://u:secret@a.org/path",
            "smtp://u:secret@a.org?tls=maybe",
            "smtp://u:secret@a.org?ssl=no",
            "smtps://u:secret@a.org?tls=never",
            "smtp://u:a%0D%0Asecret@a.org",
        ] {
            let Err(error) = Server::parse(url) else { panic!("{url} is taken") };
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
