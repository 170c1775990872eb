//! Connecting on a thread of its own, since nothing else bounds how long it takes: names are resolved
//! without any limit, and a greeting has a limit for each of its answers.

#![expect(clippy::disallowed_methods, reason = "what others must not do is done here")]

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use redis::{Client, Connection};

use crate::error::{Trouble, timed_out, unavailable};

/// Connects, with a limit for each answer of the login, and waits for at most `patience`. A connection
/// that comes later is handed to `keep`.
pub(crate) fn connect(
    client: Client,
    limit: Duration,
    patience: Duration,
    keep: impl FnOnce(Connection) + Send + 'static,
) -> Result<Connection, Trouble> {
    let (sender, receiver) = mpsc::sync_channel(0);
    let connect = move || {
        let connected = client.get_connection_with_timeout(limit);
        // Without room in the channel, what nobody waits for any more comes back.
        if let Err(mpsc::SendError(Ok(connection))) = sender.send(connected) {
            keep(connection);
        }
    };
    let spawned = thread::Builder::new().name("convert-redis-connect".to_owned()).spawn(connect);
    spawned.map_err(|_| Trouble::Failed(unavailable("no thread could be started to connect")))?;
    let connected = receiver.recv_timeout(patience).map_err(|_| Trouble::Failed(timed_out()))?;
    connected.map_err(|error| Trouble::of(error, false))
}

#[cfg(test)]
mod tests {
    use convert_sdk::StoreErrorKind;
    use test_support::RedisServer;

    use super::*;

    #[test]
    fn a_connection_that_comes_too_late_is_handed_over() {
        let server = RedisServer::start(&[]);
        let client = Client::open(server.url()).unwrap();
        let (sender, receiver) = mpsc::channel();
        let keep = move |connection| sender.send(connection).unwrap();
        let limit = Duration::from_secs(30);
        match connect(client, limit, Duration::ZERO, keep) {
            Err(Trouble::Failed(error)) => assert_eq!(error.kind(), StoreErrorKind::Timeout),
            _ => panic!("nobody connects in no time"),
        }
        let mut late = receiver.recv_timeout(limit).unwrap();
        assert_eq!(redis::cmd("PING").query(&mut late), Ok("PONG".to_owned()));
    }
}
