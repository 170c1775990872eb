//! Why an exchange failed, from parts that hold no secret.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::{CertificateError, InvalidMessage};

use crate::clock::Deadline;
use crate::error::TransportErrorKind as Kind;
use crate::proxy::ProxyUrl;

/// The class of a failure, the reason for a message, and the error that caused it.
///
/// Reasons name hosts, ports, limits and what the operating system or the TLS library reports. No
/// part of a request other than its host is ever put into one.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    pub(crate) reason: String,
    /// Set when the proxy failed rather than the service.
    pub(crate) proxy: Option<String>,
    pub(crate) source: Option<Source>,
    /// How long a proxy asked to be left alone.
    pub(crate) retry_after: Option<Duration>,
}

pub(crate) type Source = Arc<dyn Error + Send + Sync>;

impl Failure {
    pub(crate) fn new(kind: Kind, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into(), proxy: None, source: None, retry_after: None }
    }

    /// The peer broke the rules of HTTP.
    pub(crate) fn malformed(reason: impl Into<String>) -> Self {
        Self::new(Kind::InvalidResponse, reason)
    }

    /// The connection ended before it should.
    pub(crate) fn broken(reason: impl Into<String>) -> Self {
        Self::new(Kind::Network, reason)
    }

    pub(crate) fn timeout(deadline: &Deadline, doing: &str) -> Self {
        Self::new(Kind::Timeout, format!("the {deadline} elapsed while {doing}"))
    }

    /// Classifies an error of reading, writing or connecting. `doing` completes "failed while …".
    pub(crate) fn io(error: io::Error, deadline: &Deadline, doing: &str) -> Self {
        if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            // Damage on the way can pass; a certificate that is not trusted stays as it is.
            let is_damaged = *tls == rustls::Error::DecryptError;
            let kind = if is_damaged { Kind::Network } else { Kind::Tls };
            return Self {
                source: Some(Arc::new(tls.clone())),
                ..Self::new(kind, reason_of_tls(tls))
            };
        }
        // The system has timeouts of its own, for a peer that does not acknowledge.
        if error.kind() == io::ErrorKind::TimedOut && deadline.left().is_none() {
            return Self { source: Some(Arc::new(error)), ..Self::timeout(deadline, doing) };
        }
        let reason = if error.kind() == io::ErrorKind::UnexpectedEof {
            format!("the connection was closed while {doing}")
        } else {
            format!("{doing} failed: {error}")
        };
        Self { source: Some(Arc::new(error)), ..Self::broken(reason) }
    }

    /// Blames the proxy. Whatever it does, the service may be fine: a failed attempt can pass.
    pub(crate) fn of_proxy(mut self, proxy: &ProxyUrl) -> Self {
        if self.kind == Kind::InvalidResponse {
            self.kind = Kind::Network;
        }
        self.proxy = Some(proxy.to_string());
        self
    }
}

/// Words the errors of TLS that an application can do something about.
fn reason_of_tls(error: &rustls::Error) -> String {
    let words = match error {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "the certificate was issued by an authority that is not trusted"
        }
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "the peer does not speak TLS"
        }
        rustls::Error::DecryptError => "what the peer sent arrived damaged",
        other => return other.to_string(),
    };
    format!("{words} ({error})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_on_the_way_may_pass_and_a_bad_certificate_does_not() {
        let deadline = Deadline::start(Duration::from_secs(600), "timeout");
        let expired = rustls::Error::InvalidCertificate(CertificateError::Expired);
        for (error, kind) in [(rustls::Error::DecryptError, Kind::Network), (expired, Kind::Tls)] {
            let error = io::Error::new(io::ErrorKind::InvalidData, error);
            assert_eq!(Failure::io(error, &deadline, "reading").kind, kind);
        }
    }
}
