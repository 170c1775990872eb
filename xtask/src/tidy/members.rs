//! What the workspace's members may be built from.

use super::tree::{Finding, Tree};

/// Every member takes the workspace's lints.
pub(super) fn lint_table(tree: &Tree) -> Vec<Finding> {
    let without = tree.manifests.iter().filter(|manifest| !manifest.inherits_lints);
    without
        .map(|manifest| Finding::new(&manifest.path, 1, "`[lints]` has no `workspace = true`"))
        .collect()
}

/// A crate depends on lower layers only; its tests may also use the test doubles.
pub(super) fn layering(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    let is_member = |name: &str| tree.manifests.iter().any(|manifest| manifest.name == name);
    for manifest in &tree.manifests {
        let Some((_, lower)) = LAYERS.iter().find(|(name, _)| *name == manifest.name) else {
            let message = format!("`{}` has no row in the table of layers", manifest.name);
            found.push(Finding::new(&manifest.path, 1, message));
            continue;
        };
        for dependency in &manifest.dependencies {
            let name = dependency.name.as_str();
            let doubles = dependency.dev && name == "test-support";
            if is_member(name) && !doubles && !lower.contains(&name) {
                let message = format!("`{}` may not depend on `{name}`", manifest.name);
                found.push(Finding::new(&manifest.path, dependency.line, message));
            }
        }
    }
    found
}

/// Some crates are for some members only, and the lowest layer takes none but what is for it.
pub(super) fn confined_crates(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for manifest in &tree.manifests {
        for dependency in manifest.dependencies.iter().filter(|dependency| !dependency.dev) {
            let name = dependency.name.as_str();
            let confined = CONFINED.iter().find(|(confined, _)| *confined == name);
            let wrong = confined
                .map_or(manifest.name == LOWEST, |(_, to)| !to.contains(&manifest.name.as_str()));
            if wrong {
                let message = format!("`{}` may not depend on `{name}`", manifest.name);
                found.push(Finding::new(&manifest.path, dependency.line, message));
            }
        }
    }
    found
}

const LOWEST: &str = "convert-bucketing";

/// Each member with the members below it.
const LAYERS: &[(&str, &[&str])] = &[
    (LOWEST, &[]),
    ("convert-config", &[LOWEST]),
    ("convert-decision", &[LOWEST, "convert-config"]),
    ("convert-transport", &[]),
    ("convert-core", LIBRARIES),
    (
        "convert-sdk",
        &[LOWEST, "convert-config", "convert-decision", "convert-transport", "convert-core"],
    ),
    ("convert-cli", &["convert-sdk", "convert-redis"]),
    ("convert-redis", &["convert-sdk", "convert-transport"]),
    ("convert-openfeature", &["convert-sdk"]),
    ("test-support", ALL),
    ("convert-tests", ALL),
    ("tls-coexistence", ALL),
    ("xtask", ALL),
];

const LIBRARIES: &[&str] = &[LOWEST, "convert-config", "convert-decision", "convert-transport"];

const ALL: &[&str] = &[
    LOWEST,
    "convert-config",
    "convert-decision",
    "convert-transport",
    "convert-core",
    "convert-sdk",
    "convert-redis",
    "test-support",
];

/// Third-party crates with the only members that may depend on them.
const CONFINED: &[(&str, &[&str])] = &[
    ("httparse", &["convert-transport"]),
    ("rustls", &["convert-cli", "convert-transport", "convert-redis", "test-support"]),
    ("pulp", &[LOWEST]),
    ("redis", &["convert-redis"]),
    ("tokio", &["convert-cli"]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::places;

    fn manifest(name: &str, rest: &str) -> String {
        format!("[package]\nname = \"{name}\"\n{rest}\n")
    }

    #[test]
    fn lints_are_the_workspaces() {
        let fine = manifest("a", "[lints]\nworkspace = true");
        let bare = manifest("b", "");
        let files =
            [("a/Cargo.toml", fine.as_str()), ("b/Cargo.toml", &bare), ("fuzz/Cargo.toml", &bare)];
        assert_eq!(places(lint_table, &files), ["b/Cargo.toml:1"]);
    }

    #[test]
    fn layers_look_downwards() {
        let low = manifest("convert-config", "[dependencies]\nconvert-core.workspace = true");
        let high = manifest(
            "convert-core",
            "[dependencies]\nconvert-config.workspace = true\n[dev-dependencies]\ntest-support = \"1\"",
        );
        let doubles = manifest("test-support", "");
        let files =
            [("c/Cargo.toml", low.as_str()), ("d/Cargo.toml", &high), ("e/Cargo.toml", &doubles)];
        assert_eq!(places(layering, &files), ["c/Cargo.toml:4"]);
    }

    #[test]
    fn a_new_crate_needs_a_layer() {
        let unknown = manifest("convert-new", "");
        assert_eq!(places(layering, &[("n/Cargo.toml", &unknown)]), ["n/Cargo.toml:1"]);
    }

    #[test]
    fn the_network_stays_in_the_transport() {
        let wrong = manifest("convert-core", "[dependencies]\nhttparse = \"1\"\nlog = \"0.4\"");
        let right = manifest("convert-transport", "[dependencies]\nhttparse = \"1\"");
        let files = [("c/Cargo.toml", wrong.as_str()), ("t/Cargo.toml", &right)];
        assert_eq!(places(confined_crates, &files), ["c/Cargo.toml:4"]);
    }

    #[test]
    fn the_lowest_layer_depends_on_vectors_at_most() {
        let dependencies =
            "[dependencies]\nlog = \"0.4\"\npulp = \"0.22\"\n[dev-dependencies]\nproptest = \"1\"";
        let lowest = manifest(LOWEST, dependencies);
        assert_eq!(places(confined_crates, &[("b/Cargo.toml", &lowest)]), ["b/Cargo.toml:4"]);
    }
}
