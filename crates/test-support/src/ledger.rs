//! What a loopback server was asked.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The requests a server received, in order; clones share the record.
///
/// # Example
///
/// ```
/// use test_support::{LoopbackServer, Reply};
///
/// let server = LoopbackServer::start([Reply::json("{}")]);
/// assert!(server.ledger().is_empty());
/// assert_eq!(server.ledger().requests(), []);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Ledger(Arc<(Mutex<Vec<RecordedRequest>>, Condvar)>);

impl Ledger {
    /// Copies what was received so far.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.lock().clone()
    }

    /// Counts what was received so far.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Tells whether nothing was received yet.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Blocks until `count` requests were received, at most `timeout`; false when it elapsed.
    pub fn wait_for(&self, count: usize, timeout: Duration) -> bool {
        let (requests, _) = self
            .0
            .1
            .wait_timeout_while(self.lock(), timeout, |requests| requests.len() < count)
            .unwrap_or_else(PoisonError::into_inner);
        requests.len() >= count
    }

    /// Takes the requests received since the last time out of the ledger, in order.
    pub fn take(&self) -> Vec<RecordedRequest> {
        std::mem::take(&mut *self.lock())
    }

    pub(crate) fn record(&self, request: RecordedRequest) {
        self.lock().push(request);
        self.0.1.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<RecordedRequest>> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request as it came over the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordedRequest {
    /// The number of the connection it came on, from 0.
    pub connection: usize,
    /// The method, as `GET`.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// The header lines in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, as it was sent.
    pub body: Vec<u8>,
}

impl RecordedRequest {
    /// Gives the first header of a name, in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}
