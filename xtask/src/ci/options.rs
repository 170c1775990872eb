//! The options of `cargo xtask ci`.

use super::Step;

/// Which steps to run, and how.
#[derive(Debug, Default)]
pub(super) struct Options {
    /// Only list the steps.
    pub(super) list: bool,
    /// Run the steps after a failure too.
    pub(super) keep_going: bool,
    only: Option<Vec<String>>,
}

impl Options {
    /// Reads the options, and refuses steps that do not exist.
    pub(super) fn parse(arguments: &[String], steps: &[Step]) -> Result<Self, String> {
        let mut options = Self::default();
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--list" => options.list = true,
                "--keep-going" => options.keep_going = true,
                "--only" => {
                    let names = words.next().ok_or("--only wants names of steps: fmt,tidy")?;
                    options.only = Some(names.split(',').map(str::to_owned).collect());
                }
                other => return Err(format!("ci has no option `{other}`")),
            }
        }
        for name in options.only.iter().flatten() {
            if !steps.iter().any(|step| step.name == name) {
                return Err(format!("ci has no step `{name}`; --list shows them"));
            }
        }
        Ok(options)
    }

    /// Tells whether a step is to be run.
    pub(super) fn wants(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.iter().any(|wanted| wanted == name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ci::Outcome;

    fn parse(line: &str) -> Result<Options, String> {
        let steps =
            ["fmt", "tidy"].map(|name| Step { name, about: "", run: || Ok(Outcome::Passed) });
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Options::parse(&words, &steps)
    }

    #[test]
    fn everything_is_wanted_unless_said() {
        let options = parse("").unwrap();
        assert!(options.wants("fmt") && !options.list && !options.keep_going);
        let options = parse("--keep-going --only tidy").unwrap();
        assert!(options.wants("tidy") && !options.wants("fmt") && options.keep_going);
    }

    #[test]
    fn unknown_words_are_refused() {
        assert!(parse("--fast").unwrap_err().contains("--fast"));
        assert!(parse("--only fmt,nope").unwrap_err().contains("nope"));
        assert!(parse("--only").is_err());
    }
}
