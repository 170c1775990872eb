//! What has arrived so far, visitor by visitor.

use std::collections::HashMap;

use super::shape::{Batch, Event, Kind};

/// The visitors in the order in which they came, and sums.
///
/// Rows are kept for the first [`MAX_VISITORS`] visitors. The sums count every event.
#[derive(Debug, Default)]
pub(super) struct Board {
    places: HashMap<String, usize>,
    visitors: Vec<Row>,
    /// The events of visitors without a row.
    others: Row,
    total: Row,
    batches: u64,
    refused: u64,
    failed_connections: u64,
}

/// What one visitor did, or all of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) exposures: u64,
    pub(super) conversions: u64,
    pub(super) transactions: u64,
    pub(super) revenue: f64,
    pub(super) latest: String,
}

impl Board {
    /// Counts a batch.
    pub(super) fn add(&mut self, batch: &Batch) {
        self.batches += 1;
        for visitor in &batch.visitors {
            let place = self.place_of(&visitor.id);
            for event in &visitor.events {
                self.total.add(event);
                let row = place.and_then(|place| self.visitors.get_mut(place));
                row.unwrap_or(&mut self.others).add(event);
            }
        }
    }

    /// Returns where the row of a visitor is, and makes one if there is room for it.
    fn place_of(&mut self, visitor_id: &str) -> Option<usize> {
        if let Some(place) = self.places.get(visitor_id) {
            return Some(*place);
        }
        let place = self.visitors.len();
        if place == MAX_VISITORS || visitor_id.len() > MAX_NAME {
            return None;
        }
        self.places.insert(visitor_id.to_owned(), place);
        self.visitors.push(Row { name: visitor_id.to_owned(), ..Row::default() });
        Some(place)
    }

    /// Counts a request that was refused.
    pub(super) fn refuse(&mut self) {
        self.refused += 1;
    }

    /// Counts a connection that was cut off or broke, and returns how many there are.
    pub(super) fn connection_failed(&mut self) -> u64 {
        self.failed_connections += 1;
        self.failed_connections
    }

    /// Returns how many batches were accepted.
    pub(super) fn batches(&self) -> u64 {
        self.batches
    }

    /// Returns how many events were accepted.
    pub(super) fn events(&self) -> u64 {
        self.total.events()
    }

    /// Returns how many requests were refused.
    pub(super) fn refused(&self) -> u64 {
        self.refused
    }

    /// Returns how many connections were cut off or broke.
    pub(super) fn failed_connections(&self) -> u64 {
        self.failed_connections
    }

    /// Returns the visitors, the latest last.
    pub(super) fn visitors(&self) -> &[Row] {
        &self.visitors
    }

    /// Returns what visitors did that have no row, if there are any.
    pub(super) fn others(&self) -> Option<&Row> {
        Some(&self.others).filter(|others| others.events() > 0)
    }

    /// Returns what all visitors did.
    pub(super) fn total(&self) -> &Row {
        &self.total
    }
}

impl Row {
    fn events(&self) -> u64 {
        self.exposures + self.conversions + self.transactions
    }

    fn add(&mut self, event: &Event) {
        let latest = match &event.kind {
            Kind::Exposure { experience_id, variation_id } => {
                self.exposures += 1;
                format!("experience {experience_id}: variation {variation_id}")
            }
            Kind::Conversion { goal_id } => {
                self.conversions += 1;
                format!("goal {goal_id}")
            }
            Kind::Transaction { goal_id, revenue } => {
                self.transactions += 1;
                self.revenue += revenue;
                format!("goal {goal_id} with data")
            }
        };
        self.latest = latest.chars().take(MAX_LATEST).collect();
    }
}

/// The visitors that have a row of their own.
const MAX_VISITORS: usize = 10_000;
/// The bytes of the longest id of a visitor that has a row.
const MAX_NAME: usize = 256;
/// The letters of an event that are kept.
const MAX_LATEST: usize = 100;

#[cfg(test)]
mod tests {
    use super::super::shape::Visitor;
    use super::*;

    fn batch(visitor_ids: impl IntoIterator<Item = String>) -> Batch {
        let visitor = |id| {
            let kind = Kind::Conversion { goal_id: "9".repeat(1_000) };
            Visitor {
                id,
                segments: None,
                events: vec![Event { json: serde_json::Value::Null, kind }],
            }
        };
        Batch {
            account_id: "1".to_owned(),
            project_id: "2".to_owned(),
            visitors: visitor_ids.into_iter().map(visitor).collect(),
        }
    }

    #[test]
    fn rows_are_bounded_and_sums_are_exact() {
        let mut board = Board::default();
        board.add(&batch(["x".repeat(MAX_NAME + 1)]));
        board.add(&batch((0..MAX_VISITORS + 5).map(|number| number.to_string())));
        board.add(&batch(["0".to_owned()]));
        assert_eq!(board.visitors().len(), MAX_VISITORS);
        assert_eq!(board.visitors()[0].conversions, 2);
        assert_eq!(board.others().unwrap().conversions, 6);
        assert_eq!(board.events(), MAX_VISITORS as u64 + 7);
        assert!(board.visitors().iter().all(|row| row.latest.len() <= MAX_LATEST));
    }
}
