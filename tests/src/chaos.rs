//! Events from many threads, a server that fails at random, and a process that is killed again and
//! again: what the server accepted, held against what the application was promised.
//!
//! The killed process is this one's own program, started again. It queues events in rounds, and
//! says after each round that its events are delivered or in the spool; from then on none of them
//! may be lost. What the server accepts twice is excused only if the process was killed between
//! the server's answer and the note of it, which nobody can rule out.

#![expect(clippy::indexing_slicing, reason = "a JSON member that is missing reads as null")]

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io::{BufRead as _, BufReader, Write as _};
use std::ops::Range;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use convert_sdk::{
    Conversion, Core, Error, HttpsUrlTemplate, Repeat, SdkConfig, TrackingConfig, TransportConfig,
};
use serde_json::Value;
use test_support::{LoopbackServer, Reply, Step};

use crate::sink::{PROJECT, body};

/// How much there is to go through.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "the tests beside it make plans")]
pub struct Plan {
    /// About how many events are queued in all.
    pub events: u64,
    /// How often the process is killed.
    pub kills: u64,
    /// How many of a hundred requests fail.
    pub faults: u8,
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ledger {
    /// Events that the application was promised.
    pub promised: u64,
    /// Events that the server accepted, each counted once.
    pub accepted: u64,
    /// Requests, and those of them that failed.
    pub requests: (u64, u64),
    /// Promised events that the server never accepted.
    pub lost: u64,
    /// Events accepted again although the process lived on after the first answer.
    pub doubled: u64,
    /// Events accepted again because the process was killed before it could note the answer.
    pub excused: u64,
    /// Events accepted before an earlier one of the same visitor.
    pub reordered: u64,
    /// How often the process was killed.
    pub kills: u64,
}

impl Ledger {
    /// Returns whether nothing was lost, doubled or reordered.
    pub fn is_sound(&self) -> bool {
        self.promised > 0 && (self.lost, self.doubled, self.reordered) == (0, 0, 0)
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "promised   {:>9}", self.promised)?;
        writeln!(f, "accepted   {:>9}", self.accepted)?;
        writeln!(f, "requests   {:>9}  ({} failed)", self.requests.0, self.requests.1)?;
        writeln!(f, "kills      {:>9}", self.kills)?;
        writeln!(f, "lost       {:>9}", self.lost)?;
        writeln!(f, "doubled    {:>9}  (and {} excused by a kill)", self.doubled, self.excused)?;
        write!(f, "reordered  {:>9}", self.reordered)
    }
}

/// Goes through a plan. `start` makes the command that ends up in [`act_as_child`].
///
/// # Errors
///
/// Fails if the child does not start or does not do its part.
pub fn run(plan: Plan, directory: &Path, start: impl Fn() -> Command) -> Result<Ledger, String> {
    let words = |error: std::io::Error| error.to_string();
    std::fs::create_dir_all(directory).map_err(words)?;
    let authority = directory.join("authority.pem");
    let script = script(&plan);
    let fails: Vec<bool> = script.iter().map(|(_, fails)| *fails).collect();
    let server = LoopbackServer::start(script.into_iter().map(|(step, _)| step));
    std::fs::write(&authority, server.authority_pem()).map_err(words)?;

    let rounds = plan.events.div_ceil(ROUND).max(plan.kills + 1);
    let (mut next, mut lives) = (0, Vec::new());
    for life in 0..=plan.kills {
        let is_last = life == plan.kills;
        let end = rounds * (life + 1) / (plan.kills + 1);
        let mut child = start()
            .env(ENV_PORT, server.port().to_string())
            .env(ENV_DIRECTORY, directory)
            .env(ENV_ROUNDS, format!("{life}:{next}:{rounds}"))
            .stdout(Stdio::piped())
            .spawn()
            .map_err(words)?;
        let first = next;
        next = follow(&mut child, next, if is_last { u64::MAX } else { end })?;
        if !is_last {
            // A few requests more or less, so that the end comes at another moment each time.
            let more = usize::try_from(life % 4).unwrap_or(0);
            server.ledger().wait_for(server.ledger().len() + more, Duration::from_millis(100));
            child.kill().map_err(words)?;
        }
        let status = child.wait().map_err(words)?;
        if is_last && !status.success() {
            return Err(format!("the last process ended with {status}"));
        }
        lives.push(Life { promised: first..next, requests: server.ledger().len() });
    }
    if next != rounds {
        return Err(format!("{next} of {rounds} rounds were promised"));
    }
    Ok(judge(&server, &fails, &lives))
}

/// What a process did until it was killed.
struct Life {
    /// The rounds it promised.
    promised: Range<u64>,
    /// How many requests there had been in the end.
    requests: usize,
}

/// Plays the killed process: see [`run`].
///
/// # Panics
///
/// When the core does not do what it should.
pub fn act_as_child() {
    let variable = |name| std::env::var(name).unwrap_or_default();
    let rounds = variable(ENV_ROUNDS);
    let numbers: Vec<u64> = rounds.split(':').filter_map(|number| number.parse().ok()).collect();
    assert_eq!(numbers.len(), 3, "started by another test");
    let [life, first, end] = numbers[..] else { return };
    let port = variable(ENV_PORT);
    let directory = variable(ENV_DIRECTORY);
    let core = core(&port, Path::new(&directory));
    assert!(core.is_ok(), "{core:?}");
    let Ok(core) = core else { return };
    let mut out = std::io::stdout();
    for round in first..end {
        queue_round(&core, life, round);
        // Whatever is left then is in the spool, since nobody else queues.
        while core
            .flush(Duration::from_millis(50))
            .is_err_and(|error| error.left() > error.spooled())
        {}
        // When nobody listens any more, the child is about to be killed.
        let _ = writeln!(out, "{PROMISE} {life} {round}").and_then(|()| out.flush());
    }
    let report = core.close(Duration::from_secs(60));
    assert_eq!((report.left(), report.spooled(), report.dropped()), (0, 0, 0), "{report:?}");
}

/// Queues the events of a round from all threads, in order for each visitor.
fn queue_round(core: &Core, life: u64, round: u64) {
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || {
                for number in 0..ROUND / THREADS {
                    let visitor = format!("{life}-{thread}-{}", number % VISITORS);
                    let id = format!("{life}:{round}:{number}:{thread}");
                    let conversion =
                        Conversion::new("purchase").transaction_id(id).repeat(Repeat::Every);
                    let result = core.create_context(visitor).track_conversion(conversion);
                    assert!(result.is_queued(), "{result}");
                }
            });
        }
    });
}

fn core(port: &str, directory: &Path) -> Result<Core, Error> {
    let authority = std::fs::read(directory.join("authority.pem")).unwrap_or_default();
    let url = format!("https://localhost:{port}/[project_id]/v1");
    let transport = TransportConfig::default()
        .track_base_url(HttpsUrlTemplate::parse(url)?)
        .root_certificates(authority)
        .timeout(Duration::from_millis(500));
    let wait = Duration::from_millis;
    let tracking = TrackingConfig::builder()
        .backoff(wait(1), wait(20))
        .batch_size(100)
        .spool(directory.join("spool"))
        .build()?;
    Core::initialize(
        SdkConfig::from_json(PROJECT)?
            .transport(transport)
            .tracking(true)
            .tracking_config(tracking),
    )
}

/// Reads promises until a round is promised, or there are no more, and returns the number of the
/// next round.
fn follow(child: &mut Child, first: u64, end: u64) -> Result<u64, String> {
    let mut next = first;
    let Some(output) = child.stdout.as_mut() else { return Err("no output".to_owned()) };
    for line in BufReader::new(output).lines() {
        let line = line.map_err(|error| error.to_string())?;
        // The test harness writes lines of its own, and begins some that the child ends.
        let Some((_, promise)) = line.split_once(PROMISE) else { continue };
        let round: Option<u64> =
            promise.split_whitespace().nth(1).and_then(|round| round.parse().ok());
        next = round.map_or(next, |round| round + 1);
        if next >= end {
            break;
        }
    }
    Ok(next)
}

/// Makes the server's answers, and says which of them are failures.
fn script(plan: &Plan) -> Vec<(Step, bool)> {
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    let mut below = |bound: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % bound
    };
    let fault = |kind| match kind {
        0 => Step::from(Reply::new(503)),
        1 => Reply::new(500).body("oops").into(),
        2 => Reply::new(429).header("retry-after", "0").into(),
        3 => Reply::new(408).closing().into(),
        4 => Step::Garbage,
        _ => Step::DripHeaders(Duration::from_millis(10)),
    };
    let mut steps = Vec::new();
    for _ in 0..(plan.events / 100).max(1_000) {
        if below(100) < u64::from(plan.faults) {
            // The one that takes until the deadline comes seldom.
            let kind = below(5) + u64::from(below(40) == 0);
            steps.push((fault(kind), true));
        } else {
            steps.push((Reply::json("{}").into(), false));
        }
    }
    steps.push((Reply::json("{}").into(), false));
    steps
}

/// Holds what was accepted against what was promised.
fn judge(server: &LoopbackServer, fails: &[bool], lives: &[Life]) -> Ledger {
    let requests = server.ledger().requests();
    let failed = |index: usize| fails.get(index).copied().unwrap_or(false);
    let mut ledger = Ledger { kills: lives.len() as u64 - 1, ..Ledger::default() };
    ledger.requests.0 = requests.len() as u64;
    // The last request that was accepted in each life may have to be sent again.
    let last_of = |life: &Life| (0..life.requests).rev().find(|index| !failed(*index));
    let last_accepted: HashSet<usize> = lives.iter().filter_map(last_of).collect();
    let mut seen: HashMap<Id, usize> = HashMap::new();
    let mut latest: HashMap<String, Id> = HashMap::new();
    for (index, request) in requests.iter().enumerate() {
        if failed(index) {
            ledger.requests.1 += 1;
            continue;
        }
        for (visitor, id) in transactions(&body(&request.body)) {
            if let Some(before) = seen.get(&id) {
                let is_excused = last_accepted.contains(before);
                ledger.excused += u64::from(is_excused);
                ledger.doubled += u64::from(!is_excused);
                continue;
            }
            let earlier = latest.insert(visitor, id);
            ledger.reordered += u64::from(earlier.is_some_and(|earlier| earlier > id));
            seen.insert(id, index);
        }
    }
    ledger.accepted = seen.len() as u64;
    for (life, rounds) in (0..).zip(lives.iter().map(|life| life.promised.clone())) {
        for round in rounds {
            for number in 0..ROUND {
                let id = [life, round, number / THREADS, number % THREADS];
                ledger.promised += 1;
                ledger.lost += u64::from(!seen.contains_key(&id));
            }
        }
    }
    ledger
}

/// Which event it is: the life, the round, the number within its thread's round, the thread.
type Id = [u64; 4];

/// Lists visitors and transaction ids, in order.
fn transactions(body: &Value) -> Vec<(String, Id)> {
    let mut found = Vec::new();
    for visitor in body["visitors"].as_array().into_iter().flatten() {
        for event in visitor["events"].as_array().into_iter().flatten() {
            for datum in event["data"]["goalData"].as_array().into_iter().flatten() {
                let text = datum["value"].as_str().unwrap_or_default();
                let parts: Vec<u64> =
                    text.split(':').filter_map(|part| part.parse().ok()).collect();
                let name = visitor["visitorId"].as_str().unwrap_or_default().to_owned();
                found.extend(parts.try_into().ok().map(|id| (name, id)));
            }
        }
    }
    found
}

/// How many events a round has.
const ROUND: u64 = 400;
/// How many threads queue them.
const THREADS: u64 = 8;
/// How many visitors each thread has.
const VISITORS: u64 = 10;
/// How a line of the child begins that promises a round.
const PROMISE: &str = "promised:";
const ENV_PORT: &str = "CONVERT_CHAOS_PORT";
const ENV_DIRECTORY: &str = "CONVERT_CHAOS_DIRECTORY";
const ENV_ROUNDS: &str = "CONVERT_CHAOS_ROUNDS";
