//! One fault that cargo-mutants proposes.

use serde::Deserialize;

use super::checkout::Checkout;

/// A change of one place of the source.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Mutant {
    /// File, line, column and what is changed.
    pub(super) name: String,
    pub(super) package: String,
    pub(super) file: String,
    replacement: String,
    span: Span,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
struct Span {
    start: Place,
    end: Place,
}

/// A line and a column, both counted from 1; columns are characters.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
struct Place {
    line: usize,
    column: usize,
}

impl Mutant {
    /// Returns the file's text with the change.
    pub(super) fn apply(&self, text: &str) -> Option<String> {
        let before = text.get(..self.span.start.offset(text)?)?;
        let after = text.get(self.span.end.offset(text)?..)?;
        Some(format!("{before}{}{after}", self.replacement))
    }

    /// Returns the name without the line and column, which change whenever the file does.
    pub(super) fn stable_name(&self) -> String {
        let change = self.name.splitn(4, ':').nth(3).unwrap_or_default();
        format!("{}:{change}", self.file)
    }
}

#[cfg(test)]
impl Mutant {
    pub(super) fn named(file: &str, name: &str) -> Self {
        Mutant { name: name.to_owned(), file: file.to_owned(), ..Mutant::default() }
    }
}

impl Place {
    fn offset(self, text: &str) -> Option<usize> {
        let mut start = 0;
        for _ in 1..self.line {
            start += text.get(start..)?.find('\n')? + 1;
        }
        let line = text.get(start..)?;
        let column = self.column.checked_sub(1)?;
        Some(start + line.char_indices().nth(column).map_or(line.len(), |(at, _)| at))
    }
}

/// Lists the mutants of some crates.
pub(super) fn list(checkout: &Checkout, packages: &[String]) -> Result<Vec<Mutant>, String> {
    let mut words = vec!["mutants".to_owned(), "--list".to_owned(), "--json".to_owned()];
    for package in packages {
        words.extend(["--package".to_owned(), package.clone()]);
    }
    let text = checkout.cargo_output(&words)?;
    serde_json::from_str(&text).map_err(|error| format!("cargo-mutants' list: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_replaces_its_span_counted_in_characters() {
        let json = r#"{"name": "a/b.rs:2:5: replace x with y", "package": "a", "file": "a/b.rs",
            "replacement": "y", "span": {"start": {"line": 2, "column": 5}, "end": {"line": 3, "column": 2}}}"#;
        let mutant: Mutant = serde_json::from_str(json).unwrap();
        assert_eq!(mutant.apply("one\né = x\n)!\n").unwrap(), "one\né = y!\n");
        assert_eq!(mutant.apply("one\n"), None);
        assert_eq!(mutant.stable_name(), "a/b.rs: replace x with y");
    }
}
