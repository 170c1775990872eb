//! A store whose server hangs, drips, floods, or sends what nobody asked for.

#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected should stop at once")]

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use convert_redis::{RedisStore, RedisStoreBuilder};
use convert_sdk::{Core, DataStore as _, RecordDelta, SdkConfig, StoreErrorKind, attributes};
use convert_tests::live::Events;
use convert_tests::sink::PROJECT;
use test_support::RedisFault::{Close, Drip, Flood, Late, Send, Silent};
use test_support::{HostileRedis, RecordingTransport, took, wait_until};

const LONG: Duration = Duration::from_secs(30);
/// How many commands a login consists of where the address has no password.
const LOGIN: usize = 2;
const SERVES: usize = usize::MAX;
const THREADS: usize = 64;
/// How many connections a store has to one server by default, and how many threads make them.
const CONNECTIONS: usize = 16;
const CONNECTING: usize = 4;

fn builder(server: &HostileRedis, timeout: Duration) -> RedisStoreBuilder {
    RedisStore::builder(server.url()).timeout(timeout)
}

/// Calls from many threads at once, and returns how long the longest call took and how many failed.
fn call_from_many(store: &RedisStore, calls: usize) -> (Duration, usize) {
    let start = Barrier::new(THREADS);
    let failed = AtomicUsize::new(0);
    let call = |thread: usize, call: usize| {
        took(|| {
            if store.load(&format!("1-2-{thread}-{call}")).is_err() {
                failed.fetch_add(1, Ordering::SeqCst);
            }
        })
    };
    let longest = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let start = &start;
                let call = &call;
                scope.spawn(move || {
                    start.wait();
                    (0..calls).map(|number| call(thread, number)).max().unwrap()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).max().unwrap()
    });
    (longest, failed.load(Ordering::SeqCst))
}

#[test]
fn every_call_of_many_threads_ends_by_the_timeout_while_the_server_is_silent() {
    let timeout = Duration::from_secs(1);
    for answered in [0, LOGIN] {
        let server = HostileRedis::start(move |_| (answered, Silent));
        let store = builder(&server, timeout).build().unwrap();
        let (longest, failed) = call_from_many(&store, 2);
        assert_eq!(failed, 2 * THREADS);
        // Whoever waits for a caller that waits needs twice as long.
        assert!(longest < timeout * 7 / 4, "{longest:?}");
        assert!(server.accepted() <= 3 * CONNECTIONS, "{}", server.accepted());
    }
}

#[test]
fn good_connections_serve_all_calls_while_later_ones_hang() {
    let behave = |connection| (if connection < 3 { SERVES } else { 0 }, Silent);
    let server = HostileRedis::start(behave);
    let store = builder(&server, Duration::from_secs(10)).build().unwrap();
    let (_, failed) = call_from_many(&store, 50);
    assert_eq!(failed, 0);
    assert!(server.accepted() > 3, "some connections did hang");
    assert!(server.accepted() <= CONNECTIONS, "{}", server.accepted());
}

#[test]
fn good_connections_are_kept_when_calls_on_others_fail() {
    let behave = |connection| (if connection < 3 { SERVES } else { LOGIN }, Silent);
    let server = HostileRedis::start(behave);
    let store = builder(&server, Duration::from_millis(200)).connections(8).build().unwrap();
    let (_, failed) = call_from_many(&store, 200);
    assert!(failed > 0, "some calls met a connection that hangs");
    assert!(failed < THREADS * 200 / 10, "{failed}");
}

#[test]
fn a_caller_who_waits_is_served_before_one_who_comes_later() {
    let server = HostileRedis::start(|_| (LOGIN, Late(Duration::from_millis(1))));
    let store = builder(&server, LONG).connections(1).build().unwrap();
    // Threads that took their own connection back at once would leave the others nothing.
    let (longest, failed) = call_from_many(&store, 20);
    assert_eq!((failed, server.accepted()), (0, 1));
    assert!(longest < LONG / 2, "{longest:?}");
}

#[test]
fn bytes_that_drip_do_not_extend_a_call() {
    let pause = Duration::from_millis(10);
    let timeout = Duration::from_millis(300);
    for (answered, start) in [
        (0, &b"+"[..]),
        (LOGIN, b"+"),
        (LOGIN, b"$100000\r\n"),
        (LOGIN, b"*1000\r\n$5000\r\n"),
        (LOGIN, b"-"),
    ] {
        let server = HostileRedis::start(move |_| (answered, Drip(start, b"x", pause)));
        let single = builder(&server, timeout).build().unwrap();
        let cluster = builder(&server, timeout).cluster::<String>([]).build().unwrap();
        for store in [single, cluster] {
            let change = RecordDelta::new().reach("a");
            let elapsed = took(|| {
                assert_eq!(store.load("k").unwrap_err().kind(), StoreErrorKind::Timeout);
                assert_eq!(store.merge("k", &change).unwrap_err().kind(), StoreErrorKind::Timeout);
                for answer in store.merge_all(&[("k", &change), ("l", &change)]) {
                    assert_eq!(answer.unwrap_err().kind(), StoreErrorKind::Timeout);
                }
            });
            assert!(elapsed < 3 * timeout * 3, "{start:?}: {elapsed:?}");
        }
    }
}

#[test]
fn a_reply_beyond_the_limit_is_refused_and_its_connection_closed() {
    let floods: [(&[u8], &[u8]); 7] = [
        (b"$2000000000\r\n", b"x"),
        (b"+", b"x"),
        (b"-", b"x"),
        (b"*1000000000\r\n", b":1\r\n"),
        (b"*100000\r\n", b"$20\r\naaaaaaaaaaaaaaaaaaaa\r\n"),
        (b"*1\r\n", b"*1\r\n"),
        (b">2\r\n", b">2\r\n"),
    ];
    for (start, rest) in floods {
        let server = HostileRedis::start(move |_| (LOGIN, Flood(start, rest)));
        let settings = builder(&server, LONG).reply_limit(4 << 20);
        let why = match start {
            b">2\r\n" => "does not speak the Redis protocol (RESP2)",
            b"*1\r\n" => "is nested too deeply",
            _ => "is longer than the limit of 4194304 bytes",
        };
        for settings in [settings.clone(), settings.cluster::<String>([])] {
            let error = settings.build().unwrap().load("k").unwrap_err().to_string();
            assert!(error.contains(why), "{start:?}: {error}");
            assert!(error.contains(&format!("127.0.0.1:{}", server.port())), "{error}");
        }
        assert!(wait_until(LONG, || server.open() == 0), "the connections are closed");
        // The rest lay in the buffers of the sockets.
        assert!(server.sent() < 64 << 20, "{start:?}: {}", server.sent());
    }
}

#[test]
fn a_limit_leaves_room_for_the_longest_record() {
    let server = HostileRedis::start(|_| (SERVES, Silent));
    let store = builder(&server, LONG).reply_limit(0).build().unwrap();
    assert!(store.load("k").unwrap().is_none());
    let settings = builder(&server, LONG).reply_limit(0);
    assert!(format!("{settings:?}").contains("reply_limit: 2097152"), "{settings:?}");
}

#[test]
fn a_key_beyond_the_limit_is_refused_unsent() {
    let server = HostileRedis::start(|_| (SERVES, Silent));
    let store = builder(&server, LONG).build().unwrap();
    let key = "v".repeat((1 << 20) + 1);
    let change = RecordDelta::new().reach("a");
    let refused = |kind| assert_eq!(kind, StoreErrorKind::Refused);
    refused(store.load(&key).unwrap_err().kind());
    refused(store.merge(&key, &change).unwrap_err().kind());
    refused(store.text(&key).unwrap_err().kind());
    assert_eq!(server.accepted(), 0);
    let answers = store.merge_all(&[("k", &change), (&key, &change), ("l", &change)]);
    let kinds: Vec<_> = answers.into_iter().map(|answer| answer.map_err(|it| it.kind())).collect();
    assert_eq!(kinds, [Ok(()), Err(StoreErrorKind::Refused), Ok(())]);
    let texts = store.texts(&["k", &key, "l"]);
    assert!(texts.iter().map(Result::is_ok).eq([true, false, true]));
}

#[test]
fn a_reply_that_nobody_asked_for_answers_no_later_command() {
    let stray = b"$0\r\n\r\n$21\r\n{\"goals\":{\"a\":true}}\n\r\n";
    let behave = |connection| (if connection == 0 { LOGIN } else { SERVES }, Send(stray));
    let server = HostileRedis::start(behave);
    let store = builder(&server, LONG).build().unwrap();
    for _ in 0..2 {
        assert!(store.load("k").unwrap().is_none());
    }
    assert_eq!(server.accepted(), 2);
}

#[test]
fn a_connection_that_comes_too_late_for_a_call_serves_the_next() {
    let late = Duration::from_millis(100);
    let server = HostileRedis::start(move |_| (0, Late(late)));
    let store = builder(&server, 3 * late / 2).build().unwrap();
    let error = store.load("k").unwrap_err();
    assert!(error.to_string().starts_with("the store timed out: could not connect to "), "{error}");
    // The two answers of a login take longer than any call, and the one to a command does not.
    assert!(wait_until(LONG, || store.load("k").is_ok()));
}

#[test]
fn what_a_server_says_before_it_closes_is_the_reason() {
    let refusal = b"-ERR max number of clients reached\r\n";
    let server = HostileRedis::start(move |_| (0, Close(refusal)));
    let store = builder(&server, LONG).build().unwrap();
    let error = store.load("k").unwrap_err().to_string();
    assert!(error.ends_with("has reached its maximum number of clients (ERR)"), "{error}");
    let server = HostileRedis::start(move |_| (0, Close(b"")));
    let error = builder(&server, LONG).build().unwrap().load("k").unwrap_err().to_string();
    let closed = error.ends_with("closed the connection") || error.contains("broke");
    assert!(closed, "{error}");
}

#[test]
fn servers_of_a_cluster_that_refer_to_each_other_without_end_are_given_up() {
    for (reply, why) in [
        (
            &b"-MOVED 1 other\x1b\xe2\x80\xae:none\r\n"[..],
            "refers to other\\u{1b}\\u{202e}:none (MOVED)",
        ),
        (b"-ASK 1 other:none\r\n", "refers to other:none (ASK)"),
        (b"-MOVED\r\n", "replied with an error (MOVED)"),
    ] {
        let server = HostileRedis::start(move |_| (LOGIN, Send(reply)));
        let settings = builder(&server, Duration::from_secs(2));
        let error = settings.cluster::<String>([]).build().unwrap().load("k").unwrap_err();
        let shown = error.to_string();
        assert!(shown.contains("127.0.0.1:") && shown.contains(why), "{shown}");
        assert!(!shown.contains(|one: char| one.is_control() || one == '\u{202e}'), "{shown}");
    }
}

fn core(store: RedisStore, events: &Events) -> Core {
    let config = SdkConfig::from_json(PROJECT)
        .unwrap()
        .data_store(store)
        .transport_impl(RecordingTransport::default())
        .on_event(events.handler());
    Core::initialize(config).unwrap()
}

#[test]
fn a_change_beyond_the_limits_is_dropped_counted_and_reported() {
    let server = HostileRedis::start(|_| (SERVES, Silent));
    let events = Events::default();
    let core = core(builder(&server, LONG).build().unwrap(), &events);
    let long = "v".repeat((1 << 20) + 1);
    assert!(core.create_context(&*long).run_experience("hero").is_some());
    core.create_context("v").set_segments(attributes! { "country" => &*long });
    core.flush(LONG).unwrap();
    assert_eq!(core.stats().store_dropped, 2, "{:?}", core.stats());
    assert!(events.count("store.failed") > 0);
    // The store as a whole is in order, and is used.
    assert!(core.create_context("w").run_experience("hero").is_some());
    core.flush(LONG).unwrap();
    assert_eq!((core.stats().store_dropped, core.stats().store_skipped), (2, 0));
}

#[test]
fn a_reply_beyond_the_limit_fails_the_call_and_loses_nothing() {
    // The first connection floods, the others serve.
    let behave = |connection| match connection {
        0 => (LOGIN, Flood(b"$2000000000\r\n", b"x")),
        _ => (SERVES, Silent),
    };
    let server = HostileRedis::start(behave);
    let events = Events::default();
    let core = core(builder(&server, LONG).build().unwrap(), &events);
    assert!(core.create_context("v").run_experience("hero").is_some());
    core.flush(LONG).unwrap();
    let stats = core.stats();
    assert_eq!((stats.store_failures, stats.store_dropped), (1, 0), "{stats:?}");
    assert_eq!(events.count("store.failed"), 1);
}

/// Returns how many threads of this process connect or look up names for a store.
fn threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let name = |task: std::io::Result<std::fs::DirEntry>| {
        std::fs::read_to_string(task.unwrap().path().join("comm")).unwrap_or_default()
    };
    // The system cuts names off.
    tasks.map(name).filter(|name| name.starts_with("convert-redis-c")).count()
}

#[test]
fn a_server_that_drips_its_greeting_for_long_holds_few_threads_and_sockets() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let pause = Duration::from_millis(5);
    for fault in [Silent, Drip(b"+", b"x", pause)] {
        let server = HostileRedis::start(move |_| (0, fault));
        let store = builder(&server, Duration::from_millis(50)).build().unwrap();
        for _ in 0..10 {
            call_from_many(&store, 2);
            assert!(threads() <= CONNECTING, "{}", threads());
            // A socket is counted until the server has noticed that it was closed.
            let is_bounded = || server.open() <= CONNECTING;
            assert!(wait_until(LONG, is_bounded), "{}", server.open());
        }
        drop(store);
        assert!(wait_until(LONG, || threads() == 0), "{}", threads());
        assert!(wait_until(LONG, || server.open() == 0), "{}", server.open());
    }
}
