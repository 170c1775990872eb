//! The words and values rules and visitors are made of.

use serde_json::{Value, json};

use crate::parity::dice::Dice;

/// The words of one case: few enough that rules and visitors often meet.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    keys: Vec<&'static str>,
    values: Vec<Value>,
}

impl Vocabulary {
    /// Draws the words of one case.
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        let keys = dice.some_of(KEYS, 4, 7);
        let size = dice.between(3, 7);
        let values = (0..size).map(|_| any_value(dice)).collect();
        Self { keys, values }
    }

    /// Draws an attribute name.
    pub(crate) fn key(&self, dice: &mut Dice) -> &'static str {
        dice.pick(&self.keys)
    }

    /// All attribute names of the case.
    pub(crate) fn keys(&self) -> &[&'static str] {
        &self.keys
    }

    /// Draws a value, mostly one of the case's own so that the two sides of a rule are often related.
    pub(crate) fn value(&self, dice: &mut Dice) -> Value {
        if dice.chance(85) {
            let value = dice.pick(&self.values);
            if dice.chance(12) { related(dice, &value) } else { value }
        } else {
            any_value(dice)
        }
    }
}

/// Draws any value of any type.
pub(crate) fn any_value(dice: &mut Dice) -> Value {
    match dice.between(0, 99) {
        0..=44 => Value::from(dice.pick(TEXTS)),
        45..=59 => dice.pick(&integers()),
        60..=68 => dice.pick(&floats()),
        69..=73 => Value::from(dice.pick(NUMERIC_TEXTS)),
        74..=80 => Value::from(dice.chance(50)),
        81..=84 => Value::Null,
        85..=93 => dice.pick(&lists()),
        _ => dice.pick(&maps()),
    }
}

/// Draws an identifier or a visitor id outside plain ASCII now and then.
pub(crate) fn odd_text(dice: &mut Dice) -> &'static str {
    dice.pick(TEXTS)
}

/// Gives a value that is like `value` but of another type or spelling.
fn related(dice: &mut Dice, value: &Value) -> Value {
    match (dice.between(0, 3), value) {
        (0, Value::String(text)) => Value::from(text.to_uppercase()),
        (1, Value::String(text)) => Value::from(format!("{text}|{}", dice.pick(TEXTS))),
        (2, Value::String(text)) => Value::from(text.chars().take(1).collect::<String>()),
        (3, _) => json!([value]),
        (_, Value::Number(number)) => Value::from(number.to_string()),
        (_, Value::Bool(flag)) => Value::from(flag.to_string()),
        (_, other) => json!([other, dice.pick(TEXTS)]),
    }
}

fn integers() -> Vec<Value> {
    vec![
        json!(0),
        json!(1),
        json!(5),
        json!(-3),
        json!(42),
        json!(1000),
        json!(500),
        json!(9_007_199_254_740_993_i64),
        json!(i64::MIN),
        json!(u64::MAX),
    ]
}

fn floats() -> Vec<Value> {
    vec![
        json!(0.0),
        json!(-0.0),
        json!(5.0),
        json!(5.5),
        json!(0.1),
        json!(0.5),
        json!(1e21),
        json!(1e-7),
        json!(123_456_789.125),
        json!(1.5e300),
        json!(-2.5),
    ]
}

fn lists() -> Vec<Value> {
    vec![
        json!([]),
        json!([null]),
        json!(["US"]),
        json!(["us", "ca"]),
        json!([1, 2]),
        json!(["1", 5]),
        json!([true]),
        json!([["x"]]),
        json!([[1, [2, null]], 3]),
        json!([{}]),
        json!([0.5, -0.0]),
        json!(["", ""]),
        json!(["5"]),
        json!([""]),
    ]
}

fn maps() -> Vec<Value> {
    vec![
        json!({}),
        json!({"US": 1}),
        json!({"us": true, "ca": null}),
        json!({"1": 2, "5": []}),
        json!({"a": {"b": 1}}),
        json!({"null": 0, "true": 0}),
    ]
}

const KEYS: &[&str] = &[
    "country",
    "Country",
    "age",
    "plan",
    "browser",
    "mobile",
    "url",
    "größe",
    "ключ",
    "🎯",
    "a b",
    "5",
    "visitor_type",
    "source",
    "device",
];

const TEXTS: &[&str] = &[
    "",
    " ",
    "US",
    "us",
    "US|CA",
    "us|ca",
    "ca",
    "CA",
    "null",
    "true",
    "false",
    "a",
    "ab",
    "abc",
    "AB",
    "b",
    "a,b",
    "[object Object]",
    "undefined",
    "NaN",
    "12abc",
    "İ",
    "i̇",
    "i",
    "ı",
    "ẞ",
    "ß",
    "SS",
    "ΑΣ",
    "ας",
    "ασ",
    "Σ",
    "\u{212a}",
    "k",
    "K",
    "ſ",
    "s",
    "日本",
    "日",
    "é",
    "e\u{301}",
    "🎯",
    "🎯x",
    "\u{feff}",
    "\u{85}",
    "\u{3000}",
    "\t\n",
    "\u{1f88}",
    "\u{10400}",
    "\u{10428}",
    "pro",
    "Pro Plan",
    "https://example.com/a?b=1",
    "ﬀ",
    "\u{0}",
    "|",
    "a|",
    "1|2",
    "x|y|US",
    "proplan",
];

const NUMERIC_TEXTS: &[&str] = &[
    "0",
    "1",
    "5",
    "5.0",
    "05",
    "1,000",
    "1,5",
    "0,500",
    "0,5,5",
    "0,000",
    "-0",
    ".5",
    "-.5",
    "1e3",
    "0x1F",
    "+5",
    "5.",
    "-1,000.5",
    "1000",
    "1,000,000.25",
    "1234,567",
    " 5",
    "5 ",
    "Infinity",
    "-5",
    "-0,500",
    "00,5",
    "9007199254740993",
    "99999999999999999999999",
    "0.1",
    "١٢",
];
