//! `convertctl track`: a conversion from the shell, to see whether it arrives.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::Args;
use convert_sdk::{Context, Conversion, ConversionResult, Core, LifecycleEvent, RunOptions};
use serde_json::{Value, json};

use crate::args::{Facts, seconds};
use crate::failure::{Failure, unless_unread, with_causes};
use crate::json;
use crate::output::{complain, write_table};
use crate::source::{ConfigOptions, TrackingAddress};

/// Track a conversion of a visitor, and report what became of it.
///
/// The events go to the service and count there, unless --track-base-url names another place, such
/// as that of `convertctl serve-sink`. The visitor is new each time: nothing is remembered between
/// two runs. Exits with 1 unless everything was delivered.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  CONVERT_SDK_KEY=10012345/10067890 convertctl track --visitor smoke-1 --goal purchase \\
    --revenue 49.99 --transaction-id t-1 --run-experiences
  convertctl track --config demo --visitor v1 --goal order-placed \\
    --track-base-url https://localhost:9443/v1 --root-certificate sink.pem")]
pub(crate) struct Arguments {
    #[command(flatten)]
    source: ConfigOptions,

    #[command(flatten)]
    address: TrackingAddress,

    /// The visitor.
    #[arg(long, value_name = "ID")]
    visitor: String,

    #[command(flatten)]
    facts: Facts,

    /// The key of the goal that the visitor reaches.
    #[arg(long, value_name = "KEY")]
    goal: String,

    /// What the conversion is worth.
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true)]
    revenue: Option<f64>,

    /// The id of the transaction.
    #[arg(long, value_name = "ID")]
    transaction_id: Option<String>,

    /// How many products were bought.
    #[arg(long, value_name = "COUNT")]
    products_count: Option<u32>,

    /// Run every experience first, so that the visitor is exposed and the conversion attributed.
    #[arg(long)]
    run_experiences: bool,

    /// How long to wait until everything is delivered.
    #[arg(long, value_name = "SECONDS", default_value = "15", value_parser = seconds)]
    delivery_timeout: Duration,

    /// Write JSON.
    #[arg(long)]
    json: bool,
}

/// What became of the events.
struct Account {
    result: ConversionResult,
    experiences: usize,
    queued: u64,
    delivered: u64,
    left: u64,
    attempts: Vec<Attempt>,
}

/// An attempt to deliver a batch.
struct Attempt {
    events: u32,
    status: Option<u16>,
    outcome: String,
    is_delivered: bool,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    arguments.facts.hint_at_respelt_numbers();
    let conversion = arguments.conversion();
    if let Some(error) = conversion.error() {
        return Err(Failure::Usage(error.to_string()));
    }
    let origin = arguments.source.origin()?;
    let transport = arguments.address.apply(origin.transport()?)?;
    let attempts: Arc<Mutex<Vec<Attempt>>> = Arc::default();
    let recorded = Arc::clone(&attempts);
    let settings = origin.settings()?.transport(transport).tracking(true).on_event(
        move |event: &LifecycleEvent| {
            if let LifecycleEvent::QueueReleased(released) = event {
                recorded.lock().unwrap_or_else(PoisonError::into_inner).push(Attempt {
                    events: released.events(),
                    status: released.status(),
                    is_delivered: released.is_accepted(),
                    outcome: released
                        .error()
                        .map_or_else(|| released.to_string(), |e| with_causes(e)),
                });
            }
        },
    );
    let core = Core::initialize(settings).map_err(|error| Failure::of(&error))?;
    let config = core.current_config();
    if config.goals().by_key_or_id(&arguments.goal).is_none() {
        return Err(Failure::no_goal(&arguments.goal, &config));
    }
    let visitor = core
        .create_context(arguments.visitor.as_str())
        .with_attributes(arguments.facts.attributes())
        .with_location(arguments.facts.location());
    let experiences = if arguments.run_experiences { expose(&visitor) } else { 0 };
    let result = visitor.track_conversion(conversion);
    // What a flush cannot deliver, closing tries once more.
    let _ = core.flush(arguments.delivery_timeout);
    let left = core.close(CLOSING).left();
    let attempts = std::mem::take(&mut *attempts.lock().unwrap_or_else(PoisonError::into_inner));
    let stats = core.stats();
    let (queued, delivered) = (stats.events_queued, stats.events_delivered);
    let account = Account { result, experiences, queued, delivered, left, attempts };
    // The exit code holds when the reader closes the output.
    unless_unread(account.write(arguments.json, out))?;
    if !account.result.is_queued() {
        complain(&format!("the conversion was not tracked: {}", account.result));
    } else if !account.is_delivered() {
        complain(&account.undelivered());
    }
    Ok(if account.is_delivered() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Arguments {
    fn conversion(&self) -> Conversion {
        let mut conversion = Conversion::new(self.goal.as_str());
        if let Some(revenue) = self.revenue {
            conversion = conversion.revenue(revenue);
        }
        if let Some(id) = &self.transaction_id {
            conversion = conversion.transaction_id(id.as_str());
        }
        if let Some(count) = self.products_count {
            conversion = conversion.products_count(count);
        }
        conversion
    }
}

impl Account {
    fn is_delivered(&self) -> bool {
        self.result.is_queued() && self.delivered == self.queued
    }

    /// Returns how much was not delivered, and why the last attempt failed.
    fn undelivered(&self) -> String {
        let missing = self.queued - self.delivered;
        let failed = self.attempts.iter().rfind(|attempt| !attempt.is_delivered);
        let why = failed.map_or("no attempt was completed in time", |attempt| &attempt.outcome);
        format!("{missing} of {} events were not delivered: {why}", self.queued)
    }

    fn dropped(&self) -> u64 {
        self.queued - self.delivered - self.left
    }

    fn write(&self, as_json: bool, out: &mut dyn Write) -> io::Result<()> {
        if as_json {
            return json::write_pretty(out, &self.json());
        }
        let row = |name: &str, value: String| vec![name.to_owned(), value];
        let mut rows = vec![
            row("conversion", self.result.to_string()),
            row("experiences", self.experiences.to_string()),
            row("events queued", self.queued.to_string()),
            row("delivered", self.delivered.to_string()),
            row("dropped", self.dropped().to_string()),
            row("left", self.left.to_string()),
        ];
        for (number, attempt) in (1..).zip(&self.attempts) {
            let outcome = format!("{} events: {}", attempt.events, attempt.outcome);
            rows.push(row(&format!("attempt {number}"), outcome));
        }
        write_table(out, &rows)
    }

    fn json(&self) -> Value {
        let attempt = |attempt: &Attempt| json!({"events": attempt.events, "status": attempt.status, "outcome": attempt.outcome});
        json!({
            "conversion": self.result.to_string(),
            "experiences": self.experiences,
            "queued": self.queued,
            "delivered": self.delivered,
            "dropped": self.dropped(),
            "left": self.left,
            "attempts": self.attempts.iter().map(attempt).collect::<Vec<_>>(),
            "isDelivered": self.is_delivered(),
        })
    }
}

/// Runs every experience, and returns how many have a variation for the visitor.
fn expose(visitor: &Context) -> usize {
    visitor.run_experiences_with(&RunOptions::new()).len()
}

/// How long closing may take after a flush that was in vain.
const CLOSING: Duration = Duration::from_secs(1);
