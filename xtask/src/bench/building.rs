//! How long the facade takes to build.

use std::fs;

use super::clock::Clock;
use super::figure::Figure;
use super::options::Options;
use crate::process::Process;
use crate::workspace;

/// Seconds for a clean release build of the facade, with the crates it needs at hand. A quick run
/// leaves it out.
pub(super) fn figures(options: &Options) -> Result<Vec<Figure>, String> {
    if options.quick {
        return Ok(Vec::new());
    }
    let target = workspace::root().join("target").join("facade-build");
    let remove = || match fs::remove_dir_all(&target) {
        Err(error) if target.exists() => Err(format!("{}: {error}", target.display())),
        _ => Ok(()),
    };
    remove()?;
    let directory = target.to_string_lossy();
    let build = ["build", "--release", "--quiet", "--package", "convert-sdk", "--target-dir"];
    let began = Clock::Wall.now();
    Process::cargo(&[&build[..], &[&*directory]].concat()).run()?;
    let took = Clock::Wall.now().saturating_sub(began);
    remove()?;
    Ok(vec![Figure::value("facade_build_s", took.as_secs_f64())])
}
