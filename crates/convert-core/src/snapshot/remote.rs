//! A config that comes from the service.

use std::sync::Arc;
use std::time::Duration;

use convert_config::{InvalidConfigError, ProjectConfig};
use convert_transport::{ConfigRequest, SdkKey, Transport, TransportConfig};

use crate::config::{CacheLevel, SdkConfig};
use crate::error::Error;
use crate::event::ConfigSource;
use crate::log;
use crate::snapshot::cache_file::CacheFile;
use crate::snapshot::fetcher::{Fetched, Fetcher};
use crate::snapshot::preview_cache::PreviewCache;
use crate::snapshot::{ConfigVersion, FetchedConfig};
use crate::stats::Counters;

/// What a core with an SDK key has besides one with direct data.
pub(crate) struct Remote {
    pub(crate) fetcher: Fetcher,
    pub(crate) previews: PreviewCache,
    cache: Option<CacheFile>,
}

/// What a core starts from.
pub(crate) struct Start {
    pub(crate) loaded: FetchedConfig,
    pub(crate) source: ConfigSource,
    pub(crate) age: Duration,
    /// What went wrong, if the cached config had to do.
    pub(crate) failure: Option<Error>,
}

impl Remote {
    /// Prepares to fetch. Does no I/O.
    pub(crate) fn new(key: &SdkKey, config: &SdkConfig, transport: Arc<dyn Transport>) -> Self {
        let mut request =
            ConfigRequest::new(key.clone()).with_low_cache(config.cache_level == CacheLevel::Low);
        if let Some(environment) = &config.environment {
            request = request.with_environment(environment);
        }
        if let Some(token) = &config.debug_token {
            request = request.with_debug_token(token.clone());
        }
        let cache = config.cache_file.as_ref().map(|path| CacheFile::new(path, &request));
        let fetcher = Fetcher::new(transport, request, settings(config));
        Remote { fetcher, cache, previews: PreviewCache::default() }
    }

    /// Finds the config to start from: the one given, else the service's, else the cached one.
    /// Blocks unless one was given. `wall` is the time in seconds since 1970.
    pub(crate) fn start(
        &self,
        bootstrap: Option<&Arc<ProjectConfig>>,
        wall: i64,
        counters: &Counters,
    ) -> Result<Start, Error> {
        let start = |loaded, source| Start { loaded, source, age: Duration::ZERO, failure: None };
        if let Some(config) = bootstrap {
            return Ok(start(FetchedConfig::given(Arc::clone(config)), ConfigSource::Bootstrap));
        }
        let error = match self.fetcher.fetch(&ConfigVersion::default()) {
            Ok(Fetched::Config { loaded, bytes }) => {
                self.keep(&loaded, &bytes, wall, counters);
                return Ok(start(loaded, ConfigSource::Network));
            }
            // Nothing is held that an unconditional request could confirm; the fetcher knows that.
            Ok(Fetched::Same(_)) => InvalidConfigError::new("", "the service sent none").into(),
            Err(error) => error,
        };
        self.start_from_cache(error, wall, counters)
    }

    /// Writes a config to the cache file, if there is one. A failure is counted and logged.
    pub(crate) fn keep(
        &self,
        loaded: &FetchedConfig,
        bytes: &[u8],
        wall: i64,
        counters: &Counters,
    ) {
        let Some(cache) = &self.cache else { return };
        if let Err(reason) = cache.store(bytes, &loaded.identity, wall) {
            report_cache_failure(cache, counters, "written", &reason);
        }
    }

    /// Starts from the cache file, whatever the service answered: a config that was good under this key
    /// is better than none, and even a refused key may be an error of the service. The file of another
    /// key is not used.
    fn start_from_cache(
        &self,
        error: Error,
        wall: i64,
        counters: &Counters,
    ) -> Result<Start, Error> {
        let Some(cache) = &self.cache else { return Err(error) };
        match cache.load() {
            Ok((loaded, stored_at)) => {
                let seconds = u64::try_from(wall.saturating_sub(stored_at)).unwrap_or(0);
                let age = Duration::from_secs(seconds);
                log::warn!(
                    target: "convert_sdk::core",
                    "starting from the config in the cache file, which is {seconds} s old, since the \
                     service gave none: {error}"
                );
                Ok(Start { loaded, source: ConfigSource::Cache, age, failure: Some(error) })
            }
            Err(reason) => {
                report_cache_failure(cache, counters, "used", &reason);
                Err(error)
            }
        }
    }
}

fn report_cache_failure(cache: &CacheFile, counters: &Counters, verb: &str, reason: &str) {
    if let Some(count) = counters.cache_failures.record() {
        log::warn!(
            target: "convert_sdk::cache",
            "the cache file {} could not be {verb}, {count} times so far: {reason}",
            cache.path().display()
        );
    }
}

/// Returns the application's transport, or else makes the HTTPS one.
pub(crate) fn transport(config: &SdkConfig) -> Result<Arc<dyn Transport>, Error> {
    match &config.transport_impl {
        Some(transport) => Ok(Arc::clone(transport)),
        None => https(config),
    }
}

/// Returns how to reach the service, with the secret that the environment gave.
fn settings(config: &SdkConfig) -> TransportConfig {
    let settings = config.transport.clone();
    match &config.environment_secret {
        Some(secret) => settings.auth_secret(secret.clone()),
        None => settings,
    }
}

#[cfg(feature = "https")]
fn https(config: &SdkConfig) -> Result<Arc<dyn Transport>, Error> {
    Ok(Arc::new(convert_transport::HttpsTransport::new(&settings(config))?))
}

#[cfg(not(feature = "https"))]
fn https(_: &SdkConfig) -> Result<Arc<dyn Transport>, Error> {
    let reason = "built without the feature `https`: an SDK key needs a `transport_impl`";
    Err(InvalidConfigError::new("transport_impl", reason).into())
}
