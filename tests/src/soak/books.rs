//! What the guests recorded, held against what the service accepted and what was counted as lost.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use serde_json::Value;
use test_support::LoopbackServer;

use crate::sink::body;

/// The transaction ids that the service accepted.
#[derive(Debug)]
pub(super) struct Accepted {
    ids: HashSet<String>,
    requests: usize,
    did_before: bool,
    accepts: bool,
}

impl Accepted {
    pub(super) fn new() -> Self {
        Accepted { ids: HashSet::new(), requests: 0, did_before: true, accepts: true }
    }

    /// Begins a phase in which the service accepts what it is sent, or does not.
    pub(super) fn phase(&mut self, server: &LoopbackServer, accepts: bool) {
        let requests = server.ledger().take();
        self.requests += requests.len();
        // A request that was read before the service changed is answered in the old way after it.
        let accepted = match (self.accepts, self.did_before) {
            (true, _) => requests.len(),
            (false, true) => GUESTS,
            (false, false) => 0,
        };
        for request in requests.iter().take(accepted) {
            self.ids.extend(ids(&body(&request.body)));
        }
        self.did_before = self.accepts;
        self.accepts = accepts;
    }
}

fn ids(body: &Value) -> Vec<String> {
    let list = |value: &Value, name: &str| {
        value.get(name).and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let mut found = Vec::new();
    for visitor in list(body, "visitors") {
        for event in list(&visitor, "events") {
            for datum in list(event.get("data").unwrap_or(&Value::Null), "goalData") {
                found.extend(datum.get("value").and_then(Value::as_str).map(str::to_owned));
            }
        }
    }
    found
}

/// The sums of all guests.
#[derive(Debug, Default)]
pub(super) struct Books {
    recorded: u64,
    accepted: u64,
    requests: usize,
    left: u64,
    /// What was in spools when guests ended, and what later guests took over.
    spooled: u64,
    /// Counted losses, by the name of the counter.
    dropped: BTreeMap<String, u64>,
    /// The slowest call of the application, in milliseconds.
    slowest: u64,
}

impl Books {
    /// Adds the report of a guest that has ended.
    pub(super) fn add(&mut self, report: &Value) {
        let number = |name: &str| report.get(name).and_then(Value::as_u64).unwrap_or(0);
        self.recorded += number("recorded");
        self.left += number("left");
        self.spooled += number("spooled");
        self.slowest = self.slowest.max(number("slowest"));
        let stats = report.get("stats").and_then(Value::as_str).unwrap_or_default();
        for (name, count) in counters(stats) {
            match name {
                "events_restored" => self.spooled = self.spooled.saturating_sub(count),
                name if name.starts_with("dropped_") => {
                    *self.dropped.entry(name.to_owned()).or_default() += count;
                }
                _ => {}
            }
        }
    }

    /// Adds what the service accepted in all.
    pub(super) fn settle(&mut self, accepted: &Accepted) {
        self.accepted = accepted.ids.len() as u64;
        self.requests = accepted.requests;
    }

    /// Returns how many events are missing that no counter has counted.
    fn unaccounted(&self) -> u64 {
        self.recorded.saturating_sub(self.accepted).saturating_sub(self.counted())
    }

    /// Returns how many events were counted as lost, or are kept, and were accepted all the same: the
    /// answer did not arrive.
    fn counted_twice(&self) -> u64 {
        (self.accepted + self.counted()).saturating_sub(self.recorded)
    }

    fn counted(&self) -> u64 {
        self.dropped.values().sum::<u64>() + self.left + self.spooled
    }

    /// Returns what does not add up.
    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.unaccounted() > 0 {
            faults.push(format!("{} events were lost without being counted", self.unaccounted()));
        }
        if self.accepted > self.recorded {
            faults.push("more events were accepted than recorded".to_owned());
        }
        if self.recorded == 0 || self.accepted == 0 {
            faults.push("nothing happened".to_owned());
        }
        if self.slowest > SLOWEST_CALL {
            faults.push(format!("a call took {} ms, more than {SLOWEST_CALL}", self.slowest));
        }
        faults
    }
}

/// Reads the numbers of a `Debug` text of statistics, so that a new counter needs no change here.
fn counters(stats: &str) -> impl Iterator<Item = (&str, u64)> {
    let members = stats.split(['{', '}', ',']);
    members.filter_map(|member| {
        let (name, value) = member.split_once(": ")?;
        Some((name.trim(), value.trim().parse().ok()?))
    })
}

impl fmt::Display for Books {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "recorded              {:>9}", self.recorded)?;
        writeln!(f, "accepted              {:>9}  in {} requests", self.accepted, self.requests)?;
        writeln!(f, "still in a spool      {:>9}", self.spooled)?;
        writeln!(f, "left at the end       {:>9}", self.left)?;
        for (name, count) in self.dropped.iter().filter(|(_, count)| **count > 0) {
            writeln!(f, "{name:<21} {count:>9}")?;
        }
        writeln!(f, "counted and accepted  {:>9}", self.counted_twice())?;
        writeln!(f, "lost without a count  {:>9}", self.unaccounted())?;
        write!(f, "slowest call          {:>9} ms (at most {SLOWEST_CALL})", self.slowest)
    }
}

/// How many guests send at the same time, each one request at a time.
const GUESTS: usize = 2;
/// How long a call of the application may take, in milliseconds: three times what the store may, and
/// the rest for a machine that is busy.
const SLOWEST_CALL: u64 = 2_000;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn books(recorded: u64, accepted: u64, stats: &str) -> Books {
        let mut books = Books { accepted, ..Books::default() };
        books.add(&json!({"recorded": recorded, "left": 1, "spooled": 5, "stats": stats}));
        books
    }

    #[test]
    fn what_is_counted_or_kept_is_not_missing() {
        let stats = "Stats { events_restored: 2, dropped_queue_full: 3, dropped_bot: 1, x: 9 }";
        assert_eq!(books(20, 12, stats).faults(), Vec::<String>::new());
        let found = books(21, 12, stats).faults();
        assert_eq!(found, ["1 events were lost without being counted"]);
        assert_eq!(books(5, 6, stats).faults(), ["more events were accepted than recorded"]);
    }
}
