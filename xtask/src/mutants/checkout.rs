//! A copy of the project that mutants are put into, with build products of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::parity::referee::target_directory;
use crate::workspace;

/// The copy.
#[derive(Debug)]
pub(super) struct Checkout {
    folder: PathBuf,
}

impl Checkout {
    /// Brings the copy up to date, and leaves files alone that are the same, so that little is built
    /// anew.
    pub(super) fn update() -> Result<Self, String> {
        let folder = target_directory().join("mutants").join("tree");
        let wanted = workspace::files()?;
        for name in &wanted {
            copy(&workspace::root().join(name), &folder.join(name))?;
        }
        remove_others(&folder, &folder, &|name| wanted.contains(name))?;
        Ok(Checkout { folder })
    }

    /// Returns a file's text.
    pub(super) fn read(&self, name: &str) -> Result<String, String> {
        fs::read_to_string(self.folder.join(name)).map_err(|error| format!("{name}: {error}"))
    }

    /// Replaces a file's text.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<(), String> {
        fs::write(self.folder.join(name), text).map_err(|error| format!("{name}: {error}"))
    }

    /// Prepares a program in the copy. Address space is limited, since a mutant may allocate without end.
    pub(super) fn program(&self, words: &[String]) -> Command {
        let mut command = Command::new("sh");
        let limit = format!("ulimit -v {MOST_KILOBYTES}; exec \"$@\"");
        command.args(["-c", &limit, "sh", "cargo"]).args(words);
        let data = workspace::root().join("../shared/data");
        if data.is_dir() && std::env::var_os("CONVERT_SHARED_DATA").is_none() {
            command.env("CONVERT_SHARED_DATA", data);
        }
        command.env("CONVERT_JS_SDK", target_directory().join("js"));
        command.env("CARGO_PROFILE_DEV_DEBUG", "0").env("CARGO_INCREMENTAL", "1");
        command.env_remove("CARGO_TARGET_DIR").current_dir(&self.folder).stdin(Stdio::null());
        command
    }

    /// Runs cargo in the copy and returns what it writes.
    pub(super) fn cargo_output(&self, words: &[String]) -> Result<String, String> {
        let output = self.program(words).stderr(Stdio::inherit()).output();
        match output {
            Ok(output) if output.status.success() => {
                Ok(String::from_utf8_lossy(&output.stdout).into_owned())
            }
            Ok(output) => Err(format!("`cargo {}` ended with {}", words.join(" "), output.status)),
            Err(error) => Err(error.to_string()),
        }
    }
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let words = |error: std::io::Error| format!("{}: {error}", from.display());
    if fs::read(to).ok() == Some(fs::read(from).map_err(words)?) {
        return Ok(());
    }
    fs::create_dir_all(to.parent().unwrap_or(to)).map_err(words)?;
    fs::copy(from, to).map_err(words)?;
    Ok(())
}

fn remove_others(
    root: &Path,
    folder: &Path,
    is_wanted: &dyn Fn(&str) -> bool,
) -> Result<(), String> {
    let words = |error: std::io::Error| error.to_string();
    for entry in fs::read_dir(folder).map_err(words)? {
        let path = entry.map_err(words)?.path();
        if path.is_dir() {
            if !path.ends_with("target") {
                remove_others(root, &path, is_wanted)?;
            }
        } else if let Ok(name) = path.strip_prefix(root) {
            let name = name.to_string_lossy().into_owned();
            if !is_wanted(&name) && name != "Cargo.lock" {
                fs::remove_file(&path).map_err(words)?;
            }
        }
    }
    Ok(())
}

/// How much address space a build or a test may have.
const MOST_KILOBYTES: u32 = 16 << 20;
