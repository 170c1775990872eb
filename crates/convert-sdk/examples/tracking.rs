//! Deciding, converting and delivering, with `convertctl serve-sink` at the other end.
//!
//! ```sh
//! cargo run -p convert-sdk --example tracking
//! ```
//!
//! Starts the sink, a tracking endpoint on this machine, and shows the table of what arrived there.

use std::error::Error;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use convert_sdk::{
    Conversion, Core, HttpsUrlTemplate, SdkConfig, TrackingConfig, TransportConfig, attributes,
};

fn main() -> Result<(), Box<dyn Error>> {
    let certificate = std::env::temp_dir().join(format!("sink-{}.pem", std::process::id()));
    let (mut sink, url) = start_sink(&certificate)?;

    let transport = TransportConfig::default()
        .track_base_url(HttpsUrlTemplate::parse(format!("{url}/[project_id]/v1"))?)
        .root_certificates(std::fs::read(&certificate)?);
    let settings = SdkConfig::from_json(CONFIG)?
        .transport(transport)
        // With direct data nothing is tracked unless it is asked for.
        .tracking(true)
        .tracking_config(TrackingConfig::builder().batch_size(100).build()?);
    let core = Core::initialize(settings)?;

    for number in 1..=8 {
        let visitor = core
            .create_context(format!("visitor-{number}"))
            .with_attributes(attributes! { "country" => "DE" });
        let Some(experience) = visitor.run_experience("checkout") else { continue };
        if experience.variation_key() == "one-page" {
            let order =
                Conversion::new("order").revenue(49.99).transaction_id(format!("t{number}"));
            println!("visitor-{number} orders: {}", visitor.track_conversion(order));
        }
    }
    core.flush(Duration::from_secs(10))?;
    println!("{:?}", core.close(Duration::from_secs(2)));

    // The sink ends with its standard input, and writes its table here.
    drop(sink.stdin.take());
    sink.wait()?;
    std::fs::remove_file(&certificate)?;
    Ok(())
}

/// Starts the sink, and returns where it listens once it does.
fn start_sink(certificate: &Path) -> Result<(Child, String), Box<dyn Error>> {
    let mut sink = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--package", "convert-cli", "--", "serve-sink"])
        .arg("--until-input-ends")
        .arg("--certificate-out")
        .arg(certificate)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let output = sink.stderr.take().ok_or("no output of the sink")?;
    for line in BufReader::new(output).lines() {
        let line = line?;
        if let Some((_, rest)) = line.split_once("listening on ") {
            let url = rest.split(';').next().unwrap_or(rest).to_owned();
            return Ok((sink, url));
        }
    }
    Err("the sink did not start".into())
}

const CONFIG: &str = r#"{"account_id": "1001", "project": {"id": "2002"},
    "goals": [{"id": "91", "key": "order"}],
    "experiences": [{"id": "3", "key": "checkout", "variations": [
        {"id": "30", "key": "classic", "traffic_allocation": 50},
        {"id": "31", "key": "one-page", "traffic_allocation": 50}]}]}"#;
