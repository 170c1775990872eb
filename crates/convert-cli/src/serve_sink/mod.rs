//! `convertctl serve-sink`: a tracking endpoint on this machine, to integrate an SDK with.

mod board;
mod certificate;
mod endpoint;
mod report;
mod server;
mod shape;

use std::io::{self, IsTerminal as _, Read as _, Write};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Args;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::args::seconds;
use crate::failure::Failure;
use crate::replacement;

use self::board::Board;
use self::certificate::Identity;
use self::endpoint::{Arrival, Endpoint};
use self::report::Report;
use self::server::{Limits, Server};

/// Serve a tracking endpoint on this machine, and show what arrives.
///
/// The endpoint speaks HTTPS on the loopback interface only, with a certificate of its own that a
/// client must be configured to trust. Every body is checked strictly; one that the service would not
/// understand is answered with 400 and the JSON path of the fault. On a terminal a table of visitors,
/// exposures, conversions and revenue is redrawn as events arrive; otherwise it is printed at the end.
/// Nothing is forwarded.
///
/// Clients are limited: --timeout for each handshake, head and body, and for the time between two
/// requests; 60 times as long for a connection; --max-connections at the same time; 16 KiB for a head,
/// 1 MiB for a body. The table has rows for the first 10,000 visitors; the sums count all of them.
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

    /// Print a JSON line when it is ready, and one for each event, and for each request refused.
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

    /// How long a handshake, the next head, and a body may each take.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    timeout: Duration,

    /// How many connections may be open at the same time; further ones wait.
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..))]
    max_connections: u16,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let runtime =
        Builder::new_multi_thread()
            .worker_threads(SERVER_THREADS)
            .enable_all()
            .build()
            .map_err(|error| Failure::new(format_args!("failed to start the server: {error}")))?;
    let running = Running::start(arguments, &runtime)?;
    let is_live = io::stdout().is_terminal() && !arguments.json;
    let mut report = Report::new(arguments.json, is_live, running.url.clone());
    let outcome = runtime.block_on(running.show(arguments, &mut report, out));
    // Standard input may still be read, which cannot be ended.
    runtime.shutdown_background();
    outcome
}

/// A server that is running.
struct Running {
    url: String,
    arrivals: Receiver<Arrival>,
    stop: oneshot::Sender<()>,
    server: tokio::task::JoinHandle<()>,
}

impl Running {
    fn start(arguments: &Arguments, runtime: &Runtime) -> Result<Self, Failure> {
        let identity = Identity::new().map_err(Failure::new)?;
        let limits = Limits {
            connections: usize::from(arguments.max_connections),
            timeout: arguments.timeout,
        };
        let (sender, arrivals) = channel(WAITING_ARRIVALS);
        let endpoint = Endpoint::new(sender.clone(), limits.timeout);
        let acceptor = TlsAcceptor::from(identity.server());
        let server = runtime
            .block_on(Server::bind(arguments.port, acceptor, endpoint, limits))
            .and_then(|server| Ok((server.address()?, server)));
        let (address, server) = server.map_err(|error| {
            Failure::new(format_args!("port {} cannot be served: {error}", arguments.port))
        })?;
        if let Some(file) = &arguments.certificate_out {
            write_certificate(file, identity.authority_pem())?;
        }
        if arguments.until_input_ends {
            report_end_of_input(sender);
        }
        let (stop, stopped) = oneshot::channel();
        Ok(Running {
            url: format!("https://localhost:{}", address.port()),
            arrivals,
            stop,
            server: runtime.spawn(server.run(stopped)),
        })
    }

    /// Shows what arrives until it is enough or the user interrupts, and then ends the server.
    async fn show(
        mut self,
        arguments: &Arguments,
        report: &mut Report,
        out: &mut dyn Write,
    ) -> Result<ExitCode, Failure> {
        let mut board = Board::default();
        let is_enough = |board: &Board| {
            arguments.for_batches.is_some_and(|most| board.batches() >= most)
                || arguments.for_events.is_some_and(|most| board.events() >= most)
        };
        // One future for all rounds, polled before anybody knows of the server, so that no interrupt
        // is missed.
        let mut interrupt = pin!(tokio::signal::ctrl_c());
        let _ = timeout(Duration::ZERO, &mut interrupt).await;
        report.begin(out)?;
        while !is_enough(&board) {
            let arrival = tokio::select! {
                arrival = timeout(report.redraw_delay(), self.arrivals.recv()) => arrival,
                interrupted = &mut interrupt => {
                    interrupted.map_err(Failure::new)?;
                    break;
                }
            };
            match arrival {
                Ok(Some(Arrival::InputEnded) | None) => break,
                Ok(Some(arrival)) => show(arrival, &mut board, report, out)?,
                Err(_) => report.redraw(out, &board)?,
            }
        }
        // Answers to what was reported are still sent; what comes later is refused.
        drop(self.arrivals);
        let _ = self.stop.send(());
        let _ = self.server.await;
        report.end(out, &board)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn show(
    arrival: Arrival,
    board: &mut Board,
    report: &mut Report,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    match arrival {
        Arrival::Batch(batch) => {
            board.add(&batch);
            report.accepted(out, board, &batch)
        }
        Arrival::Refused(refusal) => {
            board.refuse();
            report.refused(out, board, &refusal)
        }
        Arrival::ConnectionFailed(fault) => {
            let count = board.connection_failed();
            report.connection_failed(out, board, &fault, count)
        }
        Arrival::InputEnded => Ok(()),
    }
}

fn write_certificate(file: &Path, pem: &str) -> Result<(), Failure> {
    replacement::write(file, pem.as_bytes()).map_err(|error| {
        Failure::new(format_args!("{} cannot be written: {error}", file.display()))
    })
}

/// Reports the end of standard input, after everything that was answered before it.
fn report_end_of_input(arrivals: Sender<Arrival>) {
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while io::stdin().lock().read(&mut buffer).is_ok_and(|count| count > 0) {}
        let _ = arrivals.blocking_send(Arrival::InputEnded);
    });
}

const SERVER_THREADS: usize = 2;
/// How many arrivals, each with up to 1 MiB of events, wait to be shown before clients wait.
const WAITING_ARRIVALS: usize = 16;
