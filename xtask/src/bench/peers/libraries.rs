//! Libraries of others, each built in a project of its own, so that the workspace stays free of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::super::figure::Memory;
use super::contender::{Call, Contender, ask};
use super::{CALLS, settings};
use crate::parity::referee::{Referee, target_directory};
use crate::process::Process;

/// A library, and the source of the program that runs it.
struct Library {
    name: &'static str,
    version: &'static str,
    /// What the program depends on besides the library.
    dependencies: &'static str,
    source: &'static str,
    config: fn() -> Value,
    calls: &'static [Call],
}

pub(super) fn eppo() -> Result<Option<Contender>, String> {
    EPPO.contender().map(Some)
}

pub(super) fn yggdrasil() -> Result<Option<Contender>, String> {
    YGGDRASIL.contender().map(Some)
}

impl Library {
    fn contender(&self) -> Result<Contender, String> {
        let folder = target_directory().join("peers").join(self.name);
        self.write(&folder).map_err(|error| format!("{}: {error}", self.name))?;
        let built = build(&folder)?;
        let start = |program: &str| {
            let process = Referee::start(&mut Command::new(built.join(program)))?;
            let name = (self.name, self.version);
            Contender::other(name, process, &settings::start(&(self.config)()), self.calls, REPEATS)
        };
        let (mut timed, counting) = (start("time")?, start("count")?);
        timed.memory = counted(counting)?;
        // The first round warms caches up.
        timed.round()?;
        timed.ns = Default::default();
        Ok(timed)
    }

    fn write(&self, folder: &Path) -> std::io::Result<()> {
        fs::create_dir_all(folder.join("src"))?;
        let Library { name, version, dependencies, .. } = self;
        let manifest = format!(
            "[package]\nname = \"peer\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
             [[bin]]\nname = \"time\"\npath = \"src/time.rs\"\n\n[[bin]]\nname = \"count\"\npath = \
             \"src/count.rs\"\n\n[dependencies]\n{name} = \"={version}\"\n{dependencies}\
             allocation-counter = \"0.8.1\"\nrustix = {{ version = \"1.1\", features = [\"time\"] }}\n\
             serde_json = \"1\"\n\n[profile.release]\nlto = \"thin\"\ncodegen-units = 4\n"
        );
        let files = [
            ("Cargo.toml", manifest.as_str()),
            ("src/harness.rs", include_str!("../../../peers/harness.rs")),
            ("src/time.rs", include_str!("../../../peers/time.rs")),
            ("src/count.rs", include_str!("../../../peers/count.rs")),
            ("src/peer.rs", self.source),
        ];
        for (name, text) in files {
            let file = folder.join(name);
            // What is as it was must not be built again.
            if fs::read_to_string(&file).ok().as_deref() != Some(text) {
                fs::write(file, text)?;
            }
        }
        Ok(())
    }
}

/// Builds a project and returns where its programs are.
fn build(folder: &Path) -> Result<PathBuf, String> {
    let (manifest, target) = (folder.join("Cargo.toml"), folder.join("target"));
    let (manifest, target) = (manifest.to_string_lossy(), target.to_string_lossy());
    let build = ["build", "--release", "--quiet", "--manifest-path", &manifest];
    Process::cargo(&[&build[..], &["--target-dir", &target]].concat()).run()?;
    Ok(folder.join("target").join("release"))
}

/// Has the program that counts allocations do every call.
fn counted(mut counting: Contender) -> Result<[Option<Memory>; 3], String> {
    let super::contender::Engine::Other { process, calls, .. } = &mut counting.engine else {
        return Ok([None; 3]);
    };
    let mut memory = [None; 3];
    for (call, memory) in CALLS.into_iter().zip(&mut memory).filter(|(it, _)| calls.contains(it)) {
        let answer = ask(process, call, 1)?;
        let number = |member: &str| answer.get(member).and_then(Value::as_f64);
        *memory =
            number("allocs").zip(number("bytes")).map(|(allocs, bytes)| Memory { allocs, bytes });
    }
    Ok(memory)
}

const EPPO: Library = Library {
    name: "eppo_core",
    version: "10.0.0",
    dependencies: "chrono = \"0.4\"\n",
    source: include_str!("../../../peers/eppo.rs"),
    config: settings::eppo,
    calls: &[Call::Decide, Call::Build, Call::Explain],
};
const YGGDRASIL: Library = Library {
    name: "unleash-yggdrasil",
    version: "0.21.7",
    dependencies: "unleash-types = \"0.16\"\n",
    source: include_str!("../../../peers/yggdrasil.rs"),
    config: settings::yggdrasil,
    calls: &[Call::Decide, Call::Build],
};
const REPEATS: usize = 20;
