//! `cargo xtask mutants`: a seeded sample of small faults in the libraries, which the tests must find.
//!
//! cargo-mutants finds the places and the faults. Each of the sample is put into a copy of the project
//! under `target/`, and the tests of its crate run; where those pass, the suites in `tests/` run as
//! well. The outcome is added to [`results`].

mod checkout;
mod mutant;
mod options;
mod results;
mod trial;

use self::checkout::Checkout;
use self::mutant::{Mutant, list};
use self::options::Options;
use self::results::{Outcome, Results, Run};
use self::trial::{Suites, trial};
use crate::process::has_subcommand;

/// Tries a sample, and fails if more than 5 % of it is neither caught nor explained.
///
/// # Errors
///
/// Fails also when a tool is missing, or when the tests fail without a mutation.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let options = Options::parse(arguments)?;
    for tool in ["mutants", "nextest"] {
        if !has_subcommand(tool) {
            return Err(format!("cargo-{tool} is missing; cargo install --locked cargo-{tool}"));
        }
    }
    let checkout = Checkout::update()?;
    let mut results = Results::read()?;
    let mutants = list(&checkout, options.packages())?;
    if options.retries {
        return retry(&checkout, &mut results, &mutants);
    }
    let sample = options.sample(mutants);
    println!("{} mutants, seed {}", sample.len(), options.seed);
    let mut unexplained = Vec::new();
    for package in options.packages() {
        let mutants: Vec<&Mutant> =
            sample.iter().filter(|mutant| mutant.package == *package).collect();
        if mutants.is_empty() {
            continue;
        }
        let run = try_package(&checkout, package, &mutants, &results)?;
        println!("{package}: {run}");
        unexplained.extend(run.unexplained.clone());
        results.add(package, options.seed, run);
        results.write()?;
    }
    for name in &unexplained {
        println!("UNEXPLAINED {name}");
    }
    let allowed = sample.len() * MOST_UNEXPLAINED_PERCENT / 100;
    if unexplained.len() > allowed {
        return Err(format!("{} of {} mutants survive", unexplained.len(), sample.len()));
    }
    Ok(())
}

/// Tries again what survived in earlier samples: new tests may catch it, or a reason has been given.
fn retry(checkout: &Checkout, results: &mut Results, mutants: &[Mutant]) -> Result<(), String> {
    let mut left = 0;
    for (package, seed, run) in results.unexplained() {
        let names = &run.unexplained;
        let survivors: Vec<&Mutant> =
            mutants.iter().filter(|mutant| names.contains(&mutant.stable_name())).collect();
        // Whatever is not in the list any more has gone with the code.
        let again = try_package(checkout, &package, &survivors, results)?;
        let run = run.with_retried(again);
        println!("{package}, seed {seed}: {run}");
        left += run.unexplained.len();
        results.add(&package, seed, run);
        results.write()?;
    }
    if left > 0 { Err(format!("{left} mutants still survive")) } else { Ok(()) }
}

/// Tries the mutants of one crate: with its own tests first, since those are built fast, and what
/// survives without a reason with the suites of all crates.
fn try_package(
    checkout: &Checkout,
    package: &str,
    mutants: &[&Mutant],
    results: &Results,
) -> Result<Run, String> {
    let mut run = Run { sampled: mutants.len(), ..Run::default() };
    let mut survivors = mutants.to_vec();
    for suites in [Suites::Own(package), Suites::Examples(package), Suites::All(package)] {
        if survivors.is_empty() {
            break;
        }
        trial(checkout, suites, None)?.require_survival(package)?;
        let mut left = Vec::new();
        for mutant in survivors {
            let outcome = trial(checkout, suites, Some(mutant))?;
            println!("{outcome:<8} {}", mutant.name);
            match outcome {
                Outcome::Caught => run.caught += 1,
                Outcome::TimedOut => run.timed_out += 1,
                Outcome::Unviable => run.unviable += 1,
                Outcome::Survived if results.explains(mutant) => run.explained += 1,
                Outcome::Survived => left.push(mutant),
            }
        }
        survivors = left;
    }
    run.unexplained = survivors.iter().map(|mutant| mutant.stable_name()).collect();
    Ok(run)
}

/// How many of a hundred mutants may survive without an explanation.
const MOST_UNEXPLAINED_PERCENT: usize = 5;
