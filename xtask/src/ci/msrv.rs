//! The oldest compiler that the manifests promise.

use super::Outcome;
use crate::process::Process;

/// Checks the workspace with it, if it is installed; nothing is installed here.
pub(super) fn check() -> Result<Outcome, String> {
    // Only rustup's cargo, not the one that runs this task, can be told which toolchain to take.
    let toolchain = concat!("+", env!("CARGO_PKG_RUST_VERSION"), ".0");
    let cargo = |arguments: &[&str]| {
        Process::new("cargo", &[&[toolchain], arguments].concat()).env("RUSTUP_AUTO_INSTALL", "0")
    };
    if !cargo(&["--version"]).works() {
        let version = toolchain.trim_start_matches('+');
        return Ok(Outcome::Missing(format!("the toolchain {version} is not installed")));
    }
    let all = ["check", "--workspace", "--all-features", "--locked", "--target-dir", "target/msrv"];
    cargo(&all).run()?;
    Ok(Outcome::Passed)
}
