//! Shared test support for the workspace: fixtures, doubles and loopback servers.
//!
//! Everything binds to the loopback interface and ends with the value that started it.

mod certificates;
mod connect_proxy;
mod drain;
mod hostile_redis;
mod ledger;
mod listener;
mod lossy_proxy;
mod recording_store;
mod recording_transport;
mod redis_server;
mod refused_port;
mod reply;
mod requirement;
mod server;
mod step;
mod stop;
mod wait;
mod wire;

pub use connect_proxy::{ConnectProxy, TunnelRequest};
pub use drain::DrainServer;
pub use hostile_redis::{HostileRedis, RedisFault};
pub use ledger::{Ledger, RecordedRequest};
pub use lossy_proxy::LossyProxy;
pub use recording_store::{RecordingStore, StoreAnswer, StoreCall};
pub use recording_transport::{BatchAnswer, ConfigAnswer, RecordingTransport};
pub use redis_server::RedisServer;
pub use refused_port::RefusedPort;
pub use reply::Reply;
pub use requirement::require;
pub use server::LoopbackServer;
pub use step::Step;
pub use wait::{took, wait_until};
