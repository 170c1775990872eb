//! Projects with more and fewer experiences.

use std::hint::black_box;
use std::rc::Rc;

use convert_sdk::Context;

use super::super::deciding::unstored;
use super::super::figure::Figure;
use super::super::fixture::{self, contexts};
use super::super::measure::{Work, count};
use super::super::options::Options;
use super::super::workload;
use super::curve::{Curve, Growth};

/// A project of some size, and visitors.
struct Stage {
    size: usize,
    fresh: Vec<Context>,
    sticky: Vec<Context>,
    /// The experiences with an audience, in an order that no cache foresees.
    keys: Vec<String>,
}

pub(super) fn curves(options: &Options) -> Result<Vec<Curve>, String> {
    let stages: Result<Vec<Rc<Stage>>, String> =
        SIZES.iter().map(|size| Ok(Rc::new(Stage::new(*size)?))).collect();
    let stages = stages?;
    let rounds = options.rounds();
    let curve = |name, growth, operations: usize, decide: fn(&Stage, usize)| {
        let works = stages.iter().map(|stage| {
            let stage = Rc::clone(stage);
            let size = count(stage.size);
            let work = Work::new("scale", operations, move || {
                (0..operations).for_each(|turn| decide(&stage, turn));
            });
            (size, work)
        });
        Curve::measured(name, growth, works.collect(), rounds, Figure::number)
    };
    let mut all =
        curve("run_experiences, all together", Growth::Proportional, FEW, |stage, turn| {
            let visitor = stage.fresh.get(turn % VISITORS);
            black_box(visitor.map(|visitor| visitor.run_experiences_with(&unstored())));
        })?;
    // The others are told for one decision, too.
    all.points.iter_mut().for_each(|(size, ns)| *ns /= *size);
    all.name = "run_experiences, each";
    all.growth = Growth::Level;
    Ok(vec![
        curve("one experience, new visitors", Growth::Level, MANY, |stage, turn| {
            decide(&stage.fresh, turn, stage.keys.first());
        })?,
        curve("one experience, known visitors", Growth::Level, MANY, |stage, turn| {
            decide(&stage.sticky, turn, stage.keys.first());
        })?,
        curve("each in turn, new visitors", Growth::Level, MANY, |stage, turn| {
            decide(&stage.fresh, turn, stage.keys.get(turn % stage.keys.len()));
        })?,
        all,
    ])
}

fn decide(visitors: &[Context], turn: usize, key: Option<&String>) {
    if let (Some(visitor), Some(key)) = (visitors.get(turn % VISITORS), key) {
        black_box(visitor.run_experience_with(black_box(key), &unstored()));
    }
}

impl Stage {
    fn new(size: usize) -> Result<Self, String> {
        let core = fixture::core(&workload::project(size).to_string())?;
        let visitors = workload::visitors(VISITORS);
        let sticky = contexts(&core, &visitors);
        let mut keys: Vec<String> =
            (0..size).step_by(2).map(|index| format!("experience-{index}")).collect();
        for context in &sticky {
            if let Some(first) = keys.first() {
                context.run_experience(first);
            }
        }
        fastrand::Rng::with_seed(1).shuffle(&mut keys);
        // The experience of the single decisions is the same one everywhere.
        let first = keys.iter().position(|key| key == "experience-0").unwrap_or_default();
        keys.swap(0, first);
        let strangers: Vec<_> = workload::visitors(2 * VISITORS).split_off(VISITORS);
        Ok(Stage { size, fresh: contexts(&core, &strangers), sticky, keys })
    }
}

const SIZES: &[usize] = &[1, 10, 100, 1_000, 10_000];
const VISITORS: usize = 100;
const MANY: usize = 20_000;
const FEW: usize = 10;
