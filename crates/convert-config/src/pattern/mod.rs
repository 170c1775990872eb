//! ECMAScript patterns: what `new RegExp(source, "i")` answers, with bounded time.
//!
//! A pattern is parsed by the grammar of the standard, Annex B included, and then run on one of
//! two engines. The linear one takes time proportional to the text, whatever the pattern.
//! Look-around, back-references and very large counted repetitions need the backtracking one,
//! which gives up once the steps of its [`StepBudget`] are used up. Neither uses the call stack in proportion to the
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
use crate::rule::StepBudget;
use crate::work::count;

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

/// How much compiling the patterns of one config may take, in time and in memory.
#[derive(Debug)]
pub(crate) struct CompileBudget {
    /// Work for the linear engine, whose programs can be a thousand times the size of their patterns.
    linear: u64,
    /// Bytes of pattern for the backtracking engine, whose programs take some forty times as much.
    programs: u64,
}

impl CompileBudget {
    #[cfg(test)]
    pub(crate) fn of_linear_work(linear: u64) -> Self {
        CompileBudget { linear, ..CompileBudget::default() }
    }
}

impl Default for CompileBudget {
    /// Some seven thousand ordinary patterns on the linear engine, a second or two and a hundred
    /// megabytes; and a megabyte of patterns on the other.
    fn default() -> Self {
        CompileBudget { linear: 4_000_000, programs: 1 << 20 }
    }
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
        Self::compile_within(source, &mut CompileBudget { linear: u64::MAX, programs: u64::MAX })
    }

    /// Compiles a pattern as far as `budget` lasts: without room for the linear engine's work it runs
    /// on the other engine, and without room for a program of that it is refused.
    pub(crate) fn compile_within(
        source: &str,
        budget: &mut CompileBudget,
    ) -> Result<Self, PatternError> {
        let tree = parser::parse(source)?;
        count(source.len());
        let mut program = || {
            let rest = budget.programs.checked_sub(source.len() as u64);
            budget.programs = rest.unwrap_or_default();
            let refused = || PatternError::refused("the config has too many large patterns", 0);
            rest.map(|_| Program::compile(&tree)).ok_or_else(refused)
        };
        let work = tree.root.compiling_work().saturating_add(FIXED_WORK);
        let rest = budget.linear.checked_sub(work).filter(|_| Linear::takes(&tree));
        // Failing takes as much work as succeeding.
        budget.linear = rest.unwrap_or(budget.linear);
        let engine = match rest.and_then(|_| Linear::compile(&tree)) {
            Some(linear) => {
                let stand_by = if linear.needs_stand_by() { Some(program()?) } else { None };
                Engine::Linear(linear, stand_by)
            }
            None => Engine::Backtracking(program()?),
        };
        Ok(Self { source: source.into(), engine })
    }

    /// Tests whether any part of a text matches. The text has to be lower-cased already, by full
    /// Unicode lower-casing; an upper-case letter in it may match or not.
    ///
    /// # Errors
    ///
    /// When [`StepBudget::STEPS`] steps do not suffice.
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
        self.is_match_within(lowercased, &StepBudget::new())
    }

    /// Tests as [`Pattern::is_match`] does, as long as the budget lasts. Both engines take steps.
    ///
    /// # Errors
    ///
    /// When the budget is used up before there is an answer.
    ///
    /// # Examples
    ///
    /// ```
    /// use convert_config::pattern::Pattern;
    /// use convert_config::rule::StepBudget;
    ///
    /// let pattern = Pattern::compile(r"^(a+)+\1$")?;
    /// let text = "a".repeat(30) + "b";
    /// let budget = StepBudget::with_steps(1_000);
    /// assert!(pattern.is_match_within(&text, &budget).is_err() && budget.is_exhausted());
    /// # Ok::<(), convert_config::pattern::PatternError>(())
    /// ```
    pub fn is_match_within(
        &self,
        lowercased: &str,
        budget: &StepBudget,
    ) -> Result<bool, StepLimitExceeded> {
        match &self.engine {
            Engine::Linear(linear, stand_by) => {
                if linear.is_for(lowercased) {
                    return linear.is_match(lowercased, budget);
                }
                let program = stand_by.as_ref().ok_or(StepLimitExceeded::new())?;
                machine::is_match(program, lowercased, budget)
            }
            Engine::Backtracking(program) => machine::is_match(program, lowercased, budget),
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
