//! Visitor records of the Convert SDK in Redis or Valkey, shared by many machines and languages.
//!
//! ```no_run
//! use std::time::Duration;
//! use convert_redis::RedisStore;
//! use convert_sdk::{Core, SdkConfig};
//!
//! let store = RedisStore::builder("redis://:secret@redis.internal:6379/0")
//!     .prefix("convert:")
//!     .timeout(Duration::from_millis(100))
//!     .build()?;
//! let core = Core::initialize(SdkConfig::from_env()?.data_store(store))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is stored
//!
//! One text per visitor, under `{prefix}{account id}-{project id}-{visitor id}`: the JSON of the
//! JavaScript SDK's record. A service whose `dataStore` keeps `JSON.stringify(record)` under the
//! same keys shares its visitors. Members that this SDK does not know survive. A record expires when
//! nobody has changed it for [`RedisStoreBuilder::ttl`].
//!
//! # How a change is made
//!
//! The merge is computed here and stored by a script that compares first: unless the text is still
//! the one the merge started from, nothing is written, and the merge starts again from what is there
//! now. So no change of another machine is lost, be it made by this SDK or by a plain `SET` of a
//! whole record, and the JSON is never taken apart on the server. The text a merge starts from is
//! remembered from the last load or merge of that visitor, so a merge usually takes one exchange.
//! (A writer that uses plain `GET` and `SET`, as the JavaScript SDK does, can still overwrite what
//! came between its two.)
//!
//! Every command names one key, so it works on a cluster; commands used: `GETRANGE`, `EVALSHA` and
//! `EVAL` with `GET` and `SET` inside, to log in `CLIENT SETINFO`, `AUTH` and `SELECT`, on a cluster
//! `CLUSTER SLOTS` and `ASKING`, and for support work `SET`, `DEL`, `SCAN`, `CLUSTER SLOTS` and `PING`.
//! Redis 6 or Valkey 7 and newer; the tests were run with Redis 6.2, Redis 7.0 and Valkey 9.1.
//!
//! # Time
//!
//! A call ends within [`RedisStoreBuilder::timeout`], give or take what the machine needs to notice,
//! whatever it takes: waiting for a connection, connecting, the handshake, the login, finding the
//! server of a cluster, merging again, an answer that comes in parts. Connections are kept and replaced
//! when they break; a call notices on its own and needs no pause.
//!
//! # Bounds
//!
//! | what | at most |
//! |---|---|
//! | connections to one server | [`RedisStoreBuilder::connections`] |
//! | threads | 4 that connect to one server, 2 that look up names; they end when they are done |
//! | a reply | [`RedisStoreBuilder::reply_limit`] |
//! | a record, and a key | 1 MiB each |
//! | records remembered from the last loads and merges | 16 MiB |
//!
//! What exceeds a bound fails with an error that names it. There is no asynchronous runtime in here.
//! Connecting ends by the timeout, or after a second if that is longer, so that a connection that
//! comes too late for one call serves the next. Two things cannot be broken off, and hold their threads
//! until the system returns: a look-up of a name (calls that need a third one fail at once), and
//! connecting to a local socket whose server does not take connections.
//!
//! # Processes
//!
//! A child that was forked off uses no connection of its parent: it makes its own when it calls first.
//!
//! # TLS
//!
//! The feature `tls` adds `rediss://` addresses, for single servers and clusters, with the roots that
//! browsers trust or those the application gives. The provider of cryptography is chosen by
//! `convert-sdk`'s features `aws-lc-rs` and `ring`, as for its own HTTPS client. It is passed
//! explicitly: the process's default provider is never installed or replaced.

mod batch;
mod builder;
mod clock;
mod cluster;
mod connection;
mod endpoint;
mod error;
mod lock;
mod pool;
mod process;
mod record_cache;
mod reply;
mod resolver;
mod server;
mod socket;
mod store;
mod support;
#[cfg(feature = "tls")]
mod tls;
mod worker;

pub use builder::RedisStoreBuilder;
pub use error::RedisStoreError;
pub use store::RedisStore;
pub use support::Stored;
