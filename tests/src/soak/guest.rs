//! The application under attack: it decides and records as fast as it is allowed to.

#![expect(clippy::disallowed_methods, reason = "a guest measures how long its calls take")]

use std::io::{BufRead as _, Write as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use convert_redis::RedisStore;
use convert_sdk::{
    Conversion, Core, Error, HttpsUrl, HttpsUrlTemplate, ManualClock, ProjectConfig, RefreshConfig,
    Repeat, RunOptions, SdkConfig, TrackingConfig, TransportConfig,
};
use serde_json::{Value, json};

use crate::live::KEY;

/// What a guest is told by its parent, through one environment variable.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    pub(super) name: String,
    pub(super) tracking: String,
    pub(super) configs: String,
    pub(super) authority: PathBuf,
    pub(super) spool: PathBuf,
    pub(super) redis: String,
    pub(super) jumps: bool,
}

impl Settings {
    pub(super) fn to_json(&self) -> String {
        json!({"name": self.name, "tracking": self.tracking, "configs": self.configs,
            "authority": self.authority, "spool": self.spool, "redis": self.redis,
            "jumps": self.jumps})
        .to_string()
    }

    fn from_env() -> Option<Self> {
        let value: Value = serde_json::from_str(&std::env::var(ENV).ok()?).ok()?;
        let text = |name: &str| value.get(name)?.as_str().map(str::to_owned);
        Some(Settings {
            name: text("name")?,
            tracking: text("tracking")?,
            configs: text("configs")?,
            authority: text("authority")?.into(),
            spool: text("spool")?.into(),
            redis: text("redis")?,
            jumps: value.get("jumps")?.as_bool()?,
        })
    }

    fn config(&self) -> Result<SdkConfig, Error> {
        let url = format!("{}/[project_id]/v1", self.tracking);
        let transport = TransportConfig::default()
            .base_url(HttpsUrl::parse(self.configs.clone())?)
            .track_base_url(HttpsUrlTemplate::parse(url)?)
            .root_certificates(std::fs::read(&self.authority).unwrap_or_default())
            .timeout(Duration::from_millis(500));
        let tracking = TrackingConfig::builder()
            .backoff(Duration::from_millis(1), Duration::from_millis(50))
            .flush_interval(Some(Duration::from_millis(100)))
            .batch_size(50)
            .queue_capacity(400)
            .spool(&self.spool)
            .build()?;
        let refresh = RefreshConfig::builder()
            .interval(Duration::from_secs(1))
            .jitter(Duration::ZERO)
            .build()?;
        Ok(SdkConfig::from_sdk_key(KEY)?
            .bootstrap(ProjectConfig::from_json(&config("0"))?)
            .transport(transport)
            .refresh(refresh)
            .tracking(true)
            .tracking_config(tracking))
    }
}

/// Plays the guest, until the standard input ends.
///
/// # Panics
///
/// When the core does not start.
#[expect(clippy::expect_used, reason = "a guest that cannot start has failed")]
pub fn act() {
    let settings = Settings::from_env().expect("started by another test");
    let store = RedisStore::builder(&*settings.redis).timeout(STORE_TIMEOUT).build();
    let mut config = settings.config().expect("settings").data_store(store.expect("a store"));
    let clock = ManualClock::new();
    if settings.jumps {
        config = config.manual_clock(clock.clone());
    }
    let core = Core::initialize(config).expect("a core");
    let counts = Counts::default();
    let is_over = AtomicBool::new(false);
    let report = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (sender, stop) = channel::<()>();
                let visits = Visits { core: &core, settings: &settings, counts: &counts, thread };
                scope.spawn(move || visits.run(&stop));
                sender
            })
            .collect();
        if settings.jumps {
            scope.spawn(|| run_clock(&clock, &is_over));
        }
        // The parent ends the input when it is time.
        for _ in std::io::stdin().lock().lines() {}
        drop(threads);
        let report = core.close(Duration::from_secs(3));
        is_over.store(true, Ordering::Relaxed);
        report
    });
    let line = json!({"recorded": counts.recorded.into_inner(), "slowest": counts.slowest.into_inner(),
        "spooled": report.spooled(), "left": report.left(), "stats": format!("{:?}", core.stats())});
    let _ = writeln!(std::io::stdout(), "{REPORT}{line}");
}

#[derive(Debug, Default)]
struct Counts {
    recorded: AtomicU64,
    slowest: AtomicU64,
}

/// One thread of the application.
struct Visits<'g> {
    core: &'g Core,
    settings: &'g Settings,
    counts: &'g Counts,
    thread: usize,
}

impl Visits<'_> {
    fn run(&self, stop: &Receiver<()>) {
        let untracked = RunOptions::new().tracking(false);
        for number in 0_u64.. {
            let before = Instant::now();
            let visitor = format!("{}-{}-{}", self.settings.name, self.thread, number % VISITORS);
            let context = self.core.create_context(visitor);
            let _ = context.run_experience_with("hero", &untracked);
            let id =
                format!("{}:{}:{}:{number}", self.settings.name, std::process::id(), self.thread);
            let conversion = Conversion::new("purchase").transaction_id(id).repeat(Repeat::Every);
            if context.track_conversion(conversion).is_queued() {
                self.counts.recorded.fetch_add(1, Ordering::Relaxed);
            }
            let took = u64::try_from(before.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.counts.slowest.fetch_max(took, Ordering::Relaxed);
            if stop.recv_timeout(PAUSE) == Err(RecvTimeoutError::Disconnected) {
                return;
            }
        }
    }
}

/// Lets a clock go as fast as the system's, and an hour ahead now and then.
fn run_clock(clock: &ManualClock, is_over: &AtomicBool) {
    let (_sender, never) = channel::<()>();
    for tick in 1_u32.. {
        let _ = never.recv_timeout(TICK);
        clock.advance(if tick % 300 == 0 { Duration::from_secs(3_600) } else { TICK });
        if is_over.load(Ordering::Relaxed) {
            return;
        }
    }
}

/// A project with the goal and the experience that the guest uses.
pub(super) fn config(version: &str) -> String {
    let project = crate::live::config(version);
    let mut project: Value = serde_json::from_str(&project).unwrap_or_default();
    if let Some(members) = project.as_object_mut() {
        members.insert("goals".to_owned(), json!([{"id": "91", "key": "purchase"}]));
    }
    project.to_string()
}

pub(super) const ENV: &str = "CONVERT_SOAK_GUEST";
/// How the line begins in which a guest says what it did.
pub(super) const REPORT: &str = "soak:";
/// How many threads decide and record.
pub(super) const THREADS: usize = 4;
/// How long a call of the store may take.
pub(super) const STORE_TIMEOUT: Duration = Duration::from_millis(250);
const VISITORS: u64 = 1_000;
/// How long a thread waits between two visits.
const PAUSE: Duration = Duration::from_millis(5);
const TICK: Duration = Duration::from_millis(10);
