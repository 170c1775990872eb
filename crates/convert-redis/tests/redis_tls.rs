//! Connections over TLS, to a real server with a certificate of an authority of the test's own.

#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected should stop at once")]

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;

use convert_redis::RedisStore;
use convert_sdk::{DataStore as _, RecordDelta, StoreErrorKind};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};
use rustls::crypto::CryptoProvider;
use test_support::{HostileRedis, RedisFault, RedisServer, took, wait_until};

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Starts a server whose certificate is for `name`, and returns it with its TLS port.
fn start(
    authority: &CertifiedIssuer<'_, KeyPair>,
    name: &str,
    more: &[&str],
) -> (RedisServer, u16) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", more.len()));
    fs::create_dir_all(&folder).unwrap();
    let write = |file: &str, text: String| {
        let path = folder.join(file);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let options = [
        "--tls-port".to_owned(),
        port.to_string(),
        "--tls-cert-file".to_owned(),
        write("certificate.pem", certificate.pem()),
        "--tls-key-file".to_owned(),
        write("key.pem", key.serialize_pem()),
        "--tls-ca-cert-file".to_owned(),
        write("authority.pem", authority.pem()),
        "--tls-auth-clients".to_owned(),
        "no".to_owned(),
    ];
    let options: Vec<&str> =
        options.iter().map(String::as_str).chain(more.iter().copied()).collect();
    (RedisServer::start(&options), port)
}

fn store(url: String, roots: Option<String>) -> RedisStore {
    let builder = RedisStore::builder(url).timeout(LONG);
    match roots {
        Some(roots) => builder.root_certificates(roots).build().unwrap(),
        None => builder.build().unwrap(),
    }
}

#[test]
fn only_a_server_that_can_prove_who_it_is_gets_anything() {
    let authority = authority();
    let (_server, port) = start(&authority, "localhost", &[]);
    let url = format!("rediss://localhost:{port}");
    let trusting = store(url.clone(), Some(authority.pem()));
    trusting.merge("k", &RecordDelta::new().reach("a")).unwrap();
    assert!(trusting.load("k").unwrap().unwrap().has_reached("a"));

    // The roots that browsers trust have not signed it.
    let error = store(url.clone(), None).load("k").unwrap_err();
    let expected = format!(
        "the store is unavailable: could not set up TLS with localhost:{port}: \
         invalid peer certificate: UnknownIssuer"
    );
    assert_eq!(error.to_string(), expected);

    let (_server, port) = start(&authority, "elsewhere.example", &[]);
    let elsewhere = store(format!("rediss://localhost:{port}"), Some(authority.pem()));
    let error = elsewhere.load("k").unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(error.to_string().contains("not valid for name \"localhost\""), "{error}");
    // rustls has no default provider, and with two of them in the tree it would not choose one.
    assert!(CryptoProvider::get_default().is_none());
}

#[test]
fn certificates_that_cannot_be_read_are_refused_when_the_store_is_built() {
    for (pem, why) in [
        ("no certificate", "the PEM holds no certificate"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "BadEncoding"),
    ] {
        let built = RedisStore::builder("rediss://localhost").root_certificates(pem).build();
        let error = built.unwrap_err().to_string();
        assert!(error.starts_with("the root certificates cannot be read: "), "{error}");
        assert!(error.contains(why), "{error}");
    }
    let plain = RedisStore::builder("redis://localhost").root_certificates("x").build();
    assert!(plain.unwrap_err().to_string().contains("rediss://"));
    let insecure = RedisStore::builder("rediss://localhost/#insecure").build();
    assert!(insecure.unwrap_err().to_string().contains("always verified"));
}

#[test]
fn servers_of_a_cluster_are_reached_over_tls_without_an_installed_provider() {
    let authority = authority();
    let options = ["--cluster-enabled", "yes", "--tls-cluster", "yes"];
    let (server, port) = start(&authority, "localhost", &options);
    assert_eq!(server.command(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]), "OK");
    // Servers know each other by address, so that the certificate is for that name.
    server.command(&["CONFIG", "SET", "cluster-announce-hostname", "localhost"]);
    server.command(&["CONFIG", "SET", "cluster-preferred-endpoint-type", "hostname"]);
    let is_set = || server.command(&["SET", "other", "{}"]) == "OK";
    assert!(wait_until(LONG, is_set));
    let builder = RedisStore::builder(format!("rediss://localhost:{port}")).timeout(LONG);
    let builder = builder.root_certificates(authority.pem()).cluster::<String>([]);
    let store = builder.build().unwrap();
    let keys: Vec<String> = (0..20).map(|number| format!("k{number}")).collect();
    for key in &keys {
        store.merge(key, &RecordDelta::new().reach("a")).unwrap();
        assert!(store.load(key).unwrap().unwrap().has_reached("a"));
    }
    let mut seen = 0;
    let count = |_: &str| {
        seen += 1;
        ControlFlow::Continue(())
    };
    store.scan("k*", count).unwrap();
    assert_eq!(seen, 20);
    assert!(CryptoProvider::get_default().is_none());
}

#[test]
fn a_handshake_that_hangs_or_drips_ends_by_the_timeout() {
    let timeout = Duration::from_millis(200);
    // The head of a record that promises 16 KiB.
    let record = b"\x16\x03\x03\x40\x00";
    for fault in [RedisFault::Silent, RedisFault::Drip(record, b"x", timeout / 20)] {
        let server = HostileRedis::start_raw(move |_| (0, fault));
        let url = format!("rediss://localhost:{}", server.port());
        let store = RedisStore::builder(url).timeout(timeout).build().unwrap();
        let elapsed = took(|| {
            assert_eq!(store.load("k").unwrap_err().kind(), StoreErrorKind::Timeout);
        });
        assert!(elapsed < 5 * timeout, "{elapsed:?}");
    }
    let server = HostileRedis::start_raw(|_| (0, RedisFault::Close(b"-ERR no TLS here\r\n")));
    let url = format!("rediss://localhost:{}", server.port());
    let error = store(url, None).load("k").unwrap_err().to_string();
    assert!(error.contains("could not set up TLS with localhost:"), "{error}");
}

const LONG: Duration = Duration::from_secs(30);
