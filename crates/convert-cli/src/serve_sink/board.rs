//! What has arrived so far, visitor by visitor.

use std::collections::HashMap;

use super::shape::{Batch, Event, Kind};

/// The visitors in the order in which they came, and sums.
#[derive(Debug, Default)]
pub(super) struct Board {
    places: HashMap<String, usize>,
    visitors: Vec<Row>,
    total: Row,
    batches: u64,
    refused: u64,
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
            let next = self.visitors.len();
            let place = *self.places.entry(visitor.id.clone()).or_insert(next);
            if place == next {
                self.visitors.push(Row { name: visitor.id.clone(), ..Row::default() });
            }
            for event in &visitor.events {
                self.total.add(event);
                if let Some(row) = self.visitors.get_mut(place) {
                    row.add(event);
                }
            }
        }
    }

    /// Counts a body that was refused.
    pub(super) fn refuse(&mut self) {
        self.refused += 1;
    }

    /// Returns how many batches were accepted.
    pub(super) fn batches(&self) -> u64 {
        self.batches
    }

    /// Returns how many events were accepted.
    pub(super) fn events(&self) -> u64 {
        self.total.exposures + self.total.conversions + self.total.transactions
    }

    /// Returns how many bodies were refused.
    pub(super) fn refused(&self) -> u64 {
        self.refused
    }

    /// Returns the visitors, the latest last.
    pub(super) fn visitors(&self) -> &[Row] {
        &self.visitors
    }

    /// Returns what all visitors did.
    pub(super) fn total(&self) -> &Row {
        &self.total
    }
}

impl Row {
    fn add(&mut self, event: &Event) {
        self.latest = match &event.kind {
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
    }
}
