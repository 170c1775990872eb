//! The two programs that run tests: how each lists them and leaves some out.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::need::Need;
use crate::process::{Process, has_subcommand};

/// What runs the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Runner {
    Nextest,
    Cargo,
}

/// One test, as a runner lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Test {
    pub(super) binary: String,
    pub(super) name: String,
    pub(super) is_ignored: bool,
    /// Whether the arguments of the task choose it.
    pub(super) is_chosen: bool,
}

impl Runner {
    /// Returns cargo-nextest where it is installed.
    pub(super) fn find() -> Self {
        if has_subcommand("nextest") { Self::Nextest } else { Self::Cargo }
    }

    /// Lists the tests, built by cargo if need be.
    ///
    /// # Errors
    ///
    /// Fails when the tests do not compile, or when an argument is for running alone.
    pub(super) fn list(self, arguments: &[String]) -> Result<Vec<Test>, String> {
        match self {
            Self::Nextest => {
                let list = [&["nextest", "list"], packages(arguments), &["--message-format=json"]];
                parse_nextest(&Process::cargo(&list.concat()).args(arguments).output()?)
            }
            Self::Cargo => {
                let words = [TEST, packages(arguments), &["--no-run", "--message-format=json"]];
                let before = arguments.split(|word| word == "--").next().unwrap_or_default();
                let built = Process::cargo(&words.concat()).args(before).output()?;
                executables(&built).iter().try_fold(Vec::new(), |mut found, (name, path)| {
                    found.extend(list_executable(name, path)?);
                    Ok(found)
                })
            }
        }
    }

    /// Runs the tests that the arguments choose, except those that need what is missing.
    pub(super) fn run(
        self,
        arguments: &[String],
        missing: &[&Need],
        left_out: &[&Test],
    ) -> Result<(), String> {
        match self {
            Self::Nextest => {
                let run = [&["nextest", "run"], packages(arguments)].concat();
                let binaries = || left_out.iter().map(|test| test.binary.as_str());
                let needs: Vec<String> =
                    missing.iter().map(|need| need.filterset(binaries())).collect();
                Process::cargo(&run).args(&narrowed(arguments, &needs)).run()
            }
            Self::Cargo => {
                let mut words = arguments.to_vec();
                if !words.iter().any(|word| word == "--") {
                    words.push("--".to_owned());
                }
                for test in left_out {
                    words.extend(["--skip".to_owned(), test.name.clone()]);
                }
                Process::cargo(&[TEST, packages(arguments)].concat()).args(&words).run()
            }
        }
    }
}

/// Returns the option for all packages, unless the arguments name some.
fn packages(arguments: &[String]) -> &'static [&'static str] {
    let named = |word: &String| word.starts_with("-p") || word.starts_with("--package");
    if arguments.iter().any(named) { &[] } else { &["--workspace"] }
}

/// Returns nextest's arguments with a filterset that leaves out what needs something missing.
/// Filtersets add up, so those of the arguments have to become part of it.
fn narrowed(arguments: &[String], needs: &[String]) -> Vec<String> {
    if needs.is_empty() {
        return arguments.to_vec();
    }
    let mut words = Vec::new();
    let mut chosen = Vec::new();
    let mut rest = arguments.iter();
    while let Some(word) = rest.next() {
        let joined = word.strip_prefix("--filterset=").or_else(|| word.strip_prefix("-E="));
        match word.as_str() {
            "-E" | "--filterset" => chosen.extend(rest.next().cloned()),
            _ => match joined {
                Some(filterset) => chosen.push(filterset.to_owned()),
                None => words.push(word.clone()),
            },
        }
    }
    if chosen.is_empty() {
        chosen.push("all()".to_owned());
    }
    // Options of the test binaries come last, behind `--`.
    let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
    let filterset = format!("({}) - ({})", chosen.join(" + "), needs.join(" + "));
    words.splice(end..end, ["--filterset".to_owned(), filterset]);
    words
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Listing {
    rust_suites: BTreeMap<String, Suite>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Suite {
    binary_name: String,
    testcases: BTreeMap<String, Value>,
}

fn parse_nextest(text: &str) -> Result<Vec<Test>, String> {
    let listing: Listing =
        serde_json::from_str(text).map_err(|error| format!("nextest's list: {error}"))?;
    let mut found = Vec::new();
    for suite in listing.rust_suites.into_values() {
        for (name, case) in suite.testcases {
            let is_ignored = case.get("ignored") == Some(&Value::Bool(true));
            let reason = case.pointer("/filter-match/reason").and_then(Value::as_str);
            let is_chosen = reason.is_none_or(|reason| reason == "ignored");
            found.push(Test { binary: suite.binary_name.clone(), name, is_ignored, is_chosen });
        }
    }
    Ok(found)
}

/// Returns the test binaries that cargo reports, with their names.
fn executables(messages: &str) -> Vec<(String, String)> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let tests = messages.filter(|message| message.pointer("/profile/test") == Some(&true.into()));
    let named = tests.filter_map(|message| {
        let name = message.pointer("/target/name")?.as_str()?;
        Some((name.to_owned(), message.get("executable")?.as_str()?.to_owned()))
    });
    named.collect()
}

fn list_executable(binary: &str, path: &str) -> Result<Vec<Test>, String> {
    let list = |more: &[&str]| {
        let words = [&["--list", "--format", "terse"], more].concat();
        let text = Process::new(&Path::new(path).to_string_lossy(), &words).output()?;
        let names = text.lines().filter_map(|line| line.strip_suffix(": test"));
        Ok::<_, String>(names.map(str::to_owned).collect::<Vec<_>>())
    };
    let ignored = list(&["--ignored"])?;
    let test = |name: String| Test {
        binary: binary.to_owned(),
        is_ignored: ignored.contains(&name),
        name,
        is_chosen: true,
    };
    Ok(list(&[])?.into_iter().map(test).collect())
}

/// Cargo's own runner. The documentation's examples run by themselves.
const TEST: &[&str] = &["test", "--lib", "--bins", "--tests", "--examples"];

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn packages_are_all_or_the_named_ones() {
        assert_eq!(packages(&words("rules")), ["--workspace"]);
        assert!(packages(&words("-p convert-config")).is_empty());
        assert!(packages(&words("--package=convert-config")).is_empty());
    }

    #[test]
    fn filtersets_of_the_arguments_become_part_of_the_one_that_leaves_out() {
        let needs = ["test(d)".to_owned(), "test(e)".to_owned()];
        assert_eq!(narrowed(&words("a -E test(b)"), &[]), words("a -E test(b)"));
        let narrow = narrowed(&words("a -E test(b) --filterset=test(c) -- f"), &needs);
        assert_eq!(narrow[..2], words("a --filterset"));
        assert_eq!(narrow[2..], ["(test(b) + test(c)) - (test(d) + test(e))", "--", "f"]);
        assert_eq!(narrowed(&[], &needs)[1], "(all()) - (test(d) + test(e))");
    }

    #[test]
    fn a_list_says_what_is_ignored_and_what_is_not_chosen() {
        let text = r#"{"rust-suites": {"x::y": {"binary-name": "y", "testcases": {
            "a": {"ignored": true, "filter-match": {"status": "mismatch", "reason": "ignored"}},
            "b": {"ignored": false, "filter-match": {"status": "mismatch", "reason": "string"}},
            "c": {"ignored": false, "filter-match": {"status": "matches"}}}}}}"#;
        let tests = parse_nextest(text).unwrap();
        let seen: Vec<_> = tests.iter().map(|test| (test.is_ignored, test.is_chosen)).collect();
        assert_eq!(seen, [(true, true), (false, false), (false, true)]);
        assert_eq!((&*tests[0].binary, &*tests[0].name), ("y", "a"));
    }

    #[test]
    fn only_test_binaries_are_asked_for_their_tests() {
        let messages = "{\"profile\": {\"test\": true}, \"target\": {\"name\": \"a\"}, \"executable\": \"/a\"}\n\
             {\"profile\": {\"test\": false}, \"target\": {\"name\": \"b\"}, \"executable\": \"/b\"}\nno JSON\n";
        assert_eq!(executables(messages), [("a".to_owned(), "/a".to_owned())]);
    }
}
