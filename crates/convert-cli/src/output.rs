//! Writing for people: messages, tables, numbers, bars.

use std::borrow::Cow;
use std::io::{self, Write};

use convert_sdk::escape::{escape, is_escaped};

/// Prints a message on standard error, on one line.
pub(crate) fn complain(message: &str) {
    // If standard error is closed, there is no other place for the message.
    let _ = writeln!(io::stderr().lock(), "convertctl: {}", one_line(&without_login(message)));
}

/// Returns `text` without what stands before the host in an address, or behind the path of a socket: a
/// name and a password, of which nothing is shown wherever they were typed.
pub(crate) fn without_login(text: &str) -> Cow<'_, str> {
    if !text.contains("://") {
        return Cow::Borrowed(text);
    }
    let word = |word: &str| match word.split_once("://") {
        // A socket has no host, so that the login stands among what follows its path.
        Some((scheme, rest)) if scheme.ends_with("unix") => match rest.split_once('?') {
            Some((path, query)) => {
                let end = query.trim_start_matches(|letter: char| !letter.is_whitespace());
                format!("{scheme}://{path}?…{end}")
            }
            None => word.to_owned(),
        },
        Some((scheme, rest)) => match rest.rsplit_once('@') {
            Some((_, host)) => format!("{scheme}://…@{host}"),
            None => word.to_owned(),
        },
        None => word.to_owned(),
    };
    Cow::Owned(text.split_inclusive(char::is_whitespace).map(word).collect())
}

/// Returns `text` with every character escaped that could steer a terminal, but for line feeds.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(|character| is_escaped(character) && character != '\n') {
        return Cow::Borrowed(text);
    }
    let lines: Vec<_> = text.split('\n').map(escape).collect();
    Cow::Owned(lines.join("\n"))
}

/// Returns `text`, a name for example, as a part of a line: with every character escaped that could
/// steer a terminal, end the line or change its direction.
pub(crate) fn one_line(text: &str) -> Cow<'_, str> {
    escape(text)
}

/// Writes rows in columns as wide as their widest cell; the first row is the heading.
pub(crate) fn write_table(out: &mut dyn Write, rows: &[Vec<String>]) -> io::Result<()> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns)
        .map(|column| rows.iter().filter_map(|row| row.get(column)).map(|cell| width(cell)).max())
        .map(Option::unwrap_or_default)
        .collect();
    for row in rows {
        let mut line = String::new();
        for (cell, widest) in row.iter().zip(&widths) {
            let cell = one_line(cell);
            line.push_str(&cell);
            line.extend(std::iter::repeat_n(' ', widest - width(&cell).min(*widest) + GAP));
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// Returns a count with its thousands apart: `1,234,567`.
pub(crate) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Returns a share of 1 in percent, as short as it is exact to two digits: `33.33%`, `50%`.
pub(crate) fn percent(share: f64) -> String {
    let digits = format!("{:.2}", share * 100.0);
    format!("{}%", digits.trim_end_matches('0').trim_end_matches('.'))
}

/// Returns a bar that fills `share` of `cells` columns, exact to an eighth of one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a share of 0 to 1 of a terminal's width is a small whole number"
)]
pub(crate) fn bar(share: f64, cells: usize) -> String {
    let eighths = (share.clamp(0.0, 1.0) * cells as f64 * 8.0).round() as usize;
    let mut bar: String = std::iter::repeat_n('█', eighths / 8).collect();
    bar.extend(PARTS.get(eighths % 8).copied().flatten());
    bar
}

/// Returns how many columns the terminal has; 80 where standard output is none.
pub(crate) fn terminal_width() -> usize {
    terminal_size::terminal_size_of(io::stdout())
        .map_or(DEFAULT_WIDTH, |(width, _)| usize::from(width.0))
}

/// Returns how many lines the terminal has; 24 where standard output is none.
pub(crate) fn terminal_height() -> usize {
    terminal_size::terminal_size_of(io::stdout())
        .map_or(DEFAULT_HEIGHT, |(_, height)| usize::from(height.0))
}

fn width(text: &str) -> usize {
    one_line(text).chars().count()
}

const GAP: usize = 2;
const DEFAULT_WIDTH: usize = 80;
const DEFAULT_HEIGHT: usize = 24;
const PARTS: [Option<char>; 8] =
    [None, Some('▏'), Some('▎'), Some('▍'), Some('▌'), Some('▋'), Some('▊'), Some('▉')];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_apart() {
        let counts = [0, 999, 1_000, 12_345, 1_000_000].map(grouped);
        assert_eq!(counts, ["0", "999", "1,000", "12,345", "1,000,000"]);
    }

    #[test]
    fn percentages_are_short() {
        let shares = [0.0, 0.5, 1.0 / 3.0, 1.0, 0.1].map(percent);
        assert_eq!(shares, ["0%", "50%", "33.33%", "100%", "10%"]);
    }

    #[test]
    fn bars_are_exact_to_an_eighth() {
        assert_eq!(bar(0.5, 4), "██");
        assert_eq!(bar(1.0 / 16.0, 2), "▏");
        assert_eq!(bar(0.0, 4), "");
        assert_eq!(bar(7.0, 2), "██");
    }

    #[test]
    fn logins_are_not_shown() {
        for (text, expected) in [
            ("no `redis://:p@s/s@host:1/2` there", "no `redis://…@host:1/2` there"),
            ("rediss://name:secret@[::1]\nhttp://host/", "rediss://…@[::1]\nhttp://host/"),
            ("mail a@b", "mail a@b"),
            ("unix:///s?db=1&pass=se@cr there", "unix:///s?… there"),
            ("redis+unix:///s there", "redis+unix:///s there"),
        ] {
            assert_eq!(without_login(text), expected);
        }
    }

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\n\u{202e}"), "a\\u{1b}[2Jb\n\\u{202e}");
        assert_eq!(one_line("a\u{1b}[2Jb\nc"), "a\\u{1b}[2Jb\\nc");
    }
}
