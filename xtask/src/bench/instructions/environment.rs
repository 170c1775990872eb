//! What counts of instructions depend on besides the code.

use serde_json::{Value, json};

use crate::process::Process;

/// The compiler, what it compiles for, and the C library.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Environment {
    compiler: String,
    target: String,
    library: String,
}

impl Environment {
    /// Asks for those of this machine.
    pub(super) fn here() -> Result<Self, String> {
        let told = Process::new("rustc", &["--version", "--verbose"]).output()?;
        let member = |name: &str| {
            let line = told.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_default().trim().to_owned()
        };
        // A system without this program has another C library, which counts as unknown.
        let library = Process::new("getconf", &["GNU_LIBC_VERSION"]).output().unwrap_or_default();
        Ok(Environment {
            compiler: told.lines().next().unwrap_or_default().to_owned(),
            target: member("host:"),
            library: library.trim().to_owned(),
        })
    }

    pub(super) fn from_json(value: &Value) -> Self {
        let member =
            |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Environment {
            compiler: member("compiler"),
            target: member("target"),
            library: member("library"),
        }
    }

    pub(super) fn json(&self) -> Value {
        json!({"compiler": self.compiler, "target": self.target, "library": self.library})
    }

    /// Says why counts made there cannot be compared with these, if so.
    pub(super) fn obstacle(&self, there: &Environment) -> Option<String> {
        let differs = |mine: &str, other: &str| {
            (mine != other).then(|| format!("stored with {mine}, here is {other}"))
        };
        differs(&self.compiler, &there.compiler).or_else(|| differs(&self.target, &there.target))
    }

    /// Tells whether what the C library does can be compared, too.
    pub(super) fn has_same_library(&self, there: &Environment) -> bool {
        !self.library.is_empty() && self.library == there.library
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(compiler: &str, library: &str) -> Environment {
        Environment {
            compiler: compiler.to_owned(),
            target: "t".to_owned(),
            library: library.to_owned(),
        }
    }

    #[test]
    fn another_compiler_stands_in_the_way_and_another_library_does_not() {
        let stored = with("rustc 1", "glibc 1");
        assert_eq!(
            stored.obstacle(&with("rustc 2", "glibc 1")).unwrap(),
            "stored with rustc 1, here is rustc 2"
        );
        assert!(stored.obstacle(&with("rustc 1", "glibc 2")).is_none());
        assert!(!stored.has_same_library(&with("rustc 1", "glibc 2")));
        assert!(!with("a", "").has_same_library(&with("a", "")));
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        let stored = with("rustc 1", "glibc 1");
        assert_eq!(Environment::from_json(&stored.json()), stored);
    }
}
