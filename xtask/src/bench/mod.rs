//! `cargo xtask bench`: what decisions cost.

use convert_sdk::{Context, Core, SdkConfig};

mod bars;
mod deciding;
mod figure;
mod hashing;
mod loading;
mod measure;
mod stores;
mod tracking;
mod workload;

use self::figure::Figure;
use self::measure::measure;

/// Measures, and prints a table or, with `--json`, JSON lines. `--quick` takes fewer rounds.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let is_set = |flag: &str| args.iter().any(|arg| arg == flag);
    if let Some(unknown) = args.iter().find(|arg| !["--json", "--quick"].contains(&arg.as_str())) {
        return Err(format!("bench: unknown option `{unknown}`; known: --json, --quick"));
    }
    let (visitors, rounds) = if is_set("--quick") { (1_000, 5) } else { (10_000, 15) };
    let figures = figures(visitors, rounds, is_set("--quick"))?;
    if is_set("--json") {
        figure::print_json(&figures);
    } else {
        figure::print_table(&figures);
    }
    Ok(())
}

/// Every figure of the workload.
fn figures(visitor_count: usize, rounds: usize, is_quick: bool) -> Result<Vec<Figure>, String> {
    let visitors = workload::visitors(visitor_count);
    let core = core()?;
    let contexts = || -> Vec<Context> {
        visitors.iter().map(|visitor| deciding::context(&core, visitor)).collect()
    };
    let (fresh, sticky) = (contexts(), contexts());
    let stores = stores::Stores::start();
    for context in &sticky {
        context.run_experiences();
    }
    let mut works = hashing::works(&visitors);
    works.extend(deciding::works(&core, &visitors, &fresh, &sticky));
    works.extend(deciding::rates(&fresh));
    works.extend(loading::works());
    works.extend(stores.works()?);
    let mut figures = measure(works, rounds);
    figures.extend(loading::figures());
    figures.extend(tracking::figures(&visitors, is_quick)?);
    Ok(figures)
}

/// A core with the workload's project: direct data, nothing tracked.
fn core() -> Result<Core, String> {
    let json = workload::project_with_pattern(EXPERIENCES).to_string();
    let config = SdkConfig::from_json(&json).map_err(|error| error.to_string())?;
    Core::initialize(config.environment("production")).map_err(|error| error.to_string())
}

fn repeat(mut operation: impl FnMut()) {
    for _ in 0..REPEATS {
        operation();
    }
}

/// The experiences of the workload.
const EXPERIENCES: usize = 100;
/// How often a short operation is done in a row.
const REPEATS: usize = 20;
