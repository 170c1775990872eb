//! What the figures of decisions are measured on.

use std::cell::OnceCell;
use std::sync::Arc;

use convert_sdk::{Context, Core, ProjectConfig, SdkConfig};

use super::workload::{self, Visitor};

/// The workload's project and visitors. What few figures need is made when the first one asks.
pub(super) struct Fixture {
    core: Core,
    /// A core that remembers visitors; the other one knows none of them.
    remembering: Core,
    visitors: Vec<Visitor>,
    fresh: OnceCell<Vec<Context>>,
    /// Filled once the other core knows the visitors.
    known: OnceCell<()>,
}

impl Fixture {
    /// Makes a core with direct data that tracks nothing, and so many visitors.
    pub(super) fn new(visitors: usize) -> Result<Self, String> {
        let json = workload::project_with_pattern(EXPERIENCES).to_string();
        // The stripes of the store fill up unevenly.
        let remembering = config(&json)?.record_capacity(4 * visitors);
        Ok(Fixture {
            core: core(&json)?,
            remembering: Core::initialize(remembering).map_err(|error| error.to_string())?,
            visitors: workload::visitors(visitors),
            fresh: OnceCell::new(),
            known: OnceCell::new(),
        })
    }

    /// The project, compiled.
    pub(super) fn config(&self) -> Arc<ProjectConfig> {
        self.core.current_config()
    }

    pub(super) fn visitors(&self) -> &[Visitor] {
        &self.visitors
    }

    /// The visitors' contexts; nothing is remembered of them.
    pub(super) fn fresh(&self) -> &[Context] {
        self.fresh.get_or_init(|| self.new_contexts())
    }

    /// Makes contexts that have been asked for nothing, of visitors of whom nothing is remembered.
    pub(super) fn new_contexts(&self) -> Vec<Context> {
        contexts(&self.core, &self.visitors)
    }

    /// Makes contexts of visitors who come back, and whose every assignment is remembered.
    pub(super) fn returning(&self) -> Vec<Context> {
        self.known.get_or_init(|| {
            for context in contexts(&self.remembering, &self.visitors) {
                context.run_experiences();
            }
        });
        contexts(&self.remembering, &self.visitors)
    }

    /// Makes a visitor's context.
    pub(super) fn context(&self, visitor: &Visitor) -> Context {
        context(&self.core, visitor)
    }
}

/// Makes a core with direct data that tracks nothing.
pub(super) fn core(json: &str) -> Result<Core, String> {
    Core::initialize(config(json)?).map_err(|error| error.to_string())
}

fn config(json: &str) -> Result<SdkConfig, String> {
    let config = SdkConfig::from_json(json).map_err(|error| error.to_string())?;
    Ok(config.environment("production"))
}

/// Makes the contexts of visitors.
pub(super) fn contexts(core: &Core, visitors: &[Visitor]) -> Vec<Context> {
    visitors.iter().map(|visitor| context(core, visitor)).collect()
}

/// Makes a context as an application does.
fn context(core: &Core, visitor: &Visitor) -> Context {
    core.create_context(&*visitor.id).with_attributes(visitor.attributes.clone())
}

/// Every second experience of the workload has an audience; these are the keys of those.
pub(super) fn guarded() -> Vec<String> {
    (0..EXPERIENCES).step_by(2).map(|index| format!("experience-{index}")).collect()
}

/// The experiences of the workload.
pub(super) const EXPERIENCES: usize = 100;
