//! Named values of a visitor, copied in and kept sorted.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, btree_map};
use std::fmt;

use convert_config::rule::{Element, StepBudget, Verdict};
use convert_config::work::count;
use convert_config::{Mark, ShortText, Text, Value, ValueRef};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use smol_str::SmolStr;

/// Named values of a visitor, copied in and kept sorted; up to 64 of them in one small allocation.
///
/// Made with [`attributes!`](crate::attributes), from a map, from pairs, or from JSON. `Debug` shows
/// the names only: values may be personal data.
///
/// ```
/// use convert_decision::{Attributes, attributes};
///
/// let plan = String::from("pro");
/// let attributes: Attributes = attributes! { "country" => "DE", "plan" => &plan, "age" => 42 };
/// assert_eq!(attributes.len(), 3);
/// assert_eq!(format!("{attributes:?}"), r#"{"age", "country", "plan"}"#);
/// ```
#[derive(Clone, Default)]
pub struct Attributes {
    entries: Entries,
}

/// Entries sorted by name: a few in a list, which is fast to look through, and many in a tree, so that
/// adding one does not move the others.
#[derive(Clone)]
enum Entries {
    Few(Vec<Entry>),
    Many(BTreeMap<SmolStr, Entry>),
}

/// An attribute, with the mark of its name to find it by, and its value once more where it is a short
/// text.
#[derive(Clone, PartialEq)]
pub(crate) struct Entry {
    mark: Mark,
    short: Option<ShortText>,
    value: Stored,
    name: SmolStr,
}

/// The attributes of a set by name, as [`Attributes::iter`] gives them.
///
/// ```
/// use convert_decision::{Attributes, attributes};
///
/// let visitor = attributes! { "plan" => "pro", "age" => 42 };
/// let names: Vec<&str> = visitor.iter().map(|(name, _)| name).collect();
/// assert_eq!(names, ["age", "plan"]);
/// ```
#[derive(Clone)]
pub struct AttributesIter<'a> {
    entries: EntriesIter<'a>,
}

#[derive(Clone)]
enum EntriesIter<'a> {
    Few(std::slice::Iter<'a, Entry>),
    Many(btree_map::Values<'a, SmolStr, Entry>),
}

/// A value as it is kept: short texts inline, nesting behind a pointer.
#[derive(Clone, PartialEq)]
enum Stored {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(Text<'static>),
    Nested(Box<Value<'static>>),
}

impl Attributes {
    /// Makes an empty set.
    pub const fn new() -> Self {
        Attributes { entries: Entries::Few(Vec::new()) }
    }

    /// Makes an empty set with room for `capacity` attributes.
    pub fn with_capacity(capacity: usize) -> Self {
        Attributes { entries: Entries::Few(Vec::with_capacity(capacity.min(FEW))) }
    }

    /// Sets one attribute, replacing an earlier one of that name.
    pub fn insert<'v>(&mut self, name: &str, value: impl Into<Value<'v>>) {
        let stored = Stored::from(value.into());
        self.entries.put(Entry::new(SmolStr::from(name), stored));
    }

    /// Removes one attribute and returns whether it was there.
    pub fn remove(&mut self, name: &str) -> bool {
        match &mut self.entries {
            Entries::Few(entries) => {
                let place = place_of(entries, name).ok();
                place.map(|at| entries.remove(at)).is_some()
            }
            Entries::Many(entries) => entries.remove(name).is_some(),
        }
    }

    /// Sets every attribute of `other`, replacing earlier ones of the same names.
    pub fn merge(&mut self, other: Attributes) {
        if self.is_empty() {
            *self = other;
            return;
        }
        match other.entries {
            Entries::Few(entries) => entries.into_iter().for_each(|entry| self.entries.put(entry)),
            Entries::Many(entries) => self.entries.put_all(entries),
        }
    }

    /// Returns the value of the attribute with exactly this name.
    pub fn get(&self, name: &str) -> Option<ValueRef<'_>> {
        self.find(Mark::of(name), || name).map(Entry::value)
    }

    /// Returns every attribute, sorted by name.
    pub fn iter(&self) -> AttributesIter<'_> {
        AttributesIter {
            entries: match &self.entries {
                Entries::Few(entries) => EntriesIter::Few(entries.iter()),
                Entries::Many(entries) => EntriesIter::Many(entries.values()),
            },
        }
    }

    /// Returns how many attributes there are.
    pub fn len(&self) -> usize {
        match &self.entries {
            Entries::Few(entries) => entries.len(),
            Entries::Many(entries) => entries.len(),
        }
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn entries(&self) -> EntriesIter<'_> {
        self.iter().entries
    }

    /// Returns the entry whose name has this mark; the name is read only where the mark is not all.
    #[inline]
    pub(crate) fn find<'n>(&self, mark: Mark, name: impl Fn() -> &'n str) -> Option<&Entry> {
        match &self.entries {
            // A scan of a few marks beats the branches of a binary search.
            Entries::Few(entries) if mark.is_whole() => {
                entries.iter().find(|entry| entry.mark == mark)
            }
            _ => self.search(name()),
        }
    }

    #[inline(never)]
    fn search(&self, name: &str) -> Option<&Entry> {
        match &self.entries {
            Entries::Few(entries) => place_of(entries, name).ok().and_then(|at| entries.get(at)),
            Entries::Many(entries) => entries.get(name),
        }
    }

    /// Takes entries in any order. The last of a repeated name counts.
    fn from_entries(mut entries: Vec<Entry>) -> Self {
        entries.reverse();
        entries.sort_by(|left, right| left.name.cmp(&right.name));
        entries.dedup_by(|later, kept| later.name == kept.name);
        let entries = match entries.len() {
            ..=FEW => Entries::Few(entries),
            _ => Entries::Many(named(entries).collect()),
        };
        Attributes { entries }
    }
}

impl Entries {
    fn put(&mut self, entry: Entry) {
        let entries = match self {
            Entries::Many(entries) => return drop(entries.insert(entry.name.clone(), entry)),
            Entries::Few(entries) => entries,
        };
        match place_of(entries, &entry.name) {
            Ok(at) => {
                if let Some(known) = entries.get_mut(at) {
                    *known = entry;
                }
            }
            Err(at) if entries.len() < FEW => {
                count(entries.len() - at);
                entries.insert(at, entry);
            }
            Err(_) => {
                let known = std::mem::take(entries).into_iter();
                *self = Entries::Many(named(known.chain([entry])).collect());
            }
        }
    }

    fn put_all(&mut self, mut other: BTreeMap<SmolStr, Entry>) {
        match self {
            Entries::Many(entries) => entries.extend(other),
            Entries::Few(entries) => {
                for (name, entry) in named(std::mem::take(entries)) {
                    other.entry(name).or_insert(entry);
                }
                *self = Entries::Many(other);
            }
        }
    }
}

impl Default for Entries {
    fn default() -> Self {
        Entries::Few(Vec::new())
    }
}

impl PartialEq for Attributes {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.entries().eq(other.entries())
    }
}

fn named(entries: impl IntoIterator<Item = Entry>) -> impl Iterator<Item = (SmolStr, Entry)> {
    entries.into_iter().map(|entry| (entry.name.clone(), entry))
}

fn place_of(entries: &[Entry], name: &str) -> Result<usize, usize> {
    entries.binary_search_by(|entry| entry.name.as_str().cmp(name))
}

impl fmt::Debug for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.entries().map(|entry| &entry.name)).finish()
    }
}

impl<'v, N: AsRef<str>, V: Into<Value<'v>>> FromIterator<(N, V)> for Attributes {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(entries: I) -> Self {
        let mut attributes = Attributes::new();
        attributes.extend(entries);
        attributes
    }
}

impl<'v, N: AsRef<str>, V: Into<Value<'v>>> Extend<(N, V)> for Attributes {
    fn extend<I: IntoIterator<Item = (N, V)>>(&mut self, entries: I) {
        let stored = |(name, value): (N, V)| {
            Entry::new(SmolStr::from(name.as_ref()), Stored::from(value.into()))
        };
        let entries: Vec<Entry> = entries.into_iter().map(stored).collect();
        self.merge(Attributes::from_entries(entries));
    }
}

impl<'v, N: AsRef<str>, V: Into<Value<'v>>, const COUNT: usize> From<[(N, V); COUNT]>
    for Attributes
{
    fn from(entries: [(N, V); COUNT]) -> Self {
        entries.into_iter().collect()
    }
}

impl<'v, N: AsRef<str>, V: Into<Value<'v>>, S> From<HashMap<N, V, S>> for Attributes {
    fn from(entries: HashMap<N, V, S>) -> Self {
        entries.into_iter().collect()
    }
}

impl<'v, N: AsRef<str>, V: Into<Value<'v>>> From<BTreeMap<N, V>> for Attributes {
    fn from(entries: BTreeMap<N, V>) -> Self {
        entries.into_iter().collect()
    }
}

impl<'a> IntoIterator for &'a Attributes {
    type Item = (&'a str, ValueRef<'a>);
    type IntoIter = AttributesIter<'a>;

    fn into_iter(self) -> AttributesIter<'a> {
        self.iter()
    }
}

impl<'a> Iterator for AttributesIter<'a> {
    type Item = (&'a str, ValueRef<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.entries.next().map(|entry| (entry.name.as_str(), entry.value.as_view()))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.entries.size_hint()
    }
}

impl ExactSizeIterator for AttributesIter<'_> {}

impl<'a> Iterator for EntriesIter<'a> {
    type Item = &'a Entry;

    #[inline]
    fn next(&mut self) -> Option<&'a Entry> {
        match self {
            EntriesIter::Few(entries) => entries.next(),
            EntriesIter::Many(entries) => entries.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self {
            EntriesIter::Few(entries) => entries.size_hint(),
            EntriesIter::Many(entries) => entries.size_hint(),
        }
    }
}

impl fmt::Debug for AttributesIter<'_> {
    /// Shows how many attributes are left: even a name says something of the visitor.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttributesIter").field("left", &self.len()).finish()
    }
}

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AttributesVisitor;

        impl<'de> Visitor<'de> for AttributesVisitor {
            type Value = Attributes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of attributes")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Attributes, A::Error> {
                // Names may come in any order and number, so they are sorted once.
                let mut entries = Vec::new();
                while let Some((name, value)) = access.next_entry::<Cow<'_, str>, Value<'_>>()? {
                    entries.push(Entry::new(SmolStr::from(&*name), Stored::from(value)));
                }
                Ok(Attributes::from_entries(entries))
            }
        }

        deserializer.deserialize_map(AttributesVisitor)
    }
}

impl Serialize for Attributes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(name, value)| (name, Value::from(value))))
    }
}

impl Entry {
    fn new(name: SmolStr, value: Stored) -> Self {
        let short = match &value {
            Stored::Text(text) => ShortText::of(text),
            _ => None,
        };
        Entry { mark: Mark::of(&name), short, value, name }
    }

    #[inline]
    pub(crate) fn value(&self) -> ValueRef<'_> {
        self.value.as_view()
    }

    /// Compares with an element's constant.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "every decision passes here, from few places")]
    pub(crate) fn verdict(&self, element: &Element, budget: &StepBudget) -> Verdict {
        let settled = self.short.and_then(|text| element.test().verdict_on_short(text));
        settled.unwrap_or_else(|| self.verdict_on_any(element, budget))
    }

    #[inline(never)]
    fn verdict_on_any(&self, element: &Element, budget: &StepBudget) -> Verdict {
        element.test().verdict_within(Some(self.value()), budget)
    }
}

impl Stored {
    #[inline]
    fn as_view(&self) -> ValueRef<'_> {
        match self {
            Stored::Null => ValueRef::Null,
            Stored::Bool(value) => ValueRef::Bool(*value),
            Stored::Integer(value) => ValueRef::Integer(*value),
            Stored::Float(value) => ValueRef::Float(*value),
            Stored::Text(text) => ValueRef::Text(text),
            Stored::Nested(value) => value.as_view(),
        }
    }
}

impl From<Value<'_>> for Stored {
    fn from(value: Value<'_>) -> Self {
        match value {
            Value::Null => Stored::Null,
            Value::Bool(value) => Stored::Bool(value),
            Value::Integer(value) => Stored::Integer(value),
            Value::Float(value) => Stored::Float(value),
            Value::Text(text) => Stored::Text(text.into_owned()),
            nested => Stored::Nested(Box::new(nested.into_owned())),
        }
    }
}

/// Makes [`Attributes`] from `name => value` pairs; values may be anything [`Value`] is made from.
///
/// ```
/// let attributes = convert_decision::attributes! { "country" => "DE", "logged_in" => true };
/// assert!(attributes.get("logged_in").is_some());
/// ```
#[macro_export]
macro_rules! attributes {
    ($($name:expr => $value:expr),* $(,)?) => {{
        #[allow(unused_mut, reason = "an empty list of attributes changes nothing")]
        let mut attributes = $crate::Attributes::with_capacity(0 $(+ $crate::attributes!(@one $name))*);
        $(attributes.insert(::core::convert::AsRef::<str>::as_ref(&$name), $value);)*
        attributes
    }};
    (@one $name:expr) => { 1 };
}

/// How many attributes are kept in a list and looked through one by one.
const FEW: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_name_keeps_its_last_value() {
        let attributes = Attributes::from([("b", 1), ("a", 2), ("b", 3)]);
        let found: Vec<_> = attributes.iter().collect();
        assert_eq!(found, [("a", ValueRef::Integer(2)), ("b", ValueRef::Integer(3))]);
    }

    #[test]
    fn removing_returns_whether_the_name_was_there() {
        let mut attributes = Attributes::from([("a", 1), ("b", 2)]);
        assert!(attributes.remove("a"));
        assert!(!attributes.remove("a"));
        assert!(!attributes.remove("c"));
        assert_eq!(attributes.iter().collect::<Vec<_>>(), [("b", ValueRef::Integer(2))]);
    }

    #[test]
    fn many_attributes_are_found_as_well() {
        for count in [FEW, FEW + 1, 4 * FEW] {
            let long =
                |i: usize| format!("a name that is longer than its mark, {}", (i * 37) % count);
            let names = (0..count).map(|i| if i % 2 == 0 { long(i) } else { i.to_string() });
            let names: Vec<String> = names.collect();
            let attributes: Attributes = names.iter().map(|name| (name, name.as_str())).collect();
            for name in &names {
                assert_eq!(attributes.get(name), Some(ValueRef::Text(name)));
            }
            for missing in ["", "0", "a name that is longer than its mark, "] {
                assert_eq!(attributes.get(missing), None);
            }
        }
    }

    proptest::proptest! {
        /// A map behaves the same, on both sides of the limit.
        #[test]
        fn attributes_agree_with_a_map(
            steps in proptest::collection::vec((0..2 * FEW, 0..4_u8), 0..400),
        ) {
            let mut attributes = Attributes::new();
            let mut map = BTreeMap::new();
            for (at, (name, kind)) in (0_i64..).zip(steps) {
                let name = format!("{name:>20}");
                match kind {
                    0 => assert_eq!(attributes.remove(&name), map.remove(&name).is_some()),
                    1 => {
                        attributes.merge(Attributes::from([(&name, at), (&name, at + 1)]));
                        map.insert(name, at + 1);
                    }
                    _ => {
                        attributes.insert(&name, at);
                        map.insert(name, at);
                    }
                }
            }
            let expected = map.iter().map(|(name, value)| (name.as_str(), ValueRef::Integer(*value)));
            assert!(attributes.iter().eq(expected));
            assert_eq!(attributes.len(), map.len());
            assert_eq!(attributes, Attributes::from(map.clone()));
            let mut merged = Attributes::from([("own", 1)]);
            merged.merge(attributes);
            assert!(merged.remove("own"));
            assert_eq!(merged, Attributes::from(map));
        }
    }

    #[test]
    fn maps_become_attributes_and_attributes_are_iterated() {
        let ordered = BTreeMap::from([("b", 1), ("a", 2)]);
        let hashed: HashMap<String, i32> = ordered.iter().map(|(k, v)| ((*k).into(), *v)).collect();
        let attributes = Attributes::from(ordered);
        assert_eq!(attributes, Attributes::from(hashed));
        let mut seen = Vec::new();
        for (name, value) in &attributes {
            seen.push((name, value));
        }
        assert_eq!(seen, [("a", ValueRef::Integer(2)), ("b", ValueRef::Integer(1))]);
        assert_eq!((attributes.iter().len(), attributes.iter().skip(1).len()), (2, 1));
    }

    #[test]
    fn json_in_any_order_is_sorted_and_its_last_value_counts() {
        let attributes: Attributes =
            serde_json::from_str(r#"{"c": 1, "a": 2, "b": 3, "a": 4, "c": "x"}"#).unwrap();
        let json = serde_json::to_string(&attributes).unwrap();
        assert_eq!(json, r#"{"a":4,"b":3,"c":"x"}"#);
    }

    #[test]
    fn merging_replaces_by_name() {
        let mut attributes = attributes! { "a" => 1, "b" => 1 };
        attributes.merge(attributes! { "b" => 2, "c" => vec!["x"] });
        let json = serde_json::to_string(&attributes).unwrap();
        assert_eq!(json, r#"{"a":1,"b":2,"c":["x"]}"#);
        assert_eq!(serde_json::from_str::<Attributes>(&json).unwrap(), attributes);
    }
}
