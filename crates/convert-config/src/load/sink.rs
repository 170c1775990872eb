//! What a load gathers besides entities: diagnostics, and patterns and conditions to share.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Severity};
use crate::escape::escape_within;
use crate::load::reader::Path;
use crate::pattern::{CompileBudget, Pattern, PatternError};
use crate::rule::{Condition, Test};
use crate::value::Value;
use crate::work;

/// Where the diagnostics of one document are gathered; bounded, since a config is not to be
/// trusted. Notes and warnings are counted apart, so that neither push the others out.
#[derive(Debug, Default)]
pub(super) struct Sink {
    gathered: RefCell<Gathered>,
    patterns: Rc<Patterns>,
    conditions: Rc<Conditions>,
}

#[derive(Debug, Default)]
struct Gathered {
    diagnostics: Vec<Diagnostic>,
    warnings: usize,
    notes: usize,
}

/// What an element of rules says: its key, its type, its operator, its negation and its constant.
pub(super) type Said<'s> = (
    Option<&'s str>,
    Option<&'s str>,
    Option<&'s str>,
    Option<&'s Value<'s>>,
    // In a list, so that no constant and null are told apart.
    Option<[&'s Value<'s>; 1]>,
);

/// The conditions prepared so far, by what they say: equal ones are shared, so that a project that
/// asks for the same things again and again stays small.
type Conditions = RefCell<HashMap<Box<[u8]>, Arc<Condition>>>;

/// The patterns compiled so far: equal ones are compiled once and shared.
#[derive(Debug, Default)]
struct Patterns {
    compiled: RefCell<HashMap<Box<str>, Arc<Pattern>>>,
    budget: RefCell<CompileBudget>,
}

impl Sink {
    /// Makes an empty one that shares this one's patterns and conditions.
    pub(super) fn sibling(&self) -> Self {
        Sink {
            gathered: RefCell::default(),
            patterns: Rc::clone(&self.patterns),
            conditions: Rc::clone(&self.conditions),
        }
    }

    /// Records a diagnostic; its path is spelled out only if there is room for it.
    pub(super) fn push(
        &self,
        severity: Severity,
        path: impl fmt::Display,
        reason: impl fmt::Display,
    ) {
        let mut gathered = self.gathered.borrow_mut();
        let count = match severity {
            Severity::Note => &mut gathered.notes,
            Severity::Warning => &mut gathered.warnings,
        };
        *count += 1;
        if *count <= MOST {
            let path = escape_within(path, LONGEST);
            let reason = escape_within(reason, LONGEST);
            work::count(path.len() + reason.len());
            let diagnostic = Diagnostic { path, reason, severity };
            gathered.diagnostics.push(diagnostic);
        }
    }

    /// Appends what another one gathered.
    pub(super) fn absorb(&self, other: Sink) {
        let Gathered { diagnostics, mut warnings, mut notes } = other.gathered.into_inner();
        let mut gathered = self.gathered.borrow_mut();
        for diagnostic in diagnostics {
            let (count, rest) = match diagnostic.severity {
                Severity::Note => (&mut gathered.notes, &mut notes),
                Severity::Warning => (&mut gathered.warnings, &mut warnings),
            };
            (*count, *rest) = (*count + 1, rest.saturating_sub(1));
            if *count <= MOST {
                gathered.diagnostics.push(diagnostic);
            }
        }
        gathered.warnings += warnings;
        gathered.notes += notes;
    }

    /// Returns the diagnostics; where some were left out, the last ones say how many.
    pub(super) fn into_diagnostics(self) -> Box<[Diagnostic]> {
        let Gathered { diagnostics, warnings, notes } = self.gathered.take();
        for (severity, count) in [(Severity::Warning, warnings), (Severity::Note, notes)] {
            if let Some(rest @ 1..) = count.checked_sub(MOST) {
                self.push_summary(severity, rest);
            }
        }
        let summaries = self.gathered.take().diagnostics;
        diagnostics.into_iter().chain(summaries).collect()
    }

    /// Compiles a pattern, or finds it compiled.
    pub(super) fn pattern(&self, source: &str) -> Result<Arc<Pattern>, PatternError> {
        if let Some(known) = self.patterns.compiled.borrow().get(source) {
            return Ok(Arc::clone(known));
        }
        let mut budget = self.patterns.budget.borrow_mut();
        let pattern = Arc::new(Pattern::compile_within(source, &mut budget)?);
        self.patterns.compiled.borrow_mut().insert(source.into(), Arc::clone(&pattern));
        Ok(pattern)
    }

    /// Prepares a condition, or finds it prepared. One that can match nobody is not shared, since
    /// preparing it says why.
    pub(super) fn condition(
        &self,
        said: &Said<'_>,
        prepare: impl FnOnce() -> Condition,
    ) -> Arc<Condition> {
        let text = serde_json::to_vec(said).unwrap_or_default();
        work::count(text.len());
        // JSON has no infinite numbers, so that the text alone does not tell constants apart.
        let is_it = |known: &&Arc<Condition>| said.4.is_none_or(|[value]| *known.operand == *value);
        let known = self.conditions.borrow().get(&*text).map(Arc::clone);
        if let Some(known) = known.as_ref().filter(is_it) {
            return Arc::clone(known);
        }
        let condition = Arc::new(prepare());
        if known.is_none() && !text.is_empty() && !matches!(condition.test, Test::Never(_)) {
            self.conditions.borrow_mut().insert(text.into(), Arc::clone(&condition));
        }
        condition
    }

    fn push_summary(&self, severity: Severity, rest: usize) {
        let reason = match rest {
            1 => format!("one more {severity} is left out"),
            _ => format!("{rest} more {severity}s are left out"),
        };
        self.push(severity, Path::Root, reason);
    }
}

/// How many faults of one severity are described. Others are counted.
const MOST: usize = 1_000;
/// Longer paths and reasons are cut, in bytes.
const LONGEST: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_exceeds_the_budget_runs_on_the_small_engine() {
        let sink = Sink::default();
        sink.patterns.budget.replace(CompileBudget::of_linear_work(1_500));
        let is_linear = |source: &str| sink.pattern(source).unwrap().is_linear();
        assert!(is_linear("^a+$") && is_linear("^b+$"));
        assert!(!is_linear("^c+$"), "the budget is used up");
        assert!(is_linear("^a+$"), "what is shared costs nothing");
        assert!(Rc::ptr_eq(&sink.sibling().patterns, &sink.patterns));
        assert!(sink.pattern("^c+$").unwrap().is_match("cc").unwrap());
    }
}
