//! The address of a proxy, credentials included and never printed.

use std::fmt;

use crate::error::{TransportError, TransportErrorKind};
use crate::percent;
use crate::url::Authority;

/// The address of an HTTP proxy that tunnels TLS (`CONNECT`).
///
/// The connection to the proxy is plain (`http`) or TLS (`https`); the connection through it is
/// TLS to the service either way. `Debug` and `Display` leave the credentials out.
///
/// # Example
///
/// ```
/// use convert_transport::ProxyUrl;
///
/// let proxy = ProxyUrl::parse("http://user:p%40ss@proxy.example.com:3128")?;
/// assert_eq!(proxy.to_string(), "http://****@proxy.example.com:3128");
/// assert!(ProxyUrl::parse("socks5://proxy.example.com").is_err());
/// # Ok::<(), convert_transport::TransportError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyUrl {
    is_tls: bool,
    authority: Authority,
    credentials: Option<Credentials>,
}

impl ProxyUrl {
    /// Parses `http[s]://[user[:password]@]host[:port]`, credentials percent-encoded.
    ///
    /// Without a scheme `http` is assumed, as in the usual environment variables. The port
    /// defaults to 80 and 443.
    ///
    /// # Errors
    ///
    /// [`TransportErrorKind::InvalidInput`] for another scheme, a malformed host or port, broken
    /// escapes, or a path, query or fragment. The error names the part that is wrong and does not
    /// repeat the address.
    pub fn parse(url: impl AsRef<str>) -> Result<Self, TransportError> {
        let url = url.as_ref();
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        let is_tls = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return Err(invalid("the scheme is neither http nor https")),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (credentials, authority) = match rest.rsplit_once('@') {
            Some((credentials, authority)) => (Some(Credentials::parse(credentials)?), authority),
            None => (None, rest),
        };
        if authority.contains(['/', '?', '#']) {
            return Err(invalid("no path, query or fragment is allowed"));
        }
        let default_port = if is_tls { 443 } else { 80 };
        let authority = Authority::parse(authority, default_port).map_err(invalid)?;
        Ok(Self { is_tls, authority, credentials })
    }
}

#[cfg(feature = "https")]
impl ProxyUrl {
    pub(crate) fn is_tls(&self) -> bool {
        self.is_tls
    }

    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Returns user and password in the clear.
    pub(crate) fn credentials(&self) -> Option<(&str, Option<&str>)> {
        self.credentials
            .as_ref()
            .map(|credentials| (credentials.user.as_str(), credentials.password.as_deref()))
    }
}

impl fmt::Display for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "https" } else { "http" };
        let credentials = if self.credentials.is_some() { "****@" } else { "" };
        write!(f, "{scheme}://{credentials}{}", self.authority.text())
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProxyUrl({self})")
    }
}

#[derive(Clone, PartialEq, Eq)]
struct Credentials {
    user: String,
    password: Option<String>,
}

impl Credentials {
    fn parse(text: &str) -> Result<Self, TransportError> {
        let (user, password) = match text.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (text, None),
        };
        let malformed = |part| invalid(format!("the percent-encoding of the {part} is malformed"));
        let user = percent::decode(user).ok_or_else(|| malformed("user"))?;
        let decode = |text| percent::decode(text).ok_or_else(|| malformed("password"));
        Ok(Self { user, password: password.map(decode).transpose()? })
    }
}

fn invalid(part: impl fmt::Display) -> TransportError {
    let message = format!("the address of a proxy: {part}");
    TransportError::new(TransportErrorKind::InvalidInput).with_message(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_form_of_the_address_is_printed_with_its_credentials() {
        for (input, printed) in [
            ("proxy:3128", "http://proxy:3128"),
            ("http://proxy/", "http://proxy"),
            ("https://hunter22@proxy", "https://****@proxy"),
            ("http://u:hunter22@[::1]:8080", "http://****@[::1]:8080"),
        ] {
            let proxy = ProxyUrl::parse(input).expect(input);
            assert_eq!(proxy.to_string(), printed);
            assert!(!format!("{proxy:?}").contains("hunter22"));
        }
    }

    #[test]
    fn malformed_addresses_are_refused_without_being_repeated() {
        for input in [
            "",
            "socks5://u:hunter22@proxy",
            "http://u:hunter22%@proxy",
            "http://u:hunter22@proxy/path",
            "http://u:hunter22@proxy?q",
            "http://u:hunter22@",
            "http://u:hunter22@proxy:99999",
        ] {
            let error = ProxyUrl::parse(input).expect_err(input);
            assert!(!format!("{error} {error:?}").contains("hunter22"), "{input}");
        }
    }

    #[test]
    fn errors_name_the_part_that_is_wrong() {
        for (input, part) in [
            ("socks5://proxy", "the scheme is neither http nor https"),
            ("http://u%zz:p@proxy", "the percent-encoding of the user is malformed"),
            ("http://u:p%@proxy", "the percent-encoding of the password is malformed"),
            ("http://proxy/path", "no path, query or fragment is allowed"),
            ("http://u:p@", "the host is missing or malformed"),
            ("http://proxy:99999", "the port is not a number from 1 to 65535"),
        ] {
            let error = ProxyUrl::parse(input).expect_err(input);
            assert_eq!(error.to_string(), format!("the address of a proxy: {part}"));
        }
    }

    #[cfg(feature = "https")]
    #[test]
    fn host_and_port_come_apart() {
        for (input, host, port) in [
            ("http://proxy", "proxy", 80),
            ("https://proxy", "proxy", 443),
            ("http://proxy:3128", "proxy", 3128),
            ("http://[::1]", "[::1]", 80),
            ("http://[::1]:81", "[::1]", 81),
        ] {
            let proxy = ProxyUrl::parse(input).expect(input);
            assert_eq!((proxy.authority().host(), proxy.authority().port()), (host, port));
        }
    }
}
