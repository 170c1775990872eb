//! `cargo xtask soak`: an application under attack for a while, and what became of its events.

use crate::process::Process;

/// Runs the soak for `--minutes N` (default 5) or `--seconds N`, with faults in the order of `--seed N`.
///
/// # Errors
///
/// Fails when an option is unknown, when an event was lost without being counted, or when a bound on
/// threads, sockets, bytes or time was broken.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let mut seconds = 300;
    let mut seed = 1;
    let mut words = arguments.iter();
    while let Some(option) = words.next() {
        let number = words.next().and_then(|number| number.parse::<u64>().ok());
        let number = number.ok_or_else(|| format!("{option} needs a number"))?;
        match option.as_str() {
            "--minutes" => seconds = number * 60,
            "--seconds" => seconds = number,
            "--seed" => seed = number,
            unknown => return Err(format!("unknown option {unknown}")),
        }
    }
    let test = ["test", "--package", "convert-tests", "--test", "soak", "--"];
    let filter = ["the_attack", "--ignored", "--nocapture"];
    Process::cargo(&[test.as_slice(), &filter].concat())
        .env("CONVERT_SOAK_SECONDS", &seconds.to_string())
        .env("CONVERT_SOAK_SEED", &seed.to_string())
        .run()
}
