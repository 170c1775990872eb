//! JSON documents made of the fuzzer's bytes.

use arbitrary::{Result, Unstructured};
use serde_json::{Map, Value, json};

/// Makes any value, mostly small, with texts and numbers that are traps.
pub(crate) fn value(choices: &mut Unstructured<'_>, depth: u8) -> Result<Value> {
    let kinds = if depth == 0 { 8 } else { 10 };
    Ok(match choices.int_in_range(0..=kinds)? {
        0 => Value::Null,
        1 => Value::Bool(choices.arbitrary()?),
        2 => json!(choices.int_in_range(-3..=60)?),
        3 => json!(choices.arbitrary::<i64>()?),
        4 => json!(choices.arbitrary::<f64>()?),
        5 => json!(*choices.choose(NUMBERS)?),
        6 => json!(choices.arbitrary::<&str>()?.chars().take(24).collect::<String>()),
        7 | 8 => json!(*choices.choose(TEXTS)?),
        9 => {
            let count = choices.int_in_range(0..=3)?;
            Value::Array((0..count).map(|_| value(choices, depth - 1)).collect::<Result<_>>()?)
        }
        _ => {
            let count = choices.int_in_range(0..=2)?;
            let member = |_| Ok((choices.choose(TEXTS)?.to_string(), value(choices, depth - 1)?));
            Value::Object((0..count).map(member).collect::<Result<_>>()?)
        }
    })
}

/// An object under construction, whose members may go missing or bad.
pub(crate) struct Object(Map<String, Value>);

impl Object {
    pub(crate) fn new() -> Self {
        Object(Map::new())
    }

    /// Adds a member that is always as it should be.
    pub(crate) fn exact(mut self, name: &str, value: Value) -> Self {
        self.0.insert(name.to_owned(), value);
        self
    }

    /// Adds a member; now and then it is left out, or something else stands in its place.
    pub(crate) fn member(
        mut self,
        choices: &mut Unstructured<'_>,
        name: &str,
        make: impl FnOnce(&mut Unstructured<'_>) -> Result<Value>,
    ) -> Result<Self> {
        let value = match choices.arbitrary::<u8>()? {
            0..=9 => return Ok(self),
            10..=19 => value(choices, 2)?,
            _ => make(choices)?,
        };
        self.0.insert(name.to_owned(), value);
        Ok(self)
    }

    /// Adds a member that is usually left out.
    pub(crate) fn rare(
        self,
        choices: &mut Unstructured<'_>,
        name: &str,
        make: impl FnOnce(&mut Unstructured<'_>) -> Result<Value>,
    ) -> Result<Self> {
        if choices.ratio(2, 3)? { Ok(self) } else { self.member(choices, name, make) }
    }

    pub(crate) fn done(self) -> Value {
        Value::Object(self.0)
    }
}

/// Makes a list of up to `most` items.
pub(crate) fn list(
    choices: &mut Unstructured<'_>,
    most: usize,
    make: impl Fn(&mut Unstructured<'_>) -> Result<Value>,
) -> Result<Value> {
    let count = choices.int_in_range(0..=most)?;
    Ok(Value::Array((0..count).map(|_| make(choices)).collect::<Result<_>>()?))
}

/// Makes an id, as text or as a number: one of few, so that ids meet.
pub(crate) fn id(choices: &mut Unstructured<'_>) -> Result<Value> {
    let id = choices.int_in_range(0..=9)?;
    Ok(if choices.arbitrary()? { json!(id) } else { json!(id.to_string()) })
}

/// Makes one of these texts.
pub(crate) fn one_of(choices: &mut Unstructured<'_>, texts: &[&str]) -> Result<Value> {
    Ok(json!(*choices.choose(texts)?))
}

/// Names of attributes, values that look alike, and what texts become.
pub(crate) const TEXTS: &[&str] = &[
    "plan",
    "age",
    "a",
    "A",
    "",
    " ",
    "0",
    "1",
    "9",
    "-1",
    "1.5",
    "1,000",
    "0,500",
    ".5",
    "1e3",
    "0x1f",
    "Infinity",
    "NaN",
    "true",
    "false",
    "null",
    "undefined",
    "[object Object]",
    "a|b",
    "|",
    "a,b",
    "ß",
    "ẞ",
    "İ",
    "ΟΔΟΣ",
    "🎯",
    "\u{0}",
    "\u{feff}",
    "\u{fffd}",
    "running",
    "all",
];
const NUMBERS: &[f64] = &[
    -0.0,
    0.1,
    1e21,
    1e-7,
    1e308,
    -1e308,
    5e-324,
    9_007_199_254_740_991.0,
    9_007_199_254_740_993.0,
    4_294_967_295.0,
    33.33,
    100.0,
    99.995,
];
