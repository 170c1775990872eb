//! Escaping of text from outside before it is printed.
//!
//! Configs, visitors, stores and servers supply text that ends up in logs, errors and terminals.
//! Raw control characters in it could start forged log lines or change what a terminal shows.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

/// Prints a value on one line, with every character that [`is_escaped`] names written as its escape,
/// `\n` or `\u{202e}` for example.
///
/// ```
/// use convert_config::escape::Escaped;
///
/// assert_eq!(Escaped("a\r\n\u{1b}[2J").to_string(), r"a\r\n\u{1b}[2J");
/// assert_eq!(Escaped(format_args!("{} é", 5)).to_string(), "5 é");
/// ```
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "a wrapper around any value, made by its name")]
pub struct Escaped<T>(pub T);

impl<T: fmt::Display> fmt::Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Writer(f), "{}", self.0)
    }
}

/// Returns `text` with every character that [`is_escaped`] names written as its escape.
///
/// ```
/// assert_eq!(convert_config::escape::escape("a\nb"), r"a\nb");
/// ```
pub fn escape(text: &str) -> Cow<'_, str> {
    if text.contains(is_escaped) {
        Cow::Owned(Escaped(text).to_string())
    } else {
        Cow::Borrowed(text)
    }
}

/// Returns what `value` prints, escaped, cut at about `limit` bytes.
pub(crate) fn escape_within(value: impl fmt::Display, limit: usize) -> String {
    let mut cut = Cut { text: String::new(), limit };
    if write!(cut, "{}", Escaped(value)).is_err() {
        cut.text.push('…');
    }
    cut.text
}

/// Returns whether a character can end a line, steer a terminal or change the direction of text:
/// control characters, line and paragraph separators, and bidirectional controls.
pub fn is_escaped(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// Escapes what is written through it.
struct Writer<'f, 'b>(&'f mut fmt::Formatter<'b>);

impl fmt::Write for Writer<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some((at, character)) = rest.char_indices().find(|(_, c)| is_escaped(*c)) {
            self.0.write_str(rest.get(..at).unwrap_or_default())?;
            write!(self.0, "{}", character.escape_default())?;
            rest = rest.get(at + character.len_utf8()..).unwrap_or_default();
        }
        self.0.write_str(rest)
    }
}

/// A text that refuses what exceeds its limit.
struct Cut {
    text: String,
    limit: usize,
}

impl fmt::Write for Cut {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.limit.saturating_sub(self.text.len());
        if text.len() <= room {
            self.text.push_str(text);
            return Ok(());
        }
        let mut end = room;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.text.push_str(text.get(..end).unwrap_or_default());
        Err(fmt::Error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_cut_between_characters() {
        assert_eq!(escape_within("abc", 3), "abc");
        assert_eq!(escape_within("abcd", 3), "abc…");
        assert_eq!(escape_within("abé", 3), "ab…");
        assert_eq!(escape_within(format_args!("a{}{}", "\n", "b"), 3), "a\\n…");
    }

    #[test]
    fn controls_separators_and_bidirectional_controls_are_escaped() {
        let controls = (0..0x20).chain(0x7f..0xa0);
        let others = [0x61c, 0x200e, 0x200f].into_iter().chain(0x2028..=0x202e);
        for code in controls.chain(others).chain(0x2066..=0x2069) {
            let character = char::from_u32(code).unwrap();
            let text = format!("é{character}b");
            let escaped = format!("é{}b", character.escape_default());
            assert_eq!(escape(&text), escaped);
            assert_eq!(Escaped(&text).to_string(), escaped);
        }
    }

    #[test]
    fn printable_text_stays_as_it_is() {
        for text in ["", "plain \"text\" \\n", "日本語 🎯", "\u{200c}\u{200d}\u{2065}\u{206a}"]
        {
            assert!(matches!(escape(text), Cow::Borrowed(same) if same == text));
            assert_eq!(Escaped(text).to_string(), text);
        }
    }
}
