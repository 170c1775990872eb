//! The visitor record: what is remembered of a visitor between decisions.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use convert_config::{
    CUSTOM_SEGMENTS, Experience, Mark, Text, Value, ValueRef, Variation, is_segment_name,
};
use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use smol_str::SmolStr;

use crate::assignments::Assignments;
use crate::attributes::{Attributes, Entry};

/// What is remembered of a visitor: assignments, active locations, report segments, goals.
///
/// Reads and writes the JSON of the JavaScript SDK, so that services in other languages see the
/// same visitor; members this SDK does not know survive a round trip.
///
/// ```
/// use convert_decision::VisitorRecord;
///
/// let json = r#"{"bucketing":{"10":"20"},"segments":{"country":"US"},"theirs":[1]}"#;
/// let record: VisitorRecord = serde_json::from_str(json)?;
/// assert_eq!(record.assignment("10"), Some("20"));
/// assert_eq!(serde_json::to_string(&record)?, json);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VisitorRecord {
    bucketing: Assignments,
    locations: Vec<SmolStr>,
    segments: Segments,
    goals: Vec<SmolStr>,
    others: Vec<(SmolStr, Value<'static>)>,
}

/// The report segments of a visitor: the attributes that reach the service.
///
/// Only the family's names are kept: `country`, `browser`, `devices`, `source`, `campaign`,
/// `visitorType`, `customSegments` and `content`.
///
/// ```
/// use convert_decision::{Segments, attributes};
///
/// let segments = Segments::from(attributes! { "country" => "DE", "shoe_size" => 43 });
/// assert!(segments.find("country").is_some());
/// assert!(segments.find("shoe_size").is_none());
/// ```
#[derive(Clone, Default, PartialEq)]
pub struct Segments {
    members: Attributes,
}

impl Default for &VisitorRecord {
    /// Returns an empty record.
    #[inline]
    fn default() -> Self {
        static EMPTY: VisitorRecord = VisitorRecord::new();
        &EMPTY
    }
}

impl VisitorRecord {
    /// Makes an empty record.
    pub const fn new() -> Self {
        VisitorRecord {
            bucketing: Assignments::new(),
            locations: Vec::new(),
            segments: Segments { members: Attributes::new() },
            goals: Vec::new(),
            others: Vec::new(),
        }
    }

    /// Returns the id of the variation the visitor is assigned to in this experience.
    pub fn assignment(&self, experience_id: &str) -> Option<&str> {
        self.bucketing.find(experience_id)
    }

    /// Returns the variation the visitor is assigned to, if the experience still has it.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "every decision passes here, from one place")]
    pub(crate) fn variation_of<'c>(&self, experience: &'c Experience) -> Option<&'c Variation> {
        self.bucketing.find_in(experience)
    }

    /// Returns every assignment as experience id and variation id.
    pub fn assignments(&self) -> impl Iterator<Item = (&str, &str)> {
        self.bucketing.iter()
    }

    /// Assigns the visitor to a variation, replacing an earlier assignment.
    pub fn assign(&mut self, experience_id: &str, variation_id: &str) {
        self.bucketing.set(experience_id, variation_id);
    }

    /// Makes several assignments, replacing earlier ones; of those in one experience the last
    /// counts. Faster for many than one by one, as the record is sorted once.
    ///
    /// ```
    /// use convert_decision::VisitorRecord;
    ///
    /// let mut record = VisitorRecord::new();
    /// record.assign_all([("10", "20"), ("9", "18")]);
    /// assert_eq!(record.assignments().collect::<Vec<_>>(), [("9", "18"), ("10", "20")]);
    /// ```
    pub fn assign_all<'a>(&mut self, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) {
        self.bucketing.set_all(&pairs.into_iter().collect::<Vec<_>>());
    }

    /// Returns the keys of the locations the visitor is at.
    pub fn locations(&self) -> impl ExactSizeIterator<Item = &str> {
        self.locations.iter().map(SmolStr::as_str)
    }

    /// Returns whether the visitor is at the location with this key.
    pub fn is_at(&self, location_key: &str) -> bool {
        self.locations.iter().any(|known| known == location_key)
    }

    /// Records that the visitor has come to a location.
    pub fn enter(&mut self, location_key: &str) {
        if !self.is_at(location_key) {
            self.locations.push(SmolStr::from(location_key));
        }
    }

    /// Records that the visitor has left a location.
    pub fn leave(&mut self, location_key: &str) {
        self.locations.retain(|known| known != location_key);
    }

    /// Records for several locations, each named once, whether the visitor is there. Faster for many
    /// than one by one.
    ///
    /// ```
    /// use convert_decision::VisitorRecord;
    ///
    /// let mut record = VisitorRecord::new();
    /// record.enter("shop");
    /// record.move_all([("shop", false), ("blog", true)]);
    /// assert_eq!(record.locations().collect::<Vec<_>>(), ["blog"]);
    /// ```
    pub fn move_all<'a>(&mut self, moves: impl IntoIterator<Item = (&'a str, bool)>) {
        let (entered, left): (Vec<_>, Vec<_>) =
            moves.into_iter().partition(|(_, is_there)| *is_there);
        let left: HashSet<&str> = left.into_iter().map(|(key, _)| key).collect();
        let entered = entered.into_iter().map(|(key, _)| SmolStr::from(key));
        let stays = |known: &SmolStr| !left.contains(known.as_str());
        let known = std::mem::take(&mut self.locations);
        self.locations = without_repeats(known.into_iter().filter(stays).chain(entered));
    }

    /// Returns the report segments.
    pub fn segments(&self) -> &Segments {
        &self.segments
    }

    /// Sets report segments, replacing those of the same names.
    pub fn merge_segments(&mut self, segments: Segments) {
        self.segments.merge(segments);
    }

    /// Adds the visitor to custom segments.
    pub fn add_custom_segments<'s>(&mut self, segment_ids: impl IntoIterator<Item = &'s str>) {
        self.segments.add_custom(segment_ids);
    }

    /// Returns the keys of the goals the visitor has reached.
    pub fn goals(&self) -> impl Iterator<Item = &str> {
        self.goals.iter().map(SmolStr::as_str)
    }

    /// Returns whether the visitor has reached the goal with this key or id.
    pub fn has_reached(&self, goal: &str) -> bool {
        self.goals.iter().any(|known| known == goal)
    }

    /// Marks a goal as reached and returns whether it was not before.
    pub fn reach(&mut self, goal_key: &str) -> bool {
        let is_new = !self.has_reached(goal_key);
        if is_new {
            self.goals.push(SmolStr::from(goal_key));
        }
        is_new
    }

    /// Marks several goals as reached. Faster for many than one by one.
    ///
    /// ```
    /// use convert_decision::VisitorRecord;
    ///
    /// let mut record = VisitorRecord::new();
    /// record.reach_all(["signup", "purchase", "signup"]);
    /// assert_eq!(record.goals().collect::<Vec<_>>(), ["signup", "purchase"]);
    /// ```
    pub fn reach_all<'a>(&mut self, goal_keys: impl IntoIterator<Item = &'a str>) {
        let keys: Vec<&str> = goal_keys.into_iter().collect();
        if keys.len() <= MARKED_ONE_BY_ONE {
            for key in keys {
                self.reach(key);
            }
            return;
        }
        let known = std::mem::take(&mut self.goals);
        self.goals = without_repeats(known.into_iter().chain(keys.into_iter().map(SmolStr::from)));
    }

    /// Returns whether nothing at all is remembered.
    pub fn is_empty(&self) -> bool {
        *self == VisitorRecord::default()
    }

    /// Returns about how many bytes of memory the record takes, so that a store can bound what it holds.
    /// Takes time in proportion to the members of the record.
    ///
    /// ```
    /// use convert_decision::VisitorRecord;
    ///
    /// let mut record = VisitorRecord::new();
    /// record.reach(&"purchase".repeat(1_000));
    /// assert!((8_000..9_000).contains(&record.approximate_bytes()));
    /// ```
    pub fn approximate_bytes(&self) -> usize {
        let texts = self.locations.iter().chain(&self.goals);
        let texts: usize = texts.map(|text| size_of::<SmolStr>() + text.len()).sum();
        let other = |(name, value): &(SmolStr, Value<'static>)| {
            size_of::<SmolStr>() + name.len() + bytes_of(value.as_view())
        };
        let others: usize = self.others.iter().map(other).sum();
        size_of::<VisitorRecord>()
            + self.bucketing.bytes()
            + texts
            + self.segments.approximate_bytes()
            + others
    }
}

/// Returns about how many bytes of memory a value takes.
fn bytes_of(value: ValueRef<'_>) -> usize {
    let own = size_of::<Value<'static>>();
    match value {
        ValueRef::Text(text) => own + text.len(),
        ValueRef::List(items) => {
            items.iter().map(|item| bytes_of(item.as_view())).sum::<usize>() + own
        }
        ValueRef::Map(members) => {
            let member = |(name, value): &(Text<'_>, Value<'_>)| {
                size_of::<Text<'static>>() + name.len() + bytes_of(value.as_view())
            };
            members.iter().map(member).sum::<usize>() + own
        }
        _ => own,
    }
}

impl Segments {
    /// Returns the value of a segment.
    pub fn find(&self, name: &str) -> Option<ValueRef<'_>> {
        self.members.get(name)
    }

    #[inline]
    pub(crate) fn find_marked<'n>(&self, mark: Mark, name: impl Fn() -> &'n str) -> Option<&Entry> {
        self.members.find(mark, name)
    }

    /// Returns every segment, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, ValueRef<'_>)> {
        self.members.iter()
    }

    /// Returns the ids of the custom segments the visitor is in.
    pub fn custom(&self) -> impl ExactSizeIterator<Item = Cow<'_, str>> {
        let items = match self.members.get(CUSTOM_SEGMENTS) {
            Some(ValueRef::List(items)) => items,
            _ => &[],
        };
        items.iter().map(|item| item.as_view().to_text())
    }

    /// Returns whether the visitor is in the custom segment with this id.
    pub fn has_custom(&self, segment_id: &str) -> bool {
        self.custom().any(|known| known == segment_id)
    }

    /// Adds custom segments to those the visitor is in.
    pub fn add_custom<'s>(&mut self, segment_ids: impl IntoIterator<Item = &'s str>) {
        let held = self.custom().map(|id| SmolStr::new(&*id));
        let ids = without_repeats(held.chain(segment_ids.into_iter().map(SmolStr::new)));
        let ids: Vec<String> = ids.into_iter().map(String::from).collect();
        self.members.insert(CUSTOM_SEGMENTS, ids);
    }

    /// Takes the custom segments out, where they are a list, and returns their ids.
    pub fn take_custom(&mut self) -> Vec<String> {
        let ids: Vec<String> = self.custom().map(Cow::into_owned).collect();
        if matches!(self.members.get(CUSTOM_SEGMENTS), Some(ValueRef::List(_))) {
            self.members.remove(CUSTOM_SEGMENTS);
        }
        ids
    }

    /// Sets segments, replacing those of the same names.
    pub fn merge(&mut self, other: Segments) {
        // The same again is no change.
        if other.iter().any(|(name, value)| self.find(name) != Some(value)) {
            self.members.merge(other.members);
        }
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Returns about how many bytes of memory the segments take, beside the value itself.
    pub fn approximate_bytes(&self) -> usize {
        let member =
            |(name, value): (&str, ValueRef<'_>)| ENTRY_BYTES + name.len() + bytes_of(value);
        self.members.iter().map(member).sum()
    }

    /// Returns whether attributes of this name are report segments.
    pub fn is_name(name: &str) -> bool {
        is_segment_name(name)
    }
}

impl fmt::Debug for Segments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.members.fmt(f)
    }
}

impl From<Attributes> for Segments {
    /// Keeps the attributes that are report segments.
    fn from(attributes: Attributes) -> Self {
        let is_segment = |(name, _): &(&str, ValueRef<'_>)| Segments::is_name(name);
        Segments { members: attributes.iter().filter(is_segment).collect() }
    }
}

impl Serialize for Segments {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.members.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Segments {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let Value::Map(members) = &value else {
            return Err(serde::de::Error::custom("report segments are a JSON object"));
        };
        Ok(read_segments(members.iter().map(|(name, value)| (name, value.as_view()))))
    }
}

impl Serialize for VisitorRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if !self.bucketing.is_empty() {
            let assignments: Vec<(&str, &str)> = self.assignments().collect();
            map.serialize_entry("bucketing", &Pairs(&assignments))?;
        }
        if !self.locations.is_empty() {
            let locations: Vec<&str> = self.locations().collect();
            map.serialize_entry("locations", &locations)?;
        }
        if !self.segments.is_empty() {
            map.serialize_entry("segments", &self.segments)?;
        }
        if !self.goals.is_empty() {
            let goals: Vec<(&str, bool)> = self.goals().map(|goal| (goal, true)).collect();
            map.serialize_entry("goals", &Pairs(&goals))?;
        }
        for (name, value) in &self.others {
            map.serialize_entry(name.as_str(), value)?;
        }
        map.end()
    }
}

/// A list of pairs that is written as a map.
struct Pairs<'p, K, V>(&'p [(K, V)]);

impl<K: Serialize, V: Serialize> Serialize for Pairs<'_, K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

impl<'de> Deserialize<'de> for VisitorRecord {
    /// Reads a record tolerantly: a member of the wrong shape counts as missing.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let Value::Map(members) = value else {
            return Err(serde::de::Error::custom("a visitor record is a JSON object"));
        };
        let mut record = VisitorRecord::new();
        for (name, value) in members {
            match (&*name, &value) {
                ("bucketing", Value::Map(pairs)) => {
                    let known =
                        pairs.iter().filter(|(_, variation)| variation.as_view().is_truthy());
                    let pair = |(experience, variation): &(Text<'_>, Value<'_>)| {
                        let variation = variation.as_view().with_text(|text| SmolStr::new(text));
                        (SmolStr::new(experience), variation)
                    };
                    // A list without items is true to JavaScript, but its text names no variation.
                    let names_one = |(_, variation): &(SmolStr, SmolStr)| !variation.is_empty();
                    record.bucketing = Assignments::collect(known.map(pair).filter(names_one));
                }
                ("locations", Value::List(items)) => {
                    let texts = items
                        .iter()
                        .map(|item| item.as_view().with_text(|text| SmolStr::new(text)));
                    record.locations = without_repeats(texts);
                }
                ("segments", Value::Map(pairs)) => {
                    let pairs = pairs.iter().map(|(name, value)| (name, value.as_view()));
                    record.segments = read_segments(pairs);
                }
                ("goals", Value::Map(pairs)) => {
                    let reached = pairs.iter().filter(|(_, reached)| reached.as_view().is_truthy());
                    record.goals = reached.map(|(goal, _)| SmolStr::new(goal)).collect();
                }
                ("bucketing" | "locations" | "segments" | "goals", _) => {}
                _ => record.others.push((SmolStr::new(name), value.into_owned())),
            }
        }
        Ok(record)
    }
}

/// Collects report segments alone, however much else there is: records come from outside.
fn read_segments<'v, N: AsRef<str>, V: Into<Value<'v>>>(
    members: impl Iterator<Item = (N, V)>,
) -> Segments {
    let members = members.filter(|(name, _)| Segments::is_name(name.as_ref()));
    Segments { members: members.collect() }
}

/// Keeps the first of every repeated text; in linear time, since records come from outside.
fn without_repeats(texts: impl Iterator<Item = SmolStr>) -> Vec<SmolStr> {
    let mut seen = HashSet::new();
    texts.filter(|text| seen.insert(text.clone())).collect()
}

/// How many goals are marked without an index of those that are.
const MARKED_ONE_BY_ONE: usize = 8;

/// What a segment takes beside its texts.
const ENTRY_BYTES: usize = 64;

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn members_of_the_wrong_shape_count_as_missing() {
        let json = r#"{"bucketing":[],"locations":"x","segments":5,"goals":null,"mine":{"a":1}}"#;
        let record: VisitorRecord = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&record).unwrap(), r#"{"mine":{"a":1}}"#);
        assert!(serde_json::from_str::<VisitorRecord>("[]").is_err());
    }

    #[test]
    fn ids_may_be_numbers_and_false_goals_are_not_reached() {
        let json = r#"{"bucketing":{"1":20,"2":null},"goals":{"bought":true,"seen":false}}"#;
        let record: VisitorRecord = serde_json::from_str(json).unwrap();
        assert_eq!(record.assignments().collect::<Vec<_>>(), [("1", "20")]);
        assert!(record.has_reached("bought") && !record.has_reached("seen"));
    }

    #[test]
    fn an_assignment_without_a_variation_did_not_survive_json() {
        let json = r#"{"bucketing":{"1":[],"2":[[]],"3":"30"}}"#;
        let record: VisitorRecord = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&record).unwrap(), r#"{"bucketing":{"3":"30"}}"#);
    }

    #[test]
    fn the_last_of_a_repeated_name_counts_as_in_javascript() {
        let json = r#"{"bucketing":{"1":"x","2":"20","1":"10"},"goals":{"a":true,"b":true,"a":false},
            "segments":{"country":"US","country":"DE"},"locations":["l"],"locations":["m","m"]}"#;
        let record: VisitorRecord = serde_json::from_str(json).unwrap();
        assert_eq!(
            serde_json::to_string(&record).unwrap(),
            r#"{"bucketing":{"1":"10","2":"20"},"locations":["m"],"segments":{"country":"DE"},"goals":{"b":true}}"#
        );
        let json = r#"{"bucketing":{"1":"10","1":null},"segments":{"country":"US"},"segments":5}"#;
        let record: VisitorRecord = serde_json::from_str(json).unwrap();
        assert!(record.is_empty(), "{record:?}");
    }

    #[test]
    fn what_is_no_report_segment_is_not_even_collected() {
        struct Counted<'c>(&'c Cell<usize>);
        impl From<Counted<'_>> for Value<'static> {
            fn from(counted: Counted<'_>) -> Self {
                counted.0.set(counted.0.get() + 1);
                Value::Bool(true)
            }
        }
        let collected = Cell::new(0);
        let foreign = (0..600_000).map(|i| format!("name-{i}"));
        let names = foreign.chain(["country".to_owned(), "browser".to_owned()]);
        let segments = read_segments(names.map(|name| (name, Counted(&collected))));
        assert_eq!((segments.iter().count(), collected.get()), (2, 2));
    }

    #[test]
    fn records_of_many_entries_are_read() {
        const MANY: usize = 40_000;
        let map = |entry: &dyn Fn(usize) -> String| {
            format!("{{{}}}", (0..MANY).rev().map(entry).collect::<Vec<_>>().join(","))
        };
        let read = |name: &str, members: &str| -> VisitorRecord {
            serde_json::from_str(&format!("{{\"{name}\":{members}}}")).unwrap()
        };
        let foreign = map(&|i| format!("\"name-{i}\":{i}"));
        assert!(read("segments", &foreign).is_empty());
        assert!(serde_json::from_str::<Segments>(&foreign).unwrap().is_empty());
        let record = read("bucketing", &map(&|i| format!("\"{i}\":\"{i}\"")));
        assert_eq!(record.assignments().count(), MANY);
        assert_eq!(record.assignment("39999"), Some("39999"));
        let record = read("bucketing", &map(&|i| format!("\"x{i}\":\"{i}\"")));
        assert_eq!(record.assignment("x0"), Some("0"));
        let record = read("bucketing", &map(&|i| format!("\"{}\":\"{i}\"", i % 3)));
        assert_eq!(record.assignments().collect::<Vec<_>>(), [("0", "0"), ("1", "1"), ("2", "2")]);
        let record = read("segments", &map(&|i| format!("\"country\":{i}")));
        assert_eq!(record.segments().find("country"), Some(ValueRef::Integer(0)));
        let record = read("goals", &map(&|i| format!("\"g{i}\":true")));
        assert_eq!(record.goals().count(), MANY);
        assert_eq!(read("theirs", &foreign).others.len(), 1);
    }

    #[test]
    fn custom_segments_are_added_once() {
        let mut segments = Segments::default();
        segments.add_custom(["5", "6"]);
        segments.add_custom(["6", "7"]);
        assert_eq!(
            serde_json::to_string(&segments).unwrap(),
            r#"{"customSegments":["5","6","7"]}"#
        );
        assert!(segments.has_custom("7") && !segments.has_custom("8"));
    }
}
