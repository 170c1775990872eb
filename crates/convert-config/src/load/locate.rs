//! Finding the JSON path of a place in a text.

use std::fmt;

/// Calls `found` with the JSON path of every one of `places`, which are ascending.
///
/// The text has been parsed already, so it is well-formed and nested only so deep.
pub(super) fn locate(text: &str, places: &[usize], mut found: impl FnMut(&Trail<'_>, usize)) {
    let mut trail = Trail { levels: Vec::new() };
    let mut places = places.iter().copied().peekable();
    let mut at = 0;
    while places.peek().is_some() {
        let Some(byte) = text.as_bytes().get(at) else { return };
        let length = if *byte == b'"' { text_length(text, at) } else { 1 };
        match byte {
            b'{' => trail.levels.push(Level::Map { name: "", is_named: false }),
            b'[' => trail.levels.push(Level::List { index: 0 }),
            b'}' | b']' => drop(trail.levels.pop()),
            b',' => trail.advance(),
            b'"' => trail.name(text.get(at..at + length).unwrap_or_default()),
            _ => {}
        }
        while let Some(place) = places.next_if(|place| *place < at + length) {
            found(&trail, place);
        }
        at += length;
    }
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
                    let name: String = serde_json::from_str(name).unwrap_or_default();
                    write!(f, "{dot}{name}")?;
                }
            }
        }
        Ok(())
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_through_lists_maps_and_names() {
        let text = r#"{"a": [1, {"b\n": "x*", "c*": []}, "\"]*"], "d": {"e": *}, "f": *}"#;
        let places: Vec<usize> = text.match_indices('*').map(|(at, _)| at).collect();
        let mut paths = Vec::new();
        locate(text, &places, |path, _| paths.push(path.to_string()));
        assert_eq!(paths, ["a[1].b\n", "a[1].c*", "a[2]", "d.e", "f"]);
    }
}
