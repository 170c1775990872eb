//! Reading values from any serde format, and reading typed data out of a value.

use std::borrow::Cow;
use std::fmt;

use serde::de::value::{MapAccessDeserializer, MapDeserializer, SeqDeserializer};
use serde::de::{self, Deserialize, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use crate::value::{Value, exact_integer};

/// Says why a value could not be read as the type asked for.
///
/// ```
/// use convert_config::Value;
///
/// let wrong = Value::from("many").read::<u32>();
/// assert!(wrong.is_err_and(|error| error.to_string().contains("expected u32")));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueError {
    message: String,
}

impl Value<'_> {
    /// Reads the value as any type that implements [`Deserialize`].
    ///
    /// # Errors
    ///
    /// Fails if the value does not have the shape that `T` expects.
    ///
    /// ```
    /// use convert_config::Value;
    ///
    /// assert_eq!(Value::from(7).read::<u8>()?, 7);
    /// # Ok::<(), convert_config::ValueError>(())
    /// ```
    pub fn read<'de, T: Deserialize<'de>>(&'de self) -> Result<T, ValueError> {
        T::deserialize(self)
    }
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ValueError {}

impl de::Error for ValueError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        ValueError { message: message.to_string() }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Value<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value<'de>, E> {
        Ok(Value::Bool(value))
    }

    #[expect(clippy::cast_precision_loss, reason = "ECMAScript reads every number as a double")]
    fn visit_i64<E>(self, value: i64) -> Result<Value<'de>, E> {
        Ok(Value::number(value as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "ECMAScript reads every number as a double")]
    fn visit_u64<E>(self, value: u64) -> Result<Value<'de>, E> {
        Ok(Value::number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value<'de>, E> {
        Ok(Value::number(value))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value<'de>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some((Name(name), value)) = access.next_entry()? {
            members.push((name, value));
        }
        drop_overwritten(&mut members);
        Ok(Value::Map(members))
    }
}

/// Keeps the last of every repeated name, at the place of the first, as ECMAScript does.
fn drop_overwritten(members: &mut Vec<(Cow<'_, str>, Value<'_>)>) {
    if !has_repeated_name(members) {
        return;
    }
    let mut kept: Vec<(Cow<'_, str>, Value<'_>)> = Vec::with_capacity(members.len());
    let mut places = std::collections::HashMap::new();
    for (name, value) in members.drain(..) {
        match places.get(&name).and_then(|place: &usize| kept.get_mut(*place)) {
            Some(member) => member.1 = value,
            None => {
                places.insert(name.clone(), kept.len());
                kept.push((name, value));
            }
        }
    }
    members.extend(kept);
}

fn has_repeated_name(members: &[(Cow<'_, str>, Value<'_>)]) -> bool {
    if members.len() <= SMALL_MAP {
        let mut rest = members;
        while let Some(((name, _), tail)) = rest.split_first() {
            if tail.iter().any(|(other, _)| other == name) {
                return true;
            }
            rest = tail;
        }
        return false;
    }
    let mut seen = std::collections::HashSet::with_capacity(members.len());
    !members.iter().all(|(name, _)| seen.insert(name))
}

/// A member name, borrowed from the input where the input allows it.
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor)
    }
}

struct NameVisitor;

impl<'de> Visitor<'de> for NameVisitor {
    type Value = Name<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name<'de>, E> {
        Ok(Name(Cow::Borrowed(name)))
    }

    fn visit_str<E>(self, name: &str) -> Result<Name<'de>, E> {
        Ok(Name(Cow::Owned(name.to_owned())))
    }
}

impl<'de> Deserializer<'de> for &'de Value<'_> {
    type Error = ValueError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match self {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Integer(value) => visitor.visit_i64(*value),
            Value::Float(value) => match exact_integer(*value) {
                Some(integer) => visitor.visit_i64(integer),
                None => visitor.visit_f64(*value),
            },
            Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::List(items) => {
                let mut access = SeqDeserializer::new(items.iter());
                let result = visitor.visit_seq(&mut access)?;
                access.end()?;
                Ok(result)
            }
            Value::Map(members) => {
                let mut access = members_of(members);
                let result = visitor.visit_map(&mut access)?;
                access.end()?;
                Ok(result)
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match self {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        match self {
            Value::Text(text) => {
                let variant: de::value::StrDeserializer<'de, ValueError> =
                    text.as_ref().into_deserializer();
                visitor.visit_enum(variant)
            }
            Value::Map(members) if members.len() == 1 => {
                visitor.visit_enum(MapAccessDeserializer::new(members_of(members)))
            }
            _ => Err(de::Error::custom("expected the name of a variant or a map with one member")),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

type Members<'de, 'v> =
    std::iter::Map<std::slice::Iter<'de, (Cow<'v, str>, Value<'v>)>, NameAndValue<'de, 'v>>;
type NameAndValue<'de, 'v> =
    fn(
        &'de (Cow<'v, str>, Value<'v>),
    ) -> (de::value::BorrowedStrDeserializer<'de, ValueError>, &'de Value<'v>);

fn members_of<'de, 'v>(
    members: &'de [(Cow<'v, str>, Value<'v>)],
) -> MapDeserializer<'de, Members<'de, 'v>, ValueError> {
    let pair: NameAndValue<'de, 'v> =
        |(name, value)| (de::value::BorrowedStrDeserializer::new(name), value);
    MapDeserializer::new(members.iter().map(pair))
}

impl<'de> IntoDeserializer<'de, ValueError> for &'de Value<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// Up to this many members, comparing every pair of names is cheaper than hashing them.
const SMALL_MAP: usize = 16;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn parse(json: &str) -> Value<'_> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_repeated_name_keeps_the_first_place_and_the_last_value() {
        let value = parse(r#"{"a": 1, "b": 2, "a": 3}"#);
        assert_eq!(serde_json::to_string(&value).unwrap(), r#"{"a":3,"b":2}"#);
    }

    #[test]
    fn many_repeated_names_are_found_as_well() {
        let members: Vec<String> = (0..40).map(|i| format!("\"k{}\":{i}", i % 20)).collect();
        let json = format!("{{{}}}", members.join(","));
        let read: BTreeMap<String, u32> = parse(&json).read().unwrap();
        assert_eq!(read.len(), 20);
        assert_eq!(read["k3"], 23);
    }

    #[test]
    fn typed_reads_follow_serde() {
        #[derive(Debug, PartialEq)]
        enum Plan {
            Pro,
            Trial(u32),
        }
        impl<'de> Deserialize<'de> for Plan {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct PlanVisitor;
                impl<'de> Visitor<'de> for PlanVisitor {
                    type Value = Plan;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("a plan")
                    }
                    fn visit_enum<A: de::EnumAccess<'de>>(
                        self,
                        access: A,
                    ) -> Result<Plan, A::Error> {
                        use serde::de::VariantAccess as _;
                        let (name, rest): (String, _) = access.variant()?;
                        if name == "pro" {
                            rest.unit_variant().map(|()| Plan::Pro)
                        } else {
                            rest.newtype_variant().map(Plan::Trial)
                        }
                    }
                }
                deserializer.deserialize_enum("Plan", &["pro", "trial"], PlanVisitor)
            }
        }

        assert_eq!(parse("\"pro\"").read::<Plan>().unwrap(), Plan::Pro);
        assert_eq!(parse(r#"{"trial": 14}"#).read::<Plan>().unwrap(), Plan::Trial(14));
        assert_eq!(parse("null").read::<Option<u8>>().unwrap(), None);
        assert_eq!(parse("3").read::<f64>().unwrap().to_bits(), 3f64.to_bits());
        assert_eq!(parse("[1, \"a\"]").read::<(u8, String)>().unwrap(), (1, "a".to_owned()));
        assert!(parse("[1, 2, 3]").read::<(u8, u8)>().is_err());
        assert!(parse("-1").read::<u8>().is_err());
    }
}
