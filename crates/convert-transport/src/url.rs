//! Addresses that can only be `https`.

use std::fmt;

use crate::error::{TransportError, TransportErrorKind};
use crate::secret::is_path_byte;

/// A base address of the service: `https`, a host, perhaps a port and a path.
///
/// Nothing else can be represented, so no later code has to check for plain HTTP: there is no
/// user information, no query and no fragment. Trailing slashes are taken off, scheme and host
/// are lower case. Hosts outside ASCII are given in their punycode form.
///
/// # Example
///
/// ```
/// use convert_transport::HttpsUrl;
///
/// let url = HttpsUrl::parse("HTTPS://CDN.example.com:8443/edge/")?;
/// assert_eq!(url.as_str(), "https://cdn.example.com:8443/edge");
/// assert!(HttpsUrl::parse("http://cdn.example.com").is_err());
/// # Ok::<(), convert_transport::TransportError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HttpsUrl(String);

impl HttpsUrl {
    /// Parses an address, before and without any I/O.
    ///
    /// # Errors
    ///
    /// [`TransportErrorKind::InvalidInput`] when the scheme is not `https`, the host is missing
    /// or malformed, the port is not a number from 1 to 65535, or the address carries user
    /// information, a query or a fragment. The error does not repeat the address, which may hold
    /// credentials.
    pub fn parse(url: impl AsRef<str>) -> Result<Self, TransportError> {
        let (scheme, rest) = url
            .as_ref()
            .split_once("://")
            .ok_or_else(|| invalid("an endpoint must be an absolute https URL"))?;
        if !scheme.eq_ignore_ascii_case("https") {
            return Err(invalid("an endpoint must be an https URL"));
        }
        if rest.contains(['?', '#']) {
            return Err(invalid("an endpoint has no query and no fragment"));
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let authority = Authority::parse(authority, HTTPS_PORT)
            .map_err(|part| invalid(format!("the address of an endpoint: {part}")))?;
        let path = path.trim_end_matches('/');
        if !path.bytes().all(|byte| is_path_byte(byte) || byte == b'%') {
            return Err(invalid("the path of an endpoint is malformed"));
        }
        Ok(Self(format!("https://{}{path}", authority.text())))
    }

    /// Returns the address as text, without a trailing slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Knows the default endpoint of serving configs.
    pub(crate) fn default_config_base() -> Self {
        Self(DEFAULT_CONFIG_BASE.to_owned())
    }
}

#[cfg(feature = "https")]
impl HttpsUrl {
    /// Returns host and port.
    pub(crate) fn authority(&self) -> Authority {
        let text = self.parts().0;
        let (host_end, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host.len(), port.parse().ok()),
            _ => (text.len(), None),
        };
        Authority { text: text.to_owned(), host_end, port: port.unwrap_or(HTTPS_PORT) }
    }

    /// Returns the path, without a trailing slash.
    pub(crate) fn path(&self) -> &str {
        self.parts().1
    }

    fn parts(&self) -> (&str, &str) {
        let rest = self.0.strip_prefix("https://").unwrap_or_default();
        rest.split_at(rest.find('/').unwrap_or(rest.len()))
    }
}

impl fmt::Display for HttpsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A tracking address in which `[project_id]` stands for the project the events belong to.
///
/// The placeholder may stand anywhere in the address, more than once, or not at all. Defaults to
/// `https://[project_id].metrics.convertexperiments.com/v1`.
///
/// # Example
///
/// ```
/// use convert_transport::HttpsUrlTemplate;
///
/// let template = HttpsUrlTemplate::default();
/// assert_eq!(
///     template.expand("10067890")?.as_str(),
///     "https://10067890.metrics.convertexperiments.com/v1",
/// );
/// assert!(HttpsUrlTemplate::parse("http://[project_id].example.com").is_err());
/// # Ok::<(), convert_transport::TransportError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HttpsUrlTemplate(String);

impl HttpsUrlTemplate {
    /// Parses a template.
    ///
    /// # Errors
    ///
    /// [`TransportErrorKind::InvalidInput`] when the template with a project in place of the
    /// placeholder is not an [`HttpsUrl`].
    pub fn parse(template: impl Into<String>) -> Result<Self, TransportError> {
        let template = Self(template.into());
        template.expand(SAMPLE_PROJECT)?;
        Ok(template)
    }

    /// Puts a project into the template.
    ///
    /// # Errors
    ///
    /// [`TransportErrorKind::InvalidInput`] when the project id is empty or holds anything but
    /// ASCII letters, digits, `-` and `_`: an id comes from a config and must not be able to
    /// name another host.
    pub fn expand(&self, project_id: &str) -> Result<HttpsUrl, TransportError> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if project_id.is_empty() || !project_id.bytes().all(is_plain) {
            return Err(invalid("the project id cannot be part of an address"));
        }
        HttpsUrl::parse(self.0.replace(PLACEHOLDER, project_id))
    }

    /// Returns the template as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for HttpsUrlTemplate {
    fn default() -> Self {
        Self(DEFAULT_TRACK_BASE.to_owned())
    }
}

impl fmt::Display for HttpsUrlTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Host and port of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "https"), allow(dead_code, reason = "only a client connects"))]
pub(crate) struct Authority {
    text: String,
    host_end: usize,
    port: u16,
}

impl Authority {
    /// Parses `host[:port]`; an IPv6 address stands in brackets. The error names the part that is
    /// wrong.
    pub(crate) fn parse(text: &str, default_port: u16) -> Result<Self, &'static str> {
        if text.contains('@') {
            return Err("no user information is allowed");
        }
        // An IPv6 address has colons of its own, all of them inside the brackets.
        let brackets_end = text.rfind(']').map_or(0, |bracket| bracket + 1);
        let colon = text.get(brackets_end..).and_then(|tail| tail.find(':'));
        let host_end = colon.map_or(text.len(), |colon| brackets_end + colon);
        if !text.get(..host_end).is_some_and(is_host) {
            return Err("the host is missing or malformed");
        }
        let port = match text.get(host_end + 1..) {
            None => default_port,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                let port = digits.parse().ok().filter(|port| *port > 0);
                port.ok_or("the port is not a number from 1 to 65535")?
            }
            Some(_) => return Err("the port is not a number from 1 to 65535"),
        };
        Ok(Self { text: text.to_ascii_lowercase(), host_end, port })
    }

    /// Returns host and, where one was given, port.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

#[cfg(feature = "https")]
impl Authority {
    /// Returns the host; an IPv6 address keeps its brackets.
    pub(crate) fn host(&self) -> &str {
        self.text.get(..self.host_end).unwrap_or_default()
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[') {
        return address
            .strip_suffix(']')
            .is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok());
    }
    host.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
}

fn invalid(message: impl Into<String>) -> TransportError {
    TransportError::new(TransportErrorKind::InvalidInput).with_message(message)
}

const HTTPS_PORT: u16 = 443;
const DEFAULT_CONFIG_BASE: &str = "https://cdn-4.convertexperiments.com";
const DEFAULT_TRACK_BASE: &str = "https://[project_id].metrics.convertexperiments.com/v1";
const PLACEHOLDER: &str = "[project_id]";
const SAMPLE_PROJECT: &str = "0";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_https_addresses_and_normalises_them() {
        for (input, expected) in [
            ("https://a", "https://a"),
            ("https://A.b-c.example/", "https://a.b-c.example"),
            ("hTTps://a:443", "https://a:443"),
            ("https://127.0.0.1:8443/v1//", "https://127.0.0.1:8443/v1"),
            ("https://[::1]:9/x", "https://[::1]:9/x"),
            ("https://a/p%20q/R", "https://a/p%20q/R"),
        ] {
            assert_eq!(HttpsUrl::parse(input).expect(input).as_str(), expected);
        }
    }

    #[test]
    fn refuses_everything_else_without_repeating_it() {
        for input in [
            "",
            "a.example",
            "//a.example",
            "http://a.example",
            "HTTP://a.example",
            "ftp://a.example",
            "https:a.example",
            "https://",
            "https:///path",
            "https://:443",
            "https://a:",
            "https://a:0",
            "https://a:65536",
            "https://a:+1",
            "https://user:hunter22@a.example",
            "https://user@a.example",
            "https://a.example?token=hunter22",
            "https://a.example/#f",
            "https://a b",
            "https://a.example/a b",
            "https://a.example\\evil",
            "https://a.example\n",
            "https://ä.example",
            "https://[::1",
            "https://[zz]",
            "https://-a",
        ] {
            let error = HttpsUrl::parse(input).expect_err(input);
            assert_eq!(error.kind(), TransportErrorKind::InvalidInput, "{input}");
            assert!(!format!("{error} {error:?}").contains("hunter22"));
        }
    }

    #[test]
    fn templates_are_checked_when_parsed_and_ids_when_expanded() {
        let template = HttpsUrlTemplate::parse("https://edge/[project_id]/v1/[project_id]")
            .expect("a valid template");
        assert_eq!(template.expand("42").expect("an id").as_str(), "https://edge/42/v1/42");
        for id in ["", "evil.example/", "a@b", "1?x", "1#", "..", "é"] {
            assert!(template.expand(id).is_err(), "{id}");
        }
        for input in ["http://[project_id].a", "https://[project]/v1", "[project_id]"] {
            assert!(HttpsUrlTemplate::parse(input).is_err(), "{input}");
        }
    }
}
