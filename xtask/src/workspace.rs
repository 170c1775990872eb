//! Where the workspace is and which files belong to it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Returns the workspace's root folder.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or_else(|| Path::new("."))
}

/// Returns whether this runs on a build server, by the variable that those set.
pub(crate) fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}

/// Lists the files of the project relative to the root, with `/` between the parts: what git
/// tracks or would track, or, without git, every file outside the build folders.
pub(crate) fn files() -> Result<BTreeSet<String>, String> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output();
    match listed {
        Ok(output) if output.status.success() => {
            let names = String::from_utf8_lossy(&output.stdout);
            let present = names.split('\0').filter(|name| root().join(name).is_file());
            Ok(present.map(str::to_owned).collect())
        }
        _ => {
            eprintln!("git does not list the files: every file of the folder is looked at");
            let mut found = BTreeSet::new();
            walk(root(), &mut found).map_err(|error| format!("cannot list the files: {error}"))?;
            Ok(found)
        }
    }
}

fn walk(folder: &Path, found: &mut BTreeSet<String>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path: PathBuf = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            if !UNTRACKED.contains(&name.as_ref()) {
                walk(&path, found)?;
            }
        } else if let Ok(relative) = path.strip_prefix(root()) {
            let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
            found.insert(parts.join("/"));
        }
    }
    Ok(())
}

/// Folders that are no part of the project.
const UNTRACKED: &[&str] = &[".git", "target", "node_modules", "artifacts", "coverage"];
