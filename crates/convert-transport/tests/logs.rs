//! The records of the HTTP and TLS libraries hold no secret. Alone in its process: it is the
//! process's logger.
#![cfg(feature = "https")]
#![allow(clippy::expect_used, reason = "helpers fail their test")]

mod common;

use std::sync::{Mutex, PoisonError};

use common::{PROXY_PASSWORD, assert_no_secret, batch_request, build, config, config_request};
use convert_transport::{ProxyUrl, Transport};
use log::{LevelFilter, Log, Metadata, Record};
use test_support::{ConnectProxy, LoopbackServer, Reply, Step};

#[test]
fn records_up_to_debug_hold_no_secret() {
    log::set_logger(&RECORDS).expect("the first logger");
    log::set_max_level(LevelFilter::Debug);

    let server = LoopbackServer::start([
        Step::from(Reply::json("{}").etag("\"v1\"")),
        Reply::new(302).header("location", "https://localhost:1/").into(),
        Reply::new(404).into(),
        Step::CutBody,
        Step::WrongName,
    ]);
    let direct = build(&config(&server));
    let proxy = ConnectProxy::start();
    let url = proxy.url_with_credentials("user", PROXY_PASSWORD);
    let url = ProxyUrl::parse(url).expect("a proxy");
    let proxied = build(&config(&server).proxy(url));
    for _ in 0..3 {
        for transport in [&direct, &proxied] {
            let _ = transport.fetch_config(&config_request());
            let _ = transport.send_batch(&batch_request());
        }
    }

    let records = RECORDS.0.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(records.iter().any(|record| record.starts_with("ureq")));
    for record in records.iter() {
        assert_no_secret(record);
    }
}

struct Records(Mutex<Vec<String>>);

impl Log for Records {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let mut records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        records.push(format!("{} {}", record.target(), record.args()));
    }

    fn flush(&self) {}
}

static RECORDS: Records = Records(Mutex::new(Vec::new()));
