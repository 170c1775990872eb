//! `convertctl`: looks into Convert configs, and decides from them.
//!
//! One file or folder per command; what they share is beside them. Every command takes a config, from
//! a file or from the service, writes its answer to standard output and everything else to standard
//! error. The library is the program: [`run`] is all of it, and nothing here is an API for others.

mod args;
mod assign;
mod evaluate;
mod explain;
mod failure;
mod fetch;
mod input;
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

use std::env;
use std::io::{self, BufWriter, Write};
use std::process::{self, ExitCode};

use clap::{CommandFactory as _, Parser as _, error::ErrorKind};

use crate::args::{Cli, Command};
use crate::failure::Failure;

pub use crate::evaluate::answer_line;

/// Runs the program with the arguments of the process, and returns its exit code.
///
/// Wrong usage and `--help` end the process.
pub fn run() -> ExitCode {
    let cli = Cli::try_parse().unwrap_or_else(|error| refuse(&error));
    let mut out = BufWriter::with_capacity(OUTPUT_BUFFER, io::stdout().lock());
    let outcome = execute(&cli.command, &mut out).and_then(|code| match out.flush() {
        // A failure counts when the reader closes the output, too.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(code),
        flushed => Ok(flushed.map(|()| code)?),
    });
    match outcome {
        Ok(code) => code,
        // The reader of the output has seen enough, as `head` has after ten lines.
        Err(Failure::NobodyReads) => ExitCode::SUCCESS,
        Err(Failure::Usage(message)) => Cli::command()
            .error(ErrorKind::ArgumentConflict, output::one_line(&output::without_login(&message)))
            .exit(),
        Err(Failure::Other(message)) => {
            // What was answered before the failure still counts.
            let _ = out.flush();
            output::complain(&message);
            ExitCode::FAILURE
        }
    }
}

/// Ends the process after arguments that cannot be read, or that ask for help.
fn refuse(error: &clap::Error) -> ! {
    let text = error.to_string();
    let shown = env::args_os()
        .fold(text.clone(), |text, argument| without_quoted(text, &argument.to_string_lossy()));
    let shown = output::without_login(&shown);
    let shown = output::printable(&shown);
    // Help quotes nothing.
    if shown == text || !error.use_stderr() {
        error.exit();
    }
    let _ = write!(io::stderr().lock(), "{shown}");
    process::exit(error.exit_code());
}

/// Returns a message without the login of an address that it quotes, as it does where the option's
/// name was forgotten.
fn without_quoted(text: String, argument: &str) -> String {
    let value = argument.split_once('=').map_or(argument, |(_, value)| value);
    let addresses = [argument, value].into_iter().filter(|address| address.contains("://"));
    addresses.fold(text, |text, address| {
        let word = address.replace(char::is_whitespace, "_");
        text.replace(address, &output::without_login(&word))
    })
}

fn execute(command: &Command, out: &mut dyn Write) -> Result<ExitCode, Failure> {
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
