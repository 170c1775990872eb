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
//! `CLUSTER SLOTS` and `ASKING`, and for support work `SET`, `DEL`, `SCAN`, `CLUSTER SLOTS`, `CLUSTER NODES`
//! and `PING`.
//! Redis 6 or Valkey 7 and newer; the tests were run with Redis 6.2, Redis 7.0 and Valkey 9.1.
//!
//! # Time
//!
//! A call ends within [`RedisStoreBuilder::timeout`], give or take what the machine needs to notice,
//! whatever it takes: connecting, finding the node of a cluster, merging again. (A server that sends an answer in
//! parts, each of them in time, can hold it longer.) Connections are kept and replaced when they break; a call
//! notices on its own and needs no pause. There is no asynchronous runtime in here, and no thread but
//! those that connect: resolving a name cannot be given up, so that it is left to a thread which hands
//! the connection over, or keeps it for the next call where it came too late.
//!
//! # Features
//!
//! - `tls`: `rediss://` addresses, with the roots that browsers trust or those the application gives.
//!   The `redis` crate takes the process's default provider of `rustls`; if there is none when the
//!   first such address is built, the one of the features of `convert-sdk` becomes it. An application that wants another sets its
//!   default before.

mod batch;
mod builder;
mod clock;
mod cluster;
mod error;
mod node;
mod recent;
mod server;
mod store;
mod support;
mod worker;

pub use builder::RedisStoreBuilder;
pub use error::RedisStoreError;
pub use store::RedisStore;
pub use support::Stored;
