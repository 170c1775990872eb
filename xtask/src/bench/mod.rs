//! `cargo xtask bench`: what decisions cost.

mod allocations;
mod bars;
mod building;
mod clock;
mod deciding;
mod delivery;
mod dependencies;
mod figure;
mod fixture;
mod floor;
mod floor_rules;
mod groups;
mod hashing;
mod idle;
mod instructions;
mod loading;
mod measure;
mod options;
mod peers;
mod plot;
mod readme;
mod repeat;
mod scale;
mod stores;
mod tracking;
mod workload;

use self::figure::Figure;
use self::fixture::Fixture;
pub(crate) use self::instructions::obstacle as instructions_obstacle;
use self::options::{Measurement, Options};
pub(crate) use self::readme::check as check_readme;

/// Measures, and prints tables or, with `--json`, JSON lines.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let options = Options::parse(arguments)?;
    match &options.task {
        Measurement::Help => {
            print!("{}", options::HELP);
            Ok(())
        }
        Measurement::Peers => peers::run(&options),
        Measurement::OwnAllocations => peers::print_allocations(),
        Measurement::Figures => run_figures(&options),
        Measurement::Allocations => allocations::print(&options),
        Measurement::Readme => readme::run(&options),
        Measurement::Memory => scale::print_memory(&options),
        Measurement::Scale => scale::run(&options),
        Measurement::Instructions => instructions::run(&options),
        Measurement::Watched(name) => instructions::watch(name),
    }
}

/// Times and allocations. Fails where a bar is missed that no noise of the machine moves.
fn run_figures(options: &Options) -> Result<(), String> {
    groups::check(&options.only)?;
    let figures = figures(options)?;
    if options.json {
        figure::print_json(&figures);
    } else {
        figure::print_table(&figures);
    }
    bars::check(&figures)
}

/// Every figure of the workload, or those asked for.
fn figures(options: &Options) -> Result<Vec<Figure>, String> {
    let fixture = Fixture::new(options.visitors())?;
    let rounds = if options.quick { 9 } else { 25 };
    let mut figures = measure::measure(groups::works(&fixture, &options.only)?, rounds)?;
    figures.extend(groups::figures(options)?);
    allocations::complete(&mut figures, options)?;
    Ok(figures)
}
