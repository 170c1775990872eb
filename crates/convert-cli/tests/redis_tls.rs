//! `convertctl records` on a Redis with TLS, whose certificate an authority of the test's own signed.

use std::net::{Ipv4Addr, TcpListener};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};
use test_support::RedisServer;

mod support;

use support::{run, scratch_with};

#[test]
fn an_authority_of_ones_own_is_trusted_where_it_is_named() {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    let ca = scratch_with("records-authority.pem", &authority.pem());
    let certificate = scratch_with("records-certificate.pem", &certificate.pem());
    let key = scratch_with("records-key.pem", &key.serialize_pem());
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let port = port.to_string();
    let options = [
        ["--tls-port", &port],
        ["--tls-cert-file", &certificate],
        ["--tls-key-file", &key],
        ["--tls-ca-cert-file", &ca],
        ["--tls-auth-clients", "no"],
    ];
    let server = RedisServer::start(options.as_flattened());
    server.command(&["SET", "1-2-v", "{}"]);
    let url = format!("rediss://localhost:{port}");
    let get = ["records", "get", "1-2-v", "--redis", &url];
    assert_eq!(run(&get).code, Some(1));
    let got = run(&[&get[..], &["--ca", &ca]].concat());
    assert_eq!(got.stdout, "{\"key\":\"1-2-v\",\"record\":{}}\n", "{}", got.stderr);
    let missing = run(&[&get[..], &["--ca", "nowhere.pem"]].concat());
    assert!(missing.stderr.contains("nowhere.pem cannot be read"), "{}", missing.stderr);
}
