//! Nothing that is secret is logged at any level. Alone in its process: it is the process's logger.
#![cfg(feature = "https")]
#![allow(clippy::expect_used, reason = "helpers fail their test")]

mod common;

use std::sync::{Mutex, PoisonError};

use common::{
    KEY, PROXY_PASSWORD, VISITOR, assert_no_secret, batch_request, build, config, config_request,
};
use convert_transport::{BatchRequest, ProxyUrl, SdkKey, Transport};
use log::{LevelFilter, Log, Metadata, Record};
use test_support::{ConnectProxy, LoopbackServer, Reply, Step};

#[test]
fn no_level_shows_a_secret() {
    log::set_logger(&RECORDS).expect("the first logger");
    log::set_max_level(LevelFilter::Trace);

    let server = LoopbackServer::start([
        Step::from(Reply::json("{}").etag("\"v1\"")),
        Reply::new(302).header("location", "https://localhost:1/").into(),
        Reply::new(404).into(),
        Step::CutBody,
        Step::WrongName,
        Step::Garbage,
    ]);
    let direct = build(&config(&server));
    let proxy = ConnectProxy::start();
    let url = proxy.url_with_credentials("user", PROXY_PASSWORD);
    let url = ProxyUrl::parse(url).expect("a proxy");
    let proxied = build(&config(&server).proxy(url));
    let key = SdkKey::parse(KEY).expect("a key");
    let batch = BatchRequest::new(key, "10034190", format!(r#"{{"visitorId":"{VISITOR}"}}"#));
    for _ in 0..4 {
        for transport in [&direct, &proxied] {
            let _ = transport.fetch_config(&config_request());
            let _ = transport.send_batch(&batch_request());
            let _ = transport.send_batch(&batch);
        }
    }
    log::trace!("the logger is at work");

    let records = RECORDS.0.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(records.iter().any(|record| record.ends_with("the logger is at work")));
    for record in records.iter() {
        assert_no_secret(record);
        assert!(!record.contains(VISITOR), "{record}");
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
