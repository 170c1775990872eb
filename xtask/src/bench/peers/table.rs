//! How the libraries stand to one another.

use serde_json::json;

use super::super::figure::{Memory, Rounds};
use super::super::plot::{Bar, BarPlot, readable, save};
use super::CALLS;
use super::contender::{Call, Contender};

/// One library.
pub(in super::super) struct Row {
    name: &'static str,
    version: String,
    cells: [Option<Cell>; 3],
}

/// One call of one library.
struct Cell {
    ns: Rounds,
    memory: Option<Memory>,
    /// How many times as long as this SDK's call it takes.
    times: f64,
}

impl Row {
    /// Compares a library with the first one, which is this SDK; without it, with itself.
    pub(super) fn new(contender: Contender, first: Option<&Row>) -> Self {
        let Contender { name, version, ns, memory, .. } = contender;
        let mut index = 0;
        let cells = ns.map(|rounds| {
            let at = index;
            index += 1;
            let rounds = Rounds::new(rounds);
            if rounds.is_empty() {
                return None;
            }
            let base = first.and_then(|row| row.cells.get(at)?.as_ref());
            let times = base.map_or(1.0, |base| rounds.ratio_to(&base.ns));
            Some(Cell { ns: rounds, memory: memory.get(at).copied().flatten(), times })
        });
        Row { name, version, cells }
    }

    /// Marks a library that could not be had, so that a reader sees what is missing.
    pub(super) fn skipped(name: &'static str) -> Self {
        Row { name, version: "(skipped)".to_owned(), cells: [const { None }; 3] }
    }

    fn cell(&self, call: Call) -> Option<&Cell> {
        let index = CALLS.iter().position(|it| *it == call)?;
        self.cells.get(index)?.as_ref()
    }

    fn label(&self) -> String {
        format!("{} {}", self.name, self.version)
    }
}

impl Cell {
    fn allocs(&self) -> String {
        self.memory.map_or_else(|| "–".to_owned(), |memory| format!("{:.0}", memory.allocs))
    }
}

pub(super) fn print_json(rows: &[Row]) {
    for row in rows {
        for (call, cell) in CALLS.iter().zip(&row.cells) {
            let Some(cell) = cell else { continue };
            let line = json!({
                "name": format!("peer_{}", call.name()), "peer": row.name, "version": row.version,
                "ns": cell.ns.median(), "spread": cell.ns.spread(), "ratio": cell.times,
                "allocs": cell.memory.map(|it| it.allocs), "bytes": cell.memory.map(|it| it.bytes),
            });
            println!("{line}");
        }
    }
}

pub(super) fn print(rows: &[Row]) {
    println!(
        "One experiment with one audience rule among 100 flags; nanoseconds of processor time,"
    );
    println!("allocations, and how many times as long as this SDK.\n");
    let heads = ["decision", "context and decision", "explanation"];
    println!("{:<34}{}", "", heads.map(|head| format!("{head:>30}")).concat());
    for row in rows {
        let cells = row.cells.each_ref().map(|cell| match cell {
            None => format!("{:>30}", "–"),
            Some(cell) => {
                let ns = readable(cell.ns.median());
                format!("{ns:>14}{:>6}{:>9.2}x", cell.allocs(), cell.times)
            }
        });
        println!("{:<34}{}", row.label(), cells.concat());
    }
}

/// Draws the bars of the README.
pub(in super::super) fn draw(rows: &[Row]) -> Result<(), String> {
    let bars = rows.iter().enumerate().filter_map(|(kind, row)| {
        let value = row.cell(Call::Decide)?.ns.median();
        Some(Bar { name: row.label(), value, kind: usize::from(kind > 0) })
    });
    let plot = BarPlot {
        title: "One experiment with one audience rule among 100 flags".to_owned(),
        label: "ns a decision (each line is ten times the one before)".to_owned(),
        bars: bars.collect(),
    };
    save("peers.svg", &plot.draw())
}

/// Returns the rows of a table in Markdown.
pub(in super::super) fn markdown(rows: &[Row]) -> String {
    let cell = |cell: Option<&Cell>| match cell {
        None => "– | –".to_owned(),
        Some(cell) => format!("{} | {}", readable(cell.ns.median()), cell.allocs()),
    };
    let lines = rows.iter().map(|row| {
        let times = row.cell(Call::Decide);
        let times = times.map_or_else(|| "–".to_owned(), |cell| readable(cell.times));
        let (decide, build) = (cell(row.cell(Call::Decide)), cell(row.cell(Call::Build)));
        format!("| {} | {decide} | {times} | {build} |\n", row.label())
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_is_skipped_has_a_row_without_numbers() {
        let told = markdown(&[Row::skipped("other")]);
        assert_eq!(told, "| other (skipped) | – | – | – | – | – |\n");
    }
}
