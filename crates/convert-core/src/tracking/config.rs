//! How events are queued and delivered.

use std::path::PathBuf;
use std::time::Duration;

use convert_config::InvalidConfigError;

/// How events are queued and delivered.
///
/// Waiting events are released when there are `batch_size` of them, when the queue is half full,
/// when the first has waited for `flush_interval`, and when the application flushes or closes. A
/// release takes everything that waits; a body stays under 1 MiB, and is sent in parts if the service
/// answers that it is too large. What could not be delivered is sent again, unchanged, after a
/// wait that doubles with each failure in a row from `backoff_min` to `backoff_max`, of which a
/// random part passes; no less than the service asks for, within ten minutes.
///
/// ```
/// use std::time::Duration;
/// use convert_core::TrackingConfig;
///
/// let tracking = TrackingConfig::builder()
///     .batch_size(100)
///     .flush_interval(Some(Duration::from_secs(5)))
///     .build()?;
/// assert_eq!(tracking.batch_size(), 100);
/// assert_eq!(TrackingConfig::default().queue_capacity(), 10_000);
/// # Ok::<(), convert_config::InvalidConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackingConfig {
    batch_size: usize,
    flush_interval: Option<Duration>,
    queue_capacity: usize,
    queue_bytes: usize,
    backoff_min: Duration,
    backoff_max: Duration,
    spool: Option<PathBuf>,
    spool_bytes: u64,
    source: String,
}

/// Makes a [`TrackingConfig`] that is not the default one.
///
/// ```
/// use convert_core::TrackingConfig;
///
/// let error = TrackingConfig::builder().batch_size(0).build().unwrap_err();
/// assert_eq!(error.path(), "tracking.batch_size");
/// ```
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct TrackingConfigBuilder {
    config: TrackingConfig,
}

impl TrackingConfig {
    /// Starts from the defaults.
    pub fn builder() -> TrackingConfigBuilder {
        TrackingConfigBuilder { config: TrackingConfig::default() }
    }

    /// Returns how many waiting events are released at once, if the queue is not half full before
    /// that. Defaults to 10.
    pub fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// Returns after how long the first waiting event is released. Defaults to 1 s; `None` is
    /// never.
    pub fn flush_interval(&self) -> Option<Duration> {
        self.flush_interval
    }

    /// Returns how many events may wait in memory. Defaults to 10,000.
    pub fn queue_capacity(&self) -> usize {
        self.queue_capacity
    }

    /// Returns how many bytes of events may wait in memory, about. Defaults to 8 MiB.
    pub fn queue_bytes(&self) -> usize {
        self.queue_bytes
    }

    /// Returns the longest wait after the first failure. Defaults to 1 s.
    pub fn backoff_min(&self) -> Duration {
        self.backoff_min
    }

    /// Returns the longest wait after many failures in a row. Defaults to 60 s.
    pub fn backoff_max(&self) -> Duration {
        self.backoff_max
    }

    /// Returns the directory that keeps what could not be delivered. Defaults to none.
    pub fn spool_directory(&self) -> Option<&std::path::Path> {
        self.spool.as_deref()
    }

    /// Returns how many bytes that directory may hold. Defaults to 64 MiB.
    pub fn spool_bytes(&self) -> u64 {
        self.spool_bytes
    }

    /// Returns the name of the source that is sent with the events. Defaults to `rust-sdk`.
    pub fn source(&self) -> &str {
        &self.source
    }
}

impl Default for TrackingConfig {
    fn default() -> Self {
        TrackingConfig {
            batch_size: 10,
            flush_interval: Some(Duration::from_secs(1)),
            queue_capacity: 10_000,
            queue_bytes: 8 << 20,
            backoff_min: Duration::from_secs(1),
            backoff_max: Duration::from_secs(60),
            spool: None,
            spool_bytes: 64 << 20,
            source: "rust-sdk".to_owned(),
        }
    }
}

impl TrackingConfigBuilder {
    /// Sets how many waiting events are released at once, if the queue is not half full before that.
    /// Defaults to 10.
    pub fn batch_size(mut self, events: usize) -> Self {
        self.config.batch_size = events;
        self
    }

    /// Sets after how long the first waiting event is released; `None` is never. Defaults to 1 s.
    pub fn flush_interval(mut self, interval: Option<Duration>) -> Self {
        self.config.flush_interval = interval;
        self
    }

    /// Sets how many events may wait in memory; past that the oldest go. Defaults to 10,000.
    pub fn queue_capacity(mut self, events: usize) -> Self {
        self.config.queue_capacity = events;
        self
    }

    /// Sets how many bytes of events may wait in memory, about; past that the oldest go. What is
    /// on its way, at most 1 MiB, comes on top. Defaults to 8 MiB.
    pub fn queue_bytes(mut self, bytes: usize) -> Self {
        self.config.queue_bytes = bytes;
        self
    }

    /// Sets the longest wait after the first failure, and after many in a row; at most a day.
    /// Defaults to 1 s and 60 s.
    pub fn backoff(mut self, min: Duration, max: Duration) -> Self {
        (self.config.backoff_min, self.config.backoff_max) = (min, max);
        self
    }

    /// Keeps what could not be delivered in a directory, where it survives a crash and is picked up
    /// at the next start. Defaults to none. Needs the feature `spool`.
    ///
    /// Useful where the process has a disk of its own that outlives it, and revenue must not be lost
    /// when the service, the network or the process fails for longer than the queue lasts. Without such
    /// a disk, as in a container that is thrown away, it gains nothing.
    ///
    /// The directory is made if need be, and belongs to one core at a time: a second one fails to
    /// initialise. An event that waits in memory is written once the service has failed and the
    /// flush interval has passed, once the queue is half full, and when the core is flushed or
    /// closed while the service fails; it is safe once it has been synced to disk. It goes once the
    /// service has accepted it, and is not sent again where its file cannot be deleted. The SDK key is
    /// not written. With a spool the queue drops events only while the directory is full, cannot be
    /// written or does not answer.
    ///
    /// If files or the directory disappear while the core runs, the events in them are lost: they are
    /// counted as `dropped_spool_damaged`, logged as an error and reported as
    /// [`LifecycleEvent::EventsDropped`](crate::LifecycleEvent::EventsDropped). Later events are kept:
    /// the directory is made again.
    ///
    /// # What it costs the application's threads
    ///
    /// Nothing as a rule: the delivery worker writes. Only when the queue overflows, because more
    /// is recorded during a single request than it holds, the thread that records the event too
    /// many writes half of the queue itself, without waiting for the disk to sync: in the order of
    /// 10 ms for 5,000 events. Other threads that record too much meanwhile wait for it, and all of
    /// them for a sync that the worker may be in the middle of, but for two seconds at most: if the
    /// disk has not answered by then, the oldest events are dropped, and no thread waits again until it
    /// answers. Until the worker has come back from its request and synced, those events survive a
    /// crash of the process but not a power cut.
    #[cfg(feature = "spool")]
    pub fn spool(mut self, directory: impl Into<PathBuf>) -> Self {
        self.config.spool = Some(directory.into());
        self
    }

    /// Sets how many bytes that directory may hold. Defaults to 64 MiB.
    #[cfg(feature = "spool")]
    pub fn spool_bytes(mut self, bytes: u64) -> Self {
        self.config.spool_bytes = bytes;
        self
    }

    /// Sets the name of the source that is sent with the events. Defaults to `rust-sdk`.
    pub fn source(mut self, source: impl Into<String>) -> Self {
        self.config.source = source.into();
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// Fails, naming the setting, if the batch size or the capacity is zero, the queue could not
    /// hold 4 KiB, the flush interval is zero, the shortest wait zero or longer than the longest,
    /// or the source longer than 256 bytes.
    pub fn build(self) -> Result<TrackingConfig, InvalidConfigError> {
        let config = self.config;
        let invalid =
            |name: &str, reason| Err(InvalidConfigError::new(format!("tracking.{name}"), reason));
        if config.batch_size == 0 {
            return invalid("batch_size", "zero events are no batch");
        }
        if config.flush_interval.is_some_and(|interval| interval.is_zero()) {
            return invalid("flush_interval", "the interval is zero");
        }
        if config.queue_capacity == 0 {
            return invalid("queue_capacity", "no event could wait");
        }
        if config.queue_bytes < 4_096 {
            return invalid("queue_bytes", "less than 4 KiB hold no event for sure");
        }
        if config.backoff_min.is_zero() || config.backoff_min > config.backoff_max {
            return invalid("backoff", "the shortest wait is zero, or longer than the longest");
        }
        if config.source.len() > 256 {
            return invalid("source", "the source is longer than 256 bytes");
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senseless_settings_are_refused_by_name() {
        let builder = TrackingConfig::builder;
        let zero = Duration::ZERO;
        for (builder, expected) in [
            (builder().batch_size(0), "tracking.batch_size"),
            (builder().flush_interval(Some(zero)), "tracking.flush_interval"),
            (builder().queue_capacity(0), "tracking.queue_capacity"),
            (builder().queue_bytes(4_095), "tracking.queue_bytes"),
            (builder().backoff(zero, zero), "tracking.backoff"),
            (builder().backoff(Duration::MAX, Duration::ZERO), "tracking.backoff"),
            (builder().source("x".repeat(257)), "tracking.source"),
        ] {
            assert_eq!(builder.build().unwrap_err().path(), expected);
        }
        assert_eq!(builder().flush_interval(None).build().unwrap().flush_interval(), None);
    }
}
