//! A core that fetches its config and keeps it fresh, against a server on this machine.
//!
//! ```sh
//! cargo run -p convert-sdk --example remote
//! ```
//!
//! Prints every event, and what a visitor gets before and after the config changes.

use std::error::Error;
use std::sync::mpsc;
use std::time::Duration;

use convert_sdk::{Core, LifecycleEvent, RefreshConfig, SdkConfig};
use test_support::{LoopbackServer, Reply};

fn main() -> Result<(), Box<dyn Error>> {
    // The service: a config, then a failure, then another config.
    let server = LoopbackServer::start([
        Reply::json(config("1", "blue")).etag("\"1\""),
        Reply::new(503),
        Reply::json(config("2", "green")).etag("\"2\""),
    ]);

    let (told, events) = mpsc::channel();
    let settings = SdkConfig::from_sdk_key("10012345/10067890")?
        .transport(server.transport_config())
        .refresh(RefreshConfig::builder().interval(Duration::from_secs(60)).build()?)
        .on_event(move |event: &LifecycleEvent| {
            println!("event {}: {event:?}", event.name());
            // Whoever listened may have gone.
            let _ = told.send(event.name());
        });

    let core = Core::initialize(settings)?;
    show(&core);

    // Without being asked, the core would do this after a minute.
    core.refresh_now();
    while events.recv()? != "refresh.failed" {}
    println!("health after a failure: {:?}", core.health());
    show(&core);

    core.refresh_now();
    while events.recv()? != "config.updated" {}
    show(&core);

    println!("{:?}", core.stats());
    println!("{:?}", core.close(Duration::from_secs(2)));
    Ok(())
}

fn show(core: &Core) {
    let visitor = core.create_context("visitor-001");
    let hero = visitor.run_experience("hero");
    println!("visitor-001 gets: {:?}", hero.map(|hero| hero.variation_key()));
}

fn config(version: &str, variation: &str) -> String {
    format!(
        r#"{{"account_id": "10012345", "project": {{"id": "10067890", "settings": {{"version": "{version}"}}}},
            "experiences": [{{"id": "1", "key": "hero",
                "variations": [{{"id": "{version}0", "key": "{variation}"}}]}}]}}"#
    )
}
