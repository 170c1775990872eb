//! What evaluation may ask of the world: attributes by rule type, and the time.

use std::fmt;

use convert_config::Value;
use convert_config::rule::Element;

/// Answers rules by their type: country, browser, cookies, the weather, a `js_condition`.
///
/// It is asked for elements without a `key`, and for those whose key the visitor's attributes
/// lack. Implementations run inside the evaluation, on the caller's thread: they should answer
/// from memory.
///
/// ```
/// use convert_decision::{Answer, AttributeProvider};
///
/// struct Geography;
/// impl AttributeProvider for Geography {
///     fn answer(&self, rule_type: &str, _key: Option<&str>, _visitor_id: &str) -> Answer {
///         match rule_type {
///             "country" => Answer::Value("US".into()),
///             _ => Answer::Unknown,
///         }
///     }
/// }
/// assert_eq!(Geography.answer("country", None, "v"), Answer::Value("US".into()));
/// ```
pub trait AttributeProvider: Send + Sync {
    /// Returns what is known for rules of this type (and with this key, if they have one).
    fn answer(&self, rule_type: &str, key: Option<&str>, visitor_id: &str) -> Answer;
}

/// The answer of an [`AttributeProvider`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Answer {
    /// The value to compare. For `js_condition` it is the outcome itself: a match if it is truthy as
    /// in ECMAScript, whatever the rule compares with.
    Value(Value<'static>),
    /// There is no data: the decision is left open with that reason.
    NoDataFound,
    /// More data is needed first: the decision is left open with that reason.
    NeedMoreData,
    /// The provider does not know this type of rule.
    Unknown,
}

/// Tells the time for time-based rules. It is read only when such a rule is met.
pub trait WallClock: Send + Sync {
    /// Returns the present moment.
    fn now(&self) -> Moment;
}

/// A moment in time, with the distance of local time from UTC.
///
/// ```
/// use convert_decision::Moment;
///
/// // Thursday, 1 January 1970, 00:00:00 UTC, in a place one hour east of Greenwich.
/// let moment = Moment::new(0, 3_600);
/// assert_eq!((moment.local().day_of_week(), moment.local().hour()), (4, 1));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    unix_seconds: i64,
    local_offset: i32,
}

impl Moment {
    /// Makes a moment from seconds since 1970-01-01T00:00:00Z and the local distance from UTC in
    /// seconds, east positive.
    pub fn new(unix_seconds: i64, local_offset: i32) -> Self {
        Moment { unix_seconds, local_offset }
    }

    /// Returns the seconds since 1970-01-01T00:00:00Z.
    pub fn unix_seconds(self) -> i64 {
        self.unix_seconds
    }

    /// Returns what a local clock shows.
    pub fn local(self) -> ClockFace {
        self.at_offset(self.local_offset)
    }

    /// Returns what a clock shows that is `offset` seconds ahead of UTC.
    pub fn at_offset(self, offset: i32) -> ClockFace {
        ClockFace { seconds: self.unix_seconds.saturating_add(i64::from(offset)) }
    }
}

/// What a clock on the wall shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockFace {
    seconds: i64,
}

impl ClockFace {
    /// Returns the ISO 8601 day of the week: 1 is Monday, 7 is Sunday.
    pub fn day_of_week(self) -> i64 {
        let days = self.seconds.div_euclid(DAY);
        // The first day of 1970 was a Thursday.
        (days + 3).rem_euclid(7) + 1
    }

    /// Returns the hour, 0–23.
    pub fn hour(self) -> i64 {
        self.seconds.rem_euclid(DAY) / HOUR
    }

    /// Returns the minute, 0–59.
    pub fn minute(self) -> i64 {
        self.seconds.rem_euclid(HOUR) / MINUTE
    }
}

/// Returns the time that rules of this type compare, if it is a time-based type.
pub(crate) fn time_of(rule_type: &str, utc_offset: i32, clock: &dyn WallClock) -> Option<i64> {
    let (is_local, part) = match rule_type.strip_prefix("local_time_") {
        Some(part) => (true, part),
        None => (false, rule_type.strip_prefix("project_time_")?),
    };
    let read: fn(ClockFace) -> i64 = match part {
        "day_of_week" => ClockFace::day_of_week,
        "hour_of_day" => ClockFace::hour,
        "minute_of_hour" => ClockFace::minute,
        _ => return None,
    };
    let now = clock.now();
    Some(read(if is_local { now.local() } else { now.at_offset(utc_offset) }))
}

impl fmt::Debug for dyn AttributeProvider + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AttributeProvider")
    }
}

impl fmt::Debug for dyn WallClock + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WallClock")
    }
}

/// Whether the provider's answer to this element is the outcome, not something to compare.
pub(crate) fn is_condition(element: &Element) -> bool {
    element.rule_type() == Some("js_condition")
}

const DAY: i64 = 86_400;
const HOUR: i64 = 3_600;
const MINUTE: i64 = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_before_1970_and_west_of_greenwich_run_on() {
        let moment = Moment::new(-1, 0);
        assert_eq!(
            (moment.local().day_of_week(), moment.local().hour(), moment.local().minute()),
            (3, 23, 59)
        );
        let west = Moment::new(0, 0).at_offset(-5 * 3_600 - 1_800);
        assert_eq!((west.day_of_week(), west.hour(), west.minute()), (3, 18, 30));
        assert_eq!(Moment::new(1_700_000_000, 0).local().day_of_week(), 2);
        assert_eq!(Moment::new(i64::MAX, 7).local().minute(), 30);
    }
}
