//! Tells the code of a Rust file from its comments and its literals, line by line.

/// The two halves of a source text. Both have its lines; what belongs to the other half is blank.
#[derive(Debug, Default)]
pub(super) struct Masked {
    /// The code. What stands inside string and character literals is `~`.
    pub(super) code: String,
    /// The comments, documentation included.
    pub(super) comments: String,
}

impl Masked {
    /// Separates a source text.
    pub(super) fn of(source: &str) -> Self {
        let mut masked = Self::default();
        let mut rest = source;
        while let Some(next) = rest.chars().next() {
            let after_word = masked.code.chars().next_back().is_some_and(is_word);
            let (kind, length) = if let Some(length) = comment(rest) {
                (Kind::Comment, length)
            } else if let Some(length) = literal(rest, after_word) {
                (Kind::Literal, length)
            } else {
                (Kind::Code, next.len_utf8())
            };
            let (token, tail) = rest.split_at(length);
            masked.push(kind, token);
            rest = tail;
        }
        masked
    }

    fn push(&mut self, kind: Kind, token: &str) {
        for character in token.chars() {
            let blank = if character.is_whitespace() { character } else { ' ' };
            let filler = if character.is_whitespace() { character } else { '~' };
            let (code, comment) = match kind {
                Kind::Code => (character, blank),
                Kind::Comment => (blank, character),
                Kind::Literal => (filler, blank),
            };
            self.code.push(code);
            self.comments.push(comment);
        }
    }
}

/// Tells whether a character can stand inside an identifier.
pub(super) fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

#[derive(Clone, Copy)]
enum Kind {
    Code,
    Comment,
    Literal,
}

/// Returns the length of the comment that the text starts with.
fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if !text.starts_with("/*") {
        return None;
    }
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return Some(at);
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    Some(text.len())
}

/// Returns the length of the string or character literal that the text starts with.
fn literal(text: &str, after_word: bool) -> Option<usize> {
    if let Some(length) = character_literal(text) {
        return Some(length);
    }
    let prefixes = ["br", "cr", "r", "b", "c"];
    let prefix = prefixes.into_iter().find(|prefix| text.starts_with(prefix)).unwrap_or("");
    let prefix = if after_word { "" } else { prefix };
    let rest = text.strip_prefix(prefix)?;
    let hashes =
        if prefix.ends_with('r') { rest.len() - rest.trim_start_matches('#').len() } else { 0 };
    let body = rest.get(hashes..)?.strip_prefix('"')?;
    let inside = if prefix.ends_with('r') {
        let end = format!("\"{}", "#".repeat(hashes));
        body.find(&end).map_or(body.len(), |at| at + end.len())
    } else {
        closing(body, '"')
    };
    Some(text.len() - body.len() + inside)
}

/// Returns the length of a character literal, which a lifetime is not.
fn character_literal(text: &str) -> Option<usize> {
    let body = text.strip_prefix('\'')?;
    let mut characters = body.chars();
    let first = characters.next()?;
    (first == '\\' || characters.next() == Some('\'')).then(|| 1 + closing(body, '\''))
}

/// Returns the length up to and with the closing quote.
fn closing(body: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in body.char_indices() {
        if escaped {
            escaped = false;
        } else if character == '\\' {
            escaped = true;
        } else if character == quote {
            return at + character.len_utf8();
        }
    }
    body.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, code: &str, comments: &str) {
        let masked = Masked::of(source);
        assert_eq!((masked.code.as_str(), masked.comments.as_str()), (code, comments));
    }

    #[test]
    fn comments_leave_the_code() {
        check("a // b\nc", "a     \nc", "  // b\n ");
        check("a /* b /* c */ d */ e", "a                   e", "  /* b /* c */ d */  ");
    }

    #[test]
    fn literals_keep_their_place_only() {
        check(r#"f("//") // x"#, "f(~~~~)     ", "        // x");
        check(r#"f("a\"b", 'c')"#, "f(~~~~~~, ~~~)", "              ");
        check(r##"r#"a"b"# c"##, "~~~~~~~~ c", "          ");
        check("b\"x\" for\"y\"", "~~~~ for~~~", "           ");
    }

    #[test]
    fn lifetimes_and_raw_names_are_code() {
        check("&'a str, r#type", "&'a str, r#type", "               ");
        check(r"'\'' 'é' b'x'", "~~~~ ~~~ b~~~", "             ");
    }
}
