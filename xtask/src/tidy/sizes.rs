//! How long files and functions may be, and how long they typically are.

use super::source::{Function, RustFile};
use super::tree::{Finding, Tree};

/// No file is longer than the limit; one that is holds a second noun.
pub(super) fn file_length(tree: &Tree) -> Vec<Finding> {
    let long = tree.rust.iter().filter(|file| file.code_lines() > FILE_LIMIT);
    long.map(|file| {
        let message = format!("{} lines of code, the limit is {FILE_LIMIT}", file.code_lines());
        Finding::new(&file.path, 1, message)
    })
    .collect()
}

/// No function is longer than the limit.
pub(super) fn function_length(tree: &Tree) -> Vec<Finding> {
    let all = tree.rust.iter().flat_map(|file| shipped(file).map(move |function| (file, function)));
    all.filter(|(_, function)| function.length > FUNCTION_LIMIT)
        .map(|(file, Function { name, line, length, .. })| {
            let message = format!("`{name}` has {length} lines, the limit is {FUNCTION_LIMIT}");
            Finding::new(&file.path, *line, message)
        })
        .collect()
}

/// Most files and functions are far shorter than the limit.
pub(super) fn typical_lengths(tree: &Tree) -> Vec<Finding> {
    bars(tree)
        .into_iter()
        .filter(|bar| bar.value > bar.limit)
        .map(|bar| {
            Finding::new("xtask/src/tidy/sizes.rs", 1, format!("{} is over {}", bar, bar.limit))
        })
        .collect()
}

/// Describes the sizes in a few lines.
pub(super) fn report(tree: &Tree) -> String {
    let (mut code, mut remarks) = (0, 0);
    for file in tree.rust.iter().filter(|file| !file.is_test()) {
        code += file.code_lines();
        remarks += file.shipped().filter(|(_, line)| line.is_remark()).count();
    }
    let share = remarks * 1000 / (code + remarks).max(1);
    let mut text = format!(
        "{code} lines of code outside tests; comments that are no documentation: {}.{} %",
        share / 10,
        share % 10
    );
    for bar in bars(tree) {
        let line = format!("\n{bar} (at most {})", bar.limit);
        text.push_str(&line);
    }
    text
}

/// A measured value and what it may be.
struct Bar {
    name: &'static str,
    value: usize,
    limit: usize,
}

impl std::fmt::Display for Bar {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {}", self.name, self.value)
    }
}

fn bars(tree: &Tree) -> [Bar; 4] {
    let mut files: Vec<usize> =
        tree.rust.iter().filter(|file| !file.is_test()).map(RustFile::code_lines).collect();
    let mut functions: Vec<usize> =
        tree.rust.iter().flat_map(shipped).map(|function| function.length).collect();
    files.sort_unstable();
    functions.sort_unstable();
    [
        Bar { name: "lines per file, median", value: percentile(&files, 50), limit: 120 },
        Bar { name: "lines per file, 90th percentile", value: percentile(&files, 90), limit: 300 },
        Bar { name: "lines per function, median", value: percentile(&functions, 50), limit: 10 },
        Bar {
            name: "lines per function, 95th percentile",
            value: percentile(&functions, 95),
            limit: 40,
        },
    ]
}

fn shipped(file: &RustFile) -> impl Iterator<Item = &Function> {
    file.functions.iter().filter(|function| !function.test)
}

/// Returns the smallest value that so many percent of the sorted values do not exceed.
fn percentile(sorted: &[usize], percent: usize) -> usize {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

const FILE_LIMIT: usize = 400;
const FUNCTION_LIMIT: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::places;

    fn function(lines: usize) -> String {
        format!("fn a() {{\n{}}}\n", "    b();\n".repeat(lines - 2))
    }

    #[test]
    fn files_end_at_the_limit() {
        let (fits, long) = ("const A: u8 = 1;\n".repeat(400), "const A: u8 = 1;\n".repeat(401));
        let found = places(file_length, &[("a.rs", &fits), ("b.rs", &long), ("tests/c.rs", &long)]);
        assert_eq!(found, ["b.rs:1"]);
    }

    #[test]
    fn functions_end_at_the_limit() {
        let long = format!("\n{}", function(61));
        let tested = format!("#[test]\n{}", function(61));
        let files = [("a.rs", function(60)), ("b.rs", long), ("c.rs", tested)];
        let files = files.each_ref().map(|(path, text)| (*path, text.as_str()));
        assert_eq!(places(function_length, &files), ["b.rs:2"]);
    }

    #[test]
    fn typical_files_and_functions_are_short() {
        assert_eq!(places(typical_lengths, &[("a.rs", &function(10))]), Vec::<String>::new());
        assert_eq!(places(typical_lengths, &[("a.rs", &function(11))]).len(), 1);
        assert_eq!(places(typical_lengths, &[("a.rs", &function(301))]).len(), 4);
    }

    #[test]
    fn percentiles_take_the_nearest_rank() {
        assert_eq!(percentile(&[], 50), 0);
        assert_eq!(percentile(&[1, 2, 3, 4], 50), 2);
        assert_eq!(percentile(&[1, 2, 3, 4], 90), 4);
    }
}
