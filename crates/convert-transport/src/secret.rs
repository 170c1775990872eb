//! Values that must never be printed: the SDK key, the API secret, debug tokens.

use std::fmt;

use crate::error::{TransportError, TransportErrorKind};

/// A credential that is sent to the service and never printed.
///
/// `Debug` and `Display` show the masked form: the first four characters, `****` and the last
/// four, or only `****` when the value is eight characters long or shorter.
///
/// # Example
///
/// ```
/// use convert_transport::Secret;
///
/// let secret = Secret::new("0123456789abcdef");
/// assert_eq!(secret.to_string(), "0123****cdef");
/// assert_eq!(format!("{:?}", Secret::new("short")), "Secret(****)");
/// assert_eq!(secret.expose(), "0123456789abcdef");
/// ```
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Wraps a credential; any text is accepted and nothing is trimmed.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// Returns the credential in the clear, for the one place that sends it.
    ///
    /// What this returns must not reach a log, an error or a `Debug` output.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({})", mask(&self.0))
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&mask(&self.0))
    }
}

/// The key that names a project at the service, masked wherever it is printed.
///
/// A key usually is `{account id}/{project id}`, and goes into the URL's path as it is, slash
/// included. Parsing therefore accepts only what a path may carry unescaped, so that no key can
/// change the meaning of a URL.
///
/// # Example
///
/// ```
/// use convert_transport::SdkKey;
///
/// let key = SdkKey::parse("10012345/10067890")?;
/// assert_eq!(key.to_string(), "1001****7890");
/// assert_eq!(key.expose(), "10012345/10067890");
/// assert!(SdkKey::parse("  ").is_err());
/// # Ok::<(), convert_transport::TransportError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SdkKey(String);

impl SdkKey {
    /// Parses a key.
    ///
    /// # Errors
    ///
    /// [`TransportErrorKind::InvalidInput`] when the key is blank, holds a character that a URL
    /// path cannot carry unescaped (white space, `?`, `#`, `%`, anything but ASCII), or has a `.`
    /// or `..` segment. The error does not repeat the key.
    pub fn parse(key: impl Into<String>) -> Result<Self, TransportError> {
        let key = key.into();
        if key.trim().is_empty() {
            return Err(invalid_key("the SDK key is blank"));
        }
        if !key.bytes().all(is_path_byte) {
            return Err(invalid_key("the SDK key holds a character that a URL path cannot carry"));
        }
        if key.split('/').any(|segment| matches!(segment, "." | "..")) {
            return Err(invalid_key("the SDK key holds a relative path segment"));
        }
        Ok(Self(key))
    }

    /// Returns the key in the clear, for the one place that sends it.
    ///
    /// What this returns must not reach a log, an error or a `Debug` output.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SdkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SdkKey({})", mask(&self.0))
    }
}

impl fmt::Display for SdkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&mask(&self.0))
    }
}

/// Masks a value: first four characters, `****`, last four; all of it when eight or shorter.
pub(crate) fn mask(value: &str) -> String {
    let length = value.chars().count();
    if length <= 2 * SHOWN {
        return MASK.to_owned();
    }
    let head: String = value.chars().take(SHOWN).collect();
    let tail: String = value.chars().skip(length - SHOWN).collect();
    format!("{head}{MASK}{tail}")
}

/// Returns whether a byte may stand unescaped in a URL path (RFC 3986 `pchar` and the slash).
pub(crate) fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(&byte)
}

fn invalid_key(message: &'static str) -> TransportError {
    TransportError::new(TransportErrorKind::InvalidInput).with_message(message)
}

/// How many characters a mask shows at either end.
pub(crate) const SHOWN: usize = 4;
pub(crate) const MASK: &str = "****";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_by_characters_and_hides_short_values_whole() {
        assert_eq!(mask(""), "****");
        assert_eq!(mask("12345678"), "****");
        assert_eq!(mask("123456789"), "1234****6789");
        assert_eq!(mask("äöüßxxÄÖÜẞ"), "äöüß****ÄÖÜẞ");
    }

    #[test]
    fn keys_that_would_change_the_url_are_refused_without_being_repeated() {
        for key in
            ["", " \t", "a b", "key?x=1", "key#f", "k%2f", "a/../b", "./k", "clé", "k\n", "a\\b"]
        {
            let error = SdkKey::parse(key).expect_err(key);
            assert_eq!(error.kind(), TransportErrorKind::InvalidInput);
            if !key.trim().is_empty() {
                assert!(!format!("{error} {error:?}").contains(key), "{key}");
            }
        }
        for key in ["1001/2002", "a", "1001_2-3.4~5", "k:1@2"] {
            assert_eq!(SdkKey::parse(key).expect(key).expose(), key);
        }
    }
}
