//! The chart of a simulation in the terminal.

use std::io::{self, Write};

use crate::output::{bar, grouped, one_line, percent, terminal_width};
use crate::simulate::report::{Report, Row};

/// Writes the chart, as wide as the terminal.
pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let rows: Vec<Cells> = report.rows().map(|row| Cells::of(&row)).collect();
    let heading = Cells::heading();
    let all = || rows.iter().chain([&heading]);
    let widest = |cell: fn(&Cells) -> &String| all().map(|row| letters(cell(row))).max();
    let name = widest(|row| &row.name).unwrap_or_default();
    let visitors = widest(|row| &row.visitors).unwrap_or_default();
    let figures = name + visitors + 2 * FIGURE + 4 * GAP;
    let cells = terminal_width().saturating_sub(figures).clamp(SHORTEST_BAR, LONGEST_BAR);

    writeln!(out, "{}: {}\n", one_line(&report.title), report.subtitle())?;
    for row in [&heading].into_iter().chain(&rows) {
        let gap = " ".repeat(GAP);
        let line = format!(
            "{:<name$}{gap}{:>visitors$}{gap}{:>FIGURE$}{gap}{:>FIGURE$}{gap}{}",
            row.name,
            row.visitors,
            row.share,
            row.expected,
            bar(row.bar, cells)
        );
        writeln!(out, "{}", line.trim_end())?;
    }
    writeln!(out, "\n{}", report.verdict())
}

/// A row as text.
struct Cells {
    name: String,
    visitors: String,
    share: String,
    expected: String,
    bar: f64,
}

impl Cells {
    fn heading() -> Self {
        Cells {
            name: "variation".to_owned(),
            visitors: "visitors".to_owned(),
            share: "share".to_owned(),
            expected: "expected".to_owned(),
            bar: 0.0,
        }
    }

    fn of(row: &Row<'_>) -> Self {
        Cells {
            name: shortened(&one_line(row.name)),
            visitors: grouped(row.visitors),
            share: percent(row.share),
            expected: percent(row.expected_share),
            bar: row.share,
        }
    }
}

/// Cuts a name that would leave no room for the figures.
fn shortened(name: &str) -> String {
    if letters(name) <= LONGEST_NAME {
        return name.to_owned();
    }
    let mut short: String = name.chars().take(LONGEST_NAME - 1).collect();
    short.push('…');
    short
}

fn letters(text: &str) -> usize {
    text.chars().count()
}

const GAP: usize = 2;
/// The columns of a share, with its heading.
const FIGURE: usize = "expected".len();
const SHORTEST_BAR: usize = 10;
const LONGEST_BAR: usize = 100;
const LONGEST_NAME: usize = 40;
