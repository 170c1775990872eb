//! Projects whose audiences have more and fewer conditions that differ.

use std::hint::black_box;

use convert_sdk::Context;
use serde_json::{Value, json};

use super::super::deciding::unstored;
use super::super::figure::Figure;
use super::super::fixture;
use super::super::measure::{Work, count};
use super::super::options::Options;
use super::super::workload::{element, project_with_audiences};
use super::curve::{Curve, Growth};

/// A context remembers so many conditions of a project: what is beyond is compared each time.
pub(super) fn curves(options: &Options) -> Result<Vec<Curve>, String> {
    let works: Result<Vec<_>, String> =
        SIZES.iter().map(|size| Ok((count(*size), deciding(*size)?))).collect();
    let name = "each in turn, asked again";
    let growth = Growth::Proportional;
    Ok(vec![Curve::measured(name, growth, works?, options.rounds(), Figure::number)?])
}

/// Asks for experiences whose audiences have so many different conditions together, again and again.
fn deciding(conditions: usize) -> Result<Work<'static>, String> {
    let rules = |at: usize| {
        let wanted = json!(format!("value|option {}", at % conditions));
        json!({"OR": [{"AND": [{"OR_WHEN": [element("attribute", "isIn", &wanted)]}]}]})
    };
    let audiences: Vec<Value> = (0..EXPERIENCES).map(rules).collect();
    let core = fixture::core(&project_with_audiences(&audiences).to_string())?;
    let visitor: Context = core.create_context("visitor").with_attributes([("attribute", "value")]);
    let keys: Vec<String> = (0..EXPERIENCES).map(|at| format!("experience-{at}")).collect();
    if keys.iter().any(|key| visitor.run_experience_with(key, &unstored()).is_none()) {
        return Err("an audience lets nobody in".to_owned());
    }
    Ok(Work::new("scale", EXPERIENCES, move || {
        for key in &keys {
            black_box(visitor.run_experience_with(black_box(key), &unstored()));
        }
    }))
}

const SIZES: &[usize] = &[1, 16, 64, 128, 256, 1_024];
const EXPERIENCES: usize = 1_024;
