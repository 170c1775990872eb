//! The events that wait to be delivered.

use std::sync::Arc;
use std::time::Duration;

use convert_decision::Segments;
use smol_str::SmolStr;

use crate::tracking::goal_data::GoalDatum;
use crate::tracking::wire;

/// One thing that a visitor did, as it waits in the queue.
///
/// It owns what is sent to the service and nothing more, so that the queue's bound is a bound of
/// memory. It is written as JSON by the worker, not by the thread that recorded it.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) origin: Arc<Origin>,
    pub(crate) visitor_id: Box<str>,
    pub(crate) segments: Segments,
    pub(crate) payload: Payload,
    /// When it happened.
    pub(crate) at: Duration,
    /// More bytes than it takes on the wire, and about as many as it takes here.
    pub(crate) size: usize,
}

/// Whom the events of one config snapshot belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) account_id: Box<str>,
    pub(crate) project_id: Box<str>,
    /// More bytes than the two take in a body.
    pub(crate) size: usize,
}

/// What happened.
#[derive(Debug, Clone)]
pub(crate) enum Payload {
    /// The visitor was assigned to a variation.
    Exposure { experience_id: SmolStr, variation_id: SmolStr },
    /// The visitor reached a goal.
    Conversion(Box<Reached>),
}

impl Origin {
    pub(crate) fn new(account_id: &str, project_id: &str) -> Self {
        let size = wire::text_size(account_id) + wire::text_size(project_id);
        Origin { account_id: account_id.into(), project_id: project_id.into(), size }
    }
}

impl Event {
    pub(crate) fn new(
        origin: Arc<Origin>,
        visitor_id: &str,
        segments: Segments,
        payload: Payload,
        at: Duration,
    ) -> Self {
        let size = wire::size_of(visitor_id, &segments, &payload);
        Event { origin, visitor_id: visitor_id.into(), segments, payload, at, size }
    }
}

/// A goal that a visitor reached.
#[derive(Debug, Clone)]
pub(crate) struct Reached {
    pub(crate) goal_id: SmolStr,
    pub(crate) data: Vec<GoalDatum>,
    /// The visitor's assignments: experience id and variation id.
    pub(crate) bucketing: Box<[(SmolStr, SmolStr)]>,
}
