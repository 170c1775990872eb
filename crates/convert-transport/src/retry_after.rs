//! The `Retry-After` header.

use std::time::Duration;

/// Reads how long to wait from `Retry-After`, given as seconds or as a date.
///
/// A date is counted from the answer's own `Date` header, so that neither the local clock nor its
/// error takes part; `now`, in seconds since 1970, is asked only where that header is missing.
pub(crate) fn parse(
    retry_after: Option<&str>,
    date: Option<&str>,
    now: impl FnOnce() -> i64,
) -> Option<Duration> {
    let value = retry_after?.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number beyond the range of u64 still means "much later".
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let until = http_date(value)?;
    let sent = date.and_then(|date| http_date(date.trim())).unwrap_or_else(now);
    Some(Duration::from_secs(u64::try_from(until.saturating_sub(sent)).unwrap_or(0)))
}

/// Reads a date as seconds since the Unix epoch, in any of the three forms that HTTP knows:
/// `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT` and
/// `Sun Nov  6 08:49:37 1994`.
fn http_date(text: &str) -> Option<i64> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let (day, month, year, clock) = match *words.as_slice() {
        [weekday, day, month, year, clock, "GMT"] if weekday.ends_with(',') => {
            (number(day, 1, 31)?, month, number(year, 1970, 9999)?, clock)
        }
        [weekday, date, clock, "GMT"] if weekday.ends_with(',') => {
            let (day, rest) = date.split_once('-')?;
            let (month, year) = rest.split_once('-')?;
            let year = number(year, 0, 99)?;
            // Two digits stand for the century in which the epoch lies within reach.
            (number(day, 1, 31)?, month, year + if year < 70 { 2000 } else { 1900 }, clock)
        }
        [_, month, day, clock, year] => {
            (number(day, 1, 31)?, month, number(year, 1970, 9999)?, clock)
        }
        _ => return None,
    };
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    let days = days_since_epoch(year, i64::try_from(month).ok()?, day);
    Some(days * 24 * 60 * 60 + seconds_of(clock)?)
}

/// Reads `08:49:37` as seconds since midnight.
fn seconds_of(clock: &str) -> Option<i64> {
    let mut parts = clock.split(':');
    let hours = number(parts.next()?, 0, 23)?;
    let minutes = number(parts.next()?, 0, 59)?;
    let seconds = number(parts.next()?, 0, 60)?;
    parts.next().is_none().then_some((hours * 60 + minutes) * 60 + seconds)
}

fn number(text: &str, min: i64, max: i64) -> Option<i64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let value = text.parse().ok().filter(|_| is_number)?;
    (min..=max).contains(&value).then_some(value)
}

/// Counts days in the Gregorian calendar, with years that begin in March so that the leap day
/// comes last.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year / 4 - year / 100 + year / 400;
    year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - DAYS_TO_EPOCH
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Days from 0000-03-01 to 1970-01-01.
const DAYS_TO_EPOCH: i64 = 719_468;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_count_from_the_epoch() {
        for (text, expected) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Thu, 29 Feb 2024 23:59:60 GMT", Some(1_709_251_200)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(253_402_300_799)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777)),
            ("Thursday, 29-Feb-24 23:59:60 GMT", Some(1_709_251_200)),
            ("Sun Nov  6 08:49:37 1994", Some(784_111_777)),
            ("Sun Nov 06 08:49:37 1994", Some(784_111_777)),
            ("Sun Nov 6 08:49:37", None),
            ("Sunday, 06-Nov 08:49:37 GMT", None),
            ("Sun, 06 Nov 94 08:49:37 GMT", None),
            ("Sun, 06 Nov 1994 08:49:37 CET", None),
            ("Sun, 6x Nov 1994 08:49:37 GMT", None),
            ("Sun, 06 Nov 1994 08:49:37:00 GMT", None),
            ("", None),
        ] {
            assert_eq!(http_date(text), expected, "{text}");
        }
    }

    #[test]
    fn seconds_and_dates_give_a_delay() {
        let date = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        for (value, date, expected) in [
            (Some("0"), None, Some(0)),
            (Some(" 120 "), None, Some(120)),
            (Some("99999999999999999999"), None, Some(u64::MAX)),
            (Some("Sun, 06 Nov 1994 08:50:37 GMT"), date, Some(60)),
            (Some("Sun, 06 Nov 1994 08:48:37 GMT"), date, Some(0)),
            (Some("Sun, 06 Nov 1994 08:50:37 GMT"), None, Some(50)),
            (Some("Sun, 06 Nov 1994 08:50:37 GMT"), Some("today"), Some(50)),
            (Some("Sun Nov  6 08:50:37 1994"), date, Some(60)),
            (Some("-1"), date, None),
            (Some("soon"), date, None),
            (Some(""), date, None),
            (None, date, None),
        ] {
            let delay = parse(value, date, || 784_111_787).map(|delay| delay.as_secs());
            assert_eq!(delay, expected, "{value:?}");
        }
    }
}
