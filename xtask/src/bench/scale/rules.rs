//! Audiences with more and fewer rules, visitors with more and fewer attributes.

use std::hint::black_box;

use convert_decision::{AttributeLayers, Evaluation, NoopObserver};
use convert_sdk::{Attributes, Core, Value as Attribute};
use serde_json::{Value, json};

use super::super::deciding::unstored;
use super::super::figure::Figure;
use super::super::fixture;
use super::super::measure::{Work, count};
use super::super::options::Options;
use super::super::workload::{element, project_with_audience};
use super::curve::{Curve, Growth};

/// One more rule that has to be looked at, and one more option.
pub(super) fn over_rules(options: &Options) -> Result<Vec<Curve>, String> {
    let curve =
        |name, growth, rules: fn(usize) -> Value, work: Deciding| -> Result<Curve, String> {
            let works: Result<Vec<_>, String> = SIZES
                .iter()
                .map(|size| Ok((count(*size), work(&core(&rules(*size))?, visitor(5)))))
                .collect();
            Curve::measured(name, growth, works?, options.rounds(), Figure::number)
        };
    Ok(vec![
        curve("rules that all hold", Growth::Proportional, holding, comparing)?,
        curve("the same, asked again", Growth::Proportional, holding, deciding)?,
        curve(
            "rules of which the last holds",
            Growth::Proportional,
            |size| {
                let rule = |at: usize| {
                    let wanted =
                        if at + 1 == size { "value 1".to_owned() } else { format!("no {at}") };
                    element("attribute-1", "contains", &json!(wanted))
                };
                json!({"OR": [{"AND": [{"OR_WHEN": (0..size).map(rule).collect::<Vec<_>>()}]}]})
            },
            comparing,
        )?,
        curve(
            "one isIn rule with more options",
            Growth::Proportional,
            |size| {
                let options = (1..=size).rev().map(|at| format!("value {at}"));
                let options = json!(options.collect::<Vec<_>>().join("|"));
                json!({"OR": [{"AND": [{"OR_WHEN": [element("attribute-1", "isIn", &options)]}]}]})
            },
            comparing,
        )?,
    ])
}

/// Rules that differ, and all hold.
fn holding(size: usize) -> Value {
    let rule = |at: usize| {
        let options = json!(format!("value 1|option {at}"));
        json!({"OR_WHEN": [element("attribute-1", "isIn", &options)]})
    };
    json!({"OR": [{"AND": (0..size).map(rule).collect::<Vec<_>>()}]})
}

/// More attributes than the rules look at.
pub(super) fn over_attributes(options: &Options) -> Result<Vec<Curve>, String> {
    let rules = json!({"OR": [{"AND": [
        {"OR_WHEN": [element("attribute-0", "isIn", &json!("value 0|other"))]},
        {"OR_WHEN": [element("attribute-4", "contains", &json!("value"))]}]}]});
    let core = core(&rules)?;
    let curve = |name, growth, work: fn(&Core, Attributes) -> Work<'static>| {
        let works = ATTRIBUTES.iter().map(|size| (count(*size), work(&core, visitor(*size))));
        Curve::measured(name, growth, works.collect(), options.rounds(), Figure::number)
    };
    Ok(vec![
        curve("a decision with two rules", Growth::Proportional, comparing)?,
        curve("create_context with the attributes", Growth::Proportional, |core, attributes| {
            let core = core.clone();
            Work::new("scale", FEW, move || {
                for _ in 0..FEW {
                    let context = core.create_context(black_box("visitor"));
                    black_box(context.with_attributes(attributes.clone()));
                }
            })
        })?,
    ])
}

/// Decides without a memory of what has been found before: a context's first decision also begins one.
fn comparing(core: &Core, attributes: Attributes) -> Work<'static> {
    let config = core.current_config();
    Work::new("scale", MANY, move || {
        for _ in 0..MANY {
            let facts = AttributeLayers::new(black_box(&attributes));
            let evaluation = Evaluation::new(&config, "visitor").attributes(facts);
            black_box(evaluation.decide_by_key(black_box("scaled"), &mut NoopObserver).is_ok());
        }
    })
}

/// Decides again and again with one context.
fn deciding(core: &Core, attributes: Attributes) -> Work<'static> {
    let context = core.create_context("visitor").with_attributes(attributes);
    Work::new("scale", MANY, move || {
        for _ in 0..MANY {
            black_box(context.run_experience_with(black_box("scaled"), &unstored()));
        }
    })
}

fn core(rules: &Value) -> Result<Core, String> {
    let core = fixture::core(&project_with_audience(10, "scaled", rules).to_string())?;
    let visitor = core.create_context("visitor").with_attributes(visitor(5));
    // What is not decided would be cheap.
    let decided = visitor.run_experience_with("scaled", &unstored()).is_some();
    if decided { Ok(core) } else { Err("the audience lets nobody in".to_owned()) }
}

fn visitor(attributes: usize) -> Attributes {
    let one = |at: usize| (format!("attribute-{at}"), Attribute::from(format!("value {at}")));
    (0..attributes).map(one).collect()
}

/// How a decision for a visitor with these attributes is made.
type Deciding = fn(&Core, Attributes) -> Work<'static>;

const SIZES: &[usize] = &[1, 4, 16, 64, 256, 1_024];
const ATTRIBUTES: &[usize] = &[5, 20, 80, 320];
const MANY: usize = 1_000;
const FEW: usize = 500;
