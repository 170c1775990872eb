//! `convertctl assign`: the pure allocation of many visitors.

use std::borrow::Cow;
use std::io::{self, IsTerminal as _, Read, Write};
use std::process::ExitCode;

use clap::Args;
use convert_sdk::Experience;

use crate::failure::Failure;
use crate::lines::{Line, Lines};
use crate::output::{complain, grouped, one_line};
use crate::progress::Progress;
use crate::source::ConfigOptions;

/// Assign visitor ids, one a line on standard input, to the variations of an experience.
///
/// Writes `id<TAB>variation key` for every line, in order; the id of the variation where it has no
/// key, and nothing after the tab where the visitor is not in the traffic. Control characters in a
/// key are escaped, so that a line stays a line; those in an id on a terminal only.
///
/// This is the hash alone: environment, locations, audiences, segments and stored assignments are
/// ignored on purpose. Use `evaluate` for what visitors really get. Ids are taken as they are, up to
/// the end of the line; an empty line is an empty id, which gets no variation.
#[derive(Debug, Args)]
#[command(after_long_help = "Example:
  cut -f 1 visitors.tsv | convertctl assign --config demo --experience checkout")]
pub(crate) struct Arguments {
    #[command(flatten)]
    source: ConfigOptions,

    /// The experience, by key or id.
    #[arg(long, value_name = "KEY")]
    experience: String,
}

/// The assignments of a group of lines, and what is wrong with the others.
#[derive(Debug, Default)]
struct Assignments {
    text: Vec<u8>,
    faults: Vec<String>,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let origin = arguments.source.origin()?;
    origin.leaves_input_for("visitor ids")?;
    let config = origin.load()?;
    let experience = config
        .experience(&arguments.experience)
        .ok_or_else(|| Failure::no_experience(&arguments.experience, &config))?;
    let mut lines = Lines::new(io::stdin().lock());
    let mut missed = Missed::default();
    match assign_all(experience, &mut lines, &mut missed, out) {
        // The exit code holds when the reader closes the output.
        Err(Failure::NobodyReads) if missed.count > 0 => {}
        assigned => assigned?,
    }
    if missed.count == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    for fault in &missed.first {
        complain(fault);
    }
    let (count, lines) = (grouped(missed.count), grouped(lines.read()));
    complain(&format!("{count} of {lines} lines are no visitor ids and were left out"));
    Ok(ExitCode::FAILURE)
}

/// The lines that are no visitor ids.
#[derive(Debug, Default)]
struct Missed {
    count: u64,
    /// What is wrong with the first of them.
    first: Vec<String>,
}

fn assign_all(
    experience: &Experience,
    lines: &mut Lines<impl Read>,
    missed: &mut Missed,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let is_watched = io::stdout().is_terminal();
    let mut progress = Progress::new();
    loop {
        let unread = |error| Failure::new(format_args!("the ids cannot be read: {error}"));
        let Some(chunk) = lines.next_chunk().map_err(unread)? else {
            return Ok(());
        };
        let assign = |lines: &mut dyn Iterator<Item = Line<'_>>| {
            Assignments::of(experience, is_watched, lines)
        };
        chunk.in_parallel(assign, |assignments| {
            missed.count += assignments.faults.len() as u64;
            let room = SHOWN_FAULTS - missed.first.len();
            missed.first.extend(assignments.faults.into_iter().take(room));
            out.write_all(&assignments.text)
        })?;
        out.flush()?;
        progress.show(lines.read());
    }
}

impl Assignments {
    /// Assigns visitors; on a terminal, nothing of their ids must steer it.
    fn of(
        experience: &Experience,
        is_watched: bool,
        lines: &mut dyn Iterator<Item = Line<'_>>,
    ) -> Self {
        let mut assignments = Assignments::default();
        let mut ids = Vec::new();
        for line in lines {
            match line.text() {
                Ok(id) => ids.push(id),
                Err(error) => {
                    assignments.faults.push(format!("line {}: {error}", line.number()));
                }
            }
        }
        for (id, bucket) in ids.iter().zip(bucket_values(experience, &ids)) {
            let variation = experience.variation_at(bucket).filter(|_| !id.is_empty());
            let key = variation.and_then(|variation| variation.key().or(variation.id()));
            let text = &mut assignments.text;
            let id = if is_watched { one_line(id) } else { Cow::Borrowed(*id) };
            for part in [&*id, "\t", &one_line(key.unwrap_or_default()), "\n"] {
                text.extend_from_slice(part.as_bytes());
            }
        }
        assignments
    }
}

/// Returns the visitors' buckets, in order.
fn bucket_values(experience: &Experience, visitor_ids: &[&str]) -> Vec<u16> {
    let mut values = vec![0; visitor_ids.len()];
    experience.buckets().hasher().bucket_values(visitor_ids, &mut values);
    values
}

/// Faults that are shown one by one.
const SHOWN_FAULTS: usize = 10;
