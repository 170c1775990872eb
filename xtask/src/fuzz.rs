//! `cargo xtask fuzz`: every fuzz target for a while.

use crate::process::{Process, has_subcommand};
use crate::workspace;

/// Fuzzes each target for `--seconds N` (default 600), or only the targets named.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let mut seconds = 600_u32;
    let mut chosen = Vec::new();
    let mut rest = args.iter();
    while let Some(word) = rest.next() {
        if word == "--seconds" {
            let number = rest.next().and_then(|number| number.parse().ok());
            seconds = number.ok_or("--seconds needs a number")?;
        } else if let Some(target) = TARGETS.iter().find(|(name, _)| name == word) {
            chosen.push(target);
        } else {
            return Err(format!("fuzz: there is no target `{word}`"));
        }
    }
    if !has_subcommand("fuzz") {
        return Err("cargo-fuzz is missing; it needs a nightly compiler as well".to_owned());
    }
    if chosen.is_empty() {
        chosen.extend(TARGETS);
    }
    chosen.into_iter().try_for_each(|(target, options)| fuzz(target, options, seconds))
}

fn fuzz(target: &str, options: &[&str], seconds: u32) -> Result<(), String> {
    let corpus = format!("fuzz/corpus/{target}");
    std::fs::create_dir_all(workspace::root().join(&corpus))
        .map_err(|error| format!("cannot make {corpus}: {error}"))?;
    let limits = ["-timeout=25", "-rss_limit_mb=2048"].map(str::to_owned);
    let mut words = vec![corpus, format!("fuzz/seeds/{target}"), "--".to_owned()];
    words.extend(options.iter().map(|option| (*option).to_owned()));
    words.extend(limits);
    words.push(format!("-max_total_time={seconds}"));
    // The rustup proxy picks the nightly compiler; the cargo that runs this task cannot. Without
    // unsafe code there is nothing for a sanitizer to find, and it takes most of the time.
    let run = ["+nightly", "fuzz", "run", "--sanitizer", "none", target];
    Process::new("cargo", &run).args(&words).run()
}

/// The targets, with the options that suit their inputs.
const TARGETS: &[(&str, &[&str])] = &[
    ("load_config", &["-dict=fuzz/json.dict", "-max_len=4096"]),
    ("project", &["-len_control=0", "-max_len=4096"]),
    ("rules", &["-len_control=0", "-max_len=1024"]),
    ("regex", &["-dict=fuzz/regex.dict", "-max_len=256"]),
    ("request_line", &["-dict=fuzz/json.dict", "-max_len=2048"]),
];
