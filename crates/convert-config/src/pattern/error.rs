//! Why a pattern cannot be compiled, and why a match can be given up.

use std::error::Error;
use std::fmt;

/// A pattern that cannot be compiled: ECMAScript itself rejects it, or it is too long or too
/// deeply nested for this implementation.
///
/// # Examples
///
/// ```
/// use convert_config::pattern::Pattern;
///
/// let error = Pattern::compile("(").unwrap_err();
/// assert!(error.is_invalid() && !error.is_refused());
/// assert_eq!(error.to_string(), "invalid pattern: unterminated group at offset 0");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternError {
    refused: bool,
    what: &'static str,
    offset: usize,
}

impl PatternError {
    pub(super) fn invalid(what: &'static str, offset: usize) -> Self {
        Self { refused: false, what, offset }
    }

    pub(super) fn refused(what: &'static str, offset: usize) -> Self {
        Self { refused: true, what, offset }
    }

    /// Whether ECMAScript rejects the pattern as a syntax error.
    pub fn is_invalid(&self) -> bool {
        !self.refused
    }

    /// Whether the pattern exceeds a limit of this implementation. ECMAScript might accept it.
    pub fn is_refused(&self) -> bool {
        self.refused
    }

    /// Returns where in the pattern the error was noticed, in UTF-16 code units from its start.
    pub fn offset(&self) -> usize {
        self.offset
    }
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.refused { "refused" } else { "invalid" };
        write!(f, "{kind} pattern: {} at offset {}", self.what, self.offset)
    }
}

impl Error for PatternError {}

/// A match given up because it took more steps, or more memory, than any honest one does.
///
/// # Examples
///
/// ```
/// use convert_config::pattern::Pattern;
///
/// let pattern = Pattern::compile(r"^(?=(a+)+$)")?;
/// let gave_up = pattern.is_match(&("a".repeat(40) + "b")).unwrap_err();
/// assert!(gave_up.to_string().starts_with("gave up matching"));
/// # Ok::<(), convert_config::pattern::PatternError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepLimitExceeded(());

impl StepLimitExceeded {
    pub(super) fn new() -> Self {
        Self(())
    }
}

impl fmt::Display for StepLimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("gave up matching a pattern after too many steps")
    }
}

impl Error for StepLimitExceeded {}
