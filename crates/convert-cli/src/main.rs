//! The `convertctl` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    convert_cli::run()
}
