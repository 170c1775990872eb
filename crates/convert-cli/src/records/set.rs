//! Storing records.

use std::fmt;
use std::io::{self, IsTerminal as _, Read as _, Write};
use std::process::ExitCode;

use convert_redis::{RedisStore, Stored};
use convert_sdk::StoreError;
use serde_json::json;

use super::document::{Document, write_line};
use super::given::Given;
use super::key::{NO_KEY, is_of_visitor};
use super::left::{Left, shown};
use super::{is_outage, of_change};
use crate::failure::Failure;
use crate::lines::{Line, Lines};
use crate::output::{complain, grouped};

/// Stores the record on standard input under a key.
pub(super) fn one(
    store: &RedisStore,
    key: &str,
    is_forced: bool,
    out: &mut dyn Write,
) -> Result<ExitCode, Failure> {
    // Before standard input is waited for: whoever looks at the record and corrects it meanwhile
    // must not undo what somebody else has done.
    let target = Target::find(store, key, is_forced).map_err(Failure::from)?;
    let text = input()?;
    let given = Given::read(&text)
        .map_err(|why| Failure::new(format_args!("standard input is no record: {why}")))?;
    if let Some(other) = given.key.as_deref().filter(|other| *other != key) {
        let (other, key) = (shown(other.as_bytes()), shown(key.as_bytes()));
        let why = format!("standard input holds the record of {other}, not of {key}");
        return Err(Failure::new(why));
    }
    let (stored, text) = target.store(&given)?;
    tell_rewritten(u64::from(text != given.document.text()));
    write_line(key, &text, Some(stored == Stored::Replaced), out)?;
    Ok(ExitCode::SUCCESS)
}

/// Stores the records on standard input, each on a line with its key.
pub(super) fn all(
    store: &RedisStore,
    is_forced: bool,
    out: &mut dyn Write,
) -> Result<ExitCode, Failure> {
    invite("lines as `export` prints them");
    let mut lines = Lines::new(io::stdin().lock());
    let (mut set, mut replaced, mut rewritten) = (0_u64, 0_u64, 0_u64);
    let mut refused = Left::new("line", "not stored");
    let mut outage = None;
    while let Some(chunk) = lines.next_chunk().map_err(|error| unread(&error))? {
        for line in chunk.lines() {
            match store_line(store, line, is_forced) {
                Ok(None) => {}
                Ok(Some((stored, is_as_given))) => {
                    set += 1;
                    rewritten += u64::from(!is_as_given);
                    replaced += u64::from(stored == Stored::Replaced);
                }
                Err(refusal) if refusal.is_outage() => {
                    outage = Some((line.number(), refusal));
                    break;
                }
                Err(refusal) => refused.note(format_args!("line {}", line.number()), refusal),
            }
        }
        if outage.is_some() {
            break;
        }
    }
    let counts = json!({ "set": set, "replaced": replaced, "refused": refused.count() });
    writeln!(out, "{counts}")?;
    tell_rewritten(rewritten);
    let code = refused.told();
    match outage {
        Some((number, why)) => {
            Err(Failure::new(format_args!("line {number} and what follows was not stored: {why}")))
        }
        None => Ok(code),
    }
}

/// Stores what is on a line, if there is something, and returns whether it is stored as given.
fn store_line(
    store: &RedisStore,
    line: Line<'_>,
    is_forced: bool,
) -> Result<Option<(Stored, bool)>, Refusal> {
    let text = line.text().map_err(Refusal::Words)?;
    if text.trim().is_empty() {
        return Ok(None);
    }
    let given = Given::read(text).map_err(|why| Refusal::Words(format!("no record: {why}")))?;
    let Some(key) = &given.key else {
        return Err(Refusal::Words("there is no key beside the record".to_owned()));
    };
    let (stored, text) = Target::find(store, key, is_forced)?.store(&given)?;
    Ok(Some((stored, text == given.document.text())))
}

/// Where a record is to be stored, and what was there; nothing if that does not matter.
struct Target<'s> {
    store: &'s RedisStore,
    key: &'s str,
    held: Option<Vec<u8>>,
}

impl<'s> Target<'s> {
    /// Looks at what is there, unless whatever it is may be replaced.
    fn find(store: &'s RedisStore, key: &'s str, is_forced: bool) -> Result<Self, Refusal> {
        if !is_of_visitor(key) {
            return Err(Refusal::Words(format!("{} {NO_KEY}", shown(key.as_bytes()))));
        }
        if is_forced {
            return Ok(Target { store, key, held: None });
        }
        let held = store.text(key).map_err(Refusal::Unread)?;
        if !held.is_empty() {
            Document::stored(&held).map_err(|why| {
                let key = shown(key.as_bytes());
                Refusal::Words(format!("{key} holds no visitor record: {why}; --force replaces it"))
            })?;
        }
        Ok(Target { store, key, held: Some(held) })
    }

    /// Stores a record, and returns what came of it and the text that was stored.
    fn store(&self, given: &Given<'_>) -> Result<(Stored, String), Refusal> {
        let text = given.document.text();
        // What is there already is not lost by this.
        let is_held = self.held.as_deref().is_none_or(|held| held == text.as_bytes());
        let text = if is_held {
            text.to_owned()
        } else {
            given.to_store().map_err(|why| Refusal::Words(format!("{why}; --force stores it")))?
        };
        let stored = self.store.store_text(self.key, self.held.as_deref(), text.as_bytes());
        match stored.map_err(Refusal::Store)? {
            Stored::Changed => {
                let key = shown(self.key.as_bytes());
                let why = format!("{key} has been changed meanwhile; --force replaces it");
                Err(Refusal::Words(why))
            }
            stored => Ok((stored, text)),
        }
    }
}

/// Why a record was not stored.
enum Refusal {
    Words(String),
    /// What is there could not be read.
    Unread(StoreError),
    /// It could not be stored.
    Store(StoreError),
}

impl Refusal {
    /// Returns whether the next record would fare the same.
    fn is_outage(&self) -> bool {
        matches!(self, Refusal::Unread(error) | Refusal::Store(error) if is_outage(error))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Words(words) => f.write_str(words),
            Refusal::Unread(error) => f.write_str(&Failure::told(error)),
            Refusal::Store(error) => f.write_str(&of_change(error)),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Failure::new(refusal)
    }
}

fn tell_rewritten(count: u64) {
    let which = match count {
        0 => return,
        1 => "1 record was",
        count => &format!("{} records were", grouped(count)),
    };
    complain(&format!("{which} stored as the SDK writes it, which is not quite what was given"));
}

/// Reads standard input, without the byte order mark that may open it.
fn input() -> Result<String, Failure> {
    invite("a record");
    let mut bytes = Vec::new();
    io::stdin().lock().take(MOST_INPUT + 1).read_to_end(&mut bytes).map_err(|e| unread(&e))?;
    let refused = |why: &str| Err(Failure::new(format_args!("standard input {why}")));
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MOST_INPUT) {
        return refused("is longer than 4 MiB");
    }
    let Ok(text) = String::from_utf8(bytes) else { return refused("is no UTF-8") };
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text).trim();
    if text.is_empty() {
        return refused("is empty");
    }
    Ok(text.to_owned())
}

/// Says what is waited for, where somebody may wonder.
fn invite(what: &str) {
    if io::stdin().is_terminal() {
        complain(&format!("reading {what} from standard input"));
    }
}

fn unread(error: &io::Error) -> Failure {
    Failure::new(format_args!("standard input cannot be read: {error}"))
}

/// Room for the longest record and its key, however they are written.
const MOST_INPUT: u64 = 4 << 20;
