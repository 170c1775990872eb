//! Builds an application for each choice of TLS providers and runs it against servers on this
//! machine, with and without `convert-redis`. Prints a table; any failure ends the run.
//!
//! `cargo run -p tls-coexistence`, or `cargo xtask ci --only tls`. Needs no network once the
//! project's dependencies are there.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};
use test_support::{LoopbackServer, RedisServer, Reply};

fn main() -> ExitCode {
    match run() {
        Ok(skipped) => {
            if skipped > 0 {
                println!(
                    "{skipped} applications skipped their store: redis-server is not installed; \
                     apt-get install redis-server"
                );
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs every application, and returns how many had no store to use.
fn run() -> Result<usize, String> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/tls-hosts"));
    fs::create_dir_all(&folder).map_err(text)?;
    let service = LoopbackServer::start([Reply::json(CONFIG)]);
    let redis = Redis::start(&folder)?;
    let authorities = folder.join("authorities.pem");
    let of_redis = redis.as_ref().map_or("", |redis| redis.authority.as_str());
    fs::write(&authorities, [service.authority_pem(), of_redis].join("\n")).map_err(text)?;
    let mut skipped = 0;
    for application in APPLICATIONS {
        let program = build(application)?;
        let url = match (&redis, application.features.contains("redis")) {
            (Some(redis), true) => redis.url.as_str(),
            (None, true) => {
                skipped += 1;
                ""
            }
            (_, false) => "",
        };
        for story in application.stories {
            let mut command = Command::new(&program);
            command.arg(story).arg(service.port().to_string()).arg(&authorities).arg(url);
            let output = command.output().map_err(text)?;
            let word = if output.status.success() { "ok" } else { "FAILED" };
            println!("{:<36} {story:<42} {word}", application.features);
            if !output.status.success() {
                return Err(String::from_utf8_lossy(&output.stderr).into_owned());
            }
        }
    }
    Ok(skipped)
}

/// Builds an application into the project's target folder, which has most of it already.
fn build(application: &Application) -> Result<PathBuf, String> {
    let host = Path::new(env!("CARGO_MANIFEST_DIR")).join("host");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    // The versions that the project is tested with.
    fs::copy(root.join("Cargo.lock"), host.join("Cargo.lock")).map_err(text)?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let target = root.join("target");
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--offline", "--no-default-features", "--features"])
        .arg(application.features)
        .arg("--manifest-path")
        .arg(host.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .status()
        .map_err(text)?;
    if !status.success() {
        return Err(format!("the application with {} cannot be built", application.features));
    }
    Ok(target.join("debug/tls-host"))
}

/// A server with TLS, and the authority that vouches for it.
struct Redis {
    _server: RedisServer,
    url: String,
    authority: String,
}

impl Redis {
    /// Starts a server; `None` where none is installed, which is an error on a build server.
    fn start(folder: &Path) -> Result<Option<Self>, String> {
        if Command::new("redis-server").arg("--version").output().is_err() {
            let advice = "redis-server is not installed; apt-get install redis-server";
            return if std::env::var_os("CI").is_some() {
                Err(advice.to_owned())
            } else {
                Ok(None)
            };
        }
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().map_err(text)?;
        let authority = CertifiedIssuer::self_signed(params, key).map_err(text)?;
        let key = KeyPair::generate().map_err(text)?;
        let params = CertificateParams::new(vec!["localhost".to_owned()]).map_err(text)?;
        let certificate = params.signed_by(&key, &authority).map_err(text)?;
        let write = |name: &str, pem: String| {
            let path = folder.join(name);
            fs::write(&path, pem).map_err(text)?;
            Ok::<String, String>(path.display().to_string())
        };
        let certificate = write("redis.pem", certificate.pem())?;
        let key = write("redis-key.pem", key.serialize_pem())?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(text)?;
        let port = listener.local_addr().map_err(text)?.port();
        drop(listener);
        let server = RedisServer::start(&[
            "--tls-port",
            &port.to_string(),
            "--tls-cert-file",
            &certificate,
            "--tls-key-file",
            &key,
            "--tls-ca-cert-file",
            &certificate,
            "--tls-auth-clients",
            "no",
        ]);
        let url = format!("rediss://localhost:{port}");
        Ok(Some(Self { _server: server, url, authority: authority.pem() }))
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// The features of an application, and what it does with them.
struct Application {
    features: &'static str,
    stories: &'static [&'static str],
}

const AUTOMATIC: &str = "automatic choice";
const INSTALLED: &str = "installed";
const NOT_LOOKED_AT: &str = "unusable one installed, not looked at";
const LOOKED_AT: &str = "unusable one installed, looked at";
const NOT_INSTALLED: &str = "two providers, nothing installed";
const NOTHING: &str = "nothing to choose from";

const APPLICATIONS: &[Application] = &[
    Application {
        features: "rustls-defaults,sdk-defaults",
        stories: &[AUTOMATIC, INSTALLED, NOT_LOOKED_AT],
    },
    Application {
        features: "rustls-defaults,sdk-defaults,redis",
        stories: &[AUTOMATIC, INSTALLED, NOT_LOOKED_AT],
    },
    Application {
        features: "rustls-ring,sdk-ring",
        stories: &[AUTOMATIC, INSTALLED, NOT_LOOKED_AT],
    },
    Application {
        features: "rustls-ring,sdk-ring,redis",
        stories: &[AUTOMATIC, INSTALLED, NOT_LOOKED_AT],
    },
    Application {
        features: "rustls-ring,sdk-both",
        stories: &[NOT_INSTALLED, INSTALLED, LOOKED_AT],
    },
    Application {
        features: "rustls-ring,sdk-both,redis",
        stories: &[NOT_INSTALLED, INSTALLED, LOOKED_AT],
    },
    Application { features: "rustls-ring,sdk-neither", stories: &[NOTHING, INSTALLED, LOOKED_AT] },
    Application {
        features: "rustls-defaults,sdk-neither,redis",
        stories: &[NOTHING, INSTALLED, LOOKED_AT],
    },
];

const CONFIG: &str = r#"{"account_id": "10012345", "project": {"id": "10067890"},
    "goals": [{"id": "91", "key": "signup"}]}"#;
