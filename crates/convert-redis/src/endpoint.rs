//! Where a server listens.

use std::fmt;
use std::path::PathBuf;

/// The address of a server. `Display` is made for messages: what comes from a server is escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// A host name or IP address, and a port.
    Tcp(String, u16),
    /// The path of a local socket.
    #[cfg_attr(not(unix), expect(dead_code, reason = "local sockets exist on Unix"))]
    Unix(PathBuf),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Tcp(host, port) if host.contains(':') => {
                write!(f, "[{}]:{port}", host.escape_debug())
            }
            Endpoint::Tcp(host, port) => write!(f, "{}:{port}", host.escape_debug()),
            Endpoint::Unix(path) => write!(f, "{}", path.to_string_lossy().escape_debug()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_on_one_line() {
        let shown = |host: &str| Endpoint::Tcp(host.to_owned(), 6379).to_string();
        assert_eq!(shown("redis.internal"), "redis.internal:6379");
        assert_eq!(shown("::1"), "[::1]:6379");
        assert_eq!(shown("a\nb\u{1b}\u{202e}"), "a\\nb\\u{1b}\\u{202e}:6379");
        assert_eq!(Endpoint::Unix("/run/redis.sock".into()).to_string(), "/run/redis.sock");
    }
}
