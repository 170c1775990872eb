//! What the figures are to reach.

use super::figure::{Figure, Reading};

/// A bound on a figure.
#[derive(Debug, Clone, Copy)]
enum Bar {
    /// At most this many times another figure.
    TimesAtMost(&'static str, f64),
    /// At least this many times another figure.
    TimesAtLeast(&'static str, f64),
    /// At most this, in the figure's own unit.
    AtMost(f64),
    /// At least this, in the figure's own unit.
    AtLeast(f64),
    /// No allocation at all.
    NoAllocation,
}

impl Bar {
    /// Says what the bar is, where the figure stands, and whether it meets the bar.
    fn verdict(self, figure: &Figure, figures: &[Figure]) -> Option<String> {
        let times = |base: &str| {
            let base = figures.iter().find(|other| other.name == base)?;
            Some(figure.ratio_to(base))
        };
        let number = figure.number();
        let (met, text) = match self {
            Bar::TimesAtMost(base, limit) => {
                let times = times(base)?;
                (times <= limit, format!("{times:.2} x {base}, at most {limit}"))
            }
            Bar::TimesAtLeast(base, limit) => {
                let times = times(base)?;
                (times >= limit, format!("{times:.2} x {base}, at least {limit}"))
            }
            Bar::AtMost(limit) => (number <= limit, format!("at most {limit}")),
            Bar::AtLeast(limit) => (number >= limit, format!("at least {limit}")),
            Bar::NoAllocation => match &figure.reading {
                Reading::Cost(cost) => (cost.allocs == 0.0, "no allocation".to_owned()),
                _ => return None,
            },
        };
        Some(format!("{text}: {}", if met { "met" } else { "MISSED" }))
    }
}

/// Says how a figure stands to each of its bars.
pub(super) fn verdicts(figure: &Figure, figures: &[Figure]) -> String {
    let bars = BARS.iter().filter(|(name, _)| *name == figure.name);
    let verdicts: Vec<String> = bars.filter_map(|(_, bar)| bar.verdict(figure, figures)).collect();
    verdicts.join("; ")
}

const BARS: &[(&str, Bar)] = &[
    ("bucket_value", Bar::TimesAtMost("murmur3_45", 1.5)),
    ("bucket_value", Bar::NoAllocation),
    ("bucket_value_bulk", Bar::TimesAtMost("bucket_value", 0.5)),
    ("run_experience_sticky", Bar::AtMost(100.0)),
    ("run_experience_sticky", Bar::NoAllocation),
    ("run_experience_fresh", Bar::TimesAtMost("bucket_value", 2.5)),
    ("run_experience_fresh", Bar::NoAllocation),
    ("run_experience_regex", Bar::TimesAtMost("bucket_value", 5.0)),
    ("context_and_run", Bar::AtMost(1_000.0)),
    ("run_experience_tracked", Bar::AtMost(1_000.0)),
    ("run_experiences_100", Bar::AtMost(10_000.0)),
    ("run_experience_2t", Bar::TimesAtLeast("run_experience_1t", 1.8)),
    ("explain_experience", Bar::TimesAtMost("run_experience_fresh", 20.0)),
    ("load_config_1000", Bar::AtMost(30_000_000.0)),
    ("config_memory_ratio", Bar::AtMost(3.0)),
    ("delivery", Bar::AtLeast(200_000.0)),
    ("store_redis_merge", Bar::TimesAtMost("redis_round_trip", 1.5)),
    ("idle_threads", Bar::AtMost(0.0)),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_bar_is_loud_and_a_base_that_was_not_measured_says_nothing() {
        let figures =
            [Figure::value("run_experience_1t", 10.0), Figure::value("run_experience_2t", 17.0)];
        assert_eq!(
            verdicts(&figures[1], &figures),
            "1.70 x run_experience_1t, at least 1.8: MISSED"
        );
        assert_eq!(verdicts(&figures[1], &figures[1..]), "");
        assert_eq!(verdicts(&Figure::value("config_memory_ratio", 3.0), &[]), "at most 3: met");
    }
}
