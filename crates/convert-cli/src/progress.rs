//! How far a long run has come, shown on a terminal.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use crate::output::grouped;

/// A line on standard error that counts along. Without a terminal there it stays silent, and so it
/// does where the answers themselves scroll over that terminal.
#[derive(Debug)]
pub(crate) struct Progress {
    began: Instant,
    shown: Option<Instant>,
    watched: bool,
}

impl Progress {
    /// Begins to count.
    pub(crate) fn new() -> Self {
        let watched = io::stderr().is_terminal() && !io::stdout().is_terminal();
        Progress { began: Instant::now(), shown: None, watched }
    }

    /// Shows how many lines have been answered, a few times a second at most.
    pub(crate) fn show(&mut self, lines: u64) {
        let due = self.shown.is_none_or(|shown| shown.elapsed() >= PAUSE);
        if !self.watched || !due {
            return;
        }
        self.shown = Some(Instant::now());
        let seconds = self.began.elapsed().as_secs().max(1);
        let rate = lines / seconds;
        let text = format!("\r{} lines, {} a second", grouped(lines), grouped(rate));
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.is_some() {
            // Erases the line, so that nothing of it is left beside what follows.
            let _ = io::stderr().lock().write_all(b"\r\x1b[K");
        }
    }
}

const PAUSE: Duration = Duration::from_millis(200);
