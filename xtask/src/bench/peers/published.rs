//! Convert's published SDKs for other languages.

use std::process::Command;

use super::contender::{Call, Contender};
use super::settings;
use crate::parity::referee::{
    PYTHON_VERSION, Referee, install_javascript, install_python, javascript_version,
};
use crate::workspace;

/// The JavaScript SDK; nothing where node is missing.
pub(super) fn javascript() -> Result<Option<Contender>, String> {
    let Some(installed) = install_javascript()? else { return Ok(None) };
    let script = workspace::root().join("xtask/js/decide.mjs");
    let process = Referee::start(Command::new("node").arg(script).arg(installed))?;
    let version = javascript_version()?;
    contender(("Convert SDK (JavaScript)", &version), process, 5).map(Some)
}

/// The Python SDK; nothing where python3 is missing.
pub(super) fn python() -> Result<Option<Contender>, String> {
    let Some(python) = install_python()? else { return Ok(None) };
    let script = workspace::root().join("xtask/py/decide.py");
    let process = Referee::start(Command::new(python).arg(script))?;
    contender(("Convert SDK (Python)", PYTHON_VERSION), process, 1).map(Some)
}

fn contender(
    name: (&'static str, &str),
    process: Referee,
    repeats: usize,
) -> Result<Contender, String> {
    let start = settings::start(&settings::convert());
    let mut contender =
        Contender::other(name, process, &start, &[Call::Decide, Call::Build], repeats)?;
    contender.is_sibling = true;
    // Before this the code is interpreted, or compiled in haste.
    for _ in 0..WARMING_UP {
        contender.round()?;
    }
    contender.ns = Default::default();
    Ok(contender)
}

const WARMING_UP: usize = 3;
