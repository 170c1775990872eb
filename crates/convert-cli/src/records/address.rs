//! Which Redis, and how long records are kept in it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use convert_redis::RedisStore;

use crate::args::seconds;
use crate::failure::Failure;
use crate::input::read_file;
use crate::source::MAX_CERTIFICATES;

/// Which Redis.
#[derive(Args)]
pub(super) struct Store {
    /// The address, `redis://user:password@host:port/database`, with rediss:// for TLS, or
    /// `unix:///path` for a local socket. The variable keeps a password out of process lists.
    #[arg(long, value_name = "URL", env = "CONVERT_REDIS_URL", hide_env_values = true)]
    redis: String,

    /// What the keys in Redis begin with before the account.
    #[arg(long, value_name = "TEXT", default_value = "")]
    prefix: String,

    /// The address is one of a cluster.
    #[arg(long)]
    cluster: bool,

    /// Trust the certificates in this file, in PEM, in place of those that browsers trust.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,

    /// How long one exchange may take.
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    timeout: Duration,
}

/// How long a record is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lifetime {
    Days(u32),
    Unlimited,
}

impl Store {
    /// Makes the way to the store; what is new is kept as long as the store keeps it by default,
    /// unless `lifetime` is set.
    pub(super) fn open(&self, lifetime: Option<&Lifetime>) -> Result<RedisStore, Failure> {
        let mut builder =
            RedisStore::builder(&*self.redis).prefix(&*self.prefix).timeout(self.timeout);
        if self.cluster {
            builder = builder.cluster::<String>([]);
        }
        if let Some(path) = &self.ca {
            let pem = read_file(path, MAX_CERTIFICATES).map_err(Failure::Other)?;
            builder = builder.root_certificates(pem);
        }
        if let Some(lifetime) = lifetime {
            builder = builder.ttl(lifetime.duration());
        }
        builder.build().map_err(|error| Failure::Usage(error.to_string()))
    }
}

impl Lifetime {
    fn duration(&self) -> Option<Duration> {
        match self {
            Lifetime::Days(days) => Some(Duration::from_secs(u64::from(*days) * DAY)),
            Lifetime::Unlimited => None,
        }
    }
}

impl FromStr for Lifetime {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "never" {
            return Ok(Lifetime::Unlimited);
        }
        match text.parse() {
            Ok(days @ 1..=MOST_DAYS) => Ok(Lifetime::Days(days)),
            _ => Err(format!("neither `never` nor a number of days from 1 to {MOST_DAYS}")),
        }
    }
}

impl fmt::Debug for Store {
    /// Leaves out the address, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("prefix", &self.prefix)
            .field("cluster", &self.cluster)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// In seconds.
const DAY: u64 = 24 * 60 * 60;
/// A century, the longest that the store keeps a record.
const MOST_DAYS: u32 = 36_500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_are_days_or_without_end() {
        assert_eq!("30".parse(), Ok(Lifetime::Days(30)));
        assert_eq!("never".parse(), Ok(Lifetime::Unlimited));
        for wrong in ["0", "-1", "1.5", "36501", "", "Never"] {
            assert!(wrong.parse::<Lifetime>().is_err(), "{wrong}");
        }
    }
}
