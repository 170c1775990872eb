//! The settings of a store.

use std::fmt;
use std::time::Duration;

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _};

use crate::cluster::Address;
use crate::connection::ConnectionSettings;
use crate::endpoint::Endpoint;
use crate::error::RedisStoreError;
use crate::server::Location;
use crate::store::{MOST_BYTES, RedisStore};
#[cfg(feature = "tls")]
use crate::tls::Tls;

/// The settings of a [`RedisStore`]. `Debug` shows neither address nor password.
///
/// ```
/// use std::time::Duration;
/// use convert_redis::RedisStore;
///
/// let store = RedisStore::builder("redis://:secret@localhost:6379/2")
///     .prefix("shop:")
///     .timeout(Duration::from_millis(50))
///     .ttl(Some(Duration::from_secs(30 * 24 * 60 * 60)))
///     .build()?;
/// assert!(!format!("{store:?}").contains("secret"));
/// # Ok::<(), convert_redis::RedisStoreError>(())
/// ```
#[derive(Clone)]
#[must_use = "settings do nothing until the store is built"]
pub struct RedisStoreBuilder {
    url: String,
    prefix: String,
    timeout: Duration,
    ttl: Option<Duration>,
    connections: usize,
    reply_limit: usize,
    seeds: Option<Vec<String>>,
    roots: Option<Vec<u8>>,
}

impl RedisStoreBuilder {
    pub(crate) fn new(url: String) -> Self {
        RedisStoreBuilder {
            url,
            prefix: String::new(),
            timeout: Duration::from_millis(250),
            ttl: Some(Duration::from_secs(180 * 24 * 60 * 60)),
            connections: 16,
            reply_limit: 16 << 20,
            seeds: None,
            roots: None,
        }
    }

    /// Sets what every key begins with. Defaults to nothing.
    pub fn prefix(self, prefix: impl Into<String>) -> Self {
        RedisStoreBuilder { prefix: prefix.into(), ..self }
    }

    /// Sets how long one call may take in all. Defaults to 250 ms.
    pub fn timeout(self, timeout: Duration) -> Self {
        RedisStoreBuilder { timeout, ..self }
    }

    /// Sets how long a record is kept after its last change, to the millisecond, and at most a
    /// century. `None` keeps it without limit. Defaults to 180 days.
    pub fn ttl(self, ttl: Option<Duration>) -> Self {
        RedisStoreBuilder { ttl, ..self }
    }

    /// Sets how many connections there may be to one server. Zero counts as one. Connections are made
    /// when several threads call at once, and are kept. When all are in use a call waits for one,
    /// within the [timeout](RedisStoreBuilder::timeout). Defaults to 16.
    pub fn connections(self, connections: usize) -> Self {
        RedisStoreBuilder { connections: connections.max(1), ..self }
    }

    /// Sets how long the reply to one command may be, in bytes; each value of a list counts 32 bytes
    /// more. The store refuses a longer one at the limit and closes the connection. Less than 2 MiB
    /// counts as 2 MiB, since the longest record has to fit. Defaults to 16 MiB.
    pub fn reply_limit(self, bytes: usize) -> Self {
        RedisStoreBuilder { reply_limit: bytes.max(2 * MOST_BYTES), ..self }
    }

    /// Makes a store for a cluster. The address is that of one server; `seeds` are others of the same
    /// cluster, asked when that one does not answer. Login and TLS of the first address are used for
    /// all. A cluster has no numbered databases. Defaults to a single server.
    ///
    /// ```
    /// use convert_redis::RedisStore;
    ///
    /// let seeds = ["redis://10.0.0.2:6379", "redis://10.0.0.3:6379"];
    /// assert!(RedisStore::builder("redis://10.0.0.1:6379").cluster(seeds).build().is_ok());
    /// assert!(RedisStore::builder("redis://10.0.0.1:6379/2").cluster(seeds).build().is_err());
    /// ```
    pub fn cluster<U: Into<String>>(self, seeds: impl IntoIterator<Item = U>) -> Self {
        RedisStoreBuilder { seeds: Some(seeds.into_iter().map(Into::into).collect()), ..self }
    }

    /// Trusts these certificates, in PEM, in place of the roots that browsers trust. Needs the
    /// feature `tls`.
    #[cfg(feature = "tls")]
    pub fn root_certificates(self, pem: impl Into<Vec<u8>>) -> Self {
        RedisStoreBuilder { roots: Some(pem.into()), ..self }
    }

    /// Makes the store. Connects to nothing yet, and does not block.
    ///
    /// # Errors
    ///
    /// Fails if an address is not a Redis URL, if it asks for TLS and the feature `tls` is off or there
    /// is no provider of cryptography, if it names a database of a cluster, if the root certificates
    /// cannot be read, or if they are given for an address without TLS.
    pub fn build(self) -> Result<RedisStore, RedisStoreError> {
        let address = parse(&self.url)?;
        let location = self.location(&address)?;
        if self.roots.is_some() && !address.is_tls {
            let message = "root certificates need an address with TLS (rediss://)";
            return Err(RedisStoreError::new(message));
        }
        let login = address.info.redis_settings();
        let settings = ConnectionSettings {
            username: login.username().map(str::to_owned),
            password: login.password().map(str::to_owned),
            database: login.db(),
            #[cfg(feature = "tls")]
            tls: address.is_tls.then(|| Tls::new(self.roots.as_deref())).transpose()?,
            timeout: self.timeout,
            connections: self.connections,
            reply_limit: self.reply_limit,
        };
        let ttl =
            self.ttl.map(|ttl| u64::try_from(ttl.min(MOST_TTL).as_millis()).unwrap_or(1).max(1));
        Ok(RedisStore::new(location, settings, self.prefix, ttl))
    }

    fn location(&self, address: &ParsedAddress) -> Result<Location, RedisStoreError> {
        let Some(seeds) = &self.seeds else {
            return Ok(Location::Single(address.endpoint()?));
        };
        if address.info.redis_settings().db() != 0 {
            return Err(RedisStoreError::new("a cluster has no databases to choose from"));
        }
        let mut addresses = vec![address.of_cluster()?];
        for seed in seeds {
            addresses.push(parse(seed)?.of_cluster()?);
        }
        Ok(Location::Cluster(addresses))
    }
}

impl fmt::Debug for RedisStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStoreBuilder")
            .field("prefix", &self.prefix)
            .field("timeout", &self.timeout)
            .field("ttl", &self.ttl)
            .field("connections", &self.connections)
            .field("reply_limit", &self.reply_limit)
            .finish_non_exhaustive()
    }
}

/// An address as the `redis` crate reads it. That crate is built without TLS, so that the scheme is
/// read here.
struct ParsedAddress {
    info: ConnectionInfo,
    is_tls: bool,
}

/// Reads an address. The error of the `redis` crate is not shown: it may hold a part of the address.
fn parse(url: &str) -> Result<ParsedAddress, RedisStoreError> {
    let over_tls = [("rediss://", "redis://"), ("valkeys://", "valkey://")];
    let plain = over_tls.iter().find_map(|(scheme, plain)| {
        let begins = url.get(..scheme.len())?.eq_ignore_ascii_case(scheme);
        begins.then(|| [plain, url.get(scheme.len()..).unwrap_or_default()].concat())
    });
    let is_tls = plain.is_some();
    if is_tls && !cfg!(feature = "tls") {
        let message = "the address asks for TLS: enable the feature `tls` of convert-redis";
        return Err(RedisStoreError::new(message));
    }
    if is_tls && url.contains('#') {
        let message = "the address must not have a fragment: certificates are always verified";
        return Err(RedisStoreError::new(message));
    }
    let info = plain.as_deref().unwrap_or(url).into_connection_info();
    let info = info.map_err(|_| RedisStoreError::new("the address is not a Redis URL"))?;
    Ok(ParsedAddress { info, is_tls })
}

impl ParsedAddress {
    fn endpoint(&self) -> Result<Endpoint, RedisStoreError> {
        match self.info.addr() {
            ConnectionAddr::Tcp(host, port) => Ok(Endpoint::Tcp(host.clone(), *port)),
            ConnectionAddr::Unix(path) => Ok(Endpoint::Unix(path.clone())),
            _ => Err(RedisStoreError::new("the address cannot be used")),
        }
    }

    fn of_cluster(&self) -> Result<Address, RedisStoreError> {
        match self.endpoint()? {
            Endpoint::Tcp(host, port) => Ok((host, port)),
            Endpoint::Unix(_) => Err(RedisStoreError::new("a cluster is reached over TCP")),
        }
    }
}

/// Servers refuse what they cannot add to the time, and with it the whole change.
const MOST_TTL: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
