//! Keeps requests to addresses of strangers out of our own network.

use std::{
    future::Future,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::Pin,
    task::{Context, Poll},
};

use hyper::Uri;
use hyper_util::client::legacy::connect::dns::Name;
use tower_service::Service;

/// Finds addresses; behind the fence only those that anybody may ask. It is asked for each new
/// connection, so a name that changes its mind gets nowhere.
#[derive(Clone)]
pub(super) struct Names {
    pub(super) is_fenced: bool,
}

impl Service<Name> for Names {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let is_fenced = self.is_fenced;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<_> = found.filter(|at| !is_fenced || is_public(at.ip())).collect();
            if allowed.is_empty() {
                return Err(io::Error::other("its name leads to no address in the open internet"));
            }
            Ok(allowed.into_iter())
        })
    }
}

/// Addresses without a name are not looked up: they are judged before.
pub(super) fn may_be_asked(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    match host.parse::<IpAddr>() {
        Ok(ip) => is_public(ip),
        // What other programs read as numbers (`0x7f.1`, `2130706433`) is no name either.
        Err(_) => host
            .rsplit('.')
            .find(|part| !part.is_empty())
            .is_some_and(|last| !last.starts_with(|char: char| char.is_ascii_digit())),
    }
}

fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(inner) => is_public_v4(inner),
            None => is_public_v6(ip),
        },
    }
}

/// All but the special ones (IANA's registry of special-purpose addresses).
fn is_public_v4(ip: Ipv4Addr) -> bool {
    let special = ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_documentation()
        || matches!(
            ip.octets(),
            [0 | 240..=255, ..] | [100, 64..=127, ..] | [192, 0, 0, _] | [198, 18 | 19, ..]
        );
    !special
}

/// Only those that are given to networks, without the ways back into IPv4 (6to4, Teredo).
fn is_public_v6(ip: Ipv6Addr) -> bool {
    match ip.segments() {
        [0x2001, 0 | 0xdb8, ..] | [0x2002, ..] => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::may_be_asked;

    #[test]
    fn only_the_open_internet_is_asked() {
        for (host, may) in [
            ("push.example.org", true),
            ("9.9.9.9", true),
            ("[2620:fe::fe]", true),
            ("127.0.0.1", false),
            ("10.1.2.3", false),
            ("172.16.0.1", false),
            ("192.168.1.1", false),
            ("169.254.169.254", false),
            ("100.64.0.1", false),
            ("0.0.0.0", false),
            ("255.255.255.255", false),
            ("[::1]", false),
            ("[::]", false),
            ("[fd00::1]", false),
            ("[fe80::1]", false),
            ("[::ffff:127.0.0.1]", false),
            ("[::127.0.0.1]", false),
            ("[64:ff9b::7f00:1]", false),
            ("[2002:7f00:1::]", false),
            ("2130706433", false),
            ("0x7f.1", false),
            ("127.1", false),
        ] {
            let uri = format!("https://{host}/push").parse().unwrap();
            assert_eq!(may_be_asked(&uri), may, "{host}");
        }
    }
}
