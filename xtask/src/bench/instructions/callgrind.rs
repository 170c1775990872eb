//! Running this program under callgrind, and reading what callgrind writes.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};

use super::baseline::Count;
use crate::parity::referee::target_directory;

/// What was counted in one run.
#[derive(Debug, Default, PartialEq, Eq)]
struct Profile {
    /// The instructions of the program's functions themselves.
    functions: BTreeMap<String, u64>,
    /// The instructions of the C library and the loader.
    system: u64,
}

/// Counts what one operation of a figure takes.
pub(super) fn count(name: &str) -> Result<Count, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let program = program.to_string_lossy();
    let folder = target_directory().join("callgrind");
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let file = folder.join(format!("{name}.out"));
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet", "--collect-atstart=no", "--compress-strings=no"])
        .arg("--compress-pos=no")
        .arg(format!("--toggle-collect={WATCHED}"))
        .arg(format!("--callgrind-out-file={}", file.display()))
        .args([program.as_ref(), "bench", "--watched", name])
        .env_clear()
        .envs(ENVIRONMENT.iter().copied())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("valgrind does not start: {error}"))?;
    if !output.status.success() {
        return Err(format!("{name} under valgrind ended with {}", output.status));
    }
    let operations: f64 = String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .map_err(|_| format!("{name} did not tell its operations"))?;
    let text = fs::read_to_string(&file).map_err(|error| error.to_string())?;
    let profile = Profile::read(&text, &program);
    if profile.functions.is_empty() {
        return Err(format!("callgrind counted nothing of {name}"));
    }
    Ok(profile.per(name, operations))
}

impl Profile {
    fn read(text: &str, program: &str) -> Self {
        let mut profile = Profile::default();
        let (mut is_own, mut function, mut is_call) = (false, String::new(), false);
        for line in text.lines() {
            if let Some(object) = line.strip_prefix("ob=") {
                is_own = object == program;
            } else if let Some(name) = line.strip_prefix("fn=") {
                function = plain(name);
            } else if line.starts_with("calls=") {
                is_call = true;
            } else if line.starts_with(|first: char| first.is_ascii_digit()) {
                let cost = line.split(' ').nth(1).and_then(|cost| cost.parse().ok()).unwrap_or(0);
                // The line after a call is the cost of what was called, which is told elsewhere.
                if std::mem::take(&mut is_call) {
                } else if is_own {
                    *profile.functions.entry(function.clone()).or_default() += cost;
                } else {
                    profile.system += cost;
                }
            }
        }
        profile
    }

    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    fn per(self, name: &str, operations: f64) -> Count {
        let functions = self.functions.into_iter();
        Count::new(
            name,
            functions.map(|(name, cost)| (name, cost as f64 / operations)).collect(),
            self.system as f64 / operations,
        )
    }
}

/// Takes off a name what differs between builds (the hash) and between calls (the depth of a
/// recursion).
fn plain(name: &str) -> String {
    let name = name.split_once('\'').map_or(name, |(name, _)| name);
    match name.rsplit_once("::h") {
        Some((path, hash)) if hash.len() == 16 && hash.bytes().all(|it| it.is_ascii_hexdigit()) => {
            path.to_owned()
        }
        _ => name.to_owned(),
    }
}

/// The function during which is counted, as callgrind is told.
const WATCHED: &str = "*instructions*watched*";
/// Nothing of the surrounding may change the counts: not the length of the environment, and not the
/// processor, by whose abilities the C library chooses how it copies.
const ENVIRONMENT: &[(&str, &str)] = &[(
    "GLIBC_TUNABLES",
    "glibc.cpu.hwcaps=-AVX,-AVX2,-AVX_Fast_Unaligned_Load,-AVX512F,-AVX512VL,-AVX512BW,-BMI1,-BMI2,\
     -ERMS,-FSRM,-LZCNT,-MOVBE,-POPCNT,-RTM,-SSE4_1,-SSE4_2,-SSSE3",
)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_function_does_itself_counts() {
        let text = "# callgrind format\npositions: line\nevents: Ir\n\nob=/a/program\nfl=a.rs\n\
                    fn=a::b::h0123456789abcdef\n0 5\ncob=/lib/libc.so.6\ncfn=memcpy\ncalls=2 0\n0 40\n\n\
                    fn=a::b'2\n0 3\n\nob=/lib/libc.so.6\nfn=memcpy\n0 40\n\ntotals: 48\n";
        let profile = Profile::read(text, "/a/program");
        assert_eq!(profile.functions, BTreeMap::from([("a::b".to_owned(), 8)]));
        assert_eq!(profile.system, 40);
    }

    #[test]
    fn names_lose_what_differs_between_builds() {
        assert_eq!(plain("a::h::hash"), "a::h::hash");
        assert_eq!(plain("<a as b>::c::h0123456789abcdef"), "<a as b>::c");
    }
}
