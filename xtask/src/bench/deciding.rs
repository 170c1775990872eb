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

/// What single decisions cost. Contexts remember what they find, so that each round begins with new ones:
/// what a figure's later decisions gain by the earlier ones, an application's do as well, and no more.
pub(super) fn works(fixture: &Fixture) -> Vec<Work<'_>> {
    let (fresh, visitors) = (fixture.fresh(), fixture.visitors());
    let unstored = unstored();
    let (keys, asked_again, explained) = (guarded(), guarded(), guarded());
    let all: Vec<String> = (0..EXPERIENCES).map(|index| format!("experience-{index}")).collect();
    let few = fresh.get(..fresh.len().div_ceil(20)).unwrap_or_default();
    let ask = |key: &'static str| {
        move |visitor: &Context| {
            black_box(visitor.run_experience_with(black_box(key), &unstored));
        }
    };
    let regex = ask("regex");
    vec![
        anew("run_experience_fresh", fixture, keys.len(), Fixture::new_contexts, move |visitor| {
            run_all(visitor, &keys, &unstored);
        }),
        anew("run_experience_regex", fixture, REPEATS, Fixture::new_contexts, move |visitor| {
            repeat(|| regex(visitor));
        }),
        // The context lies in no near cache; the experience does, since it is the same for everybody.
        anew("run_experience_first", fixture, 1, Fixture::new_contexts, ask("experience-42")),
        anew("run_experience_first_regex", fixture, 1, Fixture::new_contexts, ask("regex")),
        anew("run_experience_sticky", fixture, all.len(), Fixture::returning, move |visitor| {
            return_all(visitor, &all);
        }),
        // An audience that is not permanent is asked again.
        anew(
            "run_experience_sticky_guarded",
            fixture,
            asked_again.len(),
            Fixture::returning,
            move |visitor| return_all(visitor, &asked_again),
        ),
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
        anew("run_experiences_100", fixture, 1, Fixture::new_contexts, move |visitor| {
            black_box(visitor.run_experiences_with(&unstored));
        }),
    ]
}

/// Work that does so many operations with each visitor's context, all of which are made before each
/// round.
fn anew<'f>(
    name: &'static str,
    fixture: &'f Fixture,
    operations: usize,
    contexts: fn(&'f Fixture) -> Vec<Context>,
    each: impl Fn(&Context) + 'f,
) -> Work<'f> {
    let made = Rc::new(RefCell::new(Vec::<Context>::new()));
    let asked = Rc::clone(&made);
    let run = move || asked.borrow().iter().for_each(&each);
    let prepare = move || {
        made.replace(contexts(fixture));
        Ok(())
    };
    let operations = fixture.visitors().len() * operations;
    Work::new(name, operations, run).between(prepare, || Ok(()))
}

/// How many decisions one thread makes in a second, and two together, each on a core of its own, with
/// contexts that have been asked before.
pub(super) fn rates(fixture: &Fixture) -> Vec<Work<'_>> {
    let fresh = fixture.fresh();
    let operations = |threads: usize| threads * PASSES * fresh.len() * guarded().len();
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
                    for visitor in (0..PASSES).flat_map(|_| visitors) {
                        run_all(visitor, keys, options);
                    }
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

fn return_all(visitor: &Context, keys: &[String]) {
    for key in keys {
        black_box(visitor.run_experience(black_box(key)));
    }
}

fn run_all(visitor: &Context, keys: &[String], options: &RunOptions<'_>) {
    for key in keys {
        black_box(visitor.run_experience_with(black_box(key), options));
    }
}

/// How often threads go through the visitors, so that their start, and a core that has to wake up, weigh
/// little.
pub(super) const PASSES: usize = 5;
