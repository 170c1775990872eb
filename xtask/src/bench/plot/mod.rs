//! Plots as SVG documents that need nothing but themselves, for light and dark pages alike.

mod axis;
mod bars;
mod lines;

use std::fs;

pub(super) use self::bars::{Bar, BarPlot};
pub(super) use self::lines::{LinePlot, Series};
use crate::workspace;

/// An SVG document that is being written.
struct Drawing {
    body: String,
    height: f64,
}

/// Where a text stands relative to its point.
#[derive(Debug, Clone, Copy)]
enum Anchor {
    Start,
    Middle,
    End,
}

impl Drawing {
    fn new(height: f64) -> Self {
        Drawing { body: String::new(), height }
    }

    fn text(&mut self, at: (f64, f64), size: u8, anchor: Anchor, text: &str) {
        let ((x, y), text) = (at, escaped(text));
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        self.line(&format!(
            r#"<text x="{x:.1}" y="{y:.1}" font-size="{size}" text-anchor="{anchor}">{text}</text>"#
        ));
    }

    fn rule(&mut self, from: (f64, f64), to: (f64, f64)) {
        let ((x1, y1), (x2, y2)) = (from, to);
        self.line(&format!(
            r#"<line x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}" stroke="{INK}" stroke-opacity="0.3"/>"#
        ));
    }

    /// Adds an element on a line of its own.
    fn line(&mut self, element: &str) {
        self.body.push_str("  ");
        self.body.push_str(element);
        self.body.push('\n');
    }

    /// Returns the document; what it shows is also said in words, for those who cannot see it.
    fn finish(self, title: &str, description: &str) -> String {
        let (height, body) = (self.height, self.body);
        let (title, description) = (escaped(title), escaped(description));
        format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" aria-labelledby="title description" font-family="system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif" fill="{INK}">
  <title id="title">{title}</title>
  <desc id="description">{description}</desc>
{body}</svg>
"#
        )
    }
}

/// Writes a plot into the documentation.
pub(super) fn save(name: &str, svg: &str) -> Result<(), String> {
    let folder = workspace::root().join(PLOTS);
    fs::create_dir_all(&folder)
        .and_then(|()| fs::write(folder.join(name), svg))
        .map_err(|error| format!("{PLOTS}/{name}: {error}"))
}

/// Writes a number as people read it: `1,234,567`, `12.3`, `0.25`.
pub(super) fn readable(value: f64) -> String {
    let decimals = if value >= 100.0 || value.fract() == 0.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    let text = format!("{value:.decimals$}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if fraction.is_empty() { grouped } else { format!("{grouped}.{fraction}") }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn colour(index: usize) -> &'static str {
    COLOURS.get(index % COLOURS.len()).copied().unwrap_or(INK)
}

const PLOTS: &str = "docs/plots";
const WIDTH: f64 = 760.0;
/// A grey that can be read on white and on black.
const INK: &str = "#7d8590";
/// Colours that people of every colour vision tell apart (Okabe and Ito, 2008), without those that
/// vanish on one of the backgrounds.
const COLOURS: [&str; 5] = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        let written = [0.254, 12.34, 100.4, 1_234_567.0, 10.0, 999.0].map(readable);
        assert_eq!(written, ["0.25", "12.3", "100", "1,234,567", "10", "999"]);
    }

    #[test]
    fn markup_in_a_text_is_no_markup() {
        assert_eq!(escaped("a<b>&\""), "a&lt;b&gt;&amp;&quot;");
    }
}
