//! `cargo xtask chaos`: kills a delivering process again and again, and prints what became of its events.

use crate::process::Process;

/// Runs the chaos test in full: a million events and twenty kills, unless `--events` and `--kills` say otherwise.
///
/// # Errors
/// Fails when an option is unknown, or when an event was lost, doubled or reordered.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let test = ["test", "--release", "--package", "convert-tests", "--test", "chaos"];
    let filter = ["--", "many_kills", "--ignored", "--nocapture"];
    let mut process = Process::cargo(&[test.as_slice(), &filter].concat());
    let mut args = args.iter();
    while let Some(option) = args.next() {
        let variable = match option.as_str() {
            "--events" => "CONVERT_CHAOS_EVENTS",
            "--kills" => "CONVERT_CHAOS_KILLS",
            unknown => return Err(format!("unknown option {unknown}")),
        };
        let number = args.next().filter(|number| number.parse::<u64>().is_ok());
        let number = number.ok_or_else(|| format!("{option} needs a number"))?;
        process = process.env(variable, number);
    }
    process.run()
}
