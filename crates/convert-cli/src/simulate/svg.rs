//! The chart of a simulation as a picture.

use std::fmt::Write as _;

use convert_sdk::escape::is_escaped;

use crate::output::{grouped, percent};
use crate::simulate::report::{Report, Row};

/// Draws the chart as an SVG document that needs nothing but itself.
pub(super) fn draw(report: &Report) -> String {
    let rows: Vec<Row<'_>> = report.rows().collect();
    let verdict = wrapped(&report.verdict());
    let height = rows.iter().fold(HEAD, |height, _| height + ROW);
    let height = verdict.iter().fold(height + FOOT, |height, _| height + LINE);
    let (title, subtitle) = (escaped(&shortened(&report.title)), escaped(&report.subtitle()));
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" aria-labelledby="title summary" font-family="system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif">
  <title id="title">{title}</title>
  <desc id="summary">{subtitle}; {verdict}</desc>
  <rect width="{WIDTH}" height="{height}" fill="#ffffff"/>
  <text x="{MARGIN}" y="44" font-size="22" font-weight="600" fill="#1d2733">{title}</text>
  <text x="{MARGIN}" y="68" font-size="13" fill="#5b6876">{subtitle}</text>
"##,
        verdict = escaped(&report.verdict()),
    );
    let mut top = HEAD;
    for (index, row) in rows.iter().enumerate() {
        let colour = if row.is_variation { colour(index) } else { UNASSIGNED };
        draw_row(&mut svg, row, top, colour);
        top += ROW;
    }
    draw_foot(&mut svg, report, &verdict, top);
    svg.push_str("</svg>\n");
    svg
}

fn draw_row(svg: &mut String, row: &Row<'_>, top: u32, colour: &str) {
    let (text, bar) = (top + 14, top + 22);
    let name = escaped(&shortened(row.name));
    let figures = format!(
        "{} · {} · expected {}",
        grouped(row.visitors),
        percent(row.share),
        percent(row.expected_share)
    );
    let (length, mark) = (row.share * TRACK, f64::from(MARGIN) + row.expected_share * TRACK);
    // Writing to a text cannot fail.
    let _ = write!(
        svg,
        r##"  <g>
    <text x="{MARGIN}" y="{text}" font-size="14" fill="#1d2733">{name}</text>
    <text x="{RIGHT}" y="{text}" font-size="13" fill="#5b6876" text-anchor="end">{figures}</text>
    <rect x="{MARGIN}" y="{bar}" width="{TRACK}" height="14" rx="3" fill="#eef1f4"/>
    <rect x="{MARGIN}" y="{bar}" width="{length:.2}" height="14" rx="3" fill="{colour}"/>
    <line x1="{mark:.2}" x2="{mark:.2}" y1="{above}" y2="{below}" stroke="#1d2733" stroke-width="1.5"/>
  </g>
"##,
        above = bar - 3,
        below = bar + 17,
    );
}

fn draw_foot(svg: &mut String, report: &Report, verdict: &[String], top: u32) {
    let is_mismatch = report.sample_ratio.is_some_and(|found| found.is_mismatch());
    let colour = if is_mismatch { "#b3261e" } else { "#1d2733" };
    let rule = top + 4;
    let _ = writeln!(
        svg,
        r##"  <line x1="{MARGIN}" x2="{RIGHT}" y1="{rule}" y2="{rule}" stroke="#d7dde3"/>"##
    );
    let mut at = top + 28;
    for line in verdict {
        let line = escaped(line);
        let _ = writeln!(
            svg,
            r#"  <text x="{MARGIN}" y="{at}" font-size="13" fill="{colour}">{line}</text>"#
        );
        at += LINE;
    }
    let _ = writeln!(
        svg,
        r##"  <text x="{MARGIN}" y="{at}" font-size="12" fill="#5b6876">The dark marks show the shares to expect of the config.</text>"##
    );
}

/// Breaks a sentence into lines that fit between the margins.
fn wrapped(sentence: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in sentence.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < LONGEST_SENTENCE => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Returns `text` with what XML gives a meaning escaped, and what it forbids replaced.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            letter if is_escaped(letter) => escaped.push('\u{fffd}'),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// Cuts a name that would run into the figures.
fn shortened(name: &str) -> String {
    if name.chars().count() <= LONGEST_NAME {
        return name.to_owned();
    }
    let mut short: String = name.chars().take(LONGEST_NAME - 1).collect();
    short.push('…');
    short
}

fn colour(index: usize) -> &'static str {
    COLOURS.get(index % COLOURS.len()).copied().unwrap_or(UNASSIGNED)
}

const WIDTH: u32 = 760;
const MARGIN: u32 = 32;
const RIGHT: u32 = WIDTH - MARGIN;
const TRACK: f64 = 696.0;
const HEAD: u32 = 96;
const ROW: u32 = 56;
const FOOT: u32 = 56;
const LINE: u32 = 20;
const LONGEST_NAME: usize = 44;
const LONGEST_SENTENCE: usize = 96;
/// Colours that people of every colour vision tell apart (Okabe and Ito, 2008).
const COLOURS: [&str; 6] = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00"];
const UNASSIGNED: &str = "#9aa5b1";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_forbids_is_not_drawn() {
        assert_eq!(escaped("a<b>&\"\u{1b}\u{202e}"), "a&lt;b&gt;&amp;&quot;\u{fffd}\u{fffd}");
    }

    #[test]
    fn long_sentences_are_broken() {
        let words = vec!["fourteen-chars"; 13].join(" ");
        let lines = wrapped(&words);
        assert_eq!(lines.len(), 3);
        assert!(lines.iter().all(|line| line.len() <= LONGEST_SENTENCE));
        assert_eq!(lines.join(" "), words);
    }

    #[test]
    fn the_track_fills_the_margins() {
        assert_eq!(f64::from(RIGHT - MARGIN).to_bits(), TRACK.to_bits());
    }
}
