//! The options of `cargo xtask bench`.

/// What to measure, and how to tell it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    /// JSON lines instead of tables.
    pub(super) json: bool,
    /// Fewer rounds, fewer visitors.
    pub(super) quick: bool,
    /// The figures wanted, with their groups; all where there are none.
    pub(super) only: Vec<String>,
    /// Write the stored instruction counts anew.
    pub(super) store: bool,
    pub(super) task: Measurement,
}

/// The measurements that `bench` can do.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) enum Measurement {
    /// Times and allocations.
    #[default]
    Figures,
    /// Instructions, beside the stored ones.
    Instructions,
    /// The decision that other libraries make, too.
    Peers,
    /// What this SDK allocates for it, in the program that counts allocations.
    OwnAllocations,
    /// The figures and the peers, for the README.
    Readme,
    /// What grows with what.
    Scale,
    /// What of that is memory, in the program that counts allocations.
    Memory,
    /// Allocations, in the program that counts them.
    Allocations,
    /// What there is to ask for.
    Help,
    /// The work of one figure, which the counting program watches.
    Watched(String),
}

impl Options {
    pub(super) fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut options = Options::default();
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("bench: {word} wants a word after it"));
            match word.as_str() {
                "--json" => options.json = true,
                "--quick" => options.quick = true,
                "--store" => options.store = true,
                "--only" => options.only = value()?.split(',').map(str::to_owned).collect(),
                "--instructions" => options.task = Measurement::Instructions,
                "--peers" => options.task = Measurement::Peers,
                "--own-allocations" => options.task = Measurement::OwnAllocations,
                "--write-readme" => options.task = Measurement::Readme,
                "--scale" => options.task = Measurement::Scale,
                "--memory" => options.task = Measurement::Memory,
                "--allocations" => options.task = Measurement::Allocations,
                "--help" => options.task = Measurement::Help,
                "--watched" => options.task = Measurement::Watched(value()?.clone()),
                unknown => {
                    return Err(format!("bench: unknown option `{unknown}`; known: {KNOWN}"));
                }
            }
        }
        if options.store && options.task != Measurement::Instructions {
            return Err("bench: --store goes with --instructions".to_owned());
        }
        if options.store && !options.only.is_empty() {
            return Err("bench: --store writes every count, so it goes without --only".to_owned());
        }
        Ok(options)
    }

    /// Returns how many visitors the workload has.
    pub(super) fn visitors(&self) -> usize {
        if self.quick { 2_000 } else { 10_000 }
    }

    /// Returns how often the points of a curve are measured.
    pub(super) fn rounds(&self) -> usize {
        if self.quick { 5 } else { 15 }
    }

    /// Tells whether a figure is asked for.
    pub(super) fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|wanted| wanted == name)
    }
}

const KNOWN: &str = "--json, --quick, --only FIGURE,FIGURE, --instructions [--store], --scale, --peers, \
                     --write-readme, --help";

/// What `--help` prints.
pub(super) const HELP: &str = "\
Usage: cargo xtask bench [OPTIONS]

Without one of the first four, it measures every figure, and fails where a bar is missed that no
noise moves.

  --instructions   Count with callgrind what hot calls execute, and fail where one takes 3 % more
                   than xtask/instructions.json says
  --scale          Measure what grows with what, and draw docs/plots/scale-*.svg
  --peers          Have other libraries make the same decision, and draw docs/plots/peers.svg
  --write-readme   Measure the figures and the peers, and write the README's section
  --store          With --instructions: write the counts instead of comparing them
  --only A,B       Only these figures, or with --scale only these sweeps
  --quick          Fewer rounds and visitors, in less than a minute; no plot is drawn
  --json           Nothing but JSON lines on standard output
  --help           This
";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Options::parse(&words)
    }

    #[test]
    fn times_are_measured_unless_said() {
        assert_eq!(parse("").unwrap(), Options::default());
        let options = parse("--quick --json --only bucket_value,murmur3_45").unwrap();
        assert!(options.quick && options.json && options.task == Measurement::Figures);
        assert_eq!(options.only, ["bucket_value", "murmur3_45"]);
    }

    #[test]
    fn words_out_of_place_are_refused() {
        assert!(parse("--fast").unwrap_err().contains("--fast"));
        assert!(parse("--only").unwrap_err().contains("--only"));
        assert!(KNOWN.split(", ").all(|option| HELP.contains(option.split(' ').next().unwrap())));
        assert!(parse("--store").is_err() && parse("--instructions --store").is_ok());
    }

    #[test]
    fn counts_that_are_not_measured_are_not_thrown_away() {
        let refusal = parse("--instructions --store --only bucket_value").unwrap_err();
        assert!(refusal.contains("--only"), "{refusal}");
        assert!(parse("--instructions --only bucket_value").is_ok());
    }
}
