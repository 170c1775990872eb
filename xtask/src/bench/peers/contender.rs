//! A library that takes part.

use serde_json::{Value, json};

use super::super::figure::Memory;
use super::super::measure::Work;
use super::CALLS;
use crate::parity::referee::Referee;

/// A library that takes part, and what has been measured of it.
pub(in super::super) struct Contender {
    pub(super) name: &'static str,
    pub(super) version: String,
    /// Whether it is one of Convert's SDKs, which decide alike.
    pub(super) is_sibling: bool,
    /// What it decides for every visitor.
    pub(super) decided: Vec<Option<String>>,
    pub(super) engine: Engine,
    /// The nanoseconds that each round took, for every call.
    pub(super) ns: [Vec<f64>; 3],
    /// What each call allocates, where that can be told.
    pub(super) memory: [Option<Memory>; 3],
}

/// What is measured of a library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Call {
    /// A decision for a visitor that the library has been told.
    Decide,
    /// The same from the visitor's id and attributes.
    Build,
    /// A decision with its reasons.
    Explain,
}

/// What runs a library.
pub(super) enum Engine {
    /// This process.
    Own(Vec<Work<'static>>),
    /// Another one, with the calls that it knows.
    Other { process: Referee, calls: Vec<Call>, repeats: usize },
}

impl Call {
    pub(super) fn name(self) -> &'static str {
        match self {
            Call::Decide => "decide",
            Call::Build => "build_and_decide",
            Call::Explain => "explain",
        }
    }
}

impl Contender {
    /// Starts a library in another process by telling it the visitors and its config.
    pub(super) fn other(
        (name, version): (&'static str, &str),
        mut process: Referee,
        start: &Value,
        calls: &[Call],
        repeats: usize,
    ) -> Result<Self, String> {
        let answer = process.ask(start)?;
        let decided = answer.get("decided").and_then(Value::as_array);
        let decided = decided.ok_or_else(|| format!("{name} did not start: {answer}"))?;
        Ok(Contender {
            name,
            version: version.to_owned(),
            is_sibling: false,
            decided: decided.iter().map(|key| key.as_str().map(str::to_owned)).collect(),
            engine: Engine::Other { process, calls: calls.to_vec(), repeats },
            ns: Default::default(),
            memory: [None; 3],
        })
    }

    /// Does every call that the library knows once for all visitors, or some times.
    pub(super) fn round(&mut self) -> Result<(), String> {
        for (index, call) in CALLS.into_iter().enumerate() {
            let measured = match &mut self.engine {
                Engine::Own(works) => works.get_mut(index).map(Work::nanoseconds).transpose()?,
                Engine::Other { process, calls, repeats } if calls.contains(&call) => {
                    let answer = ask(process, call, *repeats)?;
                    Some(answer.get("ns").and_then(Value::as_f64).ok_or("a peer told no time")?)
                }
                Engine::Other { .. } => None,
            };
            if let (Some(ns), Some(rounds)) = (measured, self.ns.get_mut(index)) {
                rounds.push(ns);
            }
        }
        Ok(())
    }
}

/// Has a library do a call for all visitors, so many times.
pub(super) fn ask(process: &mut Referee, call: Call, repeats: usize) -> Result<Value, String> {
    process.ask(&json!({"call": call.name(), "repeats": repeats}))
}
