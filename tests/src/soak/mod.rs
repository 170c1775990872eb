//! The attack on a whole application: two guest processes use the SDK while their servers, disks,
//! stores and clock misbehave in turn, and a third is killed again and again.
//!
//! The parent plays the services, and holds what they accepted against what the guests recorded. It
//! also watches how many threads, sockets and bytes the guests hold. Time is real here, since the
//! timeouts under test are; a seed chooses the order of the faults.

#![expect(clippy::disallowed_methods, reason = "a soak takes as long as it is asked to")]

pub mod guest;

mod books;
mod bounds;
mod disk;
mod faults;
mod process;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use test_support::{LoopbackServer, RedisServer, Reply};

use self::books::{Accepted, Books};
use self::bounds::Bounds;
use self::disk::SmallDisk;
use self::faults::{Faults, HostileRedis};
use self::process::Guest;
use crate::chaos;

/// How long to go on, and with what.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "the test beside it makes plans")]
pub struct Plan {
    /// How long the faults go on, in all.
    pub duration: Duration,
    /// Chooses the order of the faults.
    pub seed: u64,
}

/// Runs a plan in a directory of its own, prints what came of it, and returns what did not hold.
///
/// `guest` makes the command that ends up in [`guest::act`], `victim` the one that ends up in
/// [`chaos::act_as_child`].
///
/// # Errors
///
/// Fails if a process does not start or does not do its part.
pub fn run(
    plan: Plan,
    directory: &Path,
    guest: impl Fn() -> Command,
    victim: impl Fn() -> Command,
) -> Result<Vec<String>, String> {
    std::fs::create_dir_all(directory).map_err(|error| error.to_string())?;
    let disk = SmallDisk::make(&directory.join("small"));
    let spool = directory.join("spool");
    let tracking = LoopbackServer::start([Reply::json("{}")]);
    let configs = LoopbackServer::start([Reply::json(guest::config("1"))]);
    let redis = is_installed("redis-server").then(|| RedisServer::start(&[]));
    if redis.is_none() {
        println!("SKIPPED: the real Redis; redis-server is not installed");
    }
    let hostile = HostileRedis::start().map_err(|error| error.to_string())?;
    let authority = directory.join("authority.pem");
    std::fs::write(&authority, tracking.authority_pem()).map_err(|error| error.to_string())?;
    let start = |name: &str, spool: &Path, redis: &str, prelude: &str| {
        let settings = guest::Settings {
            name: name.to_owned(),
            tracking: tracking.url(),
            configs: configs.url(),
            authority: authority.clone(),
            spool: spool.to_owned(),
            redis: redis.to_owned(),
            jumps: name == JUMPING,
        };
        Guest::start(&guest(), &settings, prelude)
    };
    let real = redis.as_ref().map_or_else(|| hostile.url(), RedisServer::url);
    let small = disk.spool();
    let mut guests = vec![
        start("plain", &spool, &real, "")?,
        start(JUMPING, &small, &hostile.url(), disk.prelude())?,
    ];
    let mut accepted = Accepted::new();
    let mut bounds = Bounds::default();
    let mut faults = Faults::new(plan.seed, [&tracking, &configs], redis, &hostile, spool.clone());
    let end = Instant::now() + plan.duration.mul_f64(GUESTS_PART);
    while Instant::now() < end {
        faults.next();
        accepted.phase(&tracking, faults.accepts());
        let until = (Instant::now() + PHASE).min(end);
        while Instant::now() < until {
            for guest in &mut guests {
                guest.wait(SAMPLE)?;
                bounds.sample(guest);
            }
        }
    }
    faults.mend();
    accepted.phase(&tracking, true);
    let mut books = Books::default();
    for guest in guests {
        bounds.sample(&guest);
        books.add(&guest.close()?);
    }
    // What is left in the spools is delivered by processes that record nothing of their own.
    for spool in [&spool, &small] {
        books.add(&start("late", spool, &real, "")?.close()?);
    }
    accepted.phase(&tracking, true);
    books.settle(&accepted);
    println!("{books}\n\n{bounds}");
    let mut broken = books.faults();
    broken.extend(bounds.faults());

    let events = u64::try_from(plan.duration.mul_f64(1.0 - GUESTS_PART).as_millis()).unwrap_or(0);
    let kills = chaos::Plan { events: events.max(8_000), kills: 2 + events / 10_000, faults: 20 };
    let ledger = chaos::run(kills, &directory.join("killed"), victim)?;
    println!("\n{ledger}");
    if !ledger.is_sound() {
        broken.push("the killed process lost, doubled or reordered events".to_owned());
    }
    Ok(broken)
}

fn is_installed(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

/// The guest whose disk is small, whose store is hostile and whose clock jumps.
const JUMPING: &str = "jumping";
/// How much of the time the guests get; the killed process gets the rest.
const GUESTS_PART: f64 = 0.75;
/// How long a fault goes on.
const PHASE: Duration = Duration::from_millis(1_500);
/// How often a guest's bounds are looked at.
const SAMPLE: Duration = Duration::from_millis(50);
