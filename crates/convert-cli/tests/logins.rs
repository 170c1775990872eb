//! Passwords in arguments that cannot be read.

mod support;

use support::run;

#[test]
fn a_password_at_the_wrong_place_is_not_shown() {
    let address = "redis://name:se cr@t@127.0.0.1:1/2";
    for arguments in [
        &["records", "export", address][..],
        &["records", "set", "1-2-v", address],
        &["records", "delete", "--matching", "*", address],
        &["records", "export", "--prefix", "p", "--reddis", address],
        &["records", "export", &format!("--reddis={address}")],
        &["records", "export", &format!("--cluster={address}")],
    ] {
        let wrong = run(arguments);
        assert_eq!(wrong.code, Some(2), "{}", wrong.stderr);
        for secret in ["name:", "se cr", "cr@t"] {
            assert!(!wrong.stderr.contains(secret), "{}", wrong.stderr);
        }
    }
    let socket = "unix:///s?db=1&pass=se cr@t";
    for arguments in [
        &["records", "export", socket][..],
        &["records", "export", &format!("--cluster={socket}")],
        &["records", "export", "--timeout", socket],
    ] {
        let wrong = run(arguments);
        assert_eq!(wrong.code, Some(2), "{}", wrong.stderr);
        for secret in ["se cr", "cr@t"] {
            assert!(!wrong.stderr.contains(secret), "{}", wrong.stderr);
        }
    }
    let help = run(&["records", "get", "--help"]);
    assert!(help.code == Some(0) && help.stdout.contains("redis://user:password@host"));
}
