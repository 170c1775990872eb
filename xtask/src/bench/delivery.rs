//! How fast events are delivered, and what memory that takes.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use convert_sdk::{Context, Core, TrackingConfig};
use test_support::DrainServer;

use super::clock::Clock;
use super::deciding::unstored_but_tracked;
use super::figure::{Figure, Rate, Reading, Rounds};
use super::fixture::contexts;
use super::measure::count;
use super::options::Options;
use super::tracking;
use super::workload::{self, Visitor};

/// Events from two threads to a server on this machine, over TLS.
pub(super) fn figures(options: &Options) -> Result<Vec<Figure>, String> {
    let visitors = workload::visitors(options.visitors());
    let (runs, events) = if options.quick { (1, 200_000) } else { (3, 1_000_000) };
    let runs = (0..runs).map(|_| Run::measure(&visitors, events));
    let runs = runs.collect::<Result<Vec<Run>, String>>()?;
    let each = |read: fn(&Run) -> f64| Rounds::new(runs.iter().map(read).collect());
    let rate = Rate { per_s: each(|run| run.rate), cpu_ns: each(|run| run.cpu_ns) };
    let memory = runs.iter().map(|run| run.mebibytes).fold(0.0, f64::max);
    Ok(vec![
        Figure { name: "delivery", reading: Reading::Rate(rate) },
        Figure::value("delivery_memory_mib", memory),
    ])
}

/// What one delivery of all the events took, the server's part included.
struct Run {
    rate: f64,
    cpu_ns: f64,
    mebibytes: f64,
}

impl Run {
    fn measure(visitors: &[Visitor], events: usize) -> Result<Self, String> {
        let arrived = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&arrived);
        let server = DrainServer::start(move |body: &[u8]| {
            let events = body.windows(EVENT.len()).filter(|part| *part == EVENT).count();
            counted.fetch_add(events, Ordering::Relaxed);
        });
        let core = tracking::core(|config| {
            let tracking = TrackingConfig::builder().queue_capacity(WAITING).batch_size(BATCH);
            Ok(config
                .transport(server.transport_config())
                .tracking_config(tracking.build().map_err(|error| error.to_string())?))
        })?;
        let contexts = contexts(&core, visitors);
        let before = memory();
        let most = AtomicUsize::new(before);
        let (began, used) = (Clock::Wall.now(), Clock::Process.now());
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    most.fetch_max(record(&core, &contexts, events / 2), Ordering::Relaxed)
                });
            }
        });
        core.flush(PATIENCE).map_err(|error| error.to_string())?;
        let elapsed = Clock::Wall.now().saturating_sub(began);
        let spent = Clock::Process.now().saturating_sub(used);
        let (stats, arrived) = (core.stats(), arrived.load(Ordering::Relaxed));
        if stats.dropped_queue_full > 0 || arrived != events {
            return Err(format!("of {events} events {arrived} arrived: {stats:?}"));
        }
        Ok(Run {
            rate: count(events) / elapsed.as_secs_f64(),
            cpu_ns: spent.as_secs_f64() * 1e9 / count(events),
            mebibytes: count(most.into_inner().saturating_sub(before)) / 1_048_576.0,
        })
    }
}

/// Records so many exposures, no faster than the queue is emptied, and returns how much memory
/// there was in use at most.
fn record(core: &Core, visitors: &[Context], events: usize) -> usize {
    let options = unstored_but_tracked();
    let mut most = 0;
    let pairs = visitors.iter().cycle().zip(["experience-1", "experience-3"].into_iter().cycle());
    for (number, (visitor, key)) in pairs.take(events).enumerate() {
        if number % 128 == 0 {
            most = most.max(if number % 16_384 == 0 { memory() } else { 0 });
            while core.stats().queue_events > WAITING as u64 / 2 {
                thread::yield_now();
            }
        }
        black_box(visitor.run_experience_with(key, &options));
    }
    most
}

/// Returns how many bytes of memory this process has in use; 0 where the system does not tell.
fn memory() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split_whitespace().nth(1).and_then(|pages| pages.parse::<usize>().ok());
    pages.unwrap_or_default() * 4_096
}

/// What every event has once.
const EVENT: &[u8] = br#""eventType""#;
/// Events that may wait, as by default.
const WAITING: usize = 10_000;
/// Events that go together at least.
const BATCH: usize = 1_000;
const PATIENCE: Duration = Duration::from_secs(60);
