//! The address of a proxy, credentials included and never printed.

use std::fmt;

use crate::cause::Secrets;
use crate::error::{TransportError, TransportErrorKind};
use crate::percent;
use crate::url::parse_authority;

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
    authority: String,
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
    /// escapes, or a path, query or fragment. The error does not repeat the address.
    pub fn parse(url: impl AsRef<str>) -> Result<Self, TransportError> {
        let url = url.as_ref();
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        let is_tls = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return Err(invalid("a proxy must be an http or https URL")),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (credentials, authority) = match rest.rsplit_once('@') {
            Some((credentials, authority)) => (Some(Credentials::parse(credentials)?), authority),
            None => (None, rest),
        };
        Ok(Self {
            is_tls,
            authority: parse_authority(authority)
                .map_err(|_| invalid("the address of a proxy is malformed"))?,
            credentials,
        })
    }
}

impl ProxyUrl {
    /// Adds what must not be printed to a list of secrets.
    pub(crate) fn add_secrets(&self, secrets: &mut Secrets) {
        if let Some(credentials) = &self.credentials {
            secrets.add(&credentials.user);
            secrets.add(credentials.password.as_deref().unwrap_or_default());
        }
    }
}

#[cfg(feature = "https")]
impl ProxyUrl {
    pub(crate) fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// Gives host and port apart; an IPv6 address keeps its brackets.
    pub(crate) fn host_and_port(&self) -> (&str, Option<u16>) {
        match self.authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()),
            _ => (&self.authority, None),
        }
    }

    /// Gives user and password in the clear.
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
        write!(f, "{scheme}://{credentials}{}", self.authority)
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
        let decode = |part: &str| {
            percent::decode(part).ok_or_else(|| invalid("the credentials of a proxy are malformed"))
        };
        Ok(Self { user: decode(user)?, password: password.map(decode).transpose()? })
    }
}

fn invalid(message: &'static str) -> TransportError {
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

    #[cfg(feature = "https")]
    #[test]
    fn host_and_port_come_apart() {
        for (input, host, port) in [
            ("http://proxy", "proxy", None),
            ("http://proxy:3128", "proxy", Some(3128)),
            ("http://[::1]", "[::1]", None),
            ("http://[::1]:80", "[::1]", Some(80)),
        ] {
            let proxy = ProxyUrl::parse(input).expect(input);
            assert_eq!(proxy.host_and_port(), (host, port), "{input}");
        }
    }
}
