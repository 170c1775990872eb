//! Finding the JSON path of a place in a text.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use crate::work::count;

/// Calls `found` with the JSON path of every one of `places`, which are ascending.
///
/// The text has been parsed already, so it is well-formed and nested only so deep.
pub(super) fn locate(text: &str, places: &[usize], mut found: impl FnMut(&Trail<'_>, usize)) {
    let mut trail = Trail { levels: Vec::new() };
    let mut places = places.iter().copied().peekable();
    let mut at = 0;
    while places.peek().is_some() {
        let Some(byte) = text.as_bytes().get(at) else { return };
        let length = trail.read(text, at, *byte);
        while let Some(place) = places.next_if(|place| *place < at + length) {
            found(&trail, place);
        }
        at += length;
    }
}

/// Calls `found` with the JSON path of every member that repeats a name of its object.
///
/// The text has been parsed already, so it is well-formed and nested only so deep.
pub(super) fn find_repeated(text: &str, mut found: impl FnMut(&Trail<'_>)) {
    let mut trail = Trail { levels: Vec::new() };
    // The names of every object that the reading is in.
    let mut seen: Vec<HashSet<Cow<'_, str>>> = Vec::new();
    let mut at = 0;
    while let Some(byte) = text.as_bytes().get(at) {
        let length = trail.read(text, at, *byte);
        match byte {
            b'{' => seen.push(HashSet::new()),
            b'}' => drop(seen.pop()),
            b'"' if trail.has_just_read_name(text, at) => {
                let name = text.get(at..at + length).unwrap_or_default();
                let is_new = seen.last_mut().is_none_or(|names| names.insert(whole_name(name)));
                if !is_new {
                    found(&trail);
                }
            }
            _ => {}
        }
        count(length);
        at += length;
    }
}

/// Reads a name out of its JSON text, however long it is.
fn whole_name(json: &str) -> Cow<'_, str> {
    if json.contains('\\') {
        return Cow::Owned(serde_json::from_str(json).unwrap_or_default());
    }
    Cow::Borrowed(json.trim_matches('"'))
}

/// The way from the root to where the reading is.
pub(super) struct Trail<'t> {
    levels: Vec<Level<'t>>,
}

/// Where in a list or map the reading is.
enum Level<'t> {
    List {
        index: usize,
    },
    /// The name is a JSON text, quotes and escapes included.
    Map {
        name: &'t str,
        is_named: bool,
    },
}

impl<'t> Trail<'t> {
    /// Reads what begins at `at`, and returns its length.
    fn read(&mut self, text: &'t str, at: usize, byte: u8) -> usize {
        match byte {
            b'{' => self.levels.push(Level::Map { name: "", is_named: false }),
            b'[' => self.levels.push(Level::List { index: 0 }),
            b'}' | b']' => drop(self.levels.pop()),
            b',' => self.advance(),
            b'"' => {
                let length = text_length(text, at);
                self.name(text.get(at..at + length).unwrap_or_default());
                return length;
            }
            _ => {}
        }
        1
    }

    /// Returns whether the text at `at`, which was read last, is the name of a member.
    fn has_just_read_name(&self, text: &str, at: usize) -> bool {
        let read = text.get(at..).map(str::as_ptr);
        let is_it = |name: &str| Some(name.as_ptr()) == read;
        matches!(self.levels.last(), Some(Level::Map { name, .. }) if is_it(name))
    }

    fn advance(&mut self) {
        match self.levels.last_mut() {
            Some(Level::List { index }) => *index += 1,
            Some(Level::Map { is_named, .. }) => *is_named = false,
            None => {}
        }
    }

    /// Takes a text for the name of a member, if one is due.
    fn name(&mut self, text: &'t str) {
        if let Some(Level::Map { name, is_named: is_named @ false }) = self.levels.last_mut() {
            *name = text;
            *is_named = true;
        }
    }
}

impl fmt::Display for Trail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, level) in self.levels.iter().enumerate() {
            match level {
                Level::List { index } => write!(f, "[{index}]")?,
                Level::Map { name, .. } => {
                    let dot = if depth == 0 { "" } else { "." };
                    write!(f, "{dot}{}", name_of(name))?;
                }
            }
        }
        Ok(())
    }
}

/// Reads a name out of its JSON text; one too long to be shown stays as it is written.
fn name_of(json: &str) -> Cow<'_, str> {
    count(json.len().min(LONGEST_NAME));
    if json.len() > LONGEST_NAME || !json.contains('\\') {
        return Cow::Borrowed(json.trim_matches('"'));
    }
    Cow::Owned(serde_json::from_str(json).unwrap_or_default())
}

/// The length of the JSON text at `at`, quotes included.
fn text_length(text: &str, at: usize) -> usize {
    let mut length = 1;
    loop {
        match text.as_bytes().get(at + length) {
            Some(b'\\') => length += 2,
            Some(b'"') | None => return length + 1,
            Some(_) => length += 1,
        }
    }
}

/// Longer names are shown as they are written, in bytes.
const LONGEST_NAME: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_names_are_found_in_every_object() {
        let text =
            r#"{"a": {"b": 1, "c": [{"d": 0, "d": "e"}], "\u0062": "b"}, "b": {}, "a": "a"}"#;
        let mut paths = Vec::new();
        find_repeated(text, |path| paths.push(path.to_string()));
        assert_eq!(paths, ["a.c[0].d", "a.b", "a"]);
    }

    #[test]
    fn paths_lead_through_lists_maps_and_names() {
        let text = r#"{"a": [1, {"b\n": "x*", "c*": []}, "\"]*"], "d": {"e": *}, "f": *}"#;
        let places: Vec<usize> = text.match_indices('*').map(|(at, _)| at).collect();
        let mut paths = Vec::new();
        locate(text, &places, |path, _| paths.push(path.to_string()));
        assert_eq!(paths, ["a[1].b\n", "a[1].c*", "a[2]", "d.e", "f"]);
    }
}
