//! ECMAScript patterns: what `new RegExp(source, "i")` answers, with bounded time.
//!
//! A pattern is parsed by the grammar of the standard, Annex B included, and then run on one of
//! two engines. The linear one takes time proportional to the text, whatever the pattern.
//! Look-around, back-references and very large counted repetitions need the backtracking one,
//! which gives up after a fixed number of steps. Neither uses the call stack in proportion to the
//! text.
//!
//! As in JavaScript without the `u` flag, a pattern sees UTF-16 code units: `^.$` does not match
//! `🎯`, and `^..$` does.

mod ast;
mod ecma;
mod error;
mod escape;
mod linear;
mod machine;
mod parser;
mod program;
mod repetition;
mod size;
mod text;
mod units;

#[cfg(test)]
mod tests;

use std::fmt;

use self::linear::Linear;
use self::program::Program;

pub use self::error::{PatternError, StepLimitExceeded};

/// A compiled, immutable, case-insensitive ECMAScript pattern.
///
/// Compiling takes at most a few milliseconds; keep the result. Matching may be done from many
/// threads at once, does not block, and on the linear engine does not allocate once warm, unless
/// the text has characters beyond the Basic Multilingual Plane.
///
/// # Examples
///
/// ```
/// use convert_config::pattern::Pattern;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pattern = Pattern::compile(r"^https?:\/\/(www\.)?Example\.com\/")?;
/// assert!(pattern.is_match("https://example.com/pricing")?);
/// assert!(!pattern.is_match("https://example.org/")?);
/// # Ok(())
/// # }
/// ```
pub struct Pattern {
    source: Box<str>,
    engine: Engine,
}

enum Engine {
    /// The program is for texts that are too long for a large pattern.
    Linear(Linear, Option<Program>),
    Backtracking(Program),
}

impl Pattern {
    /// Compiles the pattern `source`, without delimiters and flags; the flag `i` is always on.
    ///
    /// # Errors
    ///
    /// When ECMAScript rejects the pattern, or when it is longer than 16,384 code units or has
    /// groups nested more than 100 deep.
    ///
    /// # Examples
    ///
    /// ```
    /// use convert_config::pattern::Pattern;
    ///
    /// assert!(Pattern::compile("(?<!staging\\.)example")?.is_match("www.example.com")?);
    /// assert!(Pattern::compile("*").is_err_and(|error| error.is_invalid()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn compile(source: &str) -> Result<Self, PatternError> {
        let mut unlimited = u64::MAX;
        Self::compile_within(source, &mut unlimited)
    }

    /// Compiles a pattern for the linear engine only if `budget` is worth the work, and takes the
    /// work off it. The other engine's programs are small and quickly made.
    pub(crate) fn compile_within(source: &str, budget: &mut u64) -> Result<Self, PatternError> {
        let tree = parser::parse(source)?;
        let rest = budget.checked_sub(tree.root.compiling_work().saturating_add(FIXED_WORK));
        let engine = match rest.and_then(|rest| Some((Linear::compile(&tree)?, rest))) {
            Some((linear, rest)) => {
                *budget = rest;
                let stand_by = linear.needs_stand_by().then(|| Program::compile(&tree));
                Engine::Linear(linear, stand_by)
            }
            None => Engine::Backtracking(Program::compile(&tree)),
        };
        Ok(Self { source: source.into(), engine })
    }

    /// Tests whether any part of a text matches. The text has to be lower-cased already, by full
    /// Unicode lower-casing; an upper-case letter in it may match or not.
    ///
    /// # Errors
    ///
    /// When the backtracking engine gives up. The linear engine never does, but a pattern of
    /// hundreds of parts on a text of many thousand characters is left to the other one.
    ///
    /// # Examples
    ///
    /// ```
    /// use convert_config::pattern::Pattern;
    ///
    /// let pattern = Pattern::compile("MOBILE|Tablet")?;
    /// assert!(pattern.is_match("a mobile browser")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_match(&self, lowercased: &str) -> Result<bool, StepLimitExceeded> {
        match &self.engine {
            Engine::Linear(linear, stand_by) => match (linear.is_match(lowercased), stand_by) {
                (Some(answer), _) => Ok(answer),
                (None, Some(program)) => machine::is_match(program, lowercased),
                (None, None) => Err(StepLimitExceeded::new()),
            },
            Engine::Backtracking(program) => machine::is_match(program, lowercased),
        }
    }

    /// Whether the pattern runs on the linear engine, and so has an answer for every text that is
    /// not very long.
    ///
    /// # Examples
    ///
    /// ```
    /// use convert_config::pattern::Pattern;
    ///
    /// assert!(Pattern::compile("^(a+)+$")?.is_linear());
    /// assert!(!Pattern::compile(r"^(a+)\1$")?.is_linear());
    /// # Ok::<(), convert_config::pattern::PatternError>(())
    /// ```
    pub fn is_linear(&self) -> bool {
        matches!(self.engine, Engine::Linear(..))
    }

    /// Returns the pattern as it was given to [`Pattern::compile`].
    ///
    /// # Examples
    ///
    /// ```
    /// use convert_config::pattern::Pattern;
    ///
    /// assert_eq!(Pattern::compile("a|b")?.source(), "a|b");
    /// # Ok::<(), convert_config::pattern::PatternError>(())
    /// ```
    pub fn source(&self) -> &str {
        &self.source
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pattern")
            .field("source", &self.source)
            .field("is_linear", &self.is_linear())
            .finish_non_exhaustive()
    }
}

/// What compiling even the smallest pattern for the linear engine is in work.
const FIXED_WORK: u64 = 500;
