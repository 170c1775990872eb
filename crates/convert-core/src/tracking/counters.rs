//! Counting what became of events.

/// Why an event is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// The queue was full; the oldest event had to go.
    QueueFull,
    /// The service refused the batch for good.
    Refused,
    /// The service took the SDK for a bot and threw the batch away.
    Bot,
    /// The event alone is larger than a batch, or without a spool the queue, may be.
    TooLarge,
    /// The core was being closed.
    Closed,
    /// The batch could not be read back from the spool: its file is damaged, or has disappeared.
    SpoolDamaged,
}

/// What became of events, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct DeliveryCounters {
    /// Events queued.
    pub(crate) queued: u64,
    /// Events that an earlier run left in the spool.
    pub(crate) restored: u64,
    /// Events that the service has.
    pub(crate) delivered: u64,
    /// Failed attempts to deliver a batch that is to be sent again.
    pub(crate) retried: u64,
    /// Events written to the spool.
    pub(crate) spooled: u64,
    /// Times the spool could not be read or written.
    pub(crate) spool_failures: u64,
    pub(crate) queue_full: u64,
    pub(crate) refused: u64,
    pub(crate) bot: u64,
    pub(crate) too_large: u64,
    pub(crate) closed: u64,
    pub(crate) spool_damaged: u64,
}

/// Where events are that are neither delivered nor lost, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct QueueDepth {
    /// Events that wait in memory.
    pub(crate) waiting: u64,
    /// How many bytes they take.
    pub(crate) bytes: u64,
    /// Events on their way, or to be sent again, that the spool does not have.
    pub(crate) under_way: u64,
    /// Events in the spool.
    pub(crate) spooled: u64,
}

impl DropReason {
    /// Returns the stable name: `queue_full`, `refused`, `bot`, `too_large`, `closed` or
    /// `spool_damaged`.
    pub fn name(self) -> &'static str {
        match self {
            DropReason::QueueFull => "queue_full",
            DropReason::Refused => "refused",
            DropReason::Bot => "bot",
            DropReason::TooLarge => "too_large",
            DropReason::Closed => "closed",
            DropReason::SpoolDamaged => "spool_damaged",
        }
    }
}

impl std::fmt::Display for DropReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl DeliveryCounters {
    pub(crate) fn count_dropped(&mut self, reason: DropReason, count: u64) {
        let counter = match reason {
            DropReason::QueueFull => &mut self.queue_full,
            DropReason::Refused => &mut self.refused,
            DropReason::Bot => &mut self.bot,
            DropReason::TooLarge => &mut self.too_large,
            DropReason::Closed => &mut self.closed,
            DropReason::SpoolDamaged => &mut self.spool_damaged,
        };
        *counter += count;
    }

    /// Returns how many events are lost, for whatever reason.
    pub(crate) fn dropped(&self) -> u64 {
        self.by_reason().map(|(_, count)| count).sum()
    }

    /// Returns how many events were lost after they had been queued.
    pub(crate) fn dropped_queued(&self) -> u64 {
        self.dropped() - self.too_large - self.closed
    }

    /// Returns how many events are lost for each reason.
    pub(crate) fn by_reason(&self) -> impl Iterator<Item = (DropReason, u64)> {
        [
            (DropReason::QueueFull, self.queue_full),
            (DropReason::Refused, self.refused),
            (DropReason::Bot, self.bot),
            (DropReason::TooLarge, self.too_large),
            (DropReason::Closed, self.closed),
            (DropReason::SpoolDamaged, self.spool_damaged),
        ]
        .into_iter()
    }
}
