//! How many threads, file descriptors and bytes the guests hold at most.

use std::fmt;

use super::guest::THREADS;
use super::process::Guest;

/// The most that was seen.
#[derive(Debug, Default)]
pub(super) struct Bounds {
    samples: u64,
    threads: u64,
    descriptors: u64,
    kilobytes: u64,
}

impl Bounds {
    /// Looks at a guest now.
    pub(super) fn sample(&mut self, guest: &Guest) {
        let folder = format!("/proc/{}", guest.id());
        let entries = |name: &str| {
            let entries = std::fs::read_dir(format!("{folder}/{name}"));
            entries.map_or(0, |entries| entries.count() as u64)
        };
        self.samples += 1;
        self.threads = self.threads.max(entries("task"));
        self.descriptors = self.descriptors.max(entries("fd"));
        let status = std::fs::read_to_string(format!("{folder}/status")).unwrap_or_default();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let resident = resident.and_then(|line| line.split_whitespace().next()?.parse().ok());
        self.kilobytes = self.kilobytes.max(resident.unwrap_or(0));
    }

    fn rows(&self) -> [(&'static str, u64, u64); 3] {
        [
            ("threads", self.threads, MOST_THREADS),
            ("file descriptors", self.descriptors, MOST_DESCRIPTORS),
            ("resident kilobytes", self.kilobytes, MOST_KILOBYTES),
        ]
    }

    /// Returns the bounds that did not hold. Where the system has no `/proc`, none is known.
    pub(super) fn faults(&self) -> Vec<String> {
        let broken = self.rows().into_iter().filter(|(_, seen, most)| seen > most);
        broken.map(|(what, seen, most)| format!("{seen} {what}, more than {most}")).collect()
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the most of a guest in {} samples", self.samples)?;
        for (what, seen, most) in self.rows() {
            write!(f, "\n{what:<21} {seen:>9}  (at most {most})")?;
        }
        Ok(())
    }
}

/// The application's threads and those of the test harness; and for the SDK delivery, refresh, the
/// writer of records, a few that connect, and two look-ups.
const MOST_THREADS: u64 = THREADS as u64 + 4 + 16;
const MOST_DESCRIPTORS: u64 = 40;
const MOST_KILOBYTES: u64 = 64 << 10;
