//! How often the config is fetched.

use std::time::Duration;

use convert_config::InvalidConfigError;

/// How often the config is fetched in the background, and how failures slow that down.
///
/// Between two attempts passes `interval` and a random part of `jitter`; after `n` failures in a
/// row, `interval × backoff_factorⁿ` but at most `backoff_max`, and a random part of `jitter`. Where
/// the service asks for a longer wait (`Retry-After`), it waits that long, up to ten minutes.
/// After an answer that will not change soon (401, 403, 404, or no trusted TLS connection) it is
/// `backoff_max` at once. Nothing but closing the core ends it.
///
/// ```
/// use std::time::Duration;
/// use convert_core::RefreshConfig;
///
/// assert_eq!(RefreshConfig::default().interval(), Duration::from_secs(300));
/// let hourly = RefreshConfig::builder()
///     .interval(Duration::from_secs(3_600))
///     .backoff_max(Duration::from_secs(7_200))
///     .build()?;
/// assert_eq!(hourly.jitter(), Duration::from_secs(30));
/// # Ok::<(), convert_config::InvalidConfigError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RefreshConfig {
    interval: Duration,
    jitter: Duration,
    backoff_factor: f64,
    backoff_max: Duration,
}

/// Makes a [`RefreshConfig`] that is not the default one.
///
/// ```
/// use std::time::Duration;
/// use convert_core::RefreshConfig;
///
/// let error = RefreshConfig::builder().interval(Duration::ZERO).build().unwrap_err();
/// assert_eq!(error.path(), "refresh.interval");
/// ```
#[derive(Debug, Clone, Copy)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct RefreshConfigBuilder {
    config: RefreshConfig,
}

impl RefreshConfig {
    /// Starts from the defaults.
    pub fn builder() -> RefreshConfigBuilder {
        RefreshConfigBuilder { config: RefreshConfig::default() }
    }

    /// Returns the time between two attempts. Defaults to 300 s.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// Returns what at most is added to each wait, at random. Defaults to 30 s.
    pub fn jitter(&self) -> Duration {
        self.jitter
    }

    /// Returns by what each failure multiplies the wait. Defaults to 2.
    pub fn backoff_factor(&self) -> f64 {
        self.backoff_factor
    }

    /// Returns the longest wait after failures, jitter aside. Defaults to 600 s.
    pub fn backoff_max(&self) -> Duration {
        self.backoff_max
    }
}

impl Default for RefreshConfig {
    fn default() -> Self {
        RefreshConfig {
            interval: Duration::from_secs(300),
            jitter: Duration::from_secs(30),
            backoff_factor: 2.0,
            backoff_max: Duration::from_secs(600),
        }
    }
}

impl RefreshConfigBuilder {
    /// Sets the time between two attempts, at least a second. Defaults to 300 s.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.config.interval = interval;
        self
    }

    /// Sets what at most is added to each wait, at random, so that many processes do not ask at
    /// once. Defaults to 30 s.
    pub fn jitter(mut self, jitter: Duration) -> Self {
        self.config.jitter = jitter;
        self
    }

    /// Sets by what each failure multiplies the wait. Defaults to 2.
    pub fn backoff_factor(mut self, factor: f64) -> Self {
        self.config.backoff_factor = factor;
        self
    }

    /// Sets the longest wait after failures, jitter aside. Defaults to 600 s.
    pub fn backoff_max(mut self, max: Duration) -> Self {
        self.config.backoff_max = max;
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// Fails, naming the setting, if the interval is shorter than a second, the jitter longer than the interval, the
    /// factor less than 1 or not finite, or the longest wait shorter than the interval.
    pub fn build(self) -> Result<RefreshConfig, InvalidConfigError> {
        let RefreshConfig { interval, jitter, backoff_factor, backoff_max } = self.config;
        let invalid = |setting: &str, reason: &str| {
            Err(InvalidConfigError::new(format!("refresh.{setting}"), reason))
        };
        if interval < MIN_INTERVAL {
            return invalid("interval", "must be at least a second");
        }
        if jitter > interval {
            return invalid("jitter", "must not be longer than the interval");
        }
        if !backoff_factor.is_finite() || backoff_factor < 1.0 {
            return invalid("backoff_factor", "must be a number of at least 1");
        }
        if backoff_max < interval {
            return invalid("backoff_max", "must not be shorter than the interval");
        }
        Ok(self.config)
    }
}

/// Asking more often would burden the service, and nothing changes that fast.
const MIN_INTERVAL: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_make_no_sense_are_refused_by_name() {
        let seconds = Duration::from_secs;
        let builder = RefreshConfig::builder;
        for (builder, expected) in [
            (builder().interval(Duration::ZERO), Some("refresh.interval")),
            (builder().interval(Duration::from_nanos(1)), Some("refresh.interval")),
            (
                builder().interval(Duration::from_millis(999)).jitter(seconds(0)),
                Some("refresh.interval"),
            ),
            (builder().interval(seconds(1)), Some("refresh.jitter")),
            (builder().interval(seconds(1)).jitter(seconds(1)), None),
            (builder().jitter(seconds(301)), Some("refresh.jitter")),
            (builder().jitter(seconds(300)), None),
            (builder().jitter(Duration::ZERO), None),
            (builder().backoff_factor(0.99), Some("refresh.backoff_factor")),
            (builder().backoff_factor(-2.0), Some("refresh.backoff_factor")),
            (builder().backoff_factor(f64::NAN), Some("refresh.backoff_factor")),
            (builder().backoff_factor(f64::INFINITY), Some("refresh.backoff_factor")),
            (builder().backoff_factor(1.0), None),
            (builder().backoff_max(seconds(299)), Some("refresh.backoff_max")),
            (builder().backoff_max(seconds(300)), None),
            (builder(), None),
        ] {
            let outcome = builder.build();
            assert_eq!(outcome.err().as_ref().map(InvalidConfigError::path), expected);
        }
    }
}
