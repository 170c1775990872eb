//! This SDK.

use std::hint::black_box;
use std::rc::Rc;

use convert_sdk::{Attributes, Context, Core, Value as Attribute};
use serde_json::{Map, Value};

use super::super::allocations;
use super::super::clock::Clock;
use super::super::deciding::unstored;
use super::super::figure::Memory;
use super::super::fixture;
use super::super::measure::Work;
use super::contender::{Contender, Engine};
use super::{CALLS, settings};

pub(super) fn contender() -> Result<Contender, String> {
    let (core, people) = stage()?;
    let name = |person: &Person| {
        let context = context(&core, person);
        let decided = context.run_experience_with(settings::FLAG, &unstored());
        decided.map(|decided| decided.variation_key().to_owned())
    };
    Ok(Contender {
        name: "convert-sdk (Rust)",
        version: env!("CARGO_PKG_VERSION").to_owned(),
        is_sibling: true,
        decided: people.iter().map(name).collect(),
        engine: Engine::Own(works()?),
        ns: Default::default(),
        memory: counted()?,
    })
}

/// The calls in their order.
fn works() -> Result<Vec<Work<'static>>, String> {
    let (core, people) = stage()?;
    let contexts: Rc<[Context]> = people.iter().map(|person| context(&core, person)).collect();
    let again = Rc::clone(&contexts);
    let works = vec![
        Work::new("decide", REPEATS * people.len(), move || {
            for context in (0..REPEATS).flat_map(|_| contexts.iter()) {
                black_box(context.run_experience_with(black_box(settings::FLAG), &unstored()));
            }
        }),
        Work::new("build_and_decide", REPEATS * people.len(), move || {
            for person in (0..REPEATS).flat_map(|_| people.iter()) {
                let context = context(&core, person);
                black_box(context.run_experience_with(black_box(settings::FLAG), &unstored()));
            }
        }),
        Work::new("explain", again.len(), move || {
            for context in again.iter() {
                black_box(context.explain_experience(black_box(settings::FLAG)));
            }
        }),
    ];
    // By the same clock as the others.
    Ok(works.into_iter().map(|work| work.by(Clock::Process)).collect())
}

/// Counts what the calls allocate, and prints it.
pub(in super::super) fn print_allocations() -> Result<(), String> {
    allocations::print_counts(works()?)
}

/// Has the other build of this program count what the calls allocate.
fn counted() -> Result<[Option<Memory>; 3], String> {
    let lines = allocations::ask(&["--own-allocations".to_owned()])?;
    Ok(CALLS.map(|call| {
        let line =
            lines.iter().find(|line| line.get("name").is_some_and(|it| it == call.name()))?;
        let number = |member: &str| line.get(member).and_then(Value::as_f64);
        Some(Memory { allocs: number("allocs")?, bytes: number("bytes")? })
    }))
}

type Person = (String, Map<String, Value>);

fn stage() -> Result<(Core, Rc<[Person]>), String> {
    let core = fixture::core(&settings::convert().to_string())?;
    Ok((core, settings::people().into()))
}

fn context(core: &Core, (id, attributes): &Person) -> Context {
    let attributes = attributes.iter().map(|(name, value)| {
        let value = match value {
            Value::Number(number) => Attribute::from(number.as_f64().unwrap_or_default()),
            other => Attribute::from(other.as_str().unwrap_or_default()),
        };
        (name, value)
    });
    core.create_context(id.as_str()).with_attributes(attributes.collect::<Attributes>())
}

const REPEATS: usize = 20;
