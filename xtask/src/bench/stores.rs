//! What merging into a store of visitor records costs, and what it stands on.

use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::rc::Rc;
use std::time::Duration;

use convert_redis::RedisStore;
use convert_sdk::{DataStore, MemoryStore, RecordDelta, VisitorRecord};
use test_support::RedisServer;

use super::clock::Clock;
use super::measure::Work;
use crate::process::Process;

/// Merges into the memory of the process.
pub(super) fn memory() -> Result<Vec<Work<'static>>, String> {
    Ok(vec![Work::new("store_memory_merge", MANY, merging(MemoryStore::default(), MANY)?)])
}

/// Merges into a Redis of the bench's own, if there is one to start, one by one and as the writer
/// thread does when there are many; and beside them the exchange they cannot do without.
pub(super) fn redis() -> Result<Vec<Work<'static>>, String> {
    if !Process::new("redis-server", &["--version"]).works() {
        println!("SKIPPED: the figures of Redis; redis-server is not installed");
        return Ok(Vec::new());
    }
    let server = Rc::new(RedisServer::start(&[]));
    let store = RedisStore::builder(server.url()).timeout(Duration::from_secs(10)).build();
    let store = store.map_err(|error| error.to_string())?;
    let mut together = merging_together(store.clone())?;
    let running = Rc::clone(&server);
    let together = Work::new("store_redis_merge_all", FEW, move || {
        together();
        black_box(&running);
    });
    let mut merge = merging(store, FEW)?;
    let running = Rc::clone(&server);
    let merge = Work::new("store_redis_merge", FEW, move || {
        merge();
        black_box(&running);
    });
    let merge = merge.by(Clock::Wall);
    Ok(vec![merge, together.by(Clock::Wall), round_trip(server)?])
}

/// Merges into the records of visitors who have been here before, a new assignment each time.
fn merging(store: impl DataStore, count: usize) -> Result<impl FnMut(), String> {
    let keys: Vec<String> =
        (0..count).map(|visitor| format!("1001-2002-visitor-{visitor}")).collect();
    let experiences: Vec<String> =
        (0..10).map(|number| (100_000_000 + number).to_string()).collect();
    for key in &keys {
        let delta =
            RecordDelta::new().assign("100334665", "1003346650").enter("shop").reach("signup");
        store.merge(key, &delta).map_err(|error| error.to_string())?;
    }
    let mut round = 0;
    Ok(move || {
        round += 1;
        for key in &keys {
            let experience = experiences.get(round % experiences.len()).map_or("", String::as_str);
            let delta = RecordDelta::new().assign(experience, "1003346651");
            let _ = black_box(store.merge(black_box(key), &delta));
        }
    })
}

/// Merges as [`merging`] does, with as many visitors in an exchange as the writer thread takes.
fn merging_together(store: RedisStore) -> Result<impl FnMut(), String> {
    let keys: Vec<String> =
        (0..FEW).map(|visitor| format!("1001-2002-together-{visitor}")).collect();
    let deltas = EXPERIENCES.map(|id| RecordDelta::new().assign(id, "1003346651"));
    let mut round = 0;
    let mut merge = move || {
        round += 1;
        let Some(delta) = deltas.get(round % deltas.len()) else { return Vec::new() };
        let changes: Vec<(&str, &RecordDelta<'_>)> =
            keys.iter().map(|key| (&**key, delta)).collect();
        changes.chunks(TOGETHER).flat_map(|changes| black_box(store.merge_all(changes))).collect()
    };
    merge().into_iter().collect::<Result<(), _>>().map_err(|error| error.to_string())?;
    Ok(move || drop(merge()))
}

/// A command on a plain socket that reads a record, and writes one of the same size.
fn round_trip(server: Rc<RedisServer>) -> Result<Work<'static>, String> {
    let error = |error: std::io::Error| error.to_string();
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, server.port())).map_err(error)?;
    socket.set_nodelay(true).map_err(error)?;
    let record = RecordDelta::new().assign("100334665", "1003346650").reach("signup");
    let record = record.merge_into(VisitorRecord::new()).into_record();
    let text = serde_json::to_string(&record).map_err(|error| error.to_string())?;
    let parts = ["SET", "raw", &text, "GET", "PX", "15552000000"];
    let arguments = parts.map(|part| format!("${}\r\n{part}\r\n", part.len()));
    let command = format!("*{}\r\n{}", parts.len(), arguments.concat());
    let mut answer = vec![0; 64 * 1024];
    let work = Work::new("redis_round_trip", FEW, move || {
        black_box(&server);
        for _ in 0..FEW {
            let _ = socket.write_all(command.as_bytes());
            black_box(socket.read(&mut answer).unwrap_or_default());
        }
    });
    Ok(work.by(Clock::Wall))
}

/// Visitors of a store in memory.
const MANY: usize = 5_000;
/// Visitors of a store that is asked over a socket.
const FEW: usize = 500;
/// Visitors of one exchange.
const TOGETHER: usize = 64;
/// Experiences that visitors are assigned in.
const EXPERIENCES: [&str; 10] = [
    "100000000",
    "100000001",
    "100000002",
    "100000003",
    "100000004",
    "100000005",
    "100000006",
    "100000007",
    "100000008",
    "100000009",
];
