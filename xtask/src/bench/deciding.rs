//! Decisions, visitor by visitor.

use std::cell::RefCell;
use std::hint::black_box;
use std::rc::Rc;
use std::thread;

use convert_sdk::{Context, RunOptions};

use super::clock::pin;
use super::fixture::{EXPERIENCES, Fixture, guarded};
use super::measure::Work;
use super::repeat::{REPEATS, repeat};

/// What single decisions cost.
pub(super) fn works(fixture: &Fixture) -> Vec<Work<'_>> {
    let (fresh, sticky, visitors) = (fixture.fresh(), fixture.sticky(), fixture.visitors());
    let unstored = unstored();
    let (keys, asked_again, explained) = (guarded(), guarded(), guarded());
    let all: Vec<String> = (0..EXPERIENCES).map(|index| format!("experience-{index}")).collect();
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
        first("run_experience_first", fixture, "experience-42"),
        first("run_experience_first_regex", fixture, "regex"),
        Work::new("run_experience_sticky", sticky.len() * all.len(), move || {
            return_all(sticky, &all);
        }),
        // An audience that is not permanent is asked again.
        Work::new("run_experience_sticky_guarded", sticky.len() * asked_again.len(), move || {
            return_all(sticky, &asked_again);
        }),
        Work::new("context_and_run", visitors.len(), move || {
            for visitor in visitors {
                let context = fixture.context(visitor);
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

/// The first decision of each visitor's context: nothing has been found out of their attributes. The
/// context lies in no near cache; the experience does, since it is the same one for everybody.
fn first<'f>(name: &'static str, fixture: &'f Fixture, key: &'static str) -> Work<'f> {
    let made = Rc::new(RefCell::new(Vec::<Context>::new()));
    let (decided, unstored) = (Rc::clone(&made), unstored());
    let decide = move || {
        for visitor in &*decided.borrow() {
            black_box(visitor.run_experience_with(black_box(key), &unstored));
        }
    };
    let prepare = move || {
        made.replace(fixture.visitors().iter().map(|visitor| fixture.context(visitor)).collect());
        Ok(())
    };
    Work::new(name, fixture.visitors().len(), decide).between(prepare, || Ok(()))
}

/// How many decisions one thread makes in a second, and two together, each on a core of its own.
pub(super) fn rates(fixture: &Fixture) -> Vec<Work<'_>> {
    let fresh = fixture.fresh();
    let operations = |threads: usize| threads * fresh.len() * guarded().len();
    let rate = |name, threads| Work::rate(name, operations(threads), on_threads(fresh, threads));
    vec![rate("run_experience_1t", 1), rate("run_experience_2t", 2)]
}

/// Returns a call that has so many threads decide for all the visitors at the same time.
pub(super) fn on_threads(visitors: &[Context], threads: usize) -> impl FnMut() {
    let (keys, options) = (guarded(), unstored());
    move || {
        thread::scope(|scope| {
            for number in 0..threads {
                let (keys, options) = (&keys, &options);
                scope.spawn(move || {
                    pin(number);
                    run_all(visitors, keys, options);
                });
            }
        });
    }
}

/// Neither stored nor tracked.
pub(super) fn unstored() -> RunOptions<'static> {
    RunOptions::new().storage(false).tracking(false)
}

/// Not stored, so that nobody becomes known, but tracked.
pub(super) fn unstored_but_tracked() -> RunOptions<'static> {
    RunOptions::new().storage(false)
}

fn return_all(visitors: &[Context], keys: &[String]) {
    for visitor in visitors {
        for key in keys {
            black_box(visitor.run_experience(black_box(key)));
        }
    }
}

fn run_all(visitors: &[Context], keys: &[String], options: &RunOptions<'_>) {
    for visitor in visitors {
        for key in keys {
            black_box(visitor.run_experience_with(black_box(key), options));
        }
    }
}
