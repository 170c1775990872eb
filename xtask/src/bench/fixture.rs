//! What the figures of decisions are measured on.

use std::cell::OnceCell;

use convert_sdk::{Context, Core, SdkConfig};

use super::workload::{self, Visitor};

/// The workload's project and visitors. What few figures need is made when the first one asks.
pub(super) struct Fixture {
    core: Core,
    visitors: Vec<Visitor>,
    fresh: OnceCell<Vec<Context>>,
    sticky: OnceCell<Vec<Context>>,
}

impl Fixture {
    /// Makes a core with direct data that tracks nothing, and so many visitors.
    pub(super) fn new(visitors: usize) -> Result<Self, String> {
        let json = workload::project_with_pattern(EXPERIENCES).to_string();
        let config = SdkConfig::from_json(&json).map_err(|error| error.to_string())?;
        let core = Core::initialize(config.environment("production"));
        Ok(Fixture {
            core: core.map_err(|error| error.to_string())?,
            visitors: workload::visitors(visitors),
            fresh: OnceCell::new(),
            sticky: OnceCell::new(),
        })
    }

    pub(super) fn visitors(&self) -> &[Visitor] {
        &self.visitors
    }

    /// The visitors' contexts; nothing is remembered of them.
    pub(super) fn fresh(&self) -> &[Context] {
        self.fresh.get_or_init(|| self.contexts())
    }

    /// The contexts of visitors whose every assignment is remembered.
    pub(super) fn sticky(&self) -> &[Context] {
        self.sticky.get_or_init(|| {
            let contexts = self.contexts();
            for context in &contexts {
                context.run_experiences();
            }
            contexts
        })
    }

    /// Makes a visitor's context as an application does.
    pub(super) fn context(&self, visitor: &Visitor) -> Context {
        self.core.create_context(&*visitor.id).with_attributes(visitor.attributes.clone())
    }

    fn contexts(&self) -> Vec<Context> {
        self.visitors.iter().map(|visitor| self.context(visitor)).collect()
    }
}

/// Every second experience of the workload has an audience; these are the keys of those.
pub(super) fn guarded() -> Vec<String> {
    (0..EXPERIENCES).step_by(2).map(|index| format!("experience-{index}")).collect()
}

/// The experiences of the workload.
const EXPERIENCES: usize = 100;
