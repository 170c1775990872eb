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
//! JavaScript SDK's record. A service whose `dataStore` keeps `JSON.stringify(record)` under the same
//! keys shares its visitors. Members that this SDK does not know survive. A record expires when it has
//! not been changed for [`RedisStoreBuilder::ttl`].
//!
//! # How a change is made
//!
//! The store computes the merge and writes it with a script that compares first: if the text on the
//! server is no longer the one the merge started from, nothing is written, and the merge starts again
//! from the new text. Changes of other machines are therefore kept, also where they `SET` a whole
//! record. The server never parses the JSON. The store remembers the text of the last load or merge of
//! a visitor, so that a merge usually takes one exchange. A writer that uses plain `GET` and `SET`, as
//! the JavaScript SDK does, can still overwrite what was written between the two.
//!
//! Every command names one key, so that it works on a cluster. Commands used: `GETRANGE`, `EVALSHA` and
//! `EVAL` with `GET` and `SET` inside; for the login `AUTH`, `SELECT` and `CLIENT SETINFO`; on a cluster
//! `CLUSTER SLOTS`, `ASKING` and `PING`; for support work `SET`, `DEL`, `SCAN` and `CLUSTER SLOTS`.
//! Needs Redis 6 or Valkey 7, or newer.
//!
//! # Time
//!
//! A call ends within [`RedisStoreBuilder::timeout`]. This one deadline covers waiting for a
//! connection, the name look-up, connecting, the TLS handshake, the login, finding the server of a
//! cluster, merging again, and answers that arrive in parts. Broken connections are replaced by the
//! calls that need one.
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
//! What exceeds a bound fails with an error that names the bound. There is no asynchronous runtime.
//! Connecting takes at most the timeout, or a second if that is longer: a connection that is late for
//! one call serves the next. Two operations cannot be interrupted and hold their threads until the
//! system returns: a name look-up (calls that need a third one fail at once), and connecting to a local
//! socket whose server does not accept.
//!
//! # Processes
//!
//! A forked child does not use the connections of its parent. It connects when it first calls the store.
//!
//! # TLS
//!
//! The feature `tls` adds `rediss://` addresses, for single servers and clusters, with the roots that
//! browsers trust or with [`root_certificates`](RedisStoreBuilder). The features `aws-lc-rs` and `ring`
//! of `convert-sdk` choose the provider of cryptography, as for the SDK's own HTTPS client. The store
//! passes it explicitly and never installs or replaces the process's default provider.

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
