//! What a decision costs that is tracked and stored.

use std::cell::RefCell;
use std::hint::black_box;
use std::rc::Rc;
use std::time::Duration;

use convert_sdk::{
    BatchRequest, BatchResponse, ConfigRequest, ConfigResponse, Context, Core, SdkConfig,
    TrackingConfig, Transport, TransportError, TransportErrorKind,
};

use super::clock::Clock;
use super::fixture::{EXPERIENCES, Fixture, contexts, guarded};
use super::measure::Work;
use super::workload::{self, Visitor};

/// A fresh decision that is tracked and stored in memory, the worker's part included, as if both
/// ran on one core.
pub(super) fn recording(fixture: &Fixture) -> Work<'_> {
    let mut keys = guarded();
    keys.truncate(FRESH);
    let visitors = fixture.visitors();
    let operations = visitors.len() * keys.len();
    // Every round decides for visitors whom nobody knows yet, so it needs a core of its own.
    let stage: Rc<RefCell<Option<Stage>>> = Rc::default();
    let (prepared, settled) = (Rc::clone(&stage), Rc::clone(&stage));
    let work = Work::new("run_experience_tracked", operations, move || {
        for visitor in stage.borrow().iter().flat_map(|stage| &stage.visitors) {
            for key in &keys {
                black_box(visitor.run_experience(black_box(key)));
            }
        }
    });
    let prepare = move || {
        prepared.take();
        prepared.replace(Some(Stage::new(visitors)?));
        Ok(())
    };
    work.by(Clock::Process)
        .between(prepare, move || settled.borrow().as_ref().map_or(Ok(()), Stage::settle))
}

/// A core that tracks, and visitors it does not know.
struct Stage {
    core: Core,
    visitors: Vec<Context>,
}

impl Stage {
    fn new(visitors: &[Visitor]) -> Result<Self, String> {
        let tracking = TrackingConfig::builder().queue_capacity(MANY).queue_bytes(1 << 30);
        let core = core(|config| {
            let config = config.transport_impl(Accepting).record_capacity(visitors.len());
            Ok(config.tracking_config(tracking.build().map_err(|error| error.to_string())?))
        })?;
        Ok(Stage { visitors: contexts(&core, visitors), core })
    }

    /// Waits until the worker has done its part, and makes sure that it has.
    fn settle(&self) -> Result<(), String> {
        self.core.flush(PATIENCE).map_err(|error| error.to_string())?;
        let stats = self.core.stats();
        if stats.events_delivered == stats.exposures && stats.exposures > 0 {
            Ok(())
        } else {
            Err(format!("tracked decisions were lost: {stats:?}"))
        }
    }
}

/// A service that accepts everything at once.
struct Accepting;

impl Transport for Accepting {
    fn fetch_config(&self, request: &ConfigRequest) -> Result<ConfigResponse, TransportError> {
        Err(request.error(TransportErrorKind::Network))
    }

    fn send_batch(&self, _: &BatchRequest) -> Result<BatchResponse, TransportError> {
        Ok(BatchResponse::new(200))
    }
}

/// A core with the workload's project that tracks.
pub(super) fn core(
    settings: impl FnOnce(SdkConfig) -> Result<SdkConfig, String>,
) -> Result<Core, String> {
    let json = workload::project(EXPERIENCES).to_string();
    let config = SdkConfig::from_json(&json).map_err(|error| error.to_string())?;
    let config = settings(config.environment("production").tracking(true))?;
    Core::initialize(config).map_err(|error| error.to_string())
}

/// Fresh decisions of each visitor.
const FRESH: usize = 5;
/// More events than a round records.
const MANY: usize = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(60);
