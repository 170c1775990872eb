//! Every figure there is, in groups that are made together.

use super::figure::Figure;
use super::fixture::Fixture;
use super::measure::Work;
use super::options::Options;
use super::{
    building, deciding, delivery, dependencies, floor, hashing, idle, loading, stores, tracking,
};

/// Figures that are made together.
pub(super) struct Group {
    /// What they are called.
    names: &'static [&'static str],
    source: Source,
}

/// Where figures come from.
enum Source {
    /// Work that is measured in rounds, in turn with that of the other groups.
    Works(for<'f> fn(&'f Fixture) -> Result<Vec<Work<'f>>, String>),
    /// What is found out once.
    Figures(fn(&Options) -> Result<Vec<Figure>, String>),
    /// What only the program finds out that counts allocations.
    Memory(fn() -> Vec<Figure>),
}

/// Returns the work of all groups, or of those that have one of the names.
pub(super) fn works<'f>(fixture: &'f Fixture, only: &[String]) -> Result<Vec<Work<'f>>, String> {
    let mut works = Vec::new();
    for group in GROUPS.iter().filter(|group| group.is_wanted(only)) {
        if let Source::Works(make) = group.source {
            works.extend(make(fixture)?);
        }
    }
    Ok(works)
}

/// Returns the figures of the groups that are not measured in rounds.
pub(super) fn figures(options: &Options) -> Result<Vec<Figure>, String> {
    let mut figures = Vec::new();
    for group in GROUPS.iter().filter(|group| group.is_wanted(&options.only)) {
        if let Source::Figures(find) = group.source {
            figures.extend(find(options)?);
        }
    }
    Ok(figures)
}

/// Returns the figures that the program finds out that counts allocations, where this is it.
pub(super) fn memory(only: &[String]) -> Vec<Figure> {
    let wanted = GROUPS.iter().filter(|group| group.is_wanted(only));
    let found = wanted.filter_map(|group| match group.source {
        Source::Memory(find) => Some(find()),
        _ => None,
    });
    found.flatten().collect()
}

/// Returns the name of a figure as the groups have it.
pub(super) fn name(wanted: &str) -> Option<&'static str> {
    GROUPS.iter().flat_map(|group| group.names).copied().find(|name| *name == wanted)
}

/// Refuses names that no group has.
pub(super) fn check(only: &[String]) -> Result<(), String> {
    let known = |name: &String| GROUPS.iter().any(|group| group.names.contains(&name.as_str()));
    match only.iter().find(|name| !known(name)) {
        None => Ok(()),
        Some(name) => {
            let all: Vec<&str> = GROUPS.iter().flat_map(|group| group.names).copied().collect();
            Err(format!("bench: there is no figure `{name}`; there are {}", all.join(", ")))
        }
    }
}

impl Group {
    fn is_wanted(&self, only: &[String]) -> bool {
        only.is_empty() || only.iter().any(|name| self.names.contains(&name.as_str()))
    }
}

/// The groups in the order in which they are shown.
const GROUPS: &[Group] = &[
    Group {
        names: &["murmur3_45", "bucket_value", "bucket_value_bulk"],
        source: Source::Works(|fixture| Ok(hashing::works(fixture))),
    },
    Group {
        names: &[
            "run_experience_fresh",
            "run_experience_regex",
            "run_experience_first",
            "run_experience_first_regex",
            "run_experience_sticky",
            "run_experience_sticky_guarded",
            "context_and_run",
            "explain_experience",
            "run_experiences_100",
        ],
        source: Source::Works(|fixture| Ok(deciding::works(fixture))),
    },
    Group {
        names: &["floor_fresh_rules", "floor_fresh", "floor_regex", "floor_sticky"],
        source: Source::Works(floor::works),
    },
    Group {
        names: &["run_experience_1t", "run_experience_2t"],
        source: Source::Works(|fixture| Ok(deciding::rates(fixture))),
    },
    Group {
        names: &["run_experience_tracked"],
        source: Source::Works(|fixture| Ok(vec![tracking::recording(fixture)])),
    },
    Group { names: &["load_config_1000"], source: Source::Works(|_| Ok(loading::works())) },
    Group { names: &["store_memory_merge"], source: Source::Works(|_| stores::memory()) },
    Group {
        names: &["store_redis_merge", "store_redis_merge_all", "redis_round_trip"],
        source: Source::Works(|_| stores::redis()),
    },
    Group { names: &["config_memory_ratio"], source: Source::Memory(loading::figures) },
    Group {
        names: &["delivery", "delivery_memory_mib"],
        source: Source::Figures(delivery::figures),
    },
    Group {
        names: &["idle_threads", "idle_wakeups"],
        source: Source::Figures(|_| idle::figures()),
    },
    Group {
        names: &["tree_https", "tree_https_spool", "tree_bare", "tree_bare_spool"],
        source: Source::Figures(|_| dependencies::figures()),
    },
    Group { names: &["facade_build_s"], source: Source::Figures(building::figures) },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_figure_is_refused_and_the_others_are_named() {
        assert!(check(&["bucket_value".to_owned()]).is_ok());
        let refusal = check(&["bucket".to_owned()]).unwrap_err();
        assert!(refusal.contains("`bucket`") && refusal.contains("run_experience_2t"));
    }

    #[test]
    fn no_name_stands_for_two_figures() {
        let mut names: Vec<&str> = GROUPS.iter().flat_map(|group| group.names).copied().collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn groups_make_the_figures_they_name() {
        let fixture = Fixture::new(2).unwrap();
        for group in GROUPS {
            if let (Source::Works(make), false) =
                (&group.source, group.names.contains(&"redis_round_trip"))
            {
                let names: Vec<_> = make(&fixture).unwrap().iter().map(Work::name).collect();
                assert_eq!(names, group.names);
            }
        }
    }
}
