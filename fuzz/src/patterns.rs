//! Patterns and texts.

use convert_config::ecma::lower;
use convert_config::pattern::Pattern;
use convert_config::rule::StepBudget;

/// Compiles what precedes the first line feed and searches what follows it.
pub fn regex(input: &[u8]) {
    let Ok(input) = std::str::from_utf8(input) else { return };
    let (source, text) = input.split_once('\n').unwrap_or((input, ""));
    let text = lower(text);
    let pattern = match Pattern::compile(source) {
        Ok(pattern) => pattern,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let budget = StepBudget::new();
    let found = pattern.is_match_within(&text, &budget).ok();
    if pattern.is_linear() {
        let most = 100 * (text.len() as u64 + 1) * (source.len() as u64 + 1);
        assert!(StepBudget::STEPS - budget.left() <= most, "{source:?} on {text:?}");
    }
    assert_eq!(found, pattern.is_match(&text).ok(), "a search is a function of its inputs");
    let twin = Pattern::compile(source).expect("what compiles, compiles");
    assert_eq!(found, twin.is_match(&text).ok());

    // Neither changes what a pattern matches, but look-around needs the backtracking engine: the
    // answers of both engines must agree, wherever neither gives up.
    for same in [format!("(?:{source})"), format!("(?=)(?:{source})")] {
        let Ok(same) = Pattern::compile(&same) else { continue };
        if let (Some(found), Ok(other)) = (found, same.is_match(&text)) {
            assert_eq!(found, other, "{source:?} and {same:?} on {text:?}");
        }
    }
    // What matches a text also matches as one of two alternatives.
    if let (Some(true), Ok(either)) = (found, Pattern::compile(&format!("(?:{source})|a^"))) {
        assert_ne!(either.is_match(&text).ok(), Some(false), "{source:?} on {text:?}");
    }
}
