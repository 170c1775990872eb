//! A core whose Redis is killed, paused, slow, full, evicting, or loses a node of its cluster.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop at once"
)]

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use convert_redis::{RedisStore, Stored};
use convert_sdk::{
    ConversionResult, Core, DataStore as _, ManualClock, RecordDelta, SdkConfig, StoreConfig,
    StoreErrorKind, WriteMode, attributes,
};
use convert_tests::live::Events;
use convert_tests::sink::PROJECT;
use test_support::{RecordingTransport, RedisServer, took, wait_until};

const PATIENCE: Duration = Duration::from_secs(30);
/// What a call may take; short, since tests wait for it.
const TIMEOUT: Duration = Duration::from_millis(100);

struct Machine {
    core: Core,
    clock: ManualClock,
    events: Events,
}

impl Machine {
    fn new(store: &RedisStore) -> Self {
        let (clock, events) = (ManualClock::new(), Events::default());
        let config = SdkConfig::from_json(PROJECT)
            .unwrap()
            .data_store(store.clone())
            .store_config(StoreConfig::default().assignments(WriteMode::Wait))
            .transport_impl(RecordingTransport::default())
            .tracking(true)
            .manual_clock(clock.clone())
            .on_event(events.handler());
        Machine { core: Core::initialize(config).unwrap(), clock, events }
    }

    /// Decides and converts for a visitor, whatever state the store is in.
    fn serve(&self, visitor: &str) {
        let context = self.core.create_context(visitor);
        assert_eq!(context.run_experience("hero").unwrap().variation_id(), "30");
        assert_eq!(context.run_experience("menu").unwrap().variation_id(), "40");
        assert_eq!(context.track_conversion("purchase"), ConversionResult::Queued);
    }

    /// Lets the pauses after failures pass, and waits until everything is written.
    fn recover(&self) {
        self.clock.advance(Duration::from_secs(60));
        let before = self.core.stats().store_dropped;
        let is_written = wait_until(PATIENCE, || {
            self.clock.advance(Duration::from_secs(60));
            self.core.flush(Duration::from_millis(20)).is_ok()
        });
        assert!(is_written, "{:?}", self.core.stats());
        assert_eq!(self.core.stats().store_dropped, before);
    }

    fn has_failed(&self) -> bool {
        self.events.count("store.failed") > 0 && self.core.stats().store_failures > 0
    }
}

fn store(server: &RedisServer) -> RedisStore {
    RedisStore::builder(server.url()).timeout(TIMEOUT).build().unwrap()
}

/// A store with enough time for a test's own look at what is there.
fn patient(url: String) -> RedisStore {
    RedisStore::builder(url).timeout(PATIENCE).build().unwrap()
}

fn assert_written(store: &RedisStore, visitor: &str) {
    let record = store.load(&format!("1001-2002-{visitor}")).unwrap().unwrap();
    assert_eq!((record.assignments().count(), record.goals().count()), (2, 1), "{visitor}");
}

#[test]
fn killed_and_started_again() {
    let mut server = RedisServer::start(&[]);
    let machine = Machine::new(&store(&server));
    machine.serve("before");
    assert!(!machine.has_failed());
    server.kill();
    machine.serve("meanwhile");
    assert!(machine.has_failed());
    server.restart();
    machine.recover();
    let found = patient(server.url());
    assert_written(&found, "meanwhile");
    assert!(found.load("1001-2002-before").unwrap().is_none(), "the server came back empty");
    let failures = machine.core.stats().store_failures;
    machine.serve("after");
    assert_written(&found, "after");
    assert_eq!(machine.core.stats().store_failures, failures);
}

#[test]
fn restarted_between_two_calls_without_anybody_noticing() {
    let mut server = RedisServer::start(&[]);
    let store = patient(server.url());
    store.merge("k", &RecordDelta::new().reach("a")).unwrap();
    server.restart();
    // The connections that were kept are dead, and the text last seen is gone.
    let merged = store.merge("k", &RecordDelta::new().reach("b")).unwrap();
    assert_eq!(merged.new_goals().collect::<Vec<_>>(), ["b"]);
    server.restart();
    assert!(store.load("k").unwrap().is_none());
}

#[test]
fn paused() {
    let server = RedisServer::start(&[]);
    let machine = Machine::new(&store(&server));
    machine.serve("before");
    server.pause();
    let elapsed = took(|| (0..50).for_each(|number| machine.serve(&format!("v{number}"))));
    // Three calls found out, and the rest did not wait. The bound is generous, since machines are
    // busy; fifty visitors would wait for twenty seconds.
    assert!(elapsed < 100 * TIMEOUT, "{elapsed:?}");
    assert!(machine.has_failed() && machine.core.stats().store_skipped > 100);
    server.resume();
    machine.recover();
    let found = patient(server.url());
    for number in 0..50 {
        assert_written(&found, &format!("v{number}"));
    }
}

#[test]
fn a_call_ends_in_time_even_if_the_server_accepts_and_says_nothing() {
    let server = RedisServer::start(&[]);
    server.pause();
    // No connection is kept yet: the login itself gets no answer, and has four questions.
    let address = server.url().replace("redis://", "redis://name:secret@") + "/2";
    let store = RedisStore::builder(address).timeout(10 * TIMEOUT).build().unwrap();
    let elapsed = took(|| {
        let error = store.load("k").unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Timeout);
    });
    assert!(elapsed < 20 * TIMEOUT, "{elapsed:?}");
    server.resume();
}

#[test]
fn slow() {
    let server = RedisServer::start(&[]);
    let machine = Machine::new(&store(&server));
    machine.serve("before");
    assert_eq!(server.command(&["CLIENT", "PAUSE", "1000"]), "OK");
    let mut number = 0;
    let has_failed = wait_until(PATIENCE, || {
        number += 1;
        machine.serve(&format!("v{number}"));
        machine.has_failed()
    });
    assert!(has_failed);
    machine.serve("meanwhile");
    machine.recover();
    assert_written(&patient(server.url()), "meanwhile");
}

#[test]
fn out_of_memory() {
    let server = RedisServer::start(&[]);
    let machine = Machine::new(&store(&server));
    machine.serve("before");
    server.command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    server.command(&["CONFIG", "SET", "maxmemory", "1"]);
    let error = store(&server).merge("k", &RecordDelta::new().reach("a")).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Full);
    for number in 0..10 {
        machine.serve(&format!("v{number}"));
    }
    assert!(machine.has_failed());
    // It can still be read, so nobody is kept from that.
    assert_eq!(machine.core.stats().store_skipped, 0);
    let sticky = machine.core.create_context("before").run_experience("menu").unwrap().source();
    assert_eq!(sticky, convert_sdk::Source::Sticky);
    server.command(&["CONFIG", "SET", "maxmemory", "0"]);
    machine.recover();
    for number in 0..10 {
        assert_written(&patient(server.url()), &format!("v{number}"));
    }
}

#[test]
fn evicting_keys() {
    let server = RedisServer::start(&[]);
    let used: u64 = server
        .command(&["INFO", "memory"])
        .lines()
        .find_map(|line| line.trim().strip_prefix("used_memory:")?.parse().ok())
        .unwrap();
    server.command(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    server.command(&["CONFIG", "SET", "maxmemory", &(used + 400_000).to_string()]);
    let machine = Machine::new(&patient(server.url()));
    for number in 0..3_000 {
        let context = machine.core.create_context(format!("v{number}"));
        context.set_segments(attributes! { "country" => "x".repeat(200) });
        assert_eq!(context.run_experience("hero").unwrap().variation_id(), "30");
    }
    machine.core.flush(PATIENCE).unwrap();
    let kept: u64 = server.command(&["DBSIZE"]).parse().unwrap();
    assert!((1..2_900).contains(&kept), "{kept} records were kept");
    // A visitor whose record is gone is a new one, and what was remembered of them is not used.
    let evicted = (0..3_000)
        .map(|number| format!("v{number}"))
        .find(|id| server.command(&["EXISTS", &format!("1001-2002-{id}")]) == "0");
    machine.serve(&evicted.unwrap());
    assert!(!machine.has_failed());
}

#[test]
fn a_record_that_is_none_is_left_alone() {
    let server = RedisServer::start(&[]);
    let store = patient(server.url());
    server.command(&["SET", "1001-2002-text", "not a record"]);
    server.command(&["RPUSH", "1001-2002-list", "x"]);
    server.command(&["SET", "1001-2002-number", "5"]);
    for id in ["text", "list", "number"] {
        let key = format!("1001-2002-{id}");
        assert_eq!(store.load(&key).unwrap_err().kind(), StoreErrorKind::Unreadable);
        let change = RecordDelta::new().reach("a");
        assert_eq!(store.merge(&key, &change).unwrap_err().kind(), StoreErrorKind::Unreadable);
    }
    let machine = Machine::new(&store);
    machine.serve("text");
    machine.core.flush(PATIENCE).unwrap();
    assert_eq!(server.command(&["GET", "1001-2002-text"]), "not a record");
    assert_eq!(server.command(&["TYPE", "1001-2002-list"]), "list");
}

#[test]
fn scripts_that_are_forgotten_and_records_that_others_replace_are_no_trouble() {
    let server = RedisServer::start(&[]);
    let store = patient(server.url());
    store.merge("k", &RecordDelta::new().assign("1", "10").reach("a")).unwrap();
    server.command(&["SCRIPT", "FLUSH"]);
    store.merge("k", &RecordDelta::new().reach("b")).unwrap();
    // Another writer puts a whole record there, which this one has not seen.
    let foreign = r#"{"bucketing":{"1":"11"},"goals":{"c":true},"theirs":{"n":[1,null]}}"#;
    server.command(&["SET", "k", foreign]);
    let merged = store.merge("k", &RecordDelta::new().assign("1", "10").reach("c").reach("d"));
    let merged = merged.unwrap();
    assert_eq!(merged.record().assignment("1"), Some("11"), "the first writer wins");
    assert_eq!(merged.new_goals().collect::<Vec<_>>(), ["d"]);
    let stored: serde_json::Value = serde_json::from_str(&server.command(&["GET", "k"])).unwrap();
    assert_eq!(stored["theirs"], serde_json::json!({"n": [1, null]}));
    // What is gone is as good as new, and what is too large is left alone.
    server.command(&["DEL", "k"]);
    assert_eq!(store.merge("k", &RecordDelta::new().reach("c")).unwrap().new_goals().count(), 1);
    server.command(&["SETRANGE", "k", &(1 << 20).to_string(), "x"]);
    for _ in 0..2 {
        let error = store.merge("k", &RecordDelta::new().reach("c")).unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unreadable);
    }
    assert_eq!(server.command(&["STRLEN", "k"]), ((1 << 20) + 1).to_string());
}

#[test]
fn of_many_changes_each_has_its_own_answer() {
    let mut server = RedisServer::start(&[]);
    let store = patient(server.url());
    let keys: Vec<String> = (0..64).map(|number| format!("k{number}")).collect();
    let changes = |change| keys.iter().map(move |key| (&**key, change)).collect::<Vec<_>>();
    let (first, second) = (RecordDelta::new().reach("a"), RecordDelta::new().reach("b"));
    assert!(store.merge_all(&changes(&first)).iter().all(Result::is_ok));
    // Some are changed by others, one is gone, some are no records, and the script is forgotten.
    server.command(&["SET", "k1", r#"{"goals":{"theirs":true}}"#]);
    server.command(&["DEL", "k2", "k4"]);
    server.command(&["SET", "k3", "no record"]);
    server.command(&["RPUSH", "k4", "x"]);
    server.command(&["SCRIPT", "FLUSH"]);
    let answers = store.merge_all(&changes(&second));
    for (at, answer) in answers.iter().enumerate() {
        match at {
            3 | 4 => assert_eq!(answer.as_ref().unwrap_err().kind(), StoreErrorKind::Unreadable),
            _ => assert_eq!(*answer, Ok(()), "{at}"),
        }
    }
    let goals = |key: &str| {
        let record = store.load(key).unwrap().unwrap();
        record.goals().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!([goals("k0"), goals("k63")].concat(), ["a", "b", "a", "b"]);
    assert_eq!((goals("k1"), goals("k2")), (vec!["theirs".into(), "b".into()], vec!["b".into()]));
    assert_eq!(server.command(&["GET", "k3"]), "no record");
    // The connection that was kept is dead, and so is what was last seen.
    server.restart();
    assert!(store.merge_all(&changes(&second)).iter().all(Result::is_ok));
    assert_eq!((goals("k0"), goals("k3")), (vec!["b".into()], vec!["b".into()]));
    server.kill();
    for answer in store.merge_all(&changes(&first)) {
        assert_eq!(answer.unwrap_err().kind(), StoreErrorKind::Unavailable);
    }
}

#[test]
fn many_changes_end_in_time_like_one() {
    let server = RedisServer::start(&[]);
    let store = store(&server);
    let keys: Vec<String> = (0..64).map(|number| format!("k{number}")).collect();
    let change = RecordDelta::new().reach("a");
    let changes: Vec<(&str, &RecordDelta<'_>)> = keys.iter().map(|key| (&**key, &change)).collect();
    store.load("k0").unwrap();
    server.pause();
    let elapsed = took(|| {
        for answer in store.merge_all(&changes) {
            assert_eq!(answer.unwrap_err().kind(), StoreErrorKind::Timeout);
        }
    });
    server.resume();
    // Generous, since machines are busy; one after another they would take 64 times as long.
    assert!(elapsed < 40 * TIMEOUT, "{elapsed:?}");
}

#[test]
fn long_records_go_a_few_at_a_time() {
    let server = RedisServer::start(&[]);
    let store = patient(server.url());
    let keys: Vec<String> = (0..10).map(|number| format!("k{number}")).collect();
    let long = "x".repeat(400_000);
    let change = RecordDelta::new().segments(attributes! { "country" => &*long });
    let mut changes: Vec<(&str, &RecordDelta<'_>)> =
        keys.iter().map(|key| (&**key, &change)).collect();
    let longest = "x".repeat(2 << 20);
    let too_long = RecordDelta::new().segments(attributes! { "country" => &*longest });
    changes.insert(3, ("too long", &too_long));
    let answers = store.merge_all(&changes);
    assert_eq!(answers[3].as_ref().unwrap_err().kind(), StoreErrorKind::Refused);
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 10);
    for key in &keys {
        assert!(server.command(&["STRLEN", key]).parse::<usize>().unwrap() > 400_000);
    }
}

#[test]
fn records_expire_after_their_last_change() {
    let server = RedisServer::start(&[]);
    let ttl = |seconds| Some(Duration::from_secs(seconds));
    let change = RecordDelta::new().reach("a");
    let left = || server.command(&["TTL", "k"]).parse::<i64>().unwrap();
    let store = |seconds| {
        RedisStore::builder(server.url()).timeout(PATIENCE).ttl(ttl(seconds)).build().unwrap()
    };
    store(1_000).merge("k", &change).unwrap();
    assert!((1..=1_000).contains(&left()));
    // A change that changes nothing counts as one: the visitor was here.
    store(9_000).merge("k", &change).unwrap();
    assert!((8_000..=9_000).contains(&left()));
    let forever = RedisStore::builder(server.url()).timeout(PATIENCE).ttl(None).build().unwrap();
    forever.merge("k", &change).unwrap();
    assert_eq!(left(), -1);
}

#[test]
fn a_record_that_is_to_live_for_ever_and_a_day_is_written() {
    let server = RedisServer::start(&[]);
    for ttl in [Duration::MAX, Duration::from_secs(u64::MAX / 1_000)] {
        let store = RedisStore::builder(server.url()).ttl(Some(ttl)).build().unwrap();
        store.merge("1-2-v", &RecordDelta::new().reach("signup")).unwrap();
        let left: i64 = server.command(&["PTTL", "1-2-v"]).parse().unwrap();
        assert!(left > 0, "{left}");
        let key = format!("1-2-{}", ttl.as_secs());
        assert_eq!(store.store_text(&key, Some(b""), b"{}").unwrap(), Stored::New);
    }
}

#[test]
fn a_login_that_is_refused_shows_nothing_of_it() {
    let server = RedisServer::start(&["--requirepass", "s3cret"]);
    let url = |password: &str| format!("redis://:{password}@127.0.0.1:{}", server.port());
    assert!(patient(url("s3cret")).load("k").unwrap().is_none());
    for (address, why) in [
        (url("wr0ng"), "refused the login: wrong user name or password (WRONGPASS)"),
        (server.url(), "refused the login: it wants a password (NOAUTH)"),
    ] {
        let store = patient(address);
        let error = store.load("secret-visitor").unwrap_err();
        let expected = format!("the store is unavailable: 127.0.0.1:{} {why}", server.port());
        assert_eq!(error.to_string(), expected);
        let shown = format!("{store:?} {error:?}");
        assert!(!shown.contains("wr0ng") && !shown.contains("secret-visitor"), "{shown}");
    }
}

#[test]
fn an_error_names_the_server_and_the_cause() {
    let server = RedisServer::start(&["--maxclients", "2"]);
    let at = format!("127.0.0.1:{}", server.port());
    let error = |url: &str| patient(url.to_owned()).load("k").unwrap_err().to_string();
    let unavailable = |why: &str| format!("the store is unavailable: {at} {why}");
    assert_eq!(error(&(server.url() + "/99")), unavailable("has no database of this number (ERR)"));
    let with_password = server.url().replace("redis://", "redis://:s3cret@");
    assert_eq!(error(&with_password), unavailable("wants no password, and one is given (ERR)"));
    // Whoever may do nothing, and who may not use this key.
    for (rule, why) in [
        (
            "-@all",
            "the store is unavailable: {at} does not let this login run this command (NOPERM)",
        ),
        (
            "+@all resetkeys ~x*",
            "the store denies access to the record: {at} does not let this login use this key (NOPERM)",
        ),
    ] {
        let mut command = vec!["ACL", "SETUSER", "some", "on", ">pw", "~*"];
        command.extend(rule.split(' '));
        assert_eq!(server.command(&command), "OK");
        let url = server.url().replace("redis://", "redis://some:pw@");
        assert_eq!(error(&url), why.replace("{at}", &at));
    }
    // Two clients are there already.
    let held: Vec<TcpStream> =
        (0..2).map(|_| TcpStream::connect(("127.0.0.1", server.port())).unwrap()).collect();
    assert_eq!(
        error(&server.url()),
        unavailable("has reached its maximum number of clients (ERR)")
    );
    drop(held);
    let port = server.port();
    drop(server);
    let refused = error(&format!("redis://127.0.0.1:{port}"));
    let expected = format!("the store is unavailable: could not connect to {at}: ");
    assert!(refused.starts_with(&expected), "{refused}");
    assert!(refused.to_lowercase().contains("connection refused"), "{refused}");
}

#[test]
#[cfg(unix)]
fn a_local_socket_is_used_like_a_port() {
    let name = format!("convert-redis-{}.sock", std::process::id());
    let path = std::env::temp_dir().join(name);
    let path = path.to_str().unwrap();
    let server = RedisServer::start(&["--unixsocket", path]);
    let store = patient(format!("unix://{path}"));
    store.merge("k", &RecordDelta::new().reach("a")).unwrap();
    assert!(store.load("k").unwrap().unwrap().has_reached("a"));
    assert_eq!(server.command(&["EXISTS", "k"]), "1");
    drop(server);
    let _ = std::fs::remove_file(path);
    let error = patient(format!("unix://{path}")).load("k").unwrap_err().to_string();
    assert!(error.contains(&format!("could not connect to {path}: ")), "{error}");
}

fn wait_for(what: &str, is_so: impl FnMut() -> bool) {
    assert!(wait_until(PATIENCE, is_so), "not so within {PATIENCE:?}: {what}");
}

/// Three masters, each with a replica.
struct Cluster {
    servers: Vec<RedisServer>,
}

impl Cluster {
    fn start() -> Self {
        let options = [
            "--cluster-enabled",
            "yes",
            "--cluster-node-timeout",
            "1000",
            "--cluster-require-full-coverage",
            "no",
            "--repl-diskless-sync-delay",
            "0",
            "--cluster-replica-validity-factor",
            "0",
        ];
        let servers: Vec<RedisServer> = (0..6).map(|_| RedisServer::start(&options)).collect();
        let addresses = servers.iter().map(|server| format!("127.0.0.1:{}", server.port()));
        let output = Command::new("redis-cli")
            .args(["--cluster", "create"])
            .args(addresses)
            .args(["--cluster-replicas", "1", "--cluster-yes"])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        let cluster = Cluster { servers };
        wait_for("every server knows the cluster", || {
            cluster.servers.iter().all(|server| {
                let info = server.command(&["CLUSTER", "INFO"]);
                info.contains("cluster_state:ok") && info.contains("cluster_slots_assigned:16384")
            })
        });
        wait_for("every replica is in step", || {
            let linked = |server: &RedisServer| {
                let info = server.command(&["INFO", "replication"]);
                info.contains("role:master") || info.contains("master_link_status:up")
            };
            cluster.servers.iter().all(linked)
        });
        cluster
    }

    fn store(&self, timeout: Duration) -> RedisStore {
        let seeds = self.servers.iter().skip(1).map(RedisServer::url);
        let builder = RedisStore::builder(self.servers[0].url()).timeout(timeout);
        builder.cluster(seeds).build().unwrap()
    }
}

#[test]
fn a_cluster_of_which_a_server_is_lost() {
    let mut cluster = Cluster::start();
    let found = cluster.store(PATIENCE);
    let machine = Machine::new(&cluster.store(TIMEOUT));
    for number in 0..100 {
        machine.serve(&format!("a{number}"));
    }
    assert!(!machine.has_failed(), "{:?}", machine.events.names());
    for number in 0..100 {
        assert_written(&found, &format!("a{number}"));
    }
    let masters: Vec<usize> =
        (0..6).filter(|at| cluster.servers[*at].command(&["ROLE"]).starts_with("master")).collect();
    assert_eq!(masters.len(), 3);
    for master in &masters {
        let keys: u64 = cluster.servers[*master].command(&["DBSIZE"]).parse().unwrap();
        assert!(keys > 0, "the visitors are spread over the servers");
    }

    let keys: Vec<String> = (0..100).map(|number| format!("together-{number}")).collect();
    let change = RecordDelta::new().reach("a");
    let changes: Vec<(&str, &RecordDelta<'_>)> = keys.iter().map(|key| (&**key, &change)).collect();
    assert!(found.merge_all(&changes).iter().all(Result::is_ok));
    let quick = cluster.store(10 * TIMEOUT);
    assert!(quick.merge_all(&changes).iter().all(Result::is_ok));
    // One that knows nobody's slots learns them on the way.
    assert!(cluster.store(PATIENCE).merge_all(&changes).iter().all(Result::is_ok));

    // While a master is gone, a third of the visitors cannot be written, and all are served.
    cluster.servers[masters[0]].pause();
    let answers = quick.merge_all(&changes);
    let written = answers.iter().filter(|answer| answer.is_ok()).count();
    assert!((40..100).contains(&written), "the others are written: {written}");
    cluster.servers[masters[0]].resume();
    cluster.servers[masters[0]].kill();
    for number in 0..100 {
        machine.serve(&format!("b{number}"));
    }
    assert!(machine.has_failed());
    let rest: Vec<usize> = (0..6).filter(|at| *at != masters[0]).collect();
    wait_for("a replica takes over", || {
        let count =
            rest.iter().filter(|at| cluster.servers[**at].command(&["ROLE"]).starts_with("master"));
        count.count() == 3
    });
    machine.recover();
    for number in 0..100 {
        assert_written(&found, &format!("b{number}"));
    }
    machine.clock.advance(Duration::from_secs(60));
    let failures = machine.core.stats().store_failures;
    for number in 0..100 {
        machine.serve(&format!("c{number}"));
        assert_written(&found, &format!("c{number}"));
    }
    assert_eq!(machine.core.stats().store_failures, failures);
    let mut keys = 0;
    found
        .scan("1001-2002-*", |_| {
            keys += 1;
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    assert!(keys >= 300 - 34, "{keys}");
}

#[test]
fn records_are_found_while_their_slot_is_moved_from_server_to_server() {
    let cluster = Cluster::start();
    let store = cluster.store(PATIENCE);
    // Both of one slot; the first is there before the move begins.
    let (early, late) = ("{visitor}-early", "{visitor}-late");
    let count_goals = |key: &str| {
        let merged = store.merge(key, &RecordDelta::new().reach("a")).unwrap();
        merged.new_goals().count()
    };
    assert_eq!(count_goals(early), 1);

    let slot = cluster.servers[0].command(&["CLUSTER", "KEYSLOT", early]);
    let masters = cluster.servers.iter().filter(|one| one.command(&["ROLE"]).starts_with("master"));
    let count = |server: &RedisServer| server.command(&["CLUSTER", "COUNTKEYSINSLOT", &slot]);
    let (from, others): (Vec<_>, Vec<_>) = masters.partition(|server| count(server) == "1");
    let (from, to) = (from[0], others[0]);
    let id = |server: &RedisServer| server.command(&["CLUSTER", "MYID"]);
    let move_slot = |on: &RedisServer, what: &str, with: &RedisServer| {
        let answer = on.command(&["CLUSTER", "SETSLOT", &slot, what, &id(with)]);
        assert_eq!(answer, "OK", "{what}");
    };
    move_slot(to, "IMPORTING", from);
    move_slot(from, "MIGRATING", to);
    assert_eq!(count_goals(late), 1);
    assert_eq!((count(from).as_str(), count(to).as_str()), ("1", "1"));
    for key in [early, late] {
        assert!(store.load(key).unwrap().unwrap().has_reached("a"), "{key}");
        assert_eq!(count_goals(key), 0, "{key} is not counted again");
    }

    let (port, patience) = (to.port().to_string(), PATIENCE.as_millis().to_string());
    let moved = from.command(&["MIGRATE", "127.0.0.1", &port, early, "0", &patience]);
    assert_eq!(moved, "OK");
    move_slot(to, "NODE", to);
    move_slot(from, "NODE", to);
    for key in [early, late] {
        assert!(store.load(key).unwrap().unwrap().has_reached("a"), "{key}");
        assert_eq!(count_goals(key), 0, "{key} is not counted again");
    }
}

#[test]
fn a_cluster_of_which_a_server_hangs_is_asked_elsewhere() {
    let cluster = Cluster::start();
    let masters: Vec<&RedisServer> = cluster
        .servers
        .iter()
        .filter(|server| server.command(&["ROLE"]).starts_with("master"))
        .collect();
    // The one that is asked first where nothing is known.
    let first = cluster.servers.iter().min_by_key(|server| server.port().to_string()).unwrap();
    let found = cluster.store(PATIENCE);
    let is_on = |server: &RedisServer, key: &str| {
        server.command(&[
            "CLUSTER",
            "COUNTKEYSINSLOT",
            &server.command(&["CLUSTER", "KEYSLOT", key]),
        ]) != "0"
    };
    let keys: Vec<String> = (0..50).map(|number| format!("k{number}")).collect();
    for key in &keys {
        found.merge(key, &RecordDelta::new().reach("a")).unwrap();
    }
    let elsewhere: Vec<&String> = keys
        .iter()
        .filter(|key| masters.iter().any(|one| one.port() != first.port() && is_on(one, key)))
        .collect();
    assert!(elsewhere.len() > 10);
    first.pause();
    for key in elsewhere.iter().take(3) {
        // Knows nothing, and begins with the one that hangs.
        assert!(cluster.store(20 * TIMEOUT).load(key).unwrap().is_some());
    }
    let store = cluster.store(20 * TIMEOUT);
    for key in &elsewhere {
        assert!(store.load(key).unwrap().is_some());
    }
    // One record that is none says nothing of its server, so that nobody else is asked.
    let bad = elsewhere[0];
    let server = masters.iter().find(|one| one.port() != first.port() && is_on(one, bad)).unwrap();
    server.command(&["DEL", bad]);
    server.command(&["RPUSH", bad, "x"]);
    let asked = |server: &RedisServer| {
        let info = server.command(&["INFO", "commandstats"]);
        info.lines()
            .filter(|line| line.contains("cluster|slots"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let before = asked(server);
    assert_eq!(store.load(bad).unwrap_err().kind(), StoreErrorKind::Unreadable);
    assert_eq!(asked(server), before);
    first.resume();
}

#[test]
fn a_server_that_takes_no_writes_any_more_is_looked_up_again() {
    let server = RedisServer::start(&[]);
    let store = patient(server.url());
    let change = RecordDelta::new().reach("a");
    store.merge("k", &change).unwrap();
    let connected = || {
        let info = server.command(&["INFO", "stats"]);
        let count = info.lines().find_map(|line| line.strip_prefix("total_connections_received:"));
        count.unwrap().trim().parse::<u32>().unwrap()
    };
    server.command(&["REPLICAOF", "127.0.0.1", "1"]);
    let before = connected();
    for calls in 1..=3 {
        // The first goes through the connection that was kept, and each after it through a new one.
        assert_eq!(store.merge("k", &change).unwrap_err().kind(), StoreErrorKind::Unavailable);
        assert!(store.merge_all(&[("k", &change), ("l", &change)]).iter().all(Result::is_err));
        assert_eq!(connected(), before + calls * 3 - 1);
    }
    server.command(&["REPLICAOF", "NO", "ONE"]);
    store.merge("k", &change).unwrap();
}

#[test]
fn bytes_that_are_no_text_are_left_alone() {
    let server = RedisServer::start(&[]);
    let store = patient(server.url());
    server.command(&["EVAL", r#"redis.call('SET', 'k', '{"theirs":"\255"}')"#, "0"]);
    let unreadable = StoreErrorKind::Unreadable;
    assert_eq!(store.load("k").unwrap_err().kind(), unreadable);
    let merged = store.merge("k", &RecordDelta::new().reach("a"));
    assert_eq!(merged.unwrap_err().kind(), unreadable);
    assert_eq!(server.command(&["STRLEN", "k"]), "14");
}

#[test]
fn what_is_too_long_to_be_a_record_is_not_read_as_a_whole() {
    let server = RedisServer::start(&[]);
    let store = patient(server.url());
    let change = RecordDelta::new().reach("a");
    server.command(&["EVAL", "redis.call('SET', 'k', string.rep('x', 20000000))", "0"]);
    let sent = || {
        let info = server.command(&["INFO", "stats"]);
        let count = info.lines().find_map(|line| line.strip_prefix("total_net_output_bytes:"));
        count.unwrap().trim().parse::<u64>().unwrap()
    };
    let before = sent();
    assert_eq!(store.load("k").unwrap_err().kind(), StoreErrorKind::Unreadable);
    assert_eq!(store.merge("k", &change).unwrap_err().kind(), StoreErrorKind::Unreadable);
    let answers = store.merge_all(&[("k", &change), ("l", &change)]);
    assert_eq!(answers[0].as_ref().unwrap_err().kind(), StoreErrorKind::Unreadable);
    assert_eq!(answers[1], Ok(()));
    assert!(sent() - before < 2 << 20, "{}", sent() - before);
}

/// Passes one connection on to a server, until that has answered a script: then both ends are closed.
fn break_after_a_script(listener: &TcpListener, port: u16) {
    let client = listener.accept().unwrap().0;
    let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let is_sent = AtomicBool::new(false);
    let pass = |mut from: &TcpStream, mut to: &TcpStream, is_asked: bool| {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            if is_asked {
                is_sent
                    .fetch_or(bytes[..count].windows(4).any(|at| at == b"EVAL"), Ordering::SeqCst);
            } else if is_sent.load(Ordering::SeqCst) {
                break;
            }
            to.write_all(&bytes[..count]).unwrap();
        }
        let _ = (client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
    };
    std::thread::scope(|scope| {
        scope.spawn(|| pass(&client, &server, true));
        pass(&server, &client, false);
    });
}

#[test]
fn a_change_whose_answer_is_lost_is_not_sent_to_another_server_of_the_cluster() {
    let server = RedisServer::start(&["--cluster-enabled", "yes"]);
    let slots: Vec<String> = (0..16_384).map(|slot| slot.to_string()).collect();
    let all = ["CLUSTER", "ADDSLOTS"].into_iter().chain(slots.iter().map(String::as_str));
    server.command(&all.collect::<Vec<_>>());
    wait_for("the cluster is complete", || {
        server.command(&["CLUSTER", "INFO"]).contains("cluster_state:ok")
    });
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let first = format!("redis://{}", listener.local_addr().unwrap());
    // Asked second, by its name.
    let seed = format!("redis://localhost:{}", server.port());
    let store = |url: String| {
        RedisStore::builder(url).timeout(PATIENCE).cluster([seed.clone()]).build().unwrap()
    };
    let direct = store(seed.clone());
    direct.merge("other", &RecordDelta::new().reach("a")).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| break_after_a_script(&listener, server.port()));
        let merged = store(first).merge("k", &RecordDelta::new().reach("a"));
        // Sent again it would find its own mark, and a goal that counts would be taken for known.
        assert_eq!(merged.unwrap_err().kind(), StoreErrorKind::Unanswered);
    });
    assert!(direct.load("k").unwrap().unwrap().has_reached("a"));
}
