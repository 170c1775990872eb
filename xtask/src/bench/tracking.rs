//! What recording events costs, and how fast they are delivered.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use convert_sdk::{
    BatchRequest, BatchResponse, ConfigRequest, ConfigResponse, Context, Core, RunOptions,
    SdkConfig, TrackingConfig, Transport, TransportError, TransportErrorKind,
};
use test_support::DrainServer;

use super::EXPERIENCES;
use super::deciding::{context, guarded};
use super::figure::{Cost, Figure, Reading, Rounds};
use super::measure::{count, total};
use super::workload::{self, Visitor};

/// Measures recording and delivering.
pub(super) fn figures(visitors: &[Visitor], is_quick: bool) -> Result<Vec<Figure>, String> {
    let (rounds, runs, events) = if is_quick { (3, 1, 200_000) } else { (9, 3, 1_000_000) };
    let costs = (0..rounds).map(|_| Ok(Recorded::measure(visitors)?.nanoseconds));
    let costs = costs.collect::<Result<Vec<f64>, String>>()?;
    let last = Recorded::measure(visitors)?;
    let runs = (0..runs).map(|_| Delivered::measure(visitors, events));
    let runs = runs.collect::<Result<Vec<Delivered>, String>>()?;
    let memory = runs.iter().map(|run| run.mebibytes).fold(0.0, f64::max);
    let rates = runs.iter().map(|run| run.rate).collect();
    let cost = Cost { ns: Rounds::new(costs), allocs: last.allocs, bytes: last.bytes };
    Ok(vec![
        Figure { name: "run_experience_tracked", reading: Reading::Cost(cost) },
        Figure { name: "delivery", reading: Reading::Rate(Rounds::new(rates)) },
        Figure::value("delivery_memory_mib", memory),
    ])
}

/// What a fresh decision costs that is tracked and stored in memory, the worker's part included,
/// as if both ran on one core.
struct Recorded {
    nanoseconds: f64,
    allocs: f64,
    bytes: f64,
}

impl Recorded {
    fn measure(visitors: &[Visitor]) -> Result<Self, String> {
        let tracking = TrackingConfig::builder().queue_capacity(MANY).queue_bytes(1 << 30);
        let core = core(|config| {
            let config = config.transport_impl(Accepting).record_capacity(visitors.len());
            Ok(config.tracking_config(tracking.build().map_err(|error| error.to_string())?))
        })?;
        let contexts: Vec<Context> = visitors.iter().map(|one| context(&core, one)).collect();
        let keys = guarded();
        let keys = keys.get(..FRESH).unwrap_or_default();
        let operations = count(contexts.len() * keys.len());
        let began = processor_time();
        let counted = allocation_counter::measure(|| {
            for visitor in &contexts {
                for key in keys {
                    black_box(visitor.run_experience(black_box(key)));
                }
            }
        });
        core.flush(PATIENCE).map_err(|error| error.to_string())?;
        let elapsed = processor_time().saturating_sub(began);
        let stats = core.stats();
        if stats.events_delivered != stats.exposures || stats.exposures == 0 {
            return Err(format!("tracked decisions were lost: {stats:?}"));
        }
        Ok(Recorded {
            nanoseconds: elapsed.as_secs_f64() * 1e9 / operations,
            allocs: total(counted.count_total) / operations,
            bytes: total(counted.bytes_total) / operations,
        })
    }
}

/// How fast events get from two threads to a server on this machine, over TLS, and what memory
/// that takes.
struct Delivered {
    rate: f64,
    mebibytes: f64,
}

impl Delivered {
    fn measure(visitors: &[Visitor], events: usize) -> Result<Self, String> {
        let arrived = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&arrived);
        let server = DrainServer::start(move |body: &[u8]| {
            let events = body.windows(EVENT.len()).filter(|part| *part == EVENT).count();
            counted.fetch_add(events, Ordering::Relaxed);
        });
        let core = core(|config| {
            let tracking = TrackingConfig::builder().queue_capacity(WAITING).batch_size(BATCH);
            Ok(config
                .transport(server.transport_config())
                .tracking_config(tracking.build().map_err(|error| error.to_string())?))
        })?;
        let contexts: Vec<Context> = visitors.iter().map(|one| context(&core, one)).collect();
        let before = memory();
        let most = AtomicUsize::new(before);
        let began = Instant::now();
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    most.fetch_max(record(&core, &contexts, events / 2), Ordering::Relaxed)
                });
            }
        });
        core.flush(PATIENCE).map_err(|error| error.to_string())?;
        let elapsed = began.elapsed();
        let (stats, arrived) = (core.stats(), arrived.load(Ordering::Relaxed));
        if stats.dropped_queue_full > 0 || arrived != events {
            return Err(format!("of {events} events {arrived} arrived: {stats:?}"));
        }
        let grown = most.into_inner().saturating_sub(before);
        Ok(Delivered {
            rate: count(events) / elapsed.as_secs_f64(),
            mebibytes: count(grown) / 1_048_576.0,
        })
    }
}

/// Records so many exposures, no faster than the queue is emptied, and returns how much memory
/// there was in use at most.
fn record(core: &Core, visitors: &[Context], events: usize) -> usize {
    let unstored = RunOptions::new().storage(false);
    let mut most = 0;
    let pairs = visitors.iter().cycle().zip(["experience-1", "experience-3"].into_iter().cycle());
    for (number, (visitor, key)) in pairs.take(events).enumerate() {
        if number % 128 == 0 {
            most = most.max(if number % 16_384 == 0 { memory() } else { 0 });
            while core.stats().queue_events > WAITING as u64 / 2 {
                thread::yield_now();
            }
        }
        black_box(visitor.run_experience_with(key, &unstored));
    }
    most
}

/// A service that accepts everything at once.
struct Accepting;

impl Transport for Accepting {
    fn fetch_config(&self, request: &ConfigRequest) -> Result<ConfigResponse, TransportError> {
        Err(request.error(TransportErrorKind::Network))
    }

    fn send_batch(&self, _: &BatchRequest) -> Result<BatchResponse, TransportError> {
        Ok(BatchResponse::new(200))
    }
}

/// A core with the workload's project that tracks.
fn core(settings: impl FnOnce(SdkConfig) -> Result<SdkConfig, String>) -> Result<Core, String> {
    let json = workload::project(EXPERIENCES).to_string();
    let config = SdkConfig::from_json(&json).map_err(|error| error.to_string())?;
    let config = settings(config.environment("production").tracking(true))?;
    Core::initialize(config).map_err(|error| error.to_string())
}

/// Returns what all threads of this process have computed so far; where the system does not tell,
/// the time.
fn processor_time() -> Duration {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return clock() };
    let of = |task: std::fs::DirEntry| -> Option<u64> {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse().ok()
    };
    let sum: u64 = tasks.filter_map(Result::ok).filter_map(of).sum();
    if sum == 0 { clock() } else { Duration::from_nanos(sum) }
}

fn clock() -> Duration {
    let elapsed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    elapsed.unwrap_or_default()
}

/// Returns how many bytes of memory this process has in use; 0 where the system does not tell.
fn memory() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split_whitespace().nth(1).and_then(|pages| pages.parse::<usize>().ok());
    pages.unwrap_or_default() * 4_096
}

/// What every event has once.
const EVENT: &[u8] = br#""eventType""#;
/// Fresh decisions of each visitor.
const FRESH: usize = 5;
/// More events than a round records.
const MANY: usize = 1 << 20;
/// Events that may wait, as by default.
const WAITING: usize = 10_000;
/// Events that go together at least.
const BATCH: usize = 1_000;
const PATIENCE: Duration = Duration::from_secs(60);
