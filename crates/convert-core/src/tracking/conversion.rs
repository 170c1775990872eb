//! A conversion as an application reports it.

use std::fmt;

use convert_decision::Attributes;

use crate::tracking::goal_data::{GoalDatum, GoalKey, GoalValue, InvalidGoalDataError};

/// A goal that a visitor reached, and what is to be reported with it.
///
/// Built by value, for [`Context::track_conversion`](crate::Context::track_conversion). Without
/// goal data the conversion alone is reported. A value that cannot be reported (NaN, an infinity, a
/// custom dimension that does not exist) is refused when it is set: the conversion keeps the first
/// refusal, [`Conversion::error`] shows it, and tracking it answers
/// [`ConversionResult::InvalidGoalData`](crate::ConversionResult::InvalidGoalData).
///
/// ```
/// use convert_core::Conversion;
///
/// let purchase = Conversion::new("purchase")
///     .revenue(49.99)
///     .products_count(3)
///     .transaction_id("t-1001")
///     .custom_dimension(1, ["shoes", "socks"]);
/// assert_eq!(purchase.error(), None);
///
/// let refused = Conversion::new("purchase").revenue(f64::NAN);
/// assert_eq!(refused.error().map(|error| error.key()), Some("amount"));
/// assert!(refused.validate().is_err());
/// ```
#[derive(Clone, PartialEq)]
#[must_use = "a conversion is not reported until it is tracked"]
pub struct Conversion {
    goal_key: String,
    data: Vec<GoalDatum>,
    attributes: Option<Attributes>,
    repeat: Repeat,
    error: Option<InvalidGoalDataError>,
}

/// Whether a goal that a visitor reaches again is reported again.
///
/// ```
/// use convert_core::{Conversion, Repeat};
///
/// let purchase = Conversion::new("purchase").revenue(10.0).repeat(Repeat::Every);
/// assert_eq!(purchase.goal_key(), "purchase");
/// assert_eq!(Repeat::default(), Repeat::Once);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Repeat {
    /// Once per visitor and goal.
    #[default]
    Once,
    /// The goal data every time; the conversion itself still counts once.
    Every,
}

impl Conversion {
    /// Starts from the key of a goal, or its id where no goal has the key.
    pub fn new(goal_key: impl Into<String>) -> Self {
        Conversion {
            goal_key: goal_key.into(),
            data: Vec::new(),
            attributes: None,
            repeat: Repeat::Once,
            error: None,
        }
    }

    /// Sets the revenue, in the currency of the project. Defaults to none.
    pub fn revenue(self, amount: f64) -> Self {
        self.set(GoalKey::Amount, GoalValue::from(amount))
    }

    /// Sets how many products were bought. Defaults to none.
    pub fn products_count(self, count: u32) -> Self {
        self.set(GoalKey::ProductsCount, GoalValue::from(count))
    }

    /// Sets the id of the transaction. Defaults to none.
    pub fn transaction_id(self, id: impl Into<String>) -> Self {
        self.set(GoalKey::TransactionId, GoalValue::from(id.into()))
    }

    /// Sets a custom dimension, 1 to 5: a number, a text or a list of texts. Defaults to none.
    pub fn custom_dimension(mut self, number: u8, value: impl Into<GoalValue>) -> Self {
        match GoalKey::dimension(number) {
            Ok(key) => self.set(key, value.into()),
            Err(error) => {
                self.error.get_or_insert(error);
                self
            }
        }
    }

    /// Sets the attributes that the goal's rules must match; a goal without rules matches none.
    /// Never reported. Defaults to not asking the rules.
    pub fn attributes(self, attributes: impl Into<Attributes>) -> Self {
        Conversion { attributes: Some(attributes.into()), ..self }
    }

    /// Sets whether goal data are reported when the visitor has reached the goal before. Defaults
    /// to [`Repeat::Once`].
    pub fn repeat(self, repeat: Repeat) -> Self {
        Conversion { repeat, ..self }
    }

    /// Returns the key of the goal.
    pub fn goal_key(&self) -> &str {
        &self.goal_key
    }

    /// Returns the first value that was refused, if any.
    pub fn error(&self) -> Option<&InvalidGoalDataError> {
        self.error.as_ref()
    }

    /// Returns the conversion if every value of it can be reported.
    ///
    /// # Errors
    ///
    /// Fails with the first value that was refused.
    pub fn validate(self) -> Result<Self, InvalidGoalDataError> {
        match self.error {
            Some(error) => Err(error),
            None => Ok(self),
        }
    }

    /// Returns the attributes for the goal's rules, if they are to be asked.
    pub(crate) fn rule_attributes(&self) -> Option<&Attributes> {
        self.attributes.as_ref()
    }

    /// Returns whether goal data are reported again.
    pub(crate) fn repeats(&self) -> bool {
        self.repeat == Repeat::Every
    }

    /// Returns the goal data, in the order they were first set.
    pub(crate) fn into_data(self) -> Vec<GoalDatum> {
        self.data
    }

    /// Sets one value, in the place of an earlier one with that key.
    fn set(mut self, key: GoalKey, value: GoalValue) -> Self {
        if let Err(error) = value.check(key) {
            self.error.get_or_insert(error);
            return self;
        }
        match self.data.iter_mut().find(|datum| datum.key == key) {
            Some(datum) => datum.value = value,
            None => self.data.push(GoalDatum { key, value }),
        }
        self
    }
}

impl From<&str> for Conversion {
    fn from(goal_key: &str) -> Self {
        Conversion::new(goal_key)
    }
}

impl From<String> for Conversion {
    fn from(goal_key: String) -> Self {
        Conversion::new(goal_key)
    }
}

impl fmt::Debug for Conversion {
    /// Shows which goal data there are, not their values: they may be personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<&str> = self.data.iter().map(|datum| datum.key.name()).collect();
        f.debug_struct("Conversion")
            .field("goal_key", &self.goal_key)
            .field("data", &keys)
            .field("attributes", &self.attributes)
            .field("repeat", &self.repeat)
            .field("error", &self.error)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_refusal_is_kept_and_later_values_do_not_heal_it() {
        let conversion = Conversion::new("g")
            .revenue(f64::INFINITY)
            .custom_dimension(6, "x")
            .revenue(1.0)
            .custom_dimension(2, f64::NEG_INFINITY);
        assert_eq!(conversion.error().map(InvalidGoalDataError::key), Some("amount"));
        assert!(conversion.validate().is_err());
    }

    #[test]
    fn dimensions_run_from_one_to_five() {
        for (number, is_refused) in [(0, true), (1, false), (5, false), (6, true), (255, true)] {
            let conversion = Conversion::new("g").custom_dimension(number, "x");
            assert_eq!(conversion.error().is_some(), is_refused, "{number}");
        }
    }

    #[test]
    fn a_value_set_twice_keeps_its_place() {
        let conversion =
            Conversion::from("g").revenue(1.0).transaction_id("t").revenue(2.0).into_data();
        let keys: Vec<&str> = conversion.iter().map(|datum| datum.key.name()).collect();
        assert_eq!(keys, ["amount", "transactionId"]);
        assert_eq!(conversion[0].value, GoalValue::from(2.0));
    }

    #[test]
    fn values_are_not_printed() {
        let conversion = Conversion::new("g")
            .transaction_id("personal")
            .attributes(convert_decision::attributes! { "mail" => "personal" });
        let printed = format!("{conversion:?}");
        assert!(printed.contains("transactionId") && !printed.contains("personal"), "{printed}");
    }
}
