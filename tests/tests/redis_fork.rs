//! Children of a process that forks while its threads use a store.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected should stop at once")]

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use convert_redis::RedisStore;
use convert_sdk::{DataStore as _, RecordDelta};
use fork::{Fork, fork, waitpid};
use test_support::RedisServer;

const LONG: Duration = Duration::from_secs(30);

/// Gives visitors goals that are new to them, and checks that the store agrees.
fn visit(store: &RedisStore, name: &str, number: usize) {
    let key = format!("1-2-{name}-{number}");
    let merged = store.merge(&key, &RecordDelta::new().reach(name)).unwrap();
    assert_eq!(merged.new_goals().collect::<Vec<_>>(), [name]);
    let record = store.load(&key).unwrap().unwrap();
    assert_eq!(record.goals().collect::<Vec<_>>(), [name]);
}

/// Forks, and returns what the child reports; an empty answer if it hangs or ends early.
fn outcome_of_child(store: &RedisStore, child: usize) -> Vec<u8> {
    let (mut reader, mut writer) = UnixStream::pair().unwrap();
    reader.set_read_timeout(Some(LONG)).unwrap();
    match fork().unwrap() {
        Fork::Child => {
            let store = store.clone();
            let act = || {
                (0..10).for_each(|number| visit(&store, &format!("child-{child}"), number));
                drop(store);
            };
            let report: &[u8] =
                if catch_unwind(AssertUnwindSafe(act)).is_ok() { b"ok" } else { b"failed" };
            let _ = writer.write_all(report);
            std::process::exit(0);
        }
        Fork::Parent(process) => {
            drop(writer);
            let mut outcome = Vec::new();
            if reader.read_to_end(&mut outcome).is_err() {
                let kill = ["-9".to_owned(), process.to_string()];
                std::process::Command::new("kill").args(kill).status().unwrap();
            }
            waitpid(process).unwrap();
            outcome
        }
    }
}

#[test]
fn children_and_their_parent_use_no_connection_of_each_other() {
    let server = RedisServer::start(&[]);
    let store = RedisStore::builder(server.url()).timeout(LONG).build().unwrap();
    visit(&store, "before", 0);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for name in ["one", "two"] {
            let store = &store;
            let stop = &stop;
            scope.spawn(move || {
                let mut number = 0;
                while !stop.load(Ordering::SeqCst) {
                    number += 1;
                    visit(store, name, number);
                }
            });
        }
        let outcomes: Vec<_> = (0..20).map(|child| outcome_of_child(&store, child)).collect();
        stop.store(true, Ordering::SeqCst);
        for (child, outcome) in outcomes.iter().enumerate() {
            assert_eq!(outcome, b"ok", "child {child}: {}", String::from_utf8_lossy(outcome));
        }
    });
    visit(&store, "after", 0);
}
