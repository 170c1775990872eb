//! Processes that race on the same visitors, through one Redis, while the traffic split changes.

#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected should stop at once")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use convert_redis::RedisStore;
use convert_sdk::{Core, DataStore as _, RecordDelta, SdkConfig, StoreConfig, WriteMode};
use test_support::{RecordingTransport, RedisServer};

const PROCESSES: usize = 4;
const THREADS: usize = 4;
const ENV_URL: &str = "CONVERT_RACE_URL";
const ENV_VISITORS: &str = "CONVERT_RACE_VISITORS";
const ENV_NUMBER: &str = "CONVERT_RACE_NUMBER";
/// What a line of a process's account begins with.
const MARK: &str = "race:";

/// Makes a core; `split` is the part of the traffic that the first arm gets.
fn core(url: &str, split: u32) -> Core {
    let rest = 100 - split;
    let config = format!(
        r#"{{"account_id": "1", "project": {{"id": "2"}},
            "goals": [{{"id": "9", "key": "purchase"}}],
            "experiences": [{{"id": "3", "key": "split", "version": 12, "variations": [
                {{"id": "30", "traffic_allocation": {split}}},
                {{"id": "31", "traffic_allocation": {rest}}}]}}]}}"#
    );
    let store = RedisStore::builder(url).timeout(Duration::from_secs(60)).build().unwrap();
    let config = SdkConfig::from_json(&config)
        .unwrap()
        .data_store(store)
        .store_config(StoreConfig::default().assignments(WriteMode::Wait))
        .transport_impl(RecordingTransport::default())
        .tracking(true);
    Core::initialize(config).unwrap()
}

/// Plays one of the processes.
#[test]
#[ignore = "another test starts it as a process of its own"]
fn one_process() {
    let url = std::env::var(ENV_URL).unwrap();
    let number = |name: &str| std::env::var(name).unwrap().parse::<usize>().unwrap();
    let (visitors, process) = (number(ENV_VISITORS), number(ENV_NUMBER));
    let (before, after) = (core(&url, 90), core(&url, 10));
    let store = RedisStore::builder(&*url).timeout(Duration::from_secs(60)).build().unwrap();
    store.merge("ready", &RecordDelta::new().reach(&process.to_string())).unwrap();
    let are_ready = || store.load("ready").unwrap().unwrap().goals().count() == PROCESSES;
    while !are_ready() {
        std::thread::yield_now();
    }
    // The new split reaches each process at a time of its own.
    let change = visitors * (process + 1) / (PROCESSES + 1);
    let account: String = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (before, after) = (&before, &after);
                scope.spawn(move || run(before, after, visitors, change + thread))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    print!("\n{account}");
    for core in [before, after] {
        core.flush(Duration::from_secs(60)).unwrap();
        let stats = core.stats();
        assert_eq!((stats.store_failures, stats.store_dropped), (0, 0), "{stats:?}");
    }
}

/// Serves every visitor, and tells what each got; all threads in one order, so that they meet.
fn run(before: &Core, after: &Core, visitors: usize, change: usize) -> String {
    let mut account = String::new();
    for visitor in 0..visitors {
        let core = if visitor < change { before } else { after };
        let context = core.create_context(format!("v{visitor}"));
        let result = context.run_experience("split").unwrap();
        let variation = result.variation_id();
        let converted = context.track_conversion("purchase").is_queued();
        writeln!(account, "{MARK} {visitor} {variation} {}", u8::from(converted)).unwrap();
    }
    account
}

#[test]
fn every_visitor_gets_one_variation_everywhere_and_every_goal_counts_once() {
    check(1_000);
}

fn check(visitors: usize) {
    let server = RedisServer::start(&[]);
    let children: Vec<_> = (0..PROCESSES)
        .map(|number| {
            Command::new(std::env::current_exe().unwrap())
                .args(["one_process", "--exact", "--ignored", "--nocapture"])
                .env(ENV_URL, server.url())
                .env(ENV_VISITORS, visitors.to_string())
                .env(ENV_NUMBER, number.to_string())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let mut variations: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut conversions: BTreeMap<String, u32> = BTreeMap::new();
    let mut count = 0;
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        for line in text.lines().filter_map(|line| line.strip_prefix(MARK)) {
            let [visitor, variation, converted] =
                line.split_whitespace().collect::<Vec<_>>().try_into().unwrap();
            variations.entry(visitor.to_owned()).or_default().insert(variation.to_owned());
            *conversions.entry(visitor.to_owned()).or_default() += u32::from(converted == "1");
            count += 1;
        }
    }
    assert_eq!(count, visitors * PROCESSES * THREADS);
    assert_eq!(variations.len(), visitors);
    let torn: Vec<_> = variations.iter().filter(|(_, got)| got.len() != 1).collect();
    assert!(torn.is_empty(), "{torn:?}");
    let wrong: Vec<_> = conversions.iter().filter(|(_, count)| **count != 1).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    // The race was one: both splits have left their mark.
    let all: BTreeSet<&String> = variations.values().flatten().collect();
    assert_eq!(all.len(), 2);
    let store = RedisStore::builder(server.url()).timeout(Duration::from_secs(60)).build().unwrap();
    for (visitor, got) in &variations {
        let record = store.load(&format!("1-2-v{visitor}")).unwrap().unwrap();
        assert_eq!(record.assignment("3"), got.first().map(String::as_str));
    }
}
