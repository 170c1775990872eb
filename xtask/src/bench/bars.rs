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
    /// No allocation at all; noise cannot break it, so a run fails where it is missed.
    NoAllocation,
    /// At most this; noise cannot break it, so a run fails where it is missed.
    Never(f64),
}

/// How a figure stands to one of its bars.
struct Verdict {
    is_met: bool,
    /// Whether it would be the same on any machine.
    is_certain: bool,
    text: String,
}

impl Bar {
    /// Compares a figure with the bar; nothing where what it is compared with was not measured.
    fn verdict(self, figure: &Figure, figures: &[Figure]) -> Option<Verdict> {
        let times = |base: &str| {
            let base = figures.iter().find(|other| other.name == base)?;
            Some(figure.ratio_to(base))
        };
        let number = figure.number();
        let (is_met, text) = match self {
            Bar::TimesAtMost(base, limit) => {
                let times = times(base)?;
                (times <= limit, format!("{times:.2} x {base}, at most {limit}"))
            }
            Bar::TimesAtLeast(base, limit) => {
                let times = times(base)?;
                (times >= limit, format!("{times:.2} x {base}, at least {limit}"))
            }
            Bar::AtMost(limit) | Bar::Never(limit) => (number <= limit, format!("at most {limit}")),
            Bar::AtLeast(limit) => (number >= limit, format!("at least {limit}")),
            Bar::NoAllocation => {
                let Reading::Cost(cost) = &figure.reading else { return None };
                (cost.memory?.allocs == 0.0, "no allocation".to_owned())
            }
        };
        let is_certain = matches!(self, Bar::NoAllocation | Bar::Never(_));
        Some(Verdict { is_met, is_certain, text })
    }
}

/// Says how a figure stands to each of its bars.
pub(super) fn verdicts(figure: &Figure, figures: &[Figure]) -> String {
    let told: Vec<String> = judge(figure, figures)
        .map(|verdict| {
            format!("{}: {}", verdict.text, if verdict.is_met { "met" } else { "MISSED" })
        })
        .collect();
    told.join("; ")
}

/// Fails where a bar is missed that no noise of the machine moves.
pub(super) fn check(figures: &[Figure]) -> Result<(), String> {
    let missed = figures.iter().find_map(|figure| {
        let certain =
            judge(figure, figures).find(|verdict| verdict.is_certain && !verdict.is_met)?;
        Some(format!("{} is {}, not {}", figure.name, figure.told(), certain.text))
    });
    missed.map_or(Ok(()), Err)
}

fn judge(figure: &Figure, figures: &[Figure]) -> impl Iterator<Item = Verdict> {
    let bars = BARS.iter().filter(|(name, _)| *name == figure.name);
    bars.filter_map(|(_, bar)| bar.verdict(figure, figures))
}

const BARS: &[(&str, Bar)] = &[
    ("bucket_value", Bar::TimesAtMost("murmur3_45", 1.5)),
    ("bucket_value", Bar::NoAllocation),
    ("bucket_value_bulk", Bar::TimesAtMost("bucket_value", 0.5)),
    ("run_experience_sticky", Bar::AtMost(100.0)),
    ("run_experience_sticky", Bar::NoAllocation),
    ("run_experience_sticky_guarded", Bar::NoAllocation),
    ("run_experience_fresh", Bar::TimesAtMost("bucket_value", 2.5)),
    ("run_experience_fresh", Bar::NoAllocation),
    ("run_experience_regex", Bar::TimesAtMost("bucket_value", 5.0)),
    ("run_experience_regex", Bar::NoAllocation),
    ("run_experience_first", Bar::NoAllocation),
    ("run_experience_first_regex", Bar::NoAllocation),
    ("context_and_run", Bar::AtMost(1_000.0)),
    ("run_experience_tracked", Bar::AtMost(1_000.0)),
    ("run_experiences_100", Bar::AtMost(10_000.0)),
    ("run_experience_2t", Bar::TimesAtLeast("run_experience_1t", 1.8)),
    ("explain_experience", Bar::TimesAtMost("run_experience_fresh", 20.0)),
    ("load_config_1000", Bar::AtMost(30_000_000.0)),
    ("config_memory_ratio", Bar::Never(3.0)),
    ("delivery", Bar::AtLeast(200_000.0)),
    ("store_redis_merge", Bar::TimesAtMost("redis_round_trip", 1.5)),
    ("idle_threads", Bar::Never(0.0)),
    ("idle_wakeups", Bar::AtMost(0.0)),
    ("tree_https", Bar::Never(60.0)),
    ("tree_https_spool", Bar::Never(60.0)),
    ("tree_bare", Bar::Never(35.0)),
    ("tree_bare_spool", Bar::Never(35.0)),
    ("facade_build_s", Bar::AtMost(60.0)),
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

    #[test]
    fn only_what_is_certain_fails_a_run() {
        let [fine, slow] = [2.9, 3.1].map(|value| Figure::value("config_memory_ratio", value));
        assert!(check(&[fine]).is_ok());
        assert_eq!(check(&[slow]).unwrap_err(), "config_memory_ratio is 3.10, not at most 3");
        assert!(check(&[Figure::value("idle_wakeups", 1.0)]).is_ok());
    }
}
