//! `convertctl evaluate`: what visitors get, a line each.

use std::io::{self, Read, Write};
use std::process::ExitCode;

use clap::Args;
use convert_sdk::{Core, VisitorRecord};

mod answer;
mod request;

use self::answer::{Answer, Fault};
use self::request::Request;

use crate::failure::Failure;
use crate::lines::{Line, Lines};
use crate::output::{complain, grouped};
use crate::progress::Progress;
use crate::source::ConfigOptions;

/// Answer what visitors get: requests on standard input, answers on standard output, a line each.
///
/// A request is `{"visitor_id", "attributes", "location", "record"}`; only the visitor id is
/// needed, and other members are ignored. The record is what is remembered of the visitor, as the SDKs
/// store it. Every line is a fresh visitor: no line influences another, equal visitor ids or not.
///
/// An answer is `{"visitor_id", "experiences", "features"}`, in the order of the requests. The
/// experiences are those the visitor gets, each decided on its own. The features are those of one
/// pass over all experiences in config order, in which mutual exclusion sees the assignments made
/// earlier; a feature that several experiences turn on is listed for each.
///
/// Values are what JSON makes of them: the number 1.10 is 1.1, the text "1.10" stays as it is.
///
/// A line that is no request is answered by `{"error", "line"}`, and the exit code is 1 at the end.
/// Empty lines are skipped.
#[derive(Debug, Args)]
#[command(after_long_help = "Example:
  echo '{\"visitor_id\": \"visitor-001\", \"attributes\": {\"plan\": \"pro\"}}' |
    convertctl evaluate --config demo")]
pub(crate) struct Arguments {
    #[command(flatten)]
    source: ConfigOptions,
}

/// The answers to a group of lines.
#[derive(Debug, Default)]
struct Answers {
    text: Vec<u8>,
    faults: u64,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let origin = arguments.source.origin()?;
    origin.leaves_input_for("requests")?;
    let core = origin.core()?;
    let mut lines = Lines::new(io::stdin().lock());
    let mut faults = 0;
    match answer_all(&core, &mut lines, &mut faults, out) {
        // The exit code holds when the reader closes the output.
        Err(Failure::NobodyReads) if faults > 0 => return Ok(ExitCode::FAILURE),
        answered => answered?,
    }
    if faults > 0 {
        let (faults, lines) = (grouped(faults), grouped(lines.read()));
        complain(&format!("{faults} of {lines} lines are not requests"));
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn answer_all(
    core: &Core,
    lines: &mut Lines<impl Read>,
    faults: &mut u64,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let mut progress = Progress::new();
    loop {
        let unread = |error| Failure::new(format_args!("the requests cannot be read: {error}"));
        let Some(chunk) = lines.next_chunk().map_err(unread)? else {
            return Ok(());
        };
        let answer = |lines: &mut dyn Iterator<Item = Line<'_>>| Answers::to(core, lines);
        chunk.in_parallel(answer, |answers| {
            *faults += answers.faults;
            out.write_all(&answers.text)
        })?;
        out.flush()?;
        progress.show(lines.read());
    }
}

impl Answers {
    fn to(core: &Core, lines: &mut dyn Iterator<Item = Line<'_>>) -> Self {
        let mut answers = Answers::default();
        // The rest is left for later where variables are long.
        while let Some(line) = (answers.text.len() < LONG_ANSWERS).then(|| lines.next()).flatten() {
            answers.add(core, line);
        }
        answers
    }

    fn add(&mut self, core: &Core, line: Line<'_>) {
        let request = match line.text() {
            Ok(text) if text.trim_ascii().is_empty() => return,
            Ok(text) => Request::parse(text),
            Err(error) => Err(error),
        };
        self.answer(core, request, line.number());
    }

    fn answer(&mut self, core: &Core, request: Result<Request, String>, line: u64) {
        match request {
            Ok(request) => Answer::write(&request.into_visitor(core), &mut self.text),
            Err(error) => {
                self.faults += 1;
                Fault { error, line }.write(&mut self.text);
            }
        }
    }
}

/// Answers a request line as `evaluate` does, and returns the visitor's record where it is one. For
/// the fuzz target of request lines.
#[doc(hidden)]
pub fn answer_line(core: &Core, line: &str) -> (Vec<u8>, Option<VisitorRecord>) {
    let record = Request::parse(line).ok().map(|it| it.into_visitor(core).visitor_record());
    let mut answers = Answers::default();
    answers.answer(core, Request::parse(line), 1);
    (answers.text, record)
}

/// The bytes of answers from which on they are written before there are more.
const LONG_ANSWERS: usize = 1 << 20;
