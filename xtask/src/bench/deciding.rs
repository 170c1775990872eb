//! Decisions, visitor by visitor.

use std::hint::black_box;
use std::thread;

use convert_sdk::{Context, Core, RunOptions};

use super::measure::Work;
use super::workload::Visitor;
use super::{EXPERIENCES, REPEATS, repeat};

/// Makes a context as an application does.
pub(super) fn context(core: &Core, visitor: &Visitor) -> Context {
    core.create_context(&*visitor.id).with_attributes(visitor.attributes.clone())
}

/// Every second experience of the workload has an audience; these are the keys of those.
pub(super) fn guarded() -> Vec<String> {
    (0..EXPERIENCES).step_by(2).map(|index| format!("experience-{index}")).collect()
}

/// What single decisions cost.
pub(super) fn works<'w>(
    core: &'w Core,
    visitors: &'w [Visitor],
    fresh: &'w [Context],
    sticky: &'w [Context],
) -> Vec<Work<'w>> {
    let unstored = RunOptions::new().storage(false);
    let (keys, again, explained) = (guarded(), guarded(), guarded());
    let few = fresh.get(..fresh.len().div_ceil(20)).unwrap_or_default();
    vec![
        Work::new("run_experience_fresh", fresh.len() * keys.len(), move || {
            run_all(fresh, &keys, &unstored);
        }),
        Work::new("run_experience_regex", fresh.len() * REPEATS, move || {
            for visitor in fresh {
                repeat(|| {
                    black_box(visitor.run_experience_with(black_box("regex"), &unstored));
                });
            }
        }),
        Work::new("run_experience_sticky", sticky.len() * again.len(), move || {
            for visitor in sticky {
                for key in &again {
                    black_box(visitor.run_experience(black_box(key)));
                }
            }
        }),
        Work::new("context_and_run", visitors.len(), move || {
            for visitor in visitors {
                let context = context(core, visitor);
                black_box(context.run_experience_with(black_box("experience-42"), &unstored));
            }
        }),
        Work::new("explain_experience", few.len() * explained.len(), move || {
            for visitor in few {
                for key in &explained {
                    black_box(visitor.explain_experience(black_box(key)));
                }
            }
        }),
        Work::new("run_experiences_100", fresh.len(), move || {
            for visitor in fresh {
                black_box(visitor.run_experiences_with(&unstored));
            }
        }),
    ]
}

/// How many decisions one thread makes in a second, and two together.
pub(super) fn rates(fresh: &[Context]) -> Vec<Work<'_>> {
    let unstored = RunOptions::new().storage(false);
    let (keys, shared) = (guarded(), guarded());
    vec![
        Work::rate("run_experience_1t", fresh.len() * keys.len(), move || {
            run_all(fresh, &keys, &unstored);
        }),
        Work::rate("run_experience_2t", 2 * fresh.len() * shared.len(), move || {
            thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| run_all(fresh, &shared, &unstored));
                }
            });
        }),
    ]
}

fn run_all(visitors: &[Context], keys: &[String], options: &RunOptions<'_>) {
    for visitor in visitors {
        for key in keys {
            black_box(visitor.run_experience_with(black_box(key), options));
        }
    }
}
