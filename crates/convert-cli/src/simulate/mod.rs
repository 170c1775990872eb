//! `convertctl simulate`: how an experience splits many visitors.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use convert_sdk::{Core, Experience, Identified as _, Reason, RunOptions, VisitorRecord};
use rayon::prelude::*;

mod chart;
mod chi_square;
mod report;
mod svg;
mod visitors;

use self::report::{Report, Tally};
use self::visitors::visitor_id;

use crate::args::Facts;
use crate::failure::Failure;
use crate::json;
use crate::replacement;
use crate::source::ConfigOptions;

/// Simulate visitors, and show how an experience splits them.
///
/// The visitors have generated ids, the same for the same seed, and all the attributes given here;
/// the gates apply, and if no visitor passes them, the report names the reason. Beside the counts are the shares
/// to expect of the config, and a chi-square test of whether the two agree (sample ratio check): a
/// p-value below 0.01 indicates a mismatch.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  convertctl simulate --config demo --experience recommendations --visitors 100000
  convertctl simulate --config demo --experience checkout --visitors 100000 --attr plan=pro \\
    --svg checkout.svg")]
pub(crate) struct Arguments {
    #[command(flatten)]
    source: ConfigOptions,

    /// The experience, by key or id.
    #[arg(long, value_name = "KEY")]
    experience: String,

    /// How many visitors to simulate, up to a billion.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..=MOST))]
    visitors: u64,

    #[command(flatten)]
    facts: Facts,

    /// Choose other visitor ids.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,

    /// Draw the bars into this file as well.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,

    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    arguments.facts.hint_at_respelt_numbers();
    let core = arguments.source.origin()?.core()?;
    let config = core.current_config();
    let experience = config
        .experience(&arguments.experience)
        .ok_or_else(|| Failure::no_experience(&arguments.experience, &config))?;
    let tally = simulate(arguments, &core, experience);
    let report = Report::new(experience, &tally, arguments.seed, || reason(arguments, &core));
    if let Some(file) = &arguments.svg {
        let unwritten = |error| format!("{} cannot be written: {error}", file.display());
        let written = replacement::write(file, svg::draw(&report).as_bytes());
        written.map_err(|error| Failure::Other(unwritten(error)))?;
    }
    if arguments.json {
        json::write_pretty(out, &report)?;
    } else {
        chart::write(&report, out)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Decides for every visitor, on all cores.
fn simulate(arguments: &Arguments, core: &Core, experience: &Experience) -> Tally {
    let (attributes, location) = (arguments.facts.attributes(), arguments.facts.location());
    let place_of = |number| {
        let visitor = core
            .create_context(visitor_id(arguments.seed, number))
            .with_record(VisitorRecord::new())
            .with_attributes(attributes.clone());
        let options = RunOptions::new().location(&location).storage(false);
        let variation = visitor.run_experience_with(&arguments.experience, &options)?.variation();
        experience.variations().iter().position(|arm| std::ptr::eq(arm, variation))
    };
    let empty = || Tally::new(experience.variations().len());
    (0..arguments.visitors)
        .into_par_iter()
        .fold(empty, |tally, number| tally.with(place_of(number)))
        .reduce(empty, |tally, other| tally.merge(&other))
}

/// Returns why the first visitor gets no variation. All have the same attributes, so that the
/// gates let in every visitor or none.
fn reason(arguments: &Arguments, core: &Core) -> Reason {
    core.create_context(visitor_id(arguments.seed, 0))
        .with_record(VisitorRecord::new())
        .with_attributes(arguments.facts.attributes())
        .with_location(arguments.facts.location())
        .explain_experience(&arguments.experience)
        .reason()
}

/// Names an entity: its key, or its id where it has none.
fn name_of(experience: &Experience) -> &str {
    experience.key().unwrap_or(experience.id())
}

/// The most visitors that are simulated.
const MOST: u64 = 1_000_000_000;
