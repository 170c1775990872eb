//! `convertctl serve-sink`: a tracking endpoint on this machine, for whoever integrates an SDK.

mod board;
mod certificate;
mod http;
mod report;
mod shape;
mod worker;

use std::io::{self, IsTerminal as _, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::failure::Failure;
use crate::output::complain;

use self::board::Board;
use self::certificate::Identity;
use self::report::Report;
use self::worker::{Arrival, Sink};

/// Serve a tracking endpoint on this machine, and show what arrives.
///
/// The endpoint speaks HTTPS on the loopback interface alone, with a certificate of its own that a
/// client has to be told to trust. Every body is checked strictly; one that the service would not
/// understand is answered 400, with the path of what is wrong. On a terminal a table of visitors,
/// exposures, conversions and revenue is redrawn as events arrive; otherwise it is printed in the
/// end. Nothing is sent on.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  convertctl serve-sink --port 9443 --certificate-out sink.pem
  convertctl track --config demo --visitor v1 --goal order-placed --revenue 49.99 \\
    --track-base-url https://localhost:9443/v1 --root-certificate sink.pem")]
pub(crate) struct Arguments {
    /// The port to listen on; 0 takes one that is free.
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    port: u16,

    /// Where to write the certificate that clients must trust, as PEM. Made anew at each start.
    #[arg(long, value_name = "FILE")]
    certificate_out: Option<PathBuf>,

    /// Print a JSON line when it is ready, and one for each event, and for each body refused.
    #[arg(long)]
    json: bool,

    /// End once so many batches have been accepted.
    #[arg(long, value_name = "N")]
    for_batches: Option<u64>,

    /// End once so many events have been accepted.
    #[arg(long, value_name = "N")]
    for_events: Option<u64>,

    /// End when standard input does, as it does when the process at its other end has gone.
    #[arg(long)]
    until_input_ends: bool,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let identity = Identity::new().map_err(Failure::new)?;
    let sink = Sink::start(arguments.port, identity.server()).map_err(|error| {
        Failure::new(format_args!("port {} cannot be served: {error}", arguments.port))
    })?;
    if let Some(file) = &arguments.certificate_out {
        std::fs::write(file, identity.authority_pem()).map_err(|error| {
            Failure::new(format_args!("{} cannot be written: {error}", file.display()))
        })?;
    }
    sink.end_on_interrupt().map_err(Failure::new)?;
    if arguments.until_input_ends {
        sink.end_with_input();
    }
    let is_live = io::stdout().is_terminal() && !arguments.json;
    let mut report = Report::new(arguments.json, is_live, sink.url());
    report.begin(out)?;
    if !arguments.json {
        let url = sink.url();
        complain(&format!("listening on {url}; send events with a track base URL of {url}/v1"));
    }
    let mut board = Board::default();
    let is_enough = |board: &Board| {
        arguments.for_batches.is_some_and(|most| board.batches() >= most)
            || arguments.for_events.is_some_and(|most| board.events() >= most)
    };
    while !is_enough(&board) {
        match sink.next(report.patience()) {
            Some(Arrival::Batch(batch)) => {
                board.add(&batch);
                report.accepted(out, &board, &batch)?;
            }
            Some(Arrival::Refused(refusal)) => {
                board.refuse();
                report.refused(out, &board, &refusal)?;
            }
            Some(Arrival::End) => break,
            None => report.redraw(out, &board)?,
        }
    }
    report.end(out, &board)?;
    Ok(ExitCode::SUCCESS)
}
