//! One exchange with the service, over a pool of connections.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::{Deadline, IdleSince};
use crate::config::TransportConfig;
use crate::connect::{Connector, USER_AGENT};
use crate::error::{TransportError, TransportErrorKind as Kind};
use crate::failure::Failure;
use crate::http::{self, Connection, Head, Request};
use crate::proxy_env::ProxySettings;
use crate::tls;
use crate::url::HttpsUrl;

/// A pool of HTTPS connections.
#[derive(Debug)]
pub(crate) struct Client {
    connector: Connector,
    proxy: Option<ProxySettings>,
    timeout: Duration,
    connect_timeout: Duration,
    max_head: usize,
    max_idle: usize,
    idle: Mutex<Vec<Idle>>,
}

#[derive(Debug)]
struct Idle {
    service: String,
    since: IdleSince,
    connection: Connection,
}

impl Client {
    /// Builds a client; no connection is made yet.
    pub(crate) fn new(
        config: &TransportConfig,
        proxy: Option<ProxySettings>,
    ) -> Result<Self, TransportError> {
        let tls = tls::client_config(config)?;
        Ok(Self {
            connector: Connector::new(tls, config.max_head, config.max_lookup_threads),
            proxy,
            timeout: config.timeout,
            connect_timeout: config.connect_timeout,
            max_head: config.max_head,
            max_idle: config.max_idle_connections,
            idle: Mutex::new(Vec::new()),
        })
    }

    /// Sends a GET and waits for status and headers.
    ///
    /// A kept connection may have been closed by the service at the moment it is used again. A GET
    /// that got no answer for this reason is sent once more, over a new connection.
    pub(crate) fn get(
        &self,
        base: &HttpsUrl,
        path_and_query: &str,
        headers: &[(&str, String)],
    ) -> Result<Answer<'_>, Failure> {
        self.exchange("GET", base, path_and_query, headers, None)
    }

    /// Sends a POST and waits for status and headers.
    pub(crate) fn post(
        &self,
        base: &HttpsUrl,
        path_and_query: &str,
        headers: &[(&str, String)],
        body: &[u8],
    ) -> Result<Answer<'_>, Failure> {
        self.exchange("POST", base, path_and_query, headers, Some(body))
    }

    /// Breaks off requests in progress and refuses new ones.
    pub(crate) fn close(&self) {
        self.connector.close();
        let idle = std::mem::take(&mut *self.idle());
        drop(idle);
    }

    fn exchange(
        &self,
        method: &'static str,
        base: &HttpsUrl,
        path_and_query: &str,
        headers: &[(&str, String)],
        body: Option<&[u8]>,
    ) -> Result<Answer<'_>, Failure> {
        let deadline = Deadline::start(self.timeout, "timeout");
        let service = base.authority();
        let target = format!("{}{path_and_query}", base.path());
        let mut all = vec![("host", service.text().to_owned())];
        all.push(("user-agent", USER_AGENT.to_owned()));
        all.extend(headers.iter().map(|(name, value)| (*name, value.clone())));
        if let Some(body) = body {
            all.push(("content-length", body.len().to_string()));
        }
        let head = Request { method, target: &target, headers: &all }.head();
        let body = body.unwrap_or_default();

        let kept = self.take_idle(service.text());
        let is_kept = kept.is_some();
        let mut connection = self.ready(kept, base, deadline)?;
        let mut outcome = self.ask(&mut connection, &head, body);
        let is_stale = matches!(&outcome, Err(failure) if failure.kind == Kind::Network)
            && connection.unread().is_empty();
        if is_stale && is_kept && method == "GET" {
            connection = self.ready(None, base, deadline)?;
            outcome = self.ask(&mut connection, &head, body);
        }
        let (head, is_whole) = outcome.map_err(|failure| self.connector.or_closed(failure))?;
        let service = service.text().to_owned();
        Ok(Answer {
            is_reusable: is_whole && head.keeps_alive(),
            head,
            connection,
            client: self,
            service,
        })
    }

    /// Returns a connection on which nothing has happened yet.
    fn ready(
        &self,
        kept: Option<Connection>,
        base: &HttpsUrl,
        deadline: Deadline,
    ) -> Result<Connection, Failure> {
        let service = base.authority();
        let mut connection = match kept {
            Some(connection) => connection,
            None => {
                let proxy = self.proxy.as_ref().and_then(|proxy| proxy.proxy_for(&service));
                let connecting = deadline.or_sooner(self.connect_timeout, "connect timeout");
                self.connector.connect(&service, proxy, connecting)?
            }
        };
        connection.set_deadline(deadline);
        Ok(connection)
    }

    /// Sends a request and reads the head of the answer. Returns with it whether all of the request
    /// was sent: a service may answer, and close, before it has read the rest.
    fn ask(
        &self,
        connection: &mut Connection,
        head: &[u8],
        body: &[u8],
    ) -> Result<(Head, bool), Failure> {
        let sent = connection.write(head).and_then(|()| connection.write(body));
        let Err(error) = sent else {
            return Ok((Head::read(connection, self.max_head)?, true));
        };
        let failure = Failure::io(error, &connection.deadline(), "sending the request");
        if failure.kind != Kind::Network {
            return Err(failure);
        }
        match Head::read(connection, self.max_head) {
            Ok(head) => Ok((head, false)),
            Err(_) => Err(failure),
        }
    }

    fn take_idle(&self, service: &str) -> Option<Connection> {
        loop {
            let mut idle = self.idle();
            idle.retain(|one| !one.since.is_longer_than(MAX_IDLE_TIME));
            let index = idle.iter().rposition(|one| one.service == service)?;
            let one = idle.remove(index);
            drop(idle);
            if one.connection.is_idle() {
                return Some(one.connection);
            }
        }
    }

    fn keep(&self, service: String, connection: Connection) {
        if self.connector.is_closed() || !connection.is_idle() {
            return;
        }
        let mut idle = self.idle();
        idle.push(Idle { service, since: IdleSince::now(), connection });
        let surplus = idle.len().saturating_sub(self.max_idle);
        let oldest: Vec<Idle> = idle.drain(..surplus).collect();
        drop(idle);
        drop(oldest);
    }

    /// The lock is held to move a connection, never while one is used or closed.
    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer whose body is still on the wire; dropping it closes the connection.
#[derive(Debug)]
pub(crate) struct Answer<'client> {
    head: Head,
    connection: Connection,
    client: &'client Client,
    service: String,
    is_reusable: bool,
}

impl Answer<'_> {
    pub(crate) fn status(&self) -> u16 {
        self.head.status()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.header(name)
    }

    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.head.retry_after()
    }

    /// Reads the whole body, decompressed; more than `max` bytes of it are an error.
    pub(crate) fn read_body(mut self, max: usize) -> Result<Vec<u8>, Failure> {
        let framing = self.head.framing()?;
        let body = http::read_body(&mut self.connection, framing, max)
            .map_err(|failure| self.client.connector.or_closed(failure))?;
        let body = http::decode(&self.head, body, max)?;
        if framing == http::Framing::Close && http::breaks_off(&body) {
            return Err(self.client.connector.or_closed(Failure::broken(
                "the connection was closed before the body was complete",
            )));
        }
        self.release();
        Ok(body)
    }

    /// Reads at most `max` bytes of the body, decompressed; what had arrived before a failure is kept.
    /// The status has decided nearly all, so that little time is spent on the rest.
    pub(crate) fn read_prefix(mut self, max: usize) -> Vec<u8> {
        let Ok(framing) = self.head.framing() else { return Vec::new() };
        let is_success = (200..300).contains(&self.status());
        let limit = if is_success { PREFIX_TIME } else { DRAIN_TIME };
        let deadline = self.connection.deadline().or_sooner(limit, "time to drain");
        self.connection.set_deadline(deadline);
        let (body, is_whole) = http::read_prefix(&mut self.connection, framing, max);
        let body = http::decode_prefix(&self.head, body, max);
        if is_whole {
            self.release();
        }
        body
    }

    /// Discards the body, within bounds, so that the connection can be used again.
    pub(crate) fn discard(mut self) {
        let Ok(framing) = self.head.framing() else { return };
        let deadline = self.connection.deadline().or_sooner(DRAIN_TIME, "time to drain");
        if http::drain(&mut self.connection, framing, MAX_DRAIN, deadline) {
            self.release();
        }
    }

    /// Returns a connection back whose answer has been read.
    fn release(self) {
        if self.is_reusable {
            self.client.keep(self.service, self.connection);
        }
    }
}

/// How long a connection is kept unused. Services close theirs after a similar time.
const MAX_IDLE_TIME: Duration = Duration::from_secs(15);

/// The most bytes of a body that are discarded so that the connection can be used again.
const MAX_DRAIN: usize = 64 * 1024;

/// How long that may take.
const DRAIN_TIME: Duration = Duration::from_millis(250);

/// How long the beginning of the body of a success may take: it can hold the code of a refusal, but
/// one that hangs must not hold up the batches behind it.
const PREFIX_TIME: Duration = Duration::from_secs(1);
