//! The README's section about performance, written from what was measured.

use std::fs;
use std::process::Command;

use super::figure::Figure;
use super::options::Options;
use super::{bars, figures, peers};
use crate::workspace;

/// Measures everything and writes the section anew.
pub(super) fn run(options: &Options) -> Result<(), String> {
    if options.quick {
        return Err("bench: what a quick run measures is too rough for the README".to_owned());
    }
    let rows = peers::measure(options)?;
    peers::draw(&rows)?;
    let figures = figures(options)?;
    let section = section(&machine(), &table(&figures), &peers::markdown(&rows));
    let path = workspace::root().join(README);
    let text = fs::read_to_string(&path).map_err(|error| format!("{README}: {error}"))?;
    let text = replaced(&text, &section)?;
    fs::write(&path, text).map_err(|error| format!("{README}: {error}"))
}

/// Fails where the section is missing, or lacks what a measurement always writes.
pub(crate) fn check(readme: &str) -> Result<(), String> {
    let section = within(readme).ok_or_else(|| format!("no section from `{BEGIN}` to `{END}`"))?;
    let lost = [PLOT, FIGURES, PEERS].into_iter().find(|part| !section.contains(part));
    match lost {
        None => Ok(()),
        Some(lost) => Err(format!("the section about performance has lost {lost:?}")),
    }
}

/// Puts the section in place of the one that is there.
fn replaced(readme: &str, section: &str) -> Result<String, String> {
    let parts = readme.split_once(BEGIN);
    let parts = parts.and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) = parts.ok_or_else(|| format!("{README} has no `{BEGIN}` with `{END}`"))?;
    Ok(format!("{before}{BEGIN}{section}{END}{after}"))
}

/// Returns what stands between the marks.
fn within(readme: &str) -> Option<&str> {
    let (_, rest) = readme.split_once(BEGIN)?;
    rest.split_once(END).map(|(section, _)| section)
}

fn section(machine: &str, figures: &str, peers: &str) -> String {
    section_lines(machine).replacen(FIGURES, &format!("{FIGURES}{figures}"), 1).replacen(
        PEERS,
        &format!("{PEERS}{peers}"),
        1,
    )
}

/// Returns the section without the rows of its tables.
fn section_lines(machine: &str) -> String {
    format!(
        "\n{INTRODUCTION}{machine}\n\n{FIGURES}\n{SIDE_BY_SIDE}\n\n{PEERS}\n{PLOT}\n\n{SCALE}\n"
    )
}

fn table(figures: &[Figure]) -> String {
    let rows = SHOWN.iter().filter_map(|(name, told)| {
        let figure = figures.iter().find(|figure| figure.name == *name)?;
        let [number, allocs, _] = figure.cells();
        let bar = bars::verdicts(figure, figures);
        Some(format!("| {told} | {number} | {allocs} | {bar} |\n"))
    });
    rows.collect()
}

/// Describes the machine without naming it.
fn machine() -> String {
    let told = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = told.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown processor", |(_, model)| model.trim());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let compiler = Command::new("rustc").arg("--version").output();
    let compiler = compiler.map(|it| String::from_utf8_lossy(&it.stdout).into_owned());
    let compiler = compiler.unwrap_or_default();
    let compiler = compiler.split(" (").next().unwrap_or_default();
    format!("{cores} cores of {model}, {}, {compiler}:", std::env::consts::OS)
}

const README: &str = "README.md";
const BEGIN: &str = "<!-- performance: written by `cargo xtask bench --write-readme` -->";
const END: &str = "<!-- end of performance -->";
const INTRODUCTION: &str = "Of a project with 100 experiences of four arms, with one thread where nothing else is said; medians of\n\
     `cargo xtask bench` on ";
const FIGURES: &str = "| | | allocations | bar |\n|---|---:|---:|---|\n";
const SIDE_BY_SIDE: &str = "The same experiment with one audience rule, among 100 flags, by other libraries in the same run\n\
     (`cargo xtask bench --peers`), in nanoseconds of processor time. The JavaScript SDK also remembers what it decides,\n\
     which cannot be switched off. The times are medians of the ratios within each round.";
const PEERS: &str = "| | decision | allocations | times | context and decision | allocations |\n\
                     |---|---:|---:|---:|---:|---:|\n";
const PLOT: &str = "![Nanoseconds a decision, by library](docs/plots/peers.svg)";
const SCALE: &str = "A decision for one experience takes [as much time](docs/plots/scale-experiences.svg) in a project of 10,000\n\
     experiences as in one of 100 while the caches hold what it reads. Where they do not, since every experience is asked\n\
     for in turn, it waits for memory, about as long as it computes. What\n\
     [visitors in memory](docs/plots/scale-visitor-memory.svg) take up, what\n\
     [finding one among a million](docs/plots/scale-visitors.svg) costs, and other curves lie in [docs/plots](docs/plots);\n\
     [where the time goes](docs/adr/0006-where-a-decision-spends-its-time.md) tells what was in the way.";
/// The figures that are shown, and what they are called.
const SHOWN: &[(&str, &str)] = &[
    ("murmur3_45", "a bare MurmurHash3 of 45 bytes"),
    ("bucket_value", "a bucket value of a visitor id"),
    ("bucket_value_bulk", "the same in a column of ids, each"),
    (
        "run_experience_fresh",
        "one of 50 decisions of a new context, each with an audience of four rules; nothing is stored",
    ),
    ("run_experience_regex", "one of 20 with the same regular expression"),
    ("run_experience_first", "the first of a context alone, out of far caches"),
    ("run_experience_first_regex", "the first alone, with a regular expression"),
    (
        "run_experience_sticky",
        "for a visitor decided for before, half of the experiences with an audience",
    ),
    (
        "run_experience_sticky_guarded",
        "for a visitor decided for before, all with an audience, which is asked again",
    ),
    ("floor_fresh", "floor: a new visitor, by code for this project alone"),
    ("floor_fresh_rules", "floor: a new visitor, by a plain interpreter of rules alone"),
    ("floor_sticky", "floor: for a visitor decided for before, with an audience"),
    ("floor_regex", "floor: with a regular expression"),
    ("context_and_run", "a context with five attributes, and a decision"),
    ("run_experience_tracked", "a new visitor's decision, tracked and stored in memory"),
    ("run_experiences_100", "all 100 experiences for one visitor"),
    ("explain_experience", "a decision with its reasons"),
    ("run_experience_1t", "decisions a second on one thread"),
    ("run_experience_2t", "decisions a second on two threads"),
    ("delivery", "events a second from two threads to a server on the same machine, over TLS"),
    ("load_config_1000", "loading a config of 1,000 experiences, 3 MB of JSON"),
    ("config_memory_ratio", "bytes on the heap for each byte of that JSON"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn readme() -> String {
        let rows = "| a | 1 | 2 | 3 |\n".repeat(SHOWN.len());
        let section =
            section("2 cores of x, linux, rustc 1:", &rows, "| b | 1 | 2 | 3 | 4 | 5 |\n");
        replaced(&format!("# A\n\n{BEGIN}\n{END}\n\nAfter.\n"), &section).unwrap()
    }

    #[test]
    fn what_is_written_passes_the_check() {
        let readme = readme();
        assert!(readme.starts_with("# A\n") && readme.ends_with("\nAfter.\n"));
        assert!(readme.contains("|---|---:|---:|---|\n| a | 1 | 2 | 3 |\n"), "{readme}");
        assert!(readme.contains("`cargo xtask bench` on 2 cores of x, linux, rustc 1:\n"));
        assert_eq!(check(&readme), Ok(()));
    }

    #[test]
    fn what_is_changed_by_hand_fails_it() {
        assert!(check("# A\n").unwrap_err().contains("no section"));
        let lost = readme().replace(PLOT, "");
        assert!(check(&lost).unwrap_err().contains("peers.svg"));
        let headless = readme().replace(FIGURES, "");
        assert!(check(&headless).unwrap_err().contains("allocations"));
    }
}
