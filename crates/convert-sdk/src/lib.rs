//! Convert Experiences (`FullStack`) for Rust: A/B tests and feature flags, decided locally.
//!
//! An application makes one [`Core`] from a project's config, makes a [`Context`] for each visitor,
//! and asks it which variation of an experience, or which feature variables, the visitor gets.
//! Decisions are hashes and comparisons on the caller's thread, without I/O. A visitor who has been
//! decided before is answered without a lock or an allocation; only what is new is written to the
//! visitor's record, under a lock held for that one write.
//!
//! # Quick start
//!
//! ```
//! use convert_sdk::{Core, SdkConfig, attributes};
//!
//! let config = r#"{
//!     "account_id": "1001",
//!     "project": {"id": "2002"},
//!     "features": [{"id": "7", "key": "banner", "variables": [{"key": "enabled", "type": "boolean"}]}],
//!     "experiences": [{
//!         "id": "3003", "key": "checkout",
//!         "variations": [
//!             {"id": "1", "key": "original", "traffic_allocation": 50},
//!             {"id": "2", "key": "one-page", "traffic_allocation": 50, "changes": [{
//!                 "type": "fullStackFeature",
//!                 "data": {"feature_id": 7, "variables_data": {"enabled": "true"}}}]}]}]}"#;
//!
//! let core = Core::initialize(SdkConfig::from_json(config)?)?;
//!
//! let visitor = core
//!     .create_context("visitor-001")
//!     .with_attributes(attributes! { "country" => "DE", "plan" => "pro", "age" => 42 });
//!
//! if let Some(experience) = visitor.run_experience("checkout") {
//!     println!("show {}", experience.variation_key());
//! }
//! if let Some(banner) = visitor.run_feature("banner") {
//!     let enabled: bool = banner.variable("enabled")?;
//!     println!("banner enabled: {enabled}");
//! }
//! println!("{}", visitor.explain_experience("checkout"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What an answer depends on
//!
//! A decision follows from the config, the visitor's id, the attributes and the visitor's record,
//! and from nothing else: no environment variable, feature flag or platform changes it. A visitor
//! keeps the variation of an experience as long as the record remembers it ([`Context`]).
//!
//! The gates stand in this order: the experience exists and is not archived; its environment is the
//! SDK's; a location matches; the audiences match; the visitor is in a segment, where there are
//! any; there are variations. Then the forced variation is taken, else the remembered one, else the
//! one that the visitor's hash falls on. [`Context::explain_experience`] shows each step.
//!
//! # Missing answers are not errors
//!
//! `run_experience` and `run_feature` return `None` for a visitor who is not part of it. Errors are
//! for mistakes at set-up: an unusable config, say, with the JSON path of what is wrong, or a
//! service that could not be reached ([`Error`]).
//!
//! # Live configs
//!
//! With an SDK key [`Core::initialize`] fetches the config, and blocks until it is there or an
//! [`Error`] says why not. From then on the application's threads wait for the network in
//! [`Context::set_preview`], [`Core::flush`] and [`Core::close`] alone, and for an external store of
//! visitor records as [More than one process](#more-than-one-process) says.
//!
//! ```no_run
//! use std::time::Duration;
//! use convert_sdk::{Core, LifecycleEvent, RefreshConfig, SdkConfig};
//!
//! let config = SdkConfig::from_sdk_key(std::env::var("CONVERT_SDK_KEY")?)?
//!     .environment("production")
//!     .cache_file("/var/cache/shop/convert-config")
//!     .refresh(RefreshConfig::default());
//! let core = Core::initialize(config)?;
//! core.subscribe(|event: &LifecycleEvent| {
//!     if let LifecycleEvent::ConfigUpdated(updated) = event {
//!         println!("config {:?} is in use", updated.version());
//!     }
//! })
//! .detach();
//! // … serve requests …
//! core.close(Duration::from_secs(2));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Refresh is one thread that fetches every five minutes or so ([`RefreshConfig`]); a failure
//! keeps the config that is held, and nothing but closing the core ends the attempts. With a cache
//! file, or a bootstrap config, and no refresh, a thread runs until the service has answered once.
//! [`Core::health`] tells how it goes.
//!
//! # Tracking
//!
//! With an SDK key, every new assignment of a visitor is reported as an exposure, and
//! [`Context::track_conversion`] reports goals. With direct data nothing is, unless
//! [`SdkConfig::tracking`] asks for it. Events are queued without blocking, and one thread, started
//! with the first event, sends them in batches ([`TrackingConfig`]).
//!
//! ```
//! use std::time::Duration;
//! use convert_sdk::{Conversion, Core, SdkConfig};
//! # use convert_sdk::{BatchRequest, BatchResponse, ConfigRequest, ConfigResponse, Transport, TransportError, TransportErrorKind};
//! # struct Sink;
//! # impl Transport for Sink {
//! #     fn fetch_config(&self, request: &ConfigRequest) -> Result<ConfigResponse, TransportError> {
//! #         Err(request.error(TransportErrorKind::Network))
//! #     }
//! #     fn send_batch(&self, _: &BatchRequest) -> Result<BatchResponse, TransportError> {
//! #         Ok(BatchResponse::new(200))
//! #     }
//! # }
//!
//! # let json = r#"{"account_id": "1", "project": {"id": "2"}, "goals": [{"id": "9", "key": "purchase"}]}"#;
//! # let config = SdkConfig::from_json(json)?.tracking(true).transport_impl(Sink);
//! let core = Core::initialize(config)?;
//! let visitor = core.create_context("visitor-001");
//! let purchase = Conversion::new("purchase").revenue(49.99).transaction_id("t-1");
//! assert!(visitor.track_conversion(purchase).is_queued());
//! core.flush(Duration::from_secs(5))?;
//! assert_eq!(core.stats().events_delivered, 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What the service does not take is sent again, unchanged and in order, until it does; no event is
//! sent again after the service has accepted it. Two cases cannot be told apart from outside, and
//! end in a second delivery: an answer that never arrives although the service has accepted the
//! batch, and a process that ends between the answer and the note of it in the spool.
//!
//! # More than one process
//!
//! Visitor records are kept in this process's memory unless the application says otherwise: for
//! 10,000 visitors ([`SdkConfig::record_capacity`]), until the process ends. A visitor who then
//! comes back, or comes to another machine, is decided anew. The hash gives them the same variation
//! as long as the config says the same; what only a record can do is keep a visitor in a variation
//! whose traffic has changed since, know forced variations, segments and locations, and count a goal
//! once.
//!
//! | visitor records are | for | how |
//! |---|---|---|
//! | in memory | one process, or several where visitors keep to one | the default |
//! | in the application's hand | stateless and edge servers, asynchronous databases | [`Context::with_record`], [`Context::visitor_record`]; the example `signed_cookie` |
//! | in Redis | many machines, in several languages | the crate `convert-redis` |
//! | in another store | many machines | [`SdkConfig::data_store`] with a [`DataStore`] of your own |
//!
//! The record's JSON is the JavaScript SDK's, under the same keys, so services in both languages
//! share their visitors.
//!
//! ## What blocks, and for how long
//!
//! With an external store these calls wait for it, each no longer than the store's own time for a
//! call, and not at all for the second after three failures in a row:
//!
//! - [`Core::create_context`], which reads the record;
//! - [`Context::track_conversion`], so that a goal counts once, unless
//!   [`StoreConfig::conversions`] is [`WriteMode::Background`];
//! - `run_experience`, `run_feature` and their kin for an assignment that is new, if
//!   [`StoreConfig::assignments`] is [`WriteMode::Wait`].
//!
//! [`Core::flush`] and [`Core::close`] wait for changes to be written, as long as they are told to,
//! and dropping the last [`Core`] that was not closed waits for two seconds at most.
//! Everything else answers from the context's view of the record. One thread, `convert-sdk-records`,
//! started with the first change, writes in the background: one write for all that a visitor did
//! since the last, the writes of up to 64 visitors in one exchange where the store can do that
//! ([`DataStore::merge_all`]; `convert-redis` does). The changes of a visitor are written in the order
//! in which they were made. How many visitors a second that is depends on the store: a Redis that
//! answers within a millisecond takes some tens of thousands, a store of your own without `merge_all`
//! as many as calls fit into a second.
//!
//! An asynchronous server makes the calls that wait where blocking is allowed, and decides anywhere:
//!
//! ```
//! use convert_sdk::{Context, Core};
//!
//! # mod tokio { pub mod task {
//! #     pub async fn spawn_blocking<T>(call: impl FnOnce() -> T) -> Result<T, std::io::Error> { Ok(call()) }
//! # } }
//! async fn visitor(core: Core, id: String) -> Result<Context, std::io::Error> {
//!     tokio::task::spawn_blocking(move || core.create_context(id)).await
//! }
//!
//! async fn purchase(visitor: std::sync::Arc<Context>) -> Result<(), std::io::Error> {
//!     tokio::task::spawn_blocking(move || drop(visitor.track_conversion("purchase"))).await
//! }
//! ```
//!
//! With a database that is asynchronous throughout, carry the record yourself: load it, hand it to
//! [`Context::with_record`], decide, and save [`Context::visitor_record`] if it has changed. The SDK
//! then does no I/O for it, unless the core has an external store as well, which
//! [`Core::create_context`] would read; keeping writers of one visitor from undoing each other is
//! yours.
//!
//! ```
//! use convert_sdk::{Core, VisitorRecord};
//!
//! # async fn read(_: &str) -> VisitorRecord { VisitorRecord::new() }
//! # async fn write(_: &str, _: VisitorRecord) {}
//! async fn serve(core: &Core, id: &str) -> Option<String> {
//!     let before = read(id).await;
//!     let visitor = core.create_context(id).with_record(before.clone());
//!     let shown = visitor.run_experience("hero").map(|hero| hero.variation_key().to_owned());
//!     let after = visitor.visitor_record();
//!     if after != before {
//!         write(id, after).await;
//!     }
//!     shown
//! }
//! ```
//!
//! ## When the store is lost
//!
//! Nothing stops. A visitor whose record cannot be read counts as new, and gets what the config says
//! now; where that is because the store holds something that is no record, changes to it are refused
//! and dropped, until somebody corrects it (`convertctl records`). What is to be written waits, for 10,000 visitors ([`StoreConfig::queue_capacity`]), and is
//! written when the store is back; past that, and when the process ends before, it is lost. Until
//! then each machine knows what it did itself and has not written yet. So an outage costs: visitors
//! who move between variations if the split has changed since, exposures reported a second time, and
//! goals counted once for each machine instead of once. A goal is also counted twice where the
//! store's answer is lost on its way and the same visitor reaches the same goal on another machine in
//! that moment: who was first cannot be told then. [`LifecycleEvent::StoreFailed`],
//! [`Stats::store_failures`] and [`Stats::store_dropped`] say so while it lasts.
//!
//! # Logs
//!
//! The SDK writes to the [`log`](https://docs.rs/log) facade and installs no logger. Nothing in it
//! shows a secret, an attribute or a visitor's id. What repeats is logged the first, second, fourth,
//! eighth time and so on, with the count. `rustls` logs under a target of its own if the application
//! enables its feature `logging`; its records hold host names and no part of a request.
//!
//! | level | target | says that |
//! |---|---|---|
//! | error | `convert_sdk::core` | the application's wall clock panicked |
//! | error | `convert_sdk::events` | a handler of events panicked |
//! | error | `convert_sdk::refresh` | no thread could be started |
//! | error | `convert_sdk::transport` | the application's transport panicked |
//! | error | `convert_sdk::tracking` | events are lost for good, or the spool could not be used |
//! | error | `convert_sdk::records` | changes of visitor records are lost, or no thread could be started |
//! | warn | `convert_sdk::config` | some part of a config does not take effect; once per config |
//! | warn | `convert_sdk::core` | the service gave no good config, and the core starts from the cache file |
//! | warn | `convert_sdk::cache` | the cache file could not be read or written |
//! | warn | `convert_sdk::refresh` | a config could not be fetched or used |
//! | warn | `convert_sdk::preview` | an experience to preview could not be fetched |
//! | error | `convert_sdk::rules` | the attribute provider or wall clock panicked |
//! | warn | `convert_sdk::rules` | a decision reached its step limit; further rules count as false |
//! | warn | `convert_sdk::records` | the external store failed; once a minute at most |
//! | warn | `convert_sdk::tracking` | events were dropped, with the reason; once a minute at most |
//! | info | `convert_sdk::core` | the core is ready, or closed |
//! | info | `convert_sdk::refresh` | another config is in use, fetching works again, or `refresh.skipped` |
//! | debug | `convert_sdk::transport` | an exchange with the service ended; one line each |
//! | trace | `convert_sdk::decisions` | a visitor was decided; one line each |
//!
//! # Features
//!
//! - `https` (default): the HTTPS client. Without it an SDK key needs a transport of the
//!   application's ([`SdkConfig::transport_impl`]).
//! - `simd`: columns of visitor ids, `experience.buckets().hasher().bucket_values(…)`, are computed
//!   eight at a time on processors with AVX2.
//! - `platform-verifier`: certificates can be verified by the operating system.
//! - `spool`: undelivered events can be kept in a directory, where they survive a crash. Turn it on
//!   where the process has a disk that outlives it and a lost conversion is lost revenue; it costs
//!   four small crates, and nothing as long as the service answers.
//! - `test-util`: `ManualClock`, which moves when a test says so.

#[doc(hidden)]
pub use convert_config::escape;
pub use convert_config::{
    Audience, Buckets, Catalog, Change, Diagnostic, EntityCounts, Experience, Feature,
    FeatureChange, Goal, Identified, InvalidConfigError, Layout, Location, LocationGate,
    ProjectConfig, ProjectSettings, Segment, Severity, Text, Value, ValueError, ValueList,
    ValueMap, ValueRef, VariableKind, Variation, repair_json,
};
#[cfg(feature = "test-util")]
pub use convert_core::ManualClock;
pub use convert_core::{
    BucketingEvent, CacheLevel, CloseReport, ConfigLoadError, ConfigSource, ConfigUpdatedEvent,
    Context, Conversion, ConversionEvent, ConversionResult, Core, DataStore, DropReason,
    DroppedEvent, Entity, EntityKind, Error, ExperienceResult, FeatureResult, FlushError,
    GoalValue, Health, InvalidGoalDataError, LifecycleEvent, LocationEvent, MemoryStore, Merged,
    OwnedExperienceResult, OwnedFeatureResult, ReadyEvent, RecordDelta, RefreshConfig,
    RefreshConfigBuilder, RefreshFailedEvent, RefreshSkippedEvent, ReleaseReason, ReleasedEvent,
    Repeat, RunOptions, SdkConfig, SegmentsEvent, SkipReason, SpoolError, Stats, StoreConfig,
    StoreError, StoreErrorKind, StoreFailedEvent, StoreOperation, Subscription, TrackingConfig,
    TrackingConfigBuilder, VariableError, WriteMode,
};
pub use convert_decision::{
    Answer, AttributeProvider, Attributes, AttributesIter, ClockFace, ExplainedOutcome,
    Explanation, Moment, Preview, PreviewError, Reason, Segments, Source, Step, StepRef, Steps,
    Subject, VisitorRecord, WallClock, attributes, visitor_fingerprint,
};
#[cfg(feature = "https")]
pub use convert_transport::HttpsTransport;
pub use convert_transport::{
    BatchRequest, BatchResponse, ConfigBody, ConfigRequest, ConfigResponse, HttpsUrl,
    HttpsUrlTemplate, ProxyUrl, SdkKey, Secret, Transport, TransportConfig, TransportError,
    TransportErrorKind, Validators,
};
