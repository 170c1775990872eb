//! Extra request headers of the caller.

use std::fmt;

use crate::error::{TransportError, TransportErrorKind};

/// A header line the caller adds to every request; its value is never printed.
#[derive(Clone)]
pub(crate) struct ExtraHeader {
    name: String,
    value: String,
}

impl ExtraHeader {
    /// Checks name and value, so that a header can neither replace one of the SDK's nor break
    /// the framing of a request.
    pub(crate) fn parse(name: &str, value: &str) -> Result<Self, TransportError> {
        let name = name.to_ascii_lowercase();
        if name.is_empty() {
            return Err(invalid("the name of a header is empty".to_owned()));
        }
        if let Some(at) = name.bytes().position(|byte| !is_token_byte(byte)) {
            // The name is not repeated: it may be a whole header line, with the value in it.
            return Err(invalid(format!(
                "the name of a header holds a character that is not allowed, at byte {at}"
            )));
        }
        if name.starts_with("content-") || RESERVED.contains(&name.as_str()) {
            return Err(invalid(format!("the header {name} belongs to the SDK")));
        }
        if let Some(at) = wrong_byte(value) {
            return Err(invalid(format!(
                "the value of the header {name} holds a character that is not allowed, at byte {at}"
            )));
        }
        Ok(Self { name, value: value.to_owned() })
    }
}

impl ExtraHeader {
    #[cfg(feature = "https")]
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn value(&self) -> &str {
        &self.value
    }
}

impl fmt::Debug for ExtraHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ****", self.name)
    }
}

/// Returns whether a value can stand in a header line: visible ASCII, spaces and tabs.
pub(crate) fn is_header_text(value: &str) -> bool {
    wrong_byte(value).is_none()
}

/// Finds the first byte that cannot stand in a header line.
pub(crate) fn wrong_byte(value: &str) -> Option<usize> {
    value.bytes().position(|byte| byte != b'\t' && !(b' '..=b'~').contains(&byte))
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn invalid(message: String) -> TransportError {
    TransportError::new(TransportErrorKind::InvalidInput).with_message(message)
}

/// Headers the SDK sets itself, and those that would change how a request is framed.
const RESERVED: &[&str] = &[
    "accept",
    "accept-encoding",
    "authorization",
    "connection",
    "expect",
    "host",
    "if-modified-since",
    "if-none-match",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];
