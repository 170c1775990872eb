//! No fault leaves a thread or a socket behind. One test, alone in its process: it counts them.
#![cfg(all(feature = "https", target_os = "linux"))]
#![allow(clippy::expect_used, reason = "helpers fail their test")]

mod common;

use std::fs;
use std::time::Duration;

use common::{batch_request, build, config, config_request};
use convert_transport::{ProxyUrl, Transport, TransportConfig};
use test_support::{ConnectProxy, LoopbackServer, Reply, Step};

#[test]
fn no_fault_leaves_a_thread_or_a_socket_behind() {
    // What is made once per process is made before counting.
    exercise(&Step::from(Reply::json("{}")));
    let before = open();
    for step in steps() {
        exercise(&step);
        assert_eq!(settle(before), before, "{step:?}");
    }
    exercise_proxy();
    assert_eq!(settle(before), before, "proxy");
}

fn steps() -> Vec<Step> {
    let interval = Duration::from_millis(20);
    vec![
        Step::CloseOnAccept,
        Step::HangInHandshake,
        Step::DripInHandshake(interval),
        Step::NeverRead,
        Step::PlainHttp,
        Step::WrongName,
        Step::Expired,
        Step::Hang,
        Step::DripHeaders(interval),
        Step::DripBody(interval),
        Step::DripError(interval),
        Step::ReadSlowly(interval),
        Step::AnswerUnread(Reply::new(413)),
        Step::CutBody,
        Step::Garbage,
        Reply::json("{}").into(),
        Reply::json("{}").closing().into(),
        Reply::json("{}").announcing(100).into(),
        Reply::new(302).header("location", "https://localhost:1").into(),
        Reply::new(503).body("busy").into(),
        Reply::filler(100_000_000).into(),
        Reply::gzip_bomb(20_000_000).into(),
    ]
}

fn exercise(step: &Step) {
    let server = LoopbackServer::start([step.clone()]);
    call_both(&config(&server));
}

fn exercise_proxy() {
    let server = LoopbackServer::start([Reply::json("{}")]);
    let proxy = ConnectProxy::start();
    call_both(&config(&server).proxy(ProxyUrl::parse(proxy.url()).expect("a proxy")));
}

/// Makes both calls, whatever comes of them, on a transport that ends before its server.
fn call_both(config: &TransportConfig) {
    let transport = build(&config.clone().timeout(Duration::from_millis(200)));
    let _ = transport.fetch_config(&config_request());
    let _ = transport.send_batch(&batch_request());
}

/// Counts threads and file descriptors of this process.
fn open() -> (usize, usize) {
    let count = |path| fs::read_dir(path).expect("the proc file system").count();
    (count("/proc/self/task"), count("/proc/self/fd"))
}

/// Counts until the counts are as expected: the kernel takes a thread off its list only a moment
/// after it could be joined, and name lookups run on threads that nobody joins.
fn settle(expected: (usize, usize)) -> (usize, usize) {
    for _ in 0..100_000 {
        if open() == expected {
            break;
        }
        std::thread::yield_now();
    }
    open()
}
