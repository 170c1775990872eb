//! A core that lives in a `static` until the process ends.

use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use convert_sdk::{Core, HttpsUrl, HttpsUrlTemplate, ProjectConfig, SdkConfig, TransportConfig};
use convert_tests::live::KEY;
use test_support::{LoopbackServer, Reply};

const CONFIG: &str = r#"{"account_id": "10012345", "project": {"id": "10067890"},
    "goals": [{"id": "9", "key": "purchase"}]}"#;

static CORE: OnceLock<Core> = OnceLock::new();

/// The recipe of `Core`'s documentation.
fn shut_down() -> bool {
    CORE.get().is_some_and(|core| core.close(Duration::from_secs(20)).left() == 0)
}

/// The test below runs it.
#[test]
#[ignore = "another test starts it as a process of its own"]
fn a_program_with_a_core_in_a_static() {
    let url = std::env::var("CONVERT_TEST_URL").unwrap();
    let transport = TransportConfig::default()
        .base_url(HttpsUrl::parse(url.clone()).unwrap())
        .track_base_url(HttpsUrlTemplate::parse(url).unwrap())
        .root_certificates(std::env::var("CONVERT_TEST_ROOTS").unwrap());
    let bootstrap = ProjectConfig::from_json(CONFIG).unwrap();
    let settings = SdkConfig::from_sdk_key(KEY).unwrap().bootstrap(bootstrap).transport(transport);
    let core = CORE.get_or_init(|| Core::initialize(settings).unwrap());
    assert!(core.create_context("visitor-1").track_conversion("purchase").is_queued());
    std::process::exit(if shut_down() { 77 } else { 1 });
}

#[test]
fn a_core_in_a_static_that_is_closed_before_exit_delivers() {
    let server = LoopbackServer::start([Reply::json(CONFIG)]);
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["a_program_with_a_core_in_a_static", "--exact", "--ignored"])
        .env("CONVERT_TEST_URL", server.url())
        .env("CONVERT_TEST_ROOTS", server.authority_pem())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(77));
    let requests = server.ledger().requests();
    let events = requests.iter().filter(|request| request.target.contains("/track/")).count();
    assert_eq!(events, 1, "{requests:?}");
}
