//! The seam to a store of visitor records.

use std::fmt;
use std::sync::Arc;

use convert_config::escape::Escaped;
use convert_decision::VisitorRecord;

use crate::visitor_store::delta::RecordDelta;
use crate::visitor_store::merged::Merged;

/// Where visitor records are kept, so that several processes know the same visitors.
///
/// A key is `{account id}-{project id}-{visitor id}`. The record's JSON is the JavaScript SDK's: a
/// store that keeps it as it is serves both.
///
/// # Threads, blocking, errors
///
/// | method | is called by | an error means |
/// |---|---|---|
/// | `load` | the thread that calls [`Core::create_context`](crate::Core::create_context) | the visitor counts as new, except for what this process knows of them |
/// | `merge`, `merge_all` | the writer thread `convert-sdk-records`; and, `merge` alone, where the answer is needed, the thread that converts or decides, see [`StoreConfig`](crate::StoreConfig) | the change is tried again later where [`StoreError::is_retryable`], else dropped; the answer is given from what is known |
///
/// Both may be called by any number of threads at once, with no lock held, and may block. For one visitor
/// there is one `merge` at a time in a process. Each call must end within a time of the store's own: the
/// SDK cannot break one off, and that time is what a caller may have to wait. After three failures in a
/// row the SDK leaves the store alone for a second at a time, so that an outage does not make every
/// visitor wait; its writer thread goes on trying with the pauses of
/// [`StoreConfig::backoff`](crate::StoreConfig::backoff). A panic counts as a failure. Every failure is
/// counted in [`Stats`](crate::Stats), logged once a minute, and reported as `store.failed`; a call that
/// takes longer than a second is logged.
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::{Mutex, PoisonError};
///
/// use convert_core::{Core, DataStore, Merged, RecordDelta, SdkConfig, StoreError};
/// use convert_decision::VisitorRecord;
///
/// #[derive(Default)]
/// struct Records(Mutex<HashMap<String, VisitorRecord>>);
///
/// impl DataStore for Records {
///     fn load(&self, key: &str) -> Result<Option<VisitorRecord>, StoreError> {
///         Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned())
///     }
///     fn merge(&self, key: &str, delta: &RecordDelta<'_>) -> Result<Merged, StoreError> {
///         let mut records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
///         let record = records.entry(key.to_owned()).or_default();
///         let merged = delta.merge_into(record.clone());
///         record.clone_from(merged.record());
///         Ok(merged)
///     }
/// }
///
/// # let config = r#"{"account_id": "1", "project": {"id": "2"}, "experiences": [
/// #     {"id": "3", "key": "hero", "variations": [{"id": "30", "key": "blue"}]}]}"#;
/// let core = Core::initialize(SdkConfig::from_json(config)?.data_store(Records::default()))?;
/// assert!(core.create_context("visitor-1").run_experience("hero").is_some());
/// # Ok::<(), convert_core::Error>(())
/// ```
pub trait DataStore: Send + Sync {
    /// Reads the record under `key`; `None` if there is none.
    ///
    /// # Errors
    ///
    /// Returns an error if the store cannot answer within its time.
    fn load(&self, key: &str) -> Result<Option<VisitorRecord>, StoreError>;

    /// Applies a change to the record under `key`, which may not exist yet, in one step: of two
    /// merges, in whatever processes, one sees what the other has made.
    /// [`RecordDelta::merge_into`] says what the change is.
    ///
    /// # Errors
    ///
    /// Returns an error if the store cannot confirm the change within its time. The change may be made
    /// nevertheless: merging again is harmless, but a goal is not new a second time.
    fn merge(&self, key: &str, delta: &RecordDelta<'_>) -> Result<Merged, StoreError>;

    /// Applies the changes of several records, each as [`merge`](DataStore::merge) does, and answers
    /// in their order. The writer thread calls it if changes of more than one visitor wait, with at most
    /// 64 of them.
    ///
    /// By default they are merged one after another, until the store seems out of order; the rest then
    /// has failed, too. A store that can send several changes at once should override this: a core writes
    /// no more changes a second than such exchanges fit into it, and the timeout of
    /// [`Core::close`](crate::Core::close) ends it.
    fn merge_all(&self, changes: &[(&str, &RecordDelta<'_>)]) -> Vec<Result<(), StoreError>> {
        let mut outage: Option<StoreError> = None;
        let answer = |&(key, delta): &(&str, &RecordDelta<'_>)| {
            if let Some(error) = &outage {
                return Err(error.clone());
            }
            let answer = self.merge(key, delta).map(drop);
            outage = answer.as_ref().err().filter(|error| error.is_outage()).cloned();
            answer
        };
        changes.iter().map(answer).collect()
    }
}

impl<S: DataStore + ?Sized> DataStore for Arc<S> {
    fn load(&self, key: &str) -> Result<Option<VisitorRecord>, StoreError> {
        (**self).load(key)
    }

    fn merge(&self, key: &str, delta: &RecordDelta<'_>) -> Result<Merged, StoreError> {
        (**self).merge(key, delta)
    }

    fn merge_all(&self, changes: &[(&str, &RecordDelta<'_>)]) -> Vec<Result<(), StoreError>> {
        (**self).merge_all(changes)
    }
}

/// Says why a store did not answer.
///
/// The message goes into logs and events as it is: a store must put no visitor id, address with a
/// password, or value into it.
///
/// ```
/// use convert_core::{StoreError, StoreErrorKind};
///
/// let error = StoreError::new(StoreErrorKind::Timeout, "no answer within 250 ms");
/// assert!(error.is_retryable());
/// assert_eq!(error.to_string(), "the store timed out: no answer within 250 ms");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreError {
    kind: StoreErrorKind,
    message: String,
}

/// What kind of failure a [`StoreError`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The store could not be reached, or cannot serve at the moment.
    Unavailable,
    /// The store did not answer in time.
    Timeout,
    /// The store was asked, and the connection broke before it answered: a change may be made.
    Unanswered,
    /// Others changed the record so often meanwhile that the change did not get through.
    Contended,
    /// The store has no room for the change at the moment; it can still be read.
    Full,
    /// The store will not take the change, however often it is tried.
    Refused,
    /// The store does not let this login at the record, whatever it lets it do with others.
    Denied,
    /// What is under the key is no visitor record. It is left as it is.
    Unreadable,
}

impl StoreError {
    /// Makes an error; the message says what happened, in words that may be logged.
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        StoreError { kind, message: message.into() }
    }

    /// Returns what kind of failure it is.
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// Returns whether trying again may well succeed.
    pub fn is_retryable(&self) -> bool {
        match self.kind {
            StoreErrorKind::Unavailable
            | StoreErrorKind::Timeout
            | StoreErrorKind::Unanswered
            | StoreErrorKind::Contended
            | StoreErrorKind::Full
            | StoreErrorKind::Denied => true,
            StoreErrorKind::Refused | StoreErrorKind::Unreadable => false,
        }
    }

    /// Returns whether the store as a whole seems out of order, not this record alone.
    pub(crate) fn is_outage(&self) -> bool {
        matches!(
            self.kind,
            StoreErrorKind::Unavailable | StoreErrorKind::Timeout | StoreErrorKind::Unanswered
        )
    }
}

impl StoreErrorKind {
    /// Returns the stable name: `unavailable`, `timeout`, `unanswered`, `contended`, `full`, `refused`,
    /// `denied` or `unreadable`.
    pub fn name(self) -> &'static str {
        match self {
            StoreErrorKind::Unavailable => "unavailable",
            StoreErrorKind::Timeout => "timeout",
            StoreErrorKind::Unanswered => "unanswered",
            StoreErrorKind::Contended => "contended",
            StoreErrorKind::Full => "full",
            StoreErrorKind::Refused => "refused",
            StoreErrorKind::Denied => "denied",
            StoreErrorKind::Unreadable => "unreadable",
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            StoreErrorKind::Unavailable => "the store is unavailable",
            StoreErrorKind::Timeout => "the store timed out",
            StoreErrorKind::Unanswered => "the store did not answer",
            StoreErrorKind::Contended => "others kept changing the record",
            StoreErrorKind::Full => "the store is full",
            StoreErrorKind::Refused => "the store refused the change",
            StoreErrorKind::Denied => "the store denies access to the record",
            StoreErrorKind::Unreadable => "what the store holds is no visitor record",
        };
        write!(f, "{what}: {}", Escaped(&self.message))
    }
}

impl std::error::Error for StoreError {}

impl fmt::Display for StoreErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
