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
        let authority = parse_authority(authority)?;
        let path = path.trim_end_matches('/');
        if !path.bytes().all(|byte| is_path_byte(byte) || byte == b'%') {
            return Err(invalid("the path of an endpoint is malformed"));
        }
        Ok(Self(format!("https://{authority}{path}")))
    }

    /// Gives the address as text, without a trailing slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Knows the default endpoint of serving configs.
    pub(crate) fn default_config_base() -> Self {
        Self(DEFAULT_CONFIG_BASE.to_owned())
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

    /// Gives the template as text.
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

/// Checks `host[:port]` and gives it back in lower case.
pub(crate) fn parse_authority(authority: &str) -> Result<String, TransportError> {
    if authority.contains('@') {
        return Err(invalid("an endpoint carries no user information"));
    }
    // An IPv6 address has colons of its own, all of them inside the brackets.
    let host_end = authority.rfind(']').map_or(0, |bracket| bracket + 1);
    let (host, port) = match authority.get(host_end..).and_then(|tail| tail.find(':')) {
        Some(colon) => authority.split_at(host_end + colon),
        None => (authority, ""),
    };
    if !is_host(host) {
        return Err(invalid("the host of an endpoint is missing or malformed"));
    }
    if let Some(digits) = port.strip_prefix(':') {
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number || !digits.parse::<u16>().is_ok_and(|port| port > 0) {
            return Err(invalid("the port of an endpoint is malformed"));
        }
    }
    Ok(authority.to_ascii_lowercase())
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

fn invalid(message: &'static str) -> TransportError {
    TransportError::new(TransportErrorKind::InvalidInput).with_message(message)
}

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
