//! Text that is borrowed or owned.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

use smol_str::SmolStr;

/// The text of a [`Value`](crate::Value): borrowed from a request, or owned.
///
/// Owned texts of up to 23 bytes need no allocation, and longer ones are shared when cloned. It
/// reads as a `str`, and is equal, ordered and hashed as one.
///
/// ```
/// use convert_config::Text;
///
/// let text = Text::from("DE");
/// assert_eq!(text, "DE");
/// assert_eq!(text.into_owned().as_str().to_lowercase(), "de");
/// ```
#[derive(Clone)]
pub struct Text<'a> {
    repr: Repr<'a>,
}

#[derive(Clone)]
enum Repr<'a> {
    Borrowed(&'a str),
    Owned(SmolStr),
}

impl Text<'_> {
    /// Copies `text`, so that nothing is borrowed.
    ///
    /// ```
    /// let kept = convert_config::Text::copied(&String::from("DE"));
    /// assert_eq!(kept, "DE");
    /// ```
    pub fn copied(text: &str) -> Text<'static> {
        Text { repr: Repr::Owned(SmolStr::new(text)) }
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        match &self.repr {
            Repr::Borrowed(text) => text,
            Repr::Owned(text) => text.as_str(),
        }
    }

    /// Copies the text if it is borrowed, so that it can be kept.
    pub fn into_owned(self) -> Text<'static> {
        match self.repr {
            Repr::Borrowed(text) => Text::copied(text),
            Repr::Owned(text) => Text { repr: Repr::Owned(text) },
        }
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Text<'_> {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl Borrow<str> for Text<'_> {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl Default for Text<'_> {
    fn default() -> Self {
        Text::from("")
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Text { repr: Repr::Borrowed(text) }
    }
}

impl<'a> From<&'a String> for Text<'a> {
    fn from(text: &'a String) -> Self {
        Text::from(text.as_str())
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Text { repr: Repr::Owned(SmolStr::from(text)) }
    }
}

impl<'a> From<Cow<'a, str>> for Text<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        match text {
            Cow::Borrowed(text) => Text::from(text),
            Cow::Owned(text) => Text::from(text),
        }
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Text<'_> {}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Text<'_> {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialOrd for Text<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Hash for Text<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}
