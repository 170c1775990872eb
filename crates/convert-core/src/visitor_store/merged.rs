//! What a store answers to a change.

use convert_decision::VisitorRecord;

use crate::visitor_store::delta::{Applied, RecordDelta};

/// A record after a change was merged into it, and what the change came to.
///
/// ```
/// use convert_core::{Merged, RecordDelta};
/// use convert_decision::VisitorRecord;
///
/// let merged = RecordDelta::new().reach("purchase").merge_into(VisitorRecord::new());
/// assert!(merged.record().has_reached("purchase"));
/// assert_eq!(merged.new_goals().collect::<Vec<_>>(), ["purchase"]);
/// let elsewhere = Merged::new(merged.into_record(), ["purchase"]);
/// assert_eq!(elsewhere.new_goals().count(), 1);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Merged {
    record: VisitorRecord,
    new_goals: Vec<String>,
    /// Where the store told: the experiences whose earlier assignment stays.
    kept: Option<Vec<String>>,
}

impl Merged {
    /// Makes the answer of a store that merges by other means than
    /// [`RecordDelta::merge_into`](crate::RecordDelta::merge_into): the whole record as it is now,
    /// and the keys of the goals that were not marked before.
    ///
    /// Such a store does not tell an assignment it made from one that was there already and is the
    /// same; the SDK then reports an exposure for either.
    pub fn new<G: Into<String>>(
        record: VisitorRecord,
        new_goals: impl IntoIterator<Item = G>,
    ) -> Self {
        let new_goals = new_goals.into_iter().map(Into::into).collect();
        Merged { record, new_goals, kept: None }
    }

    pub(crate) fn of(record: VisitorRecord, applied: Applied) -> Self {
        Merged { record, new_goals: applied.new_goals, kept: Some(applied.kept) }
    }

    /// Returns the record, and what came of the change.
    pub(crate) fn into_parts(self, delta: &RecordDelta<'_>) -> (VisitorRecord, Applied) {
        let kept = self.kept.unwrap_or_else(|| delta.differing(&self.record));
        (self.record, Applied { new_goals: self.new_goals, kept })
    }

    /// Returns the whole record as it is now.
    pub fn record(&self) -> &VisitorRecord {
        &self.record
    }

    /// Returns the keys of the goals that the change marked first.
    pub fn new_goals(&self) -> impl Iterator<Item = &str> {
        self.new_goals.iter().map(String::as_str)
    }

    /// Returns the whole record as it is now.
    pub fn into_record(self) -> VisitorRecord {
        self.record
    }
}
