//! The settings of a store.

use std::fmt;
use std::time::Duration;

use redis::{Client, ConnectionInfo, IntoConnectionInfo as _};

use crate::error::RedisStoreError;
use crate::server::Server;
use crate::store::RedisStore;

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
            connections: 8,
            seeds: None,
            roots: None,
        }
    }

    /// Sets what every key begins with. Defaults to nothing.
    pub fn prefix(self, prefix: impl Into<String>) -> Self {
        RedisStoreBuilder { prefix: prefix.into(), ..self }
    }

    /// Sets how long one call may take in all, which is how long a caller may have to wait. Defaults
    /// to 250 ms.
    pub fn timeout(self, timeout: Duration) -> Self {
        RedisStoreBuilder { timeout, ..self }
    }

    /// Sets how long a record is kept after its last change, to the millisecond, and at most a
    /// century; `None` keeps it for ever. Defaults to 180 days.
    pub fn ttl(self, ttl: Option<Duration>) -> Self {
        RedisStoreBuilder { ttl, ..self }
    }

    /// Sets how many connections to a server are kept while nobody uses them. More are made when
    /// more threads call at once. Defaults to 8.
    pub fn connections(self, connections: usize) -> Self {
        RedisStoreBuilder { connections, ..self }
    }

    /// Takes the address for one of a cluster, and `seeds` for others of the same cluster, to begin
    /// with when that one does not answer. Login and TLS of the first address are used for all.
    /// A cluster has no numbered databases. Defaults to a single server.
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

    /// Makes the store. Connects to nothing yet.
    ///
    /// # Errors
    ///
    /// Fails if an address is no Redis URL, if it wants TLS and the feature `tls` is off, if it names a
    /// database of a cluster, or if the certificates cannot be read.
    pub fn build(self) -> Result<RedisStore, RedisStoreError> {
        let info = parse(&self.url)?;
        let client = self.client(info)?;
        let server = self.server(client)?;
        let ttl =
            self.ttl.map(|ttl| u64::try_from(ttl.min(MOST_TTL).as_millis()).unwrap_or(1).max(1));
        Ok(RedisStore::new(server, self.prefix, self.timeout, ttl))
    }

    fn client(&self, info: ConnectionInfo) -> Result<Client, RedisStoreError> {
        if let Some(roots) = &self.roots {
            return trusting(info, roots)
                .map_err(|_| RedisStoreError::new("the certificates cannot be read"));
        }
        Client::open(info).map_err(|_| RedisStoreError::new("the address cannot be used"))
    }

    fn server(&self, client: Client) -> Result<Server, RedisStoreError> {
        if let Some(seeds) = &self.seeds {
            let info = client.get_connection_info().clone();
            if info.redis_settings().db() != 0 {
                return Err(RedisStoreError::new("a cluster has no databases to choose from"));
            }
            let mut addresses = vec![address(&info)?];
            for seed in seeds {
                addresses.push(address(&parse(seed)?)?);
            }
            let cluster = crate::cluster::Cluster::new(info, addresses, self.connections);
            return Ok(Server::Cluster(Box::new(cluster)));
        }
        Ok(Server::single(client, self.connections))
    }
}

impl fmt::Debug for RedisStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStoreBuilder")
            .field("prefix", &self.prefix)
            .field("timeout", &self.timeout)
            .field("ttl", &self.ttl)
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "tls")]
fn trusting(info: ConnectionInfo, roots: &[u8]) -> redis::RedisResult<Client> {
    let certificates = redis::TlsCertificates { client_tls: None, root_cert: Some(roots.to_vec()) };
    Client::build_with_tls(info, certificates)
}

/// Sees to it that the process has a default provider of cryptography, which the `redis` crate
/// takes. Where an application links two providers and has chosen neither, that crate would panic.
#[cfg(feature = "tls")]
fn provide_cryptography() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        if let Ok(provider) = convert_transport::crypto_provider() {
            // Another thread may have set one meanwhile, which is as good.
            let _ = rustls::crypto::CryptoProvider::clone(&provider).install_default();
        }
    }
}

#[cfg(not(feature = "tls"))]
fn provide_cryptography() {}

#[cfg(not(feature = "tls"))]
fn trusting(info: ConnectionInfo, _: &[u8]) -> redis::RedisResult<Client> {
    Client::open(info)
}

/// Reads an address. The client's own account of what is wrong with it may hold a part of it.
fn parse(url: &str) -> Result<ConnectionInfo, RedisStoreError> {
    let is_tls = ["rediss://", "valkeys://"].iter().any(|scheme| url.starts_with(scheme));
    if is_tls && !cfg!(feature = "tls") {
        return Err(RedisStoreError::new("the address wants TLS, and the feature `tls` is off"));
    }
    if is_tls {
        provide_cryptography();
    }
    let info = url.into_connection_info();
    let info = info.map_err(|_| RedisStoreError::new("the address is no Redis URL"))?;
    let redis =
        info.redis_settings().clone().set_lib_name("convert-redis", env!("CARGO_PKG_VERSION"));
    Ok(info.set_redis_settings(redis))
}

fn address(info: &ConnectionInfo) -> Result<crate::cluster::Address, RedisStoreError> {
    match info.addr() {
        redis::ConnectionAddr::Tcp(host, port)
        | redis::ConnectionAddr::TcpTls { host, port, .. } => Ok((host.clone(), *port)),
        _ => Err(RedisStoreError::new("a cluster is reached over TCP")),
    }
}

/// Servers refuse what they cannot add to the time, and with it the whole change.
const MOST_TTL: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
