//! Reading values from any serde format, and reading typed data out of a value.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, MapDeserializer, SeqDeserializer};
use serde::de::{
    self, Deserialize, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess,
    Visitor,
};
use serde::forward_to_deserialize_any;

use crate::value::nested::{MAX_DEPTH, ValueList, ValueMap, drop_overwritten};
use crate::value::{Text, Value, shortest_double, whole_integer};

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
    /// Reads any JSON-like data, nested at most 128 deep.
    ///
    /// Strict parsers such as `serde_json` refuse a lone surrogate escape (`"\ud800"`) and a number
    /// past the range of doubles before they get here; where JSON may hold such, hand them the text
    /// that [`repair_json`](crate::repair_json) returns.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ValueSeed::new(&mut Scratch::default()).deserialize(deserializer)
    }
}

/// Room for the items and members of lists and maps that are not complete yet.
///
/// They are gathered here, so that every list and map is allocated once, with its final size.
#[derive(Debug, Default)]
pub(crate) struct Scratch<'de> {
    items: Vec<Value<'de>>,
    members: Vec<(Text<'de>, Value<'de>)>,
    /// Whether a name was repeated in any map read so far.
    pub(crate) has_repeated_names: bool,
}

/// Reads one value, with room to do so and the number of lists and maps around it.
#[derive(Debug)]
pub(crate) struct ValueSeed<'s, 'de> {
    scratch: &'s mut Scratch<'de>,
    depth: usize,
}

impl<'s, 'de> ValueSeed<'s, 'de> {
    pub(crate) fn new(scratch: &'s mut Scratch<'de>) -> Self {
        ValueSeed::at_depth(scratch, 0)
    }

    /// Reads what lies in `depth` lists and maps.
    pub(crate) fn at_depth(scratch: &'s mut Scratch<'de>, depth: usize) -> Self {
        ValueSeed { scratch, depth }
    }

    /// Says how deep what is inside this value lies, unless that is too deep.
    fn inner_depth<E: de::Error>(&self) -> Result<usize, E> {
        if self.depth < MAX_DEPTH {
            return Ok(self.depth + 1);
        }
        Err(E::custom(format_args!("nested more than {MAX_DEPTH} deep")))
    }
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_, 'de> {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_, 'de> {
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
        let depth = self.inner_depth()?;
        deserializer.deserialize_any(ValueSeed { depth, ..self })
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Value<'de>, D::Error> {
        self.visit_some(deserializer)
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

    #[expect(clippy::cast_precision_loss, reason = "ECMAScript reads every number as a double")]
    fn visit_i128<E>(self, value: i128) -> Result<Value<'de>, E> {
        Ok(Value::number(value as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "ECMAScript reads every number as a double")]
    fn visit_u128<E>(self, value: u128) -> Result<Value<'de>, E> {
        Ok(Value::number(value as f64))
    }

    fn visit_f32<E>(self, value: f32) -> Result<Value<'de>, E> {
        Ok(Value::number(shortest_double(value)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value<'de>, E> {
        Ok(Value::number(value))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Text::from(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Text::copied(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value<'de>, A::Error> {
        let depth = self.inner_depth()?;
        let scratch = self.scratch;
        let start = scratch.items.len();
        while let Some(item) = access.next_element_seed(ValueSeed::at_depth(scratch, depth))? {
            scratch.items.push(item);
        }
        Ok(Value::List(ValueList::of_shallow(scratch.items.drain(start..).collect())))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value<'de>, A::Error> {
        let depth = self.inner_depth()?;
        let scratch = self.scratch;
        let start = scratch.members.len();
        while let Some(name) = access.next_key_seed(NameSeed)? {
            let value = access.next_value_seed(ValueSeed::at_depth(scratch, depth))?;
            scratch.members.push((name, value));
        }
        scratch.has_repeated_names |= drop_overwritten(&mut scratch.members, start);
        Ok(Value::Map(ValueMap::of_shallow(scratch.members.drain(start..).collect())))
    }
}

/// Reads a member name, borrowed from the input where the input allows it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NameSeed;

impl<'de> DeserializeSeed<'de> for NameSeed {
    type Value = Text<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Text<'de>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for NameSeed {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Text<'de>, E> {
        Ok(Text::from(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Text<'de>, E> {
        Ok(Text::copied(name))
    }
}

impl<'de> Deserializer<'de> for &'de Value<'_> {
    type Error = ValueError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match self {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Integer(_) | Value::Float(_) => {
                let number = self.as_view().as_number().unwrap_or(f64::NAN);
                match whole_integer(number) {
                    Some(integer) => visitor.visit_i64(integer),
                    None => visitor.visit_f64(number),
                }
            }
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
                    text.as_str().into_deserializer();
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
    std::iter::Map<std::slice::Iter<'de, (Text<'v>, Value<'v>)>, NameAndValue<'de, 'v>>;
type NameAndValue<'de, 'v> =
    fn(
        &'de (Text<'v>, Value<'v>),
    ) -> (de::value::BorrowedStrDeserializer<'de, ValueError>, &'de Value<'v>);

fn members_of<'de, 'v>(
    members: &'de [(Text<'v>, Value<'v>)],
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
