//! Proxies: used when asked for, ignored otherwise, their credentials never printed.
#![cfg(feature = "https")]
#![allow(clippy::expect_used, clippy::panic, reason = "helpers fail their test")]

mod common;

use std::process::Command;
use std::time::Duration;

use common::{PROXY_PASSWORD, SHORT, assert_no_secret, build, config, config_request, printed};
use convert_transport::{ProxyUrl, Transport, TransportConfig, TransportErrorKind};
use test_support::{ConnectProxy, LoopbackServer, RefusedPort, Reply, Step};

fn through(server: &LoopbackServer, proxy: &str) -> TransportConfig {
    config(server).proxy(ProxyUrl::parse(proxy).expect("a proxy"))
}

#[test]
fn explicit_proxy_is_used_and_never_sees_the_request() {
    let server = LoopbackServer::start([Reply::json("{}")]);
    let proxy = ConnectProxy::start();
    let transport = build(&through(&server, &proxy.url()));
    assert!(transport.fetch_config(&config_request()).is_ok());

    let tunnels = proxy.requests();
    let [tunnel] = tunnels.as_slice() else {
        panic!("{tunnels:?}");
    };
    assert_eq!(tunnel.authority, format!("localhost:{}", server.port()));
    assert_eq!(tunnel.authorization, None);
    assert_eq!(tunnel.user_agent.as_deref(), Some("ConvertAgent/1.0"));
    assert_eq!(server.ledger().len(), 1);
}

#[test]
fn credentials_reach_the_proxy_decoded() {
    let server = LoopbackServer::start([Reply::json("{}")]);
    let proxy = ConnectProxy::start();
    let url = proxy.url_with_credentials("us%40er", PROXY_PASSWORD);
    assert!(build(&through(&server, &url)).fetch_config(&config_request()).is_ok());
    // The Base64 form of `us@er:pr0xy-pa55word`.
    let expected = Some("Basic dXNAZXI6cHIweHktcGE1NXdvcmQ=".to_owned());
    assert_eq!(proxy.requests()[0].authorization, expected);
}

#[test]
fn refusing_proxy_is_a_network_error_without_its_credentials() {
    let server = LoopbackServer::start([Reply::json("{}")]);
    for status in [403, 407, 502] {
        let proxy = ConnectProxy::refusing(status);
        let url = proxy.url_with_credentials("user", PROXY_PASSWORD);
        let error =
            build(&through(&server, &url)).fetch_config(&config_request()).expect_err("no tunnel");
        assert_eq!(error.kind(), TransportErrorKind::Network);
        assert_eq!(error.status(), None, "the status is not the service's");
        assert!(printed(&error).contains(&status.to_string()), "{error:?}");
        assert_no_secret(&printed(&error));
    }
    assert!(server.ledger().is_empty());
}

#[test]
fn unreachable_proxy_is_a_network_error_and_is_not_passed_by() {
    let server = LoopbackServer::start([Reply::json("{}")]);
    let port = RefusedPort::reserve();
    let url = format!("http://user:{PROXY_PASSWORD}@localhost:{}", port.port());
    let error =
        build(&through(&server, &url)).fetch_config(&config_request()).expect_err("no proxy");
    assert_eq!(error.kind(), TransportErrorKind::Network);
    assert_no_secret(&printed(&error));
    assert!(server.ledger().is_empty());
}

#[test]
fn proxy_that_says_nothing_or_too_little_does_not_hold_up_a_call() {
    let server = LoopbackServer::start([Reply::json("{}")]);
    let drip = Step::DripInHandshake(Duration::from_millis(20));
    for (scheme, step) in
        [("http", Step::HangInHandshake), ("https", Step::HangInHandshake), ("https", drip)]
    {
        let proxy = LoopbackServer::start([step]);
        let url = format!("{scheme}://user:{PROXY_PASSWORD}@localhost:{}", proxy.port());
        let transport = build(&through(&server, &url).timeout(SHORT));
        let error = transport.fetch_config(&config_request()).expect_err("no tunnel");
        assert_eq!(error.kind(), TransportErrorKind::Timeout, "{scheme} {error:?}");
        assert_no_secret(&printed(&error));
    }
    assert!(server.ledger().is_empty());
}

#[test]
fn proxy_that_drips_its_answer_does_not_extend_the_deadline() {
    let server = LoopbackServer::start([Reply::json("{}")]);
    let proxy = ConnectProxy::dripping(Duration::from_millis(20));
    let config = through(&server, &proxy.url()).connect_timeout(SHORT);
    let error = build(&config).fetch_config(&config_request()).expect_err("no tunnel");
    assert_eq!(error.kind(), TransportErrorKind::Timeout, "{error:?}");
    let text = error.to_string();
    assert!(text.ends_with("the connect timeout of 300ms elapsed while waiting for the answer"));
}

#[test]
fn proxy_that_is_busy_may_say_for_how_long() {
    let server = LoopbackServer::start([Reply::json("{}")]);
    let proxy = ConnectProxy::answering("HTTP/1.1 503 Busy\r\nRetry-After: 20\r\n\r\n");
    let config = through(&server, &proxy.url());
    let error = build(&config).fetch_config(&config_request()).expect_err("no tunnel");
    assert_eq!(error.retry_after(), Some(Duration::from_secs(20)));
}

#[test]
fn failing_proxy_is_named_instead_of_the_service() {
    let server = LoopbackServer::start([Reply::json("{}")]);
    let port = RefusedPort::reserve();
    let refused = format!("http://u:p@localhost:{}", port.port());
    let misspelt = format!("http://u:p@{}.invalid:3128", "a".repeat(64));
    let refusing = ConnectProxy::refusing(407);
    let silent = ConnectProxy::answering("");
    let garbage = ConnectProxy::answering("SSH-2.0-OpenSSH\r\n");
    let talkative = ConnectProxy::answering("HTTP/1.1 200 OK\r\n\r\nand more");
    let plain = LoopbackServer::start([Step::PlainHttp]);
    for (url, cause) in [
        (refused, "Connection refused"),
        (misspelt, "looking up the name"),
        (refusing.url_with_credentials("u", "p"), "it refused the tunnel: status 407"),
        (silent.url_with_credentials("u", "p"), "closed while waiting for the answer"),
        (garbage.url_with_credentials("u", "p"), "does not begin with HTTP/1"),
        (talkative.url_with_credentials("u", "p"), "it sent bytes that were not asked for"),
        (format!("https://u:p@localhost:{}", plain.port()), "the peer does not speak TLS"),
    ] {
        let error =
            build(&through(&server, &url)).fetch_config(&config_request()).expect_err("no tunnel");
        let text = error.to_string();
        let (_, host) = url.rsplit_once('@').expect("credentials");
        assert!(text.starts_with("no connection through the proxy http"), "{text}");
        assert!(text.contains(&format!("://****@{host}: ")), "{text}");
        assert!(text.contains(cause), "{text}");
        assert!(!text.contains(&server.url()), "{text}");
        assert_no_secret(&printed(&error));
    }
}

#[test]
fn service_that_fails_behind_a_proxy_is_named_itself() {
    let server = LoopbackServer::start([Step::WrongName]);
    let proxy = ConnectProxy::start();
    let transport = build(&through(&server, &proxy.url()));
    let error = transport.fetch_config(&config_request()).expect_err("a wrong certificate");
    assert_eq!(error.kind(), TransportErrorKind::Tls);
    assert!(error.to_string().contains(&server.url()), "{error}");
}

#[test]
fn proxy_variables_are_ignored_unless_asked_for() {
    let proxy = ConnectProxy::start();
    run_child("ignore", &[("HTTPS_PROXY", &proxy.url()), ("ALL_PROXY", &proxy.url())]);
    run_child("ignore", &[("all_proxy", &proxy.url()), ("http_proxy", &proxy.url())]);
    assert_eq!(proxy.requests(), []);

    run_child("use", &[("HTTPS_PROXY", &proxy.url()), ("NO_PROXY", "other.example")]);
    assert_eq!(proxy.requests().len(), 1);

    run_child("use", &[("HTTPS_PROXY", &proxy.url()), ("NO_PROXY", "localhost")]);
    run_child("use", &[("HTTPS_PROXY", &proxy.url()), ("NO_PROXY", "127.0.0.0/8")]);
    run_child("use", &[("HTTP_PROXY", &proxy.url())]);
    assert_eq!(proxy.requests().len(), 1);
}

/// The test above runs it again with variables in its environment.
#[test]
#[ignore = "another test starts it as a process of its own"]
fn child_fetches_once() {
    let mode = std::env::var(CHILD_MODE).expect("started by another test");
    let server = LoopbackServer::start([Reply::json("{}")]);
    let config = if mode == "use" { config(&server).proxy_from_env() } else { config(&server) };
    let answer = build(&config).fetch_config(&config_request());
    assert!(answer.is_ok(), "{answer:?}");
    assert_eq!(server.ledger().len(), 1);
}

/// Runs [`child_fetches_once`] in a process whose only proxy variables are the given ones.
fn run_child(mode: &str, variables: &[(&str, &str)]) {
    let mut command = Command::new(std::env::current_exe().expect("this test"));
    for name in ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    let output = command
        .args(["--exact", "child_fetches_once", "--ignored", "--nocapture"])
        .env(CHILD_MODE, mode)
        .envs(variables.iter().copied())
        .output()
        .expect("a child process");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("1 passed"), "{text}");
}

const CHILD_MODE: &str = "CONVERT_TRANSPORT_TEST_CHILD";
