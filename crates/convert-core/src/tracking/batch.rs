//! A batch of events as it is sent, and kept.

/// The body of one request, with what is needed to send it and to account for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) project_id: Box<str>,
    pub(crate) events: u32,
    pub(crate) visitors: u32,
    pub(crate) json: Vec<u8>,
}
