//! Showing what arrives: JSON lines, a table that is redrawn, or a table in the end.

use std::io::Write;
use std::time::{Duration, Instant};

use serde_json::json;

use super::board::{Board, Row};
use super::endpoint::Refusal;
use super::shape::Batch;
use crate::failure::Failure;
use crate::json;
use crate::output::{complain, grouped, one_line, terminal_height, write_table};

/// How to show it.
#[derive(Debug)]
pub(super) struct Report {
    is_json: bool,
    is_live: bool,
    url: String,
    drawn: Option<Instant>,
    is_stale: bool,
    refusal: Option<String>,
}

impl Report {
    pub(super) fn new(is_json: bool, is_live: bool, url: String) -> Self {
        Report { is_json, is_live, url, drawn: None, is_stale: true, refusal: None }
    }

    /// Reports that the sink listens.
    pub(super) fn begin(&mut self, out: &mut dyn Write) -> Result<(), Failure> {
        if self.is_json {
            json::write_line(&mut *out, &json!({"listening": self.url}))?;
            return Ok(out.flush()?);
        }
        let url = &self.url;
        complain(&format!("listening on {url}; send events with a track base URL of {url}/v1"));
        Ok(())
    }

    /// Returns how long to wait for more before the table is drawn.
    pub(super) fn redraw_delay(&self) -> Duration {
        if !self.is_live || !self.is_stale {
            return LONG;
        }
        self.drawn.map_or(Duration::ZERO, |drawn| PAUSE.saturating_sub(drawn.elapsed()))
    }

    /// Shows a batch.
    pub(super) fn accepted(
        &mut self,
        out: &mut dyn Write,
        board: &Board,
        batch: &Batch,
    ) -> Result<(), Failure> {
        self.is_stale = true;
        if !self.is_json {
            return self.redraw(out, board);
        }
        for visitor in &batch.visitors {
            for event in &visitor.events {
                let mut line = json!({
                    "batch": board.batches(), "accountId": batch.account_id,
                    "projectId": batch.project_id, "visitorId": visitor.id, "event": event.json,
                });
                if let (Some(segments), Some(line)) = (&visitor.segments, line.as_object_mut()) {
                    line.insert("segments".to_owned(), segments.clone());
                }
                json::write_line(&mut *out, &line)?;
            }
        }
        Ok(out.flush()?)
    }

    /// Shows that a body was refused.
    pub(super) fn refused(
        &mut self,
        out: &mut dyn Write,
        board: &Board,
        refusal: &Refusal,
    ) -> Result<(), Failure> {
        self.is_stale = true;
        if self.is_json {
            let line = json!({"refused": refusal.message, "status": refusal.status.as_u16()});
            json::write_line(&mut *out, &line)?;
            return Ok(out.flush()?);
        }
        let message =
            format!("refused with status {}: {}", refusal.status.as_u16(), refusal.message);
        if self.is_live {
            self.refusal = Some(message);
            return self.redraw(out, board);
        }
        complain(&message);
        Ok(())
    }

    /// Shows that a connection was cut off or broke; the first few times, since one client can
    /// cause any number of them.
    pub(super) fn connection_failed(
        &mut self,
        out: &mut dyn Write,
        board: &Board,
        fault: &str,
        count: u64,
    ) -> Result<(), Failure> {
        self.is_stale = true;
        if self.is_live {
            self.refusal = Some(fault.to_owned());
            return self.redraw(out, board);
        }
        if count <= SHOWN_FAILURES {
            complain(fault);
        }
        if count == SHOWN_FAILURES {
            complain("further connections that fail are counted only");
        }
        Ok(())
    }

    /// Draws the table anew where somebody watches, a few times a second at most.
    pub(super) fn redraw(&mut self, out: &mut dyn Write, board: &Board) -> Result<(), Failure> {
        let is_due = self.drawn.is_none_or(|drawn| drawn.elapsed() >= PAUSE);
        if !self.is_live || !self.is_stale || !is_due {
            return Ok(());
        }
        write!(out, "{HOME}")?;
        let rows = terminal_height().saturating_sub(FRAME).max(1);
        draw(out, board, rows)?;
        if let Some(refusal) = &self.refusal {
            writeln!(out, "{}", one_line(refusal))?;
        }
        (self.drawn, self.is_stale) = (Some(Instant::now()), false);
        Ok(out.flush()?)
    }

    /// Shows the whole table in the end.
    pub(super) fn end(&mut self, out: &mut dyn Write, board: &Board) -> Result<(), Failure> {
        if self.is_json {
            if board.failed_connections() > SHOWN_FAILURES {
                complain(&format!("{} connections failed", grouped(board.failed_connections())));
            }
            return Ok(());
        }
        if self.is_live {
            write!(out, "{HOME}")?;
        }
        draw(out, board, usize::MAX)
    }
}

/// Writes the latest visitors, and sums.
fn draw(out: &mut dyn Write, board: &Board, most: usize) -> Result<(), Failure> {
    let visitors = board.visitors();
    let hidden = visitors.len().saturating_sub(most);
    let mut rows = vec![HEADING.map(str::to_owned).to_vec()];
    rows.extend(visitors.iter().skip(hidden).map(|row| cells(&row.name, row)));
    rows.extend(board.others().map(|others| cells("(others)", others)));
    rows.push(cells("TOTAL", board.total()));
    write_table(out, &rows)?;
    let and_more = if board.others().is_some() { "+" } else { "" };
    write!(
        out,
        "visitors {}{and_more}, events {}, batches {}, refused {}",
        grouped(visitors.len() as u64),
        grouped(board.events()),
        grouped(board.batches()),
        grouped(board.refused())
    )?;
    if board.failed_connections() > 0 {
        write!(out, ", failed connections {}", grouped(board.failed_connections()))?;
    }
    Ok(writeln!(out)?)
}

fn cells(name: &str, row: &Row) -> Vec<String> {
    let revenue = if row.transactions > 0 { format!("{:.2}", row.revenue) } else { String::new() };
    vec![
        name.to_owned(),
        grouped(row.exposures),
        grouped(row.conversions),
        grouped(row.transactions),
        revenue,
        row.latest.clone(),
    ]
}

const HEADING: [&str; 6] =
    ["VISITOR", "EXPOSURES", "CONVERSIONS", "TRANSACTIONS", "REVENUE", "LATEST"];
/// Clears the terminal.
const HOME: &str = "\x1b[H\x1b[2J";
/// How many lines of the terminal are not for visitors.
const FRAME: usize = 5;
/// How many failed connections are shown one by one.
const SHOWN_FAILURES: u64 = 10;
const PAUSE: Duration = Duration::from_millis(200);
/// As good as for ever.
const LONG: Duration = Duration::from_secs(3_600);
