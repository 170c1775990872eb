//! As much of a `Cargo.toml` as the rules need.

/// A member's manifest.
#[derive(Debug, Default)]
pub(super) struct Manifest {
    /// Its path from the workspace's root.
    pub(super) path: String,
    /// The package's name.
    pub(super) name: String,
    /// Whether the workspace's lint table applies.
    pub(super) inherits_lints: bool,
    /// The dependencies of every kind.
    pub(super) dependencies: Vec<Dependency>,
}

/// One dependency as a manifest names it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Dependency {
    /// The package's name, also where the manifest renames it.
    pub(super) name: String,
    /// Whether only tests and examples use it.
    pub(super) dev: bool,
    /// The line that names it, from 1.
    pub(super) line: usize,
}

impl Manifest {
    /// Reads a manifest from its text.
    pub(super) fn new(path: &str, text: &str) -> Self {
        let mut manifest = Self { path: path.to_owned(), ..Self::default() };
        let mut section = Section::Other;
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if let Some(header) = line.strip_prefix('[') {
                section = Section::of(header.trim_end_matches(']'));
                if let Section::Dependency { name, dev } = &section {
                    manifest.depend(name, *dev, at + 1);
                }
                continue;
            }
            let Some((key, value)) = line.split_once('=') else { continue };
            let (key, value) = (key.trim(), value.trim());
            match &section {
                Section::Package if key == "name" => quoted(value).clone_into(&mut manifest.name),
                Section::Lints if key == "workspace" => manifest.inherits_lints = value == "true",
                Section::Dependencies { dev } => {
                    let key = key.split('.').next().unwrap_or(key);
                    manifest.depend(renamed(value).unwrap_or(key), *dev, at + 1);
                }
                Section::Dependency { .. } if key == "package" => {
                    if let Some(last) = manifest.dependencies.last_mut() {
                        quoted(value).clone_into(&mut last.name);
                    }
                }
                _ => {}
            }
        }
        manifest
    }

    fn depend(&mut self, name: &str, dev: bool, line: usize) {
        self.dependencies.push(Dependency { name: quoted(name).to_owned(), dev, line });
    }
}

/// Which table of a manifest a line is in.
enum Section {
    Package,
    Lints,
    Dependencies { dev: bool },
    Dependency { name: String, dev: bool },
    Other,
}

impl Section {
    fn of(header: &str) -> Self {
        // A table of a platform is `target.'cfg(…)'.dependencies`.
        let header = header.rsplit_once("'.").map_or(header, |(_, table)| table);
        let (table, entry) = header.split_once('.').unwrap_or((header, ""));
        let dev = table == "dev-dependencies";
        match (table, entry) {
            ("package", "") => Self::Package,
            ("lints", "") => Self::Lints,
            ("dependencies" | "dev-dependencies" | "build-dependencies", "") => {
                Self::Dependencies { dev }
            }
            ("dependencies" | "dev-dependencies" | "build-dependencies", name) => {
                Self::Dependency { name: name.to_owned(), dev }
            }
            _ => Self::Other,
        }
    }
}

/// Returns the package that an inline table names.
fn renamed(value: &str) -> Option<&str> {
    let (_, after) = value.strip_prefix('{')?.split_once("package")?;
    Some(quoted(after.trim_start().strip_prefix('=')?.split([',', '}']).next()?.trim()))
}

fn quoted(value: &str) -> &str {
    value.trim_matches(['"', '\''])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_name_a_dependency_is_read() {
        let text = "[package]\nname = \"a\"\n[lints]\nworkspace = true\n[dependencies]\nb.workspace = true\n\
                    c = { version = \"1\", package = \"real-c\" }\n[dev-dependencies]\nd = \"1\"\n\
                    [target.'cfg(unix)'.dependencies]\ne = \"1\"\n[dependencies.f]\nversion = \"1\"\npackage = \"real-f\"\n";
        let manifest = Manifest::new("crates/a/Cargo.toml", text);
        assert_eq!((manifest.name.as_str(), manifest.inherits_lints), ("a", true));
        let found: Vec<_> =
            manifest.dependencies.iter().map(|it| (it.name.as_str(), it.dev, it.line)).collect();
        let expected = [
            ("b", false, 6),
            ("real-c", false, 7),
            ("d", true, 9),
            ("e", false, 11),
            ("real-f", false, 12),
        ];
        assert_eq!(found, expected);
    }
}
