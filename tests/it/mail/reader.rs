//! Reads a mail as a mail program does.

use base64::{Engine, engine::general_purpose::STANDARD};

/// A mail or a part of it: headers in their order, and the body.
pub struct Part {
    pub headers: Vec<(String, String)>,
    body: String,
}

impl Part {
    pub fn read(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
        let header = |line: &str| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_owned(), words(value))
        };
        Self { headers: unfolded.split("\r\n").map(header).collect(), body: body.to_owned() }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        let value = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} is there twice");
        value
    }

    pub fn parts(&self) -> Vec<Self> {
        let kind = self.header("Content-Type").unwrap();
        let boundary = kind.split("boundary=\"").nth(1).unwrap().trim_end_matches('"');
        let inner = self.body.split(&format!("--{boundary}--")).next().unwrap();
        let between = format!("--{boundary}\r\n");
        let parts = inner.split(&between).skip(1);
        parts.map(|part| Self::read(part.strip_suffix("\r\n").unwrap())).collect()
    }

    /// The body in clear.
    pub fn text(&self) -> String {
        match self.header("Content-Transfer-Encoding").unwrap() {
            "7bit" => self.body.clone(),
            "quoted-printable" => quoted(&self.body.replace("=\r\n", "")),
            "base64" => {
                let bytes = STANDARD.decode(self.body.replace("\r\n", "")).unwrap();
                String::from_utf8(bytes).unwrap()
            }
            other => panic!("{other}"),
        }
    }
}

/// A header in clear (RFC 2047).
fn words(value: &str) -> String {
    let value = value.replace("?= =?", "?==?");
    let mut out = String::new();
    let mut rest = value.as_str();
    while let Some((before, after)) = rest.split_once("=?utf-8?") {
        let (kind, after) = after.split_once('?').unwrap();
        let (word, after) = after.split_once("?=").unwrap();
        out += before;
        out += &match kind {
            "b" => String::from_utf8(STANDARD.decode(word).unwrap()).unwrap(),
            _ => quoted(&word.replace('_', " ")),
        };
        rest = after;
    }
    out + rest
}

fn quoted(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'=' => {
                let hex = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap()
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).unwrap()
}
