//! The hosts that are reached without the proxy, as `NO_PROXY` lists them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::url::Authority;

/// A parsed `NO_PROXY`.
///
/// Entries are separated by commas or white space and compared without case:
///
/// - `*` stands for every host.
/// - `example.com`, `.example.com` and `*.example.com` stand for the domain and all below it.
/// - `192.0.2.1`, `::1` and `[::1]` stand for an address, `10.0.0.0/8` and `fd00::/8` for a network.
/// - A port, as in `example.com:8443` or `[::1]:8443`, narrows an entry down.
///
/// Host names are not looked up, but `localhost` also counts as 127.0.0.1 and `::1`. Entries that
/// are none of this match nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct NoProxy(Vec<Entry>);

#[derive(Clone, Debug)]
struct Entry {
    hosts: Hosts,
    port: Option<u16>,
}

#[derive(Clone, Debug)]
enum Hosts {
    All,
    Domain(String),
    Network { address: IpAddr, prefix: u8 },
}

impl NoProxy {
    pub(crate) fn parse(text: &str) -> Self {
        let entries = text.split(|c: char| c == ',' || c.is_whitespace());
        Self(entries.filter(|entry| !entry.is_empty()).filter_map(Entry::parse).collect())
    }

    /// Returns whether a host is reached directly.
    pub(crate) fn contains(&self, service: &Authority) -> bool {
        let host = service.host().trim_matches(['[', ']']).trim_end_matches('.');
        let addresses = match host.parse::<IpAddr>() {
            Ok(address) => vec![address.to_canonical()],
            Err(_) if host.eq_ignore_ascii_case("localhost") => {
                vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
            }
            Err(_) => Vec::new(),
        };
        self.0.iter().any(|entry| {
            entry.port.is_none_or(|port| port == service.port())
                && entry.hosts.contain(host, &addresses)
        })
    }
}

impl Entry {
    fn parse(entry: &str) -> Option<Self> {
        if entry == "*" {
            return Some(Self { hosts: Hosts::All, port: None });
        }
        if let Some((address, prefix)) = entry.split_once('/') {
            let address: IpAddr = address.trim_matches(['[', ']']).parse().ok()?;
            let prefix = prefix.parse().ok()?;
            let widest = if address.is_ipv4() { 32 } else { 128 };
            let hosts = (prefix <= widest).then_some(Hosts::Network { address, prefix })?;
            return Some(Self { hosts, port: None });
        }
        if let Some(address) = single_address(entry) {
            return Some(Self { hosts: address, port: None });
        }
        let (host, port) = match entry.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().ok()?)),
            None => (entry, None),
        };
        if let Some(address) = single_address(host) {
            return Some(Self { hosts: address, port });
        }
        let domain = host.strip_prefix('*').unwrap_or(host);
        let domain = domain.trim_start_matches('.').trim_end_matches('.');
        let is_name = !domain.is_empty() && !domain.contains(['*', ':', '[', ']']);
        is_name.then(|| Self { hosts: Hosts::Domain(domain.to_ascii_lowercase()), port })
    }
}

impl Hosts {
    fn contain(&self, host: &str, addresses: &[IpAddr]) -> bool {
        match self {
            Self::All => true,
            Self::Domain(domain) => {
                let host = host.to_ascii_lowercase();
                let above = host.strip_suffix(domain.as_str());
                above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
            }
            Self::Network { address, prefix } => {
                addresses.iter().any(|host| is_in_network(*host, *address, *prefix))
            }
        }
    }
}

fn single_address(text: &str) -> Option<Hosts> {
    let address: IpAddr = text.trim_matches(['[', ']']).parse().ok()?;
    let address = address.to_canonical();
    Some(Hosts::Network { address, prefix: if address.is_ipv4() { 32 } else { 128 } })
}

fn is_in_network(host: IpAddr, network: IpAddr, prefix: u8) -> bool {
    match (host, network) {
        (IpAddr::V4(host), IpAddr::V4(network)) => {
            let differing = u32::from(host) ^ u32::from(network);
            differing.checked_shr(32 - u32::from(prefix)).unwrap_or(0) == 0
        }
        (IpAddr::V6(host), IpAddr::V6(network)) => {
            let differing = u128::from(host) ^ u128::from(network);
            differing.checked_shr(128 - u32::from(prefix)).unwrap_or(0) == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(list: &str, service: &str, expected: bool) {
        let authority = Authority::parse(service, 443).expect(service);
        assert_eq!(NoProxy::parse(list).contains(&authority), expected, "{list:?} {service}");
    }

    #[test]
    fn names_stand_for_themselves_and_what_is_below_them() {
        for list in ["example.com", ".example.com", "*.example.com", "EXAMPLE.com", "example.com."]
        {
            check(list, "example.com", true);
            check(list, "cdn.Example.com", true);
            check(list, "a.b.example.com:8443", true);
            check(list, "example.com.", true);
            check(list, "notexample.com", false);
            check(list, "example.org", false);
        }
        check("a.example, b.example c.example", "c.example", true);
        check("a.example,,  ,b.example", "b.example", true);
        check("*", "anything.example", true);
        check("", "anything.example", false);
        check("ex*mple.com", "example.com", false);
    }

    #[test]
    fn addresses_and_networks_match_addresses() {
        check("127.0.0.0/8", "127.0.0.1", true);
        check("127.0.0.0/8", "127.200.3.4:9", true);
        check("127.0.0.0/8", "128.0.0.1", false);
        check("127.0.0.0/8", "[::1]", false);
        check("10.1.2.3", "10.1.2.3", true);
        check("10.1.2.3", "10.1.2.30", false);
        check("10.1.2.3/32", "10.1.2.3", true);
        check("0.0.0.0/0", "8.8.8.8", true);
        check("10.0.0.0/33", "10.0.0.1", false);
        check("10.0.0.0/x", "10.0.0.1", false);
        check("::1", "[::1]", true);
        check("[::1]", "[0:0::1]:443", true);
        check("fd00::/8", "[fd12::1]", true);
        check("fd00::/8", "[fe80::1]", false);
        check("::/0", "[fe80::1]", true);
        check("10.0.0.0/8", "10.example", false);
        check("127.0.0.0/8", "localhost", true);
        check("::1", "localhost:9", true);
        check("localhost", "127.0.0.1", false);
    }

    #[test]
    fn a_port_narrows_an_entry_down() {
        check("example.com:443", "example.com", true);
        check("example.com:443", "cdn.example.com:443", true);
        check("example.com:443", "example.com:8443", false);
        check("10.1.2.3:8443", "10.1.2.3:8443", true);
        check("[::1]:8443", "[::1]:8443", true);
        check("[::1]:8443", "[::1]:8444", false);
        check("example.com:x", "example.com", false);
    }
}
