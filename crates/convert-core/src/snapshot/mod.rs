//! The config in use, where it comes from, and how it is kept fresh.

mod cache_file;
mod current;
mod fetcher;
mod preview_cache;
mod refresh_config;
mod refresh_cycle;
mod refresh_worker;
mod remote;
mod schedule;

pub(crate) use self::current::{ConfigCell, ConfigVersion, FetchedConfig};
pub use self::refresh_config::{RefreshConfig, RefreshConfigBuilder};
pub(crate) use self::refresh_worker::RefreshWorker;
pub(crate) use self::remote::{Remote, Start, transport};
