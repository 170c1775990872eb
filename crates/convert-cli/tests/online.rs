//! What the service has to do with the program: `fetch`, and `--sdk-key` in every other command.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test without the answer it asks for fails"
)]

mod support;

use support::{Run, run, run_in, scratch, scratch_with};
use test_support::{LoopbackServer, RefusedPort, Reply, Step};

const KEY: &str = "10012345/10067890";
const SECRET: &str = "api-secret-5b7d";
const TOKEN: &str = "debug token/3f";
const DEMO: &str = include_str!("../src/demo.json");

/// A service on the loopback interface, and how the program gets there.
struct Service {
    server: LoopbackServer,
    authority: String,
}

impl Service {
    fn start<S: Into<Step>>(name: &str, script: impl IntoIterator<Item = S>) -> Self {
        let server = LoopbackServer::start(script);
        let authority = scratch_with(&format!("{name}.pem"), server.authority_pem());
        Service { server, authority }
    }

    /// Runs a command with the key, and checks that nothing secret is told.
    fn run(&self, arguments: &[&str], input: &[u8]) -> Run {
        self.run_in(&[], &[arguments, &["--sdk-key", KEY]].concat(), input)
    }

    fn run_in(&self, variables: &[(&str, &str)], arguments: &[&str], input: &[u8]) -> Run {
        let url = self.server.url();
        let reach = ["--base-url", &url, "--root-certificate", &self.authority];
        discreet(run_in(variables, &[arguments, &reach].concat(), input))
    }

    fn targets(&self) -> Vec<String> {
        self.server.ledger().requests().into_iter().map(|request| request.target).collect()
    }
}

fn discreet(found: Run) -> Run {
    for secret in [KEY, SECRET, TOKEN, "debug%20token"] {
        assert!(!found.stdout.contains(secret), "{secret} in\n{}", found.stdout);
        assert!(!found.stderr.contains(secret), "{secret} in\n{}", found.stderr);
    }
    found
}

/// Every command that takes a config, with its arguments and input.
const COMMANDS: [(&[&str], &[u8]); 5] = [
    (&["validate"], b""),
    (&["evaluate"], br#"{"visitor_id": "visitor-001", "attributes": {"plan": "pro"}}"#),
    (
        &["explain", "--visitor", "visitor-001", "--experience", "checkout", "--attr", "plan=pro"],
        b"",
    ),
    (&["simulate", "--experience", "recommendations", "--visitors", "1000"], b""),
    (&["assign", "--experience", "checkout"], b"visitor-001\nvisitor-002\n"),
];

#[test]
fn every_command_answers_from_the_service_as_from_the_file() {
    let service = Service::start("commands", [Reply::json(DEMO)]);
    for (arguments, input) in COMMANDS {
        let online = service.run(arguments, input);
        assert_eq!((online.code, online.stderr.as_str()), (Some(0), ""), "{arguments:?}");
        let config: &[&str] =
            if arguments[0] == "validate" { &["demo"] } else { &["--config", "demo"] };
        let offline = run_in(&[], &[arguments, config].concat(), input);
        assert_eq!(online.stdout, offline.stdout, "{arguments:?}");
    }
    let target = format!("/api/v1/config/{KEY}");
    assert_eq!(service.targets(), vec![target; COMMANDS.len()], "nothing but a fetch each");
}

#[test]
fn fetch_writes_the_config_as_it_was_served() {
    let served = format!(" {DEMO}\r\n \t\n");
    let service = Service::start("fetch", [Reply::json(served.as_str()).gzip()]);
    let found = service.run(&["fetch"], b"");
    assert_eq!((found.code, found.stderr.as_str()), (Some(0), ""));
    assert_eq!(found.stdout, served);

    let file = scratch_with("fetched.json", "what was there before");
    let found = service.run(&["fetch", "--out", &file], b"");
    assert_eq!((found.code, found.stdout.as_str(), found.stderr.as_str()), (Some(0), "", ""));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), served);
    assert_eq!(service.run(&["fetch", "--out", "-"], b"").stdout, served);
    let missing = scratch("no/such/folder/config.json");
    let found = service.run(&["fetch", "--out", &missing], b"");
    assert_eq!(found.code, Some(1));
    assert!(found.stderr.contains("config.json cannot be written: "), "{}", found.stderr);
}

#[test]
fn options_and_variables_say_what_is_asked_for() {
    let service = Service::start("options", [Reply::json(DEMO)]);
    let path = format!("/api/v1/config/{KEY}");
    let found = service.run(
        &["fetch", "--environment", "eu west", "--cache-level", "low", "--debug-token", TOKEN],
        b"",
    );
    assert_eq!((found.code, found.stderr.as_str()), (Some(0), ""));
    let variables = [
        ("CONVERT_SDK_KEY", KEY),
        ("CONVERT_SDK_SECRET", SECRET),
        ("CONVERT_ENVIRONMENT", "staging"),
        ("CONVERT_DEBUG_TOKEN", TOKEN),
    ];
    assert_eq!(service.run_in(&variables, &["validate"], b"").code, Some(0));
    let empty = variables.map(|(name, value)| match name {
        "CONVERT_SDK_KEY" => (name, value),
        _ => (name, ""),
    });
    assert_eq!(service.run_in(&empty, &["validate"], b"").code, Some(0));
    assert_eq!(
        service.targets(),
        [
            format!(
                "{path}?environment=eu%20west&_conv_low_cache=1&debug_token=debug%20token%2F3f"
            ),
            format!("{path}?environment=staging&_conv_low_cache=1&debug_token=debug%20token%2F3f"),
            path,
        ]
    );
    let requests = service.server.ledger().requests();
    let sent: Vec<_> = requests.iter().map(|request| request.header("authorization")).collect();
    assert_eq!(sent, [None, Some("Bearer api-secret-5b7d"), None]);
}

#[test]
fn a_config_that_is_named_goes_before_a_key_of_the_environment() {
    let service = Service::start("precedence", [Reply::new(500)]);
    let variables = [("CONVERT_SDK_KEY", KEY), ("CONVERT_ENVIRONMENT", "nowhere")];
    let explain = ["explain", "--visitor", "v", "--experience", "recommendations"];
    let with_config = [&explain[..], &["--config", "demo"]].concat();
    let found = service.run_in(&variables, &with_config, b"");
    assert_eq!(found.stdout, run(&with_config).stdout, "the variable of the environment, too");
    assert!(found.stdout.starts_with("recommendations -> "), "{}", found.stdout);
    assert_eq!(service.run_in(&variables, &["validate", "demo"], b"").code, Some(0));
    assert!(service.targets().is_empty());

    for (arguments, option) in
        [(&with_config[..], "--config"), (&["validate", "demo"][..], "CONFIG")]
    {
        let found = service.run(arguments, b"");
        assert_eq!((found.code, found.stdout.as_str()), (Some(2), ""));
        let expected = format!("error: {option} and --sdk-key are two sources of a config");
        assert!(found.stderr.starts_with(&expected), "{}", found.stderr);
    }
    let found = run_in(&[("CONVERT_SDK_KEY", "")], &["validate"], b"");
    assert_eq!(found.code, Some(2));
    assert!(found.stderr.contains("set CONVERT_SDK_KEY"), "{}", found.stderr);
}

#[test]
fn refusals_are_told_without_the_key() {
    for (status, cause) in [
        (401, ": the SDK key or the secret is not accepted"),
        (403, ": the SDK key or the secret is not accepted"),
        (404, ": there is no config under this SDK key"),
        (500, ""),
    ] {
        let answer = Reply::new(status).body(format!("no {KEY} here"));
        let service = Service::start(&format!("status-{status}"), [answer]);
        let expected = format!(
            "convertctl: the config could not be loaded: the service answered with status {status} \
             ({}/api/v1/config/1001****7890){cause}\n",
            service.server.url(),
        );
        let file = scratch_with(&format!("status-{status}.json"), "kept");
        for (arguments, input) in COMMANDS
            .into_iter()
            .chain([(&["fetch"][..], &b""[..]), (&["fetch", "--out", file.as_str()][..], &b""[..])])
        {
            let found = service.run(arguments, input);
            assert_eq!((found.code, found.stdout.as_str()), (Some(1), ""), "{arguments:?}");
            assert_eq!(found.stderr, expected, "{arguments:?}");
        }
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "kept");
    }
}

#[test]
fn certificates_that_cannot_be_trusted_are_refused() {
    for (name, step, reason) in
        [("wrong-name", Step::WrongName, "not valid for"), ("expired", Step::Expired, "expired")]
    {
        let found = Service::start(name, [step]).run(&["fetch"], b"");
        assert_eq!((found.code, found.stdout.as_str()), (Some(1), ""));
        let expected = "convertctl: the config could not be loaded: no trusted TLS connection";
        assert!(found.stderr.starts_with(expected), "{}", found.stderr);
        assert!(found.stderr.contains(reason), "{}", found.stderr);
    }
    let service = Service::start("unknown", [Reply::json(DEMO)]);
    let url = service.server.url();
    let found = discreet(run(&["fetch", "--sdk-key", KEY, "--base-url", &url]));
    assert_eq!((found.code, found.stdout.as_str()), (Some(1), ""));
    assert!(found.stderr.contains("UnknownIssuer"), "{}", found.stderr);
    assert!(service.targets().is_empty());

    let no_pem = scratch_with("no.pem", "not a certificate");
    let missing = scratch("missing.pem");
    for (file, reason) in
        [(&no_pem, "it holds no certificate"), (&missing, "missing.pem cannot be read")]
    {
        let found = discreet(run(&["fetch", "--sdk-key", KEY, "--root-certificate", file]));
        assert_eq!(found.code, Some(1));
        assert!(found.stderr.contains(reason), "{}", found.stderr);
    }
}

#[test]
fn what_is_no_config_is_refused_and_not_written() {
    for (name, body, reason) in [
        ("no-json", format!("<html>{KEY}</html>"), "invalid config"),
        ("no-config", format!(r#"{{"account_id": "{KEY}"}}"#), "invalid config at project"),
        ("empty", String::new(), "invalid config"),
    ] {
        let service = Service::start(name, [Reply::json(body)]);
        let file = scratch_with(&format!("{name}.json"), "kept");
        let found = service.run(&["fetch", "--out", &file], b"");
        assert_eq!((found.code, found.stdout.as_str()), (Some(1), ""));
        assert!(found.stderr.starts_with(&format!("convertctl: {reason}")), "{}", found.stderr);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "kept");
        for (arguments, input) in COMMANDS {
            let found = service.run(arguments, input);
            assert_eq!((found.code, found.stdout.as_str()), (Some(1), ""), "{arguments:?}");
            assert!(found.stderr.contains(reason), "{}", found.stderr);
        }
    }
}

#[test]
fn diagnostics_go_to_standard_error() {
    let config = r#"{"account_id": 1, "project": {"id": 2}, "experiences": [{"key": "lost"}]}"#;
    let found = Service::start("diagnostics", [Reply::json(config)]).run(&["fetch"], b"");
    assert_eq!((found.code, found.stdout.as_str()), (Some(0), config));
    let expected = "convertctl: warning: experiences[0].id: missing, ";
    assert!(found.stderr.starts_with(expected), "{}", found.stderr);
}

#[test]
fn what_cannot_work_is_refused_before_anything_is_sent_and_not_repeated() {
    for (option, value) in [
        ("--base-url", "http://user:api-secret-5b7d@localhost"),
        ("--base-url", "https://user:api-secret-5b7d@localhost"),
        ("--sdk-key", "debug token/3f"),
        ("--sdk-key", " "),
        ("--timeout", "soon"),
        ("--cache-level", "high"),
    ] {
        let key = if option == "--sdk-key" { value } else { KEY };
        let arguments = ["validate", "--sdk-key", key, option, value];
        let arguments = if option == "--sdk-key" { &arguments[..3] } else { &arguments };
        let found = discreet(run(arguments));
        assert_eq!((found.code, found.stdout.as_str()), (Some(2), ""), "{option} {value}");
        assert!(found.stderr.contains(option), "{}", found.stderr);
    }
    let secret = "api-secret-5b7d\n";
    let found = discreet(run(&["validate", "--sdk-key", KEY, "--secret", secret]));
    assert_eq!(found.code, Some(1));
}

#[test]
fn nobody_at_home_is_told_in_time() {
    let refused = RefusedPort::reserve();
    let url = format!("https://localhost:{}", refused.port());
    let found = discreet(run(&["validate", "--sdk-key", KEY, "--base-url", &url]));
    assert_eq!(found.code, Some(1));
    assert!(found.stderr.contains("the service could not be reached"), "{}", found.stderr);

    let service = Service::start("hang", [Step::Hang]);
    let found = service.run(&["validate", "--timeout", "0.2"], b"");
    assert_eq!(found.code, Some(1));
    assert!(found.stderr.contains("the request timed out"), "{}", found.stderr);
}

#[test]
fn the_proxy_of_the_environment_is_used_and_named_when_it_fails() {
    use test_support::ConnectProxy;

    let service = Service::start("proxied", [Reply::json(DEMO)]);
    let fetch = ["fetch", "--sdk-key", KEY, "--out", "/dev/null"];
    let proxy = ConnectProxy::start();
    let url = proxy.url();
    let found = service.run_in(&[("HTTPS_PROXY", &url)], &fetch, b"");
    assert_eq!((found.code, proxy.requests().len()), (Some(0), 1), "{}", found.stderr);
    let variables = [("HTTPS_PROXY", &*url), ("NO_PROXY", "localhost")];
    let found = service.run_in(&variables, &fetch, b"");
    assert_eq!((found.code, proxy.requests().len()), (Some(0), 1), "{}", found.stderr);

    let refused = RefusedPort::reserve();
    let down = format!("http://user:pass-word@localhost:{}", refused.port());
    let found = service.run_in(&[("HTTPS_PROXY", &down)], &fetch, b"");
    assert_eq!(found.code, Some(1));
    assert!(!found.stderr.contains("pass-word"), "{}", found.stderr);
    let named = format!("through the proxy http://…@localhost:{}", refused.port());
    assert!(found.stderr.contains(&named), "{}", found.stderr);
    assert!(found.stderr.contains("onnection refused"), "{}", found.stderr);
    let found = service.run_in(&[("HTTPS_PROXY", "htp:/x")], &fetch, b"");
    assert_eq!(found.code, Some(1));
    assert!(found.stderr.contains("proxy"), "{}", found.stderr);
}

#[test]
fn a_service_that_cannot_be_reached_or_trusted_is_named_with_the_cause() {
    let trusted = Service::start("trusted", [Reply::json(DEMO)]);
    let other = Service::start("untrusted", [Step::WrongName]);
    let refused = RefusedPort::reserve();
    let port = refused.port();
    for (url, causes) in [
        (format!("https://localhost:{port}"), ["localhost", "onnection refused"]),
        (other.server.url(), ["localhost", "certificate"]),
    ] {
        let reach = ["--base-url", &url, "--root-certificate", &trusted.authority];
        let found = discreet(run(&[&["fetch", "--sdk-key", KEY], &reach[..]].concat()));
        assert_eq!((found.code, &*found.stdout), (Some(1), ""));
        for cause in causes {
            assert!(found.stderr.contains(cause), "{url}: {}", found.stderr);
        }
        let lines = found.stderr.lines().count();
        assert_eq!(lines, 1, "{}", found.stderr);
        let track = ["track", "--config", "demo", "--visitor", "v", "--goal", "order-placed"];
        let reach = ["--track-base-url", &url, "--root-certificate", &trusted.authority];
        let found = run(&[&track[..], &["--delivery-timeout", "0.01"], &reach].concat());
        assert_eq!(found.code, Some(1));
        assert!(found.stderr.contains("not delivered: "), "{}", found.stderr);
    }
}
