//! The options of `cargo xtask parity`.

use std::path::PathBuf;

/// What a run is asked to do.
#[derive(Debug)]
pub(crate) struct Options {
    /// How many configs are drawn. Defaults to 200.
    pub(crate) cases: usize,
    /// Where the stream of cases starts. Defaults to 1.
    pub(crate) seed: u64,
    /// How many visitors each config is decided for. Defaults to 12.
    pub(crate) visitors: usize,
    /// The built command line to compare, built afresh when not given.
    pub(crate) convertctl: Option<PathBuf>,
    /// Compares the library called in this process, not the command line.
    pub(crate) library: bool,
    /// A case file of an earlier run to compare once more.
    pub(crate) replay: Option<PathBuf>,
}

impl Options {
    /// Reads `--cases N --seed S --visitors V --convertctl FILE --replay FILE --library`.
    ///
    /// # Errors
    /// Names the first argument that is unknown, lacks its value or is not a number.
    pub(crate) fn parse(args: &[String]) -> Result<Self, String> {
        let mut options = Self {
            cases: 200,
            seed: 1,
            visitors: 12,
            convertctl: None,
            library: false,
            replay: None,
        };
        let mut rest = args.iter();
        while let Some(name) = rest.next() {
            let mut value = || rest.next().ok_or_else(|| format!("{name} needs a value"));
            match name.as_str() {
                "--cases" => options.cases = number(value()?)?,
                "--seed" => options.seed = number(value()?)?,
                "--visitors" => options.visitors = number(value()?)?,
                "--convertctl" => options.convertctl = Some(PathBuf::from(value()?)),
                "--replay" => options.replay = Some(PathBuf::from(value()?)),
                "--library" => options.library = true,
                other => return Err(format!("unknown option {other}")),
            }
        }
        Ok(options)
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("not a number: {text}"))
}

#[cfg(test)]
mod tests {
    use super::Options;

    #[test]
    fn options_are_read_and_unknown_ones_refused() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let options = Options::parse(&words("--cases 5 --seed 9")).unwrap();
        assert_eq!((options.cases, options.seed, options.visitors), (5, 9, 12));
        assert!(Options::parse(&words("--cases")).is_err());
        assert!(Options::parse(&words("--cases x")).is_err());
        assert!(Options::parse(&words("--nope 1")).is_err());
    }
}
