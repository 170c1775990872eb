//! Connections over TLS, to a real server with a certificate of an authority of the test's own.

#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected should stop at once")]

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use convert_redis::RedisStore;
use convert_sdk::{DataStore as _, RecordDelta, StoreErrorKind};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};
use test_support::RedisServer;

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Starts a server whose certificate is for `name`, and returns it with its TLS port.
fn start(authority: &CertifiedIssuer<'_, KeyPair>, name: &str) -> (RedisServer, u16) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
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
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    (RedisServer::start(&options), port)
}

#[test]
fn only_a_server_that_can_prove_who_it_is_gets_anything() {
    let authority = authority();
    let (_server, port) = start(&authority, "localhost");
    let url = format!("rediss://localhost:{port}");
    let builder = RedisStore::builder(&*url).timeout(Duration::from_secs(30));
    let store = builder.clone().root_certificates(authority.pem()).build().unwrap();
    store.merge("k", &RecordDelta::new().reach("a")).unwrap();
    assert!(store.load("k").unwrap().unwrap().has_reached("a"));

    // The roots that browsers trust have not signed it.
    let error = builder.build().unwrap().load("k").unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);

    let (_server, port) = start(&authority, "elsewhere.example");
    let store = RedisStore::builder(format!("rediss://localhost:{port}"))
        .timeout(Duration::from_secs(30))
        .root_certificates(authority.pem())
        .build()
        .unwrap();
    assert_eq!(store.load("k").unwrap_err().kind(), StoreErrorKind::Unavailable);
    let broken = RedisStore::builder(url).root_certificates("no certificate").build();
    assert!(broken.is_err() || broken.unwrap().load("k").is_err());
}
