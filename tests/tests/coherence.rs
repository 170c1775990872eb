//! Evaluating while snapshots swap: every answer belongs to one config.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop at once"
)]

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};

use convert_sdk::{
    BatchRequest, BatchResponse, ConfigBody, ConfigRequest, ConfigResponse, Core, ManualClock,
    RefreshConfig, SdkConfig, Transport, TransportError,
};
use convert_tests::live::KEY;

const SWAPS: u32 = 10_000;

/// Serves another config every time, in which every text that an answer shows is its number.
struct Counting(AtomicU32);

impl Transport for Counting {
    fn fetch_config(&self, _: &ConfigRequest) -> Result<ConfigResponse, TransportError> {
        let n = 1 + self.0.fetch_add(1, SeqCst);
        let experience = |id: u32| {
            format!(
                r#"{{"id": "{id}", "key": "experience-{id}", "name": "{n}", "variations": [
                    {{"id": "{n}", "key": "{n}", "changes": [{{"type": "fullStackFeature",
                        "data": {{"feature_id": 7, "variables_data": {{"number": "{n}"}}}}}}]}}]}}"#
            )
        };
        let experiences: Vec<String> = (1..=3).map(experience).collect();
        let experiences = experiences.join(",");
        Ok(ConfigResponse::Modified(ConfigBody::new(format!(
            r#"{{"account_id": "1", "project": {{"id": "2", "settings": {{"version": "{n}"}}}},
                "features": [{{"id": 7, "key": "banner", "name": "{n}",
                    "variables": [{{"key": "number", "type": "integer"}}]}}],
                "experiences": [{experiences}]}}"#
        ))))
    }

    fn send_batch(&self, _: &BatchRequest) -> Result<BatchResponse, TransportError> {
        Ok(BatchResponse::new(200))
    }
}

/// Returns the number that everything a visitor gets shows, and panics if it shows two.
fn number(core: &Core, visitor: &str) -> u32 {
    let context = core.create_context(visitor);
    let experiences = context.run_experiences();
    assert_eq!(experiences.len(), 3);
    let number: u32 = experiences[0].variation_key().parse().unwrap();
    let text = number.to_string();
    for one in &experiences {
        assert_eq!((one.variation_key(), one.experience_name()), (&*text, &*text));
    }
    let banner = context.run_feature("banner").unwrap();
    assert_eq!(banner.variable::<u32>("number").unwrap(), number);
    assert_eq!(banner.feature_name(), text);
    number
}

#[test]
fn four_threads_decide_coherently_while_ten_thousand_configs_come_and_go() {
    let clock = ManualClock::new();
    let settings = SdkConfig::from_sdk_key(KEY)
        .unwrap()
        .transport_impl(Counting(AtomicU32::new(0)))
        .refresh(RefreshConfig::default())
        .record_capacity(0)
        .tracking(false)
        .manual_clock(clock.clone());
    let core = Core::initialize(settings).unwrap();
    let is_over = AtomicBool::new(false);
    let seen = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (core, is_over, seen) = (&core, &is_over, &seen);
            scope.spawn(move || {
                let (mut last, mut different, mut round) = (0, 0u32, 0u32);
                while !is_over.load(SeqCst) {
                    let number = number(core, &format!("visitor-{thread}-{round}"));
                    // Time never runs backwards for one thread either.
                    assert!(number >= last, "{number} after {last}");
                    different += u32::from(number > last);
                    (last, round) = (number, round.wrapping_add(1));
                }
                seen.lock().unwrap().push(different);
            });
        }
        for _ in 0..SWAPS {
            clock.advance_to_next_alarm();
            clock.next_alarm();
        }
        is_over.store(true, SeqCst);
    });
    assert_eq!(number(&core, "visitor"), SWAPS + 1);
    assert_eq!(core.stats().config_updates, u64::from(SWAPS));
    let seen = seen.into_inner().unwrap();
    assert!(seen.iter().all(|different| *different > 1), "the threads saw no swap: {seen:?}");
}
