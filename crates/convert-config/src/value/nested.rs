//! Lists and maps of values, nested only so deep.

use std::fmt;
use std::ops::Deref;

use crate::value::{Text, Value};
use crate::work::count;

/// The items of a [`Value::List`], in order.
///
/// It reads as a slice. Values nest at most 128 deep, so that no input can exhaust a call stack:
/// a list or map that is as deep already counts as null in another one.
///
/// ```
/// use convert_config::{ValueList, Value};
///
/// let list: ValueList = ["a", "b"].into_iter().map(Value::from).collect();
/// assert_eq!((list.len(), list.first()), (2, Some(&Value::from("a"))));
/// assert_eq!(Value::from(list), Value::from(["a", "b"]));
/// ```
#[derive(Clone, PartialEq, Default)]
pub struct ValueList<'a> {
    items: Box<[Value<'a>]>,
}

/// The members of a [`Value::Map`]: named values in the order given, each name once.
///
/// It reads as a slice of pairs. A repeated name keeps its first place and its last value, as in
/// ECMAScript. The limit of nesting is that of a [`ValueList`].
///
/// ```
/// use convert_config::{ValueMap, Value};
///
/// let map: ValueMap = [("plan", "free"), ("seats", "5"), ("plan", "pro")].into_iter().collect();
/// assert_eq!(map.len(), 2);
/// assert_eq!(map.find("plan"), Some(&Value::from("pro")));
/// assert_eq!(map[0].0, "plan");
/// ```
#[derive(Clone, PartialEq, Default)]
pub struct ValueMap<'a> {
    members: Box<[(Text<'a>, Value<'a>)]>,
}

impl<'a> ValueList<'a> {
    /// Takes items that are known to be nested less deep than the limit.
    pub(super) fn of_shallow(items: Box<[Value<'a>]>) -> Self {
        ValueList { items }
    }

    /// Changes the items in any way; the limit of nesting is applied again afterwards.
    ///
    /// ```
    /// use convert_config::{ValueList, Value};
    ///
    /// let mut list: ValueList = [1, 2, 3].into_iter().collect();
    /// let removed = list.edit(|items| items.remove(0));
    /// assert_eq!((list.len(), removed), (2, Value::from(1)));
    /// ```
    pub fn edit<R>(&mut self, change: impl FnOnce(&mut Vec<Value<'a>>) -> R) -> R {
        let mut items = std::mem::take(&mut self.items).into_vec();
        let result = change(&mut items);
        *self = ValueList::from(items);
        result
    }

    pub(super) fn copied(&self) -> ValueList<'static> {
        ValueList { items: self.items.iter().map(Value::copied).collect() }
    }

    pub(super) fn into_owned(self) -> ValueList<'static> {
        ValueList { items: self.items.into_iter().map(Value::into_owned).collect() }
    }
}

impl<'a> ValueMap<'a> {
    /// Takes members with distinct names that are known to be nested less deep than the limit.
    pub(crate) fn of_shallow(members: Box<[(Text<'a>, Value<'a>)]>) -> Self {
        ValueMap { members }
    }

    /// Returns the value called `name`. Takes time proportional to the number of members.
    pub fn find(&self, name: &str) -> Option<&Value<'a>> {
        self.members.iter().find(|(member, _)| member == name).map(|(_, value)| value)
    }

    /// Changes the members in any way; afterwards, repeated names are dropped and the limit of
    /// nesting is applied again.
    ///
    /// ```
    /// use convert_config::{ValueMap, Value};
    ///
    /// let mut map: ValueMap = [("plan", "free")].into_iter().collect();
    /// map.edit(|members| members.push(("plan".into(), Value::from("pro"))));
    /// assert_eq!((map.len(), map.find("plan")), (1, Some(&Value::from("pro"))));
    /// ```
    pub fn edit<R>(&mut self, change: impl FnOnce(&mut Vec<(Text<'a>, Value<'a>)>) -> R) -> R {
        let mut members = std::mem::take(&mut self.members).into_vec();
        let result = change(&mut members);
        *self = ValueMap::from(members);
        result
    }

    pub(super) fn copied(&self) -> ValueMap<'static> {
        let copy =
            |(name, value): &(Text<'_>, Value<'_>)| (name.clone().into_owned(), value.copied());
        ValueMap { members: self.members.iter().map(copy).collect() }
    }

    pub(super) fn into_owned(self) -> ValueMap<'static> {
        let own = |(name, value): (Text<'_>, Value<'_>)| (name.into_owned(), value.into_owned());
        ValueMap { members: self.members.into_iter().map(own).collect() }
    }
}

impl<'a> Deref for ValueList<'a> {
    type Target = [Value<'a>];

    fn deref(&self) -> &[Value<'a>] {
        &self.items
    }
}

impl<'a> Deref for ValueMap<'a> {
    type Target = [(Text<'a>, Value<'a>)];

    fn deref(&self) -> &[(Text<'a>, Value<'a>)] {
        &self.members
    }
}

impl<'a> From<Vec<Value<'a>>> for ValueList<'a> {
    fn from(mut items: Vec<Value<'a>>) -> Self {
        items.iter_mut().for_each(bound);
        ValueList { items: items.into() }
    }
}

impl<'a, V: Into<Value<'a>>> FromIterator<V> for ValueList<'a> {
    fn from_iter<I: IntoIterator<Item = V>>(items: I) -> Self {
        ValueList::from(items.into_iter().map(Into::into).collect::<Vec<Value<'a>>>())
    }
}

impl<'a> From<Vec<(Text<'a>, Value<'a>)>> for ValueMap<'a> {
    fn from(mut members: Vec<(Text<'a>, Value<'a>)>) -> Self {
        for (_, value) in &mut members {
            bound(value);
        }
        drop_overwritten(&mut members, 0);
        ValueMap { members: members.into() }
    }
}

impl<'a, N: Into<Text<'a>>, V: Into<Value<'a>>> FromIterator<(N, V)> for ValueMap<'a> {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(members: I) -> Self {
        let members = members.into_iter().map(|(name, value)| (name.into(), value.into()));
        ValueMap::from(members.collect::<Vec<(Text<'a>, Value<'a>)>>())
    }
}

impl<'a> IntoIterator for ValueList<'a> {
    type Item = Value<'a>;
    type IntoIter = std::vec::IntoIter<Value<'a>>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.into_vec().into_iter()
    }
}

impl<'l, 'a> IntoIterator for &'l ValueList<'a> {
    type Item = &'l Value<'a>;
    type IntoIter = std::slice::Iter<'l, Value<'a>>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.iter()
    }
}

impl<'a> IntoIterator for ValueMap<'a> {
    type Item = (Text<'a>, Value<'a>);
    type IntoIter = std::vec::IntoIter<(Text<'a>, Value<'a>)>;

    fn into_iter(self) -> Self::IntoIter {
        self.members.into_vec().into_iter()
    }
}

impl<'m, 'a> IntoIterator for &'m ValueMap<'a> {
    type Item = &'m (Text<'a>, Value<'a>);
    type IntoIter = std::slice::Iter<'m, (Text<'a>, Value<'a>)>;

    fn into_iter(self) -> Self::IntoIter {
        self.members.iter()
    }
}

impl fmt::Debug for ValueList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

impl fmt::Debug for ValueMap<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(name, value)| (name, value))).finish()
    }
}

/// Keeps the last of every repeated name from `start` on, at the place of the first. Returns whether
/// there was any.
pub(super) fn drop_overwritten<'a>(members: &mut Vec<(Text<'a>, Value<'a>)>, start: usize) -> bool {
    if !has_repeated_name(members.get(start..).unwrap_or_default()) {
        return false;
    }
    let mut places = std::collections::HashMap::new();
    let mut kept: Vec<(Text<'a>, Value<'a>)> = Vec::new();
    for (name, value) in members.drain(start..) {
        match places.get(&name).and_then(|place: &usize| kept.get_mut(*place)) {
            Some(member) => member.1 = value,
            None => {
                places.insert(name.clone(), kept.len());
                kept.push((name, value));
            }
        }
    }
    members.append(&mut kept);
    true
}

fn has_repeated_name(members: &[(Text<'_>, Value<'_>)]) -> bool {
    if members.len() <= SMALL_MAP {
        let mut rest = members;
        while let Some(((name, _), tail)) = rest.split_first() {
            count(tail.len());
            if tail.iter().any(|(other, _)| other == name) {
                return true;
            }
            rest = tail;
        }
        return false;
    }
    count(members.len());
    let mut seen = std::collections::HashSet::with_capacity(members.len());
    !members.iter().all(|(name, _)| seen.insert(name.as_str()))
}

/// Makes a value null that another one could not hold within the limit.
///
/// Measuring recurses, but only so deep: whatever is measured kept to the limit when it was made.
fn bound(value: &mut Value<'_>) {
    if depth_of(value) >= MAX_DEPTH {
        *value = Value::Null;
    }
}

/// How many lists and maps lie around the innermost value.
fn depth_of(value: &Value<'_>) -> usize {
    match value {
        Value::List(list) => 1 + list.iter().map(depth_of).max().unwrap_or_default(),
        Value::Map(map) => {
            1 + map.iter().map(|(_, value)| depth_of(value)).max().unwrap_or_default()
        }
        _ => 0,
    }
}

/// How deep values nest.
pub(super) const MAX_DEPTH: usize = 128;
/// Up to this many members, comparing every pair of names is cheaper than hashing them.
const SMALL_MAP: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_deep_is_null() {
        let mut value = Value::Integer(7);
        for _ in 0..MAX_DEPTH {
            value = Value::List(ValueList::from(vec![value]));
        }
        assert_eq!(depth_of(&value), MAX_DEPTH);
        assert_eq!(value.as_view().to_text(), "7");
        let too_deep = Value::List(ValueList::from(vec![Value::from(1), value.clone()]));
        assert_eq!(too_deep, Value::from([Value::from(1), Value::Null]));
        let too_deep: ValueMap<'_> = [("a", value)].into_iter().collect();
        assert_eq!(too_deep.find("a"), Some(&Value::Null));
    }

    #[test]
    fn values_stay_small() {
        assert!(size_of::<Value<'_>>() <= 24, "{}", size_of::<Value<'_>>());
    }
}
