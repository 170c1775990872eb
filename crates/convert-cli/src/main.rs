//! `convertctl`: looks into Convert configs, and decides from them.
//!
//! One file per command; what they share is beside them. Every command takes a config, from a file
//! or from the service, writes its answer to standard output and everything else to standard error.

mod args;
mod assign;
mod evaluate;
mod explain;
mod failure;
mod fetch;
mod json;
mod lines;
mod output;
mod progress;
mod records;
mod replacement;
mod serve_sink;
mod shares;
mod simulate;
mod source;
mod track;
mod validate;

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _, error::ErrorKind};

use crate::args::{Cli, Command};
use crate::failure::Failure;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut out = BufWriter::with_capacity(OUTPUT_BUFFER, io::stdout().lock());
    let outcome = run(&cli.command, &mut out).and_then(|code| {
        out.flush()?;
        Ok(code)
    });
    match outcome {
        Ok(code) => code,
        // Whoever read the output has seen enough, as `head` has after ten lines.
        Err(Failure::NobodyReads) => ExitCode::SUCCESS,
        Err(Failure::Usage(message)) => {
            Cli::command().error(ErrorKind::ArgumentConflict, message).exit()
        }
        Err(Failure::Other(message)) => {
            // What was answered before the failure still counts.
            let _ = out.flush();
            output::complain(&message);
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    match command {
        Command::Validate(args) => validate::run(args, out),
        Command::Evaluate(args) => evaluate::run(args, out),
        Command::Explain(args) => explain::run(args, out),
        Command::Simulate(args) => simulate::run(args, out),
        Command::Assign(args) => assign::run(args, out),
        Command::Fetch(args) => fetch::run(args, out),
        Command::Track(args) => track::run(args, out),
        Command::ServeSink(args) => serve_sink::run(args, out),
        Command::Records(args) => records::run(args, out),
    }
}

/// Bytes of output that are gathered before they are written.
const OUTPUT_BUFFER: usize = 64 * 1024;
