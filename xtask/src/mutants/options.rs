//! The options of `cargo xtask mutants`.

use super::mutant::Mutant;

/// How many mutants to try, and which.
#[derive(Debug)]
pub(super) struct Options {
    sample: usize,
    pub(super) seed: u64,
    packages: Vec<String>,
    /// Whether to try what survived in earlier samples, in place of a new one.
    pub(super) retries: bool,
}

impl Options {
    /// Reads the options; without `--package`, the sample is drawn from all libraries.
    pub(super) fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut options = Options { sample: 50, seed: 1, packages: Vec::new(), retries: false };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            if word == "--retry" {
                options.retries = true;
                continue;
            }
            let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
            let number = || value.parse::<u64>().map_err(|_| format!("{word} needs a number"));
            match word.as_str() {
                "--sample" => options.sample = usize::try_from(number()?).unwrap_or(usize::MAX),
                "--seed" => options.seed = number()?,
                "--package" | "-p" => options.packages.push(value.clone()),
                other => return Err(format!("mutants has no option `{other}`")),
            }
        }
        if options.packages.is_empty() {
            options.packages = LIBRARIES.iter().map(|&name| name.to_owned()).collect();
        }
        Ok(options)
    }

    pub(super) fn packages(&self) -> &[String] {
        &self.packages
    }

    /// Draws the sample. The same seed draws the same from the same mutants.
    pub(super) fn sample(&self, mut mutants: Vec<Mutant>) -> Vec<Mutant> {
        mutants.sort_by(|a, b| a.name.cmp(&b.name));
        fastrand::Rng::with_seed(self.seed).shuffle(&mut mutants);
        mutants.truncate(self.sample);
        mutants
    }
}

/// The crates that decide, deliver and stay up.
const LIBRARIES: &[&str] = &[
    "convert-bucketing",
    "convert-config",
    "convert-decision",
    "convert-transport",
    "convert-core",
    "convert-redis",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    fn mutants() -> Vec<Mutant> {
        (0..100).map(|number| Mutant::named("a.rs", &number.to_string())).collect()
    }

    #[test]
    fn a_seed_draws_the_same_sample_from_any_order() {
        let options = parse("--sample 10 --seed 7").unwrap();
        let mut turned = mutants();
        turned.reverse();
        let names = |sample: Vec<Mutant>| sample.into_iter().map(|it| it.name).collect::<Vec<_>>();
        let drawn = names(options.sample(mutants()));
        assert_eq!(drawn.len(), 10);
        assert_eq!(drawn, names(options.sample(turned)));
        assert_ne!(drawn, names(parse("--sample 10 --seed 8").unwrap().sample(mutants())));
    }

    #[test]
    fn unknown_options_are_refused() {
        assert!(parse("--fast 1").unwrap_err().contains("--fast"));
        assert!(parse("--sample many").unwrap_err().contains("number"));
        assert!(parse("--seed").unwrap_err().contains("value"));
        assert_eq!(parse("-p a --package b").unwrap().packages(), ["a", "b"]);
    }
}
