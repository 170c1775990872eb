//! The goal data of a conversion.

use std::fmt;

use convert_config::Value;

/// A value of goal data: a finite number, a text or a list of texts.
///
/// ```
/// use convert_core::{Conversion, GoalValue};
///
/// let size = GoalValue::number(42.5)?;
/// assert!(Conversion::new("purchase").custom_dimension(1, size).error().is_none());
/// assert!(GoalValue::number(f64::NAN).is_err());
/// # Ok::<(), convert_core::InvalidGoalDataError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct GoalValue(pub(crate) Content);

/// Says which value of a conversion cannot be reported, and why. Does not repeat the value.
///
/// ```
/// use convert_core::Conversion;
///
/// let conversion = Conversion::new("purchase").custom_dimension(6, "shoes");
/// let error = conversion.error().ok_or("there are five custom dimensions")?;
/// assert_eq!(error.to_string(), "invalid goal data for customDimension: there are only 1 to 5");
/// # Ok::<(), &str>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidGoalDataError {
    key: &'static str,
    reason: &'static str,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Content {
    Number(f64),
    Text(String),
    Texts(Vec<String>),
}

/// One value with its key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct GoalDatum {
    pub(crate) key: GoalKey,
    pub(crate) value: GoalValue,
}

/// The keys that the service knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GoalKey {
    Amount,
    ProductsCount,
    TransactionId,
    Dimension1,
    Dimension2,
    Dimension3,
    Dimension4,
    Dimension5,
}

impl GoalValue {
    /// Makes a number.
    ///
    /// # Errors
    ///
    /// Fails if the number is NaN or infinite.
    pub fn number(value: f64) -> Result<Self, InvalidGoalDataError> {
        if value.is_finite() {
            return Ok(GoalValue(Content::Number(value)));
        }
        Err(InvalidGoalDataError { key: "number", reason: NOT_FINITE })
    }

    /// Returns whether the value can be reported under a key.
    pub(crate) fn check(&self, key: GoalKey) -> Result<(), InvalidGoalDataError> {
        match self.0 {
            Content::Number(number) if !number.is_finite() => {
                Err(InvalidGoalDataError { key: key.name(), reason: NOT_FINITE })
            }
            _ => Ok(()),
        }
    }
}

impl GoalKey {
    /// Returns the key of a custom dimension.
    pub(crate) fn dimension(number: u8) -> Result<Self, InvalidGoalDataError> {
        match number {
            1 => Ok(GoalKey::Dimension1),
            2 => Ok(GoalKey::Dimension2),
            3 => Ok(GoalKey::Dimension3),
            4 => Ok(GoalKey::Dimension4),
            5 => Ok(GoalKey::Dimension5),
            _ => Err(InvalidGoalDataError {
                key: "customDimension",
                reason: "there are only 1 to 5",
            }),
        }
    }

    /// Returns the key as the service spells it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            GoalKey::Amount => "amount",
            GoalKey::ProductsCount => "productsCount",
            GoalKey::TransactionId => "transactionId",
            GoalKey::Dimension1 => "customDimension1",
            GoalKey::Dimension2 => "customDimension2",
            GoalKey::Dimension3 => "customDimension3",
            GoalKey::Dimension4 => "customDimension4",
            GoalKey::Dimension5 => "customDimension5",
        }
    }
}

impl InvalidGoalDataError {
    /// Returns the key of the value, for example `amount`.
    pub fn key(&self) -> &str {
        self.key
    }

    /// Returns why it cannot be reported.
    pub fn reason(&self) -> &str {
        self.reason
    }
}

impl fmt::Display for InvalidGoalDataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid goal data for {}: {}", self.key, self.reason)
    }
}

impl std::error::Error for InvalidGoalDataError {}

impl From<&str> for GoalValue {
    fn from(text: &str) -> Self {
        GoalValue::from(text.to_owned())
    }
}

impl From<String> for GoalValue {
    fn from(text: String) -> Self {
        GoalValue(Content::Text(text))
    }
}

impl From<f64> for GoalValue {
    /// Keeps the number as it is; one that is not finite is refused when it is set.
    fn from(number: f64) -> Self {
        GoalValue(Content::Number(number))
    }
}

macro_rules! from_numbers {
    ($($number:ty),*) => {$(
        impl From<$number> for GoalValue {
            /// Makes the number that [`Value`] makes of it.
            fn from(number: $number) -> Self {
                let number = Value::from(number).as_view().as_number();
                GoalValue::from(number.unwrap_or(f64::NAN))
            }
        }
    )*};
}

from_numbers!(f32, i32, i64, u32, u64);

impl<T: Into<String>> From<Vec<T>> for GoalValue {
    fn from(texts: Vec<T>) -> Self {
        GoalValue(Content::Texts(texts.into_iter().map(Into::into).collect()))
    }
}

impl<T: Into<String>, const N: usize> From<[T; N]> for GoalValue {
    fn from(texts: [T; N]) -> Self {
        GoalValue(Content::Texts(texts.into_iter().map(Into::into).collect()))
    }
}

const NOT_FINITE: &str = "the number is not finite";
