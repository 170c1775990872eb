//! Previewing one variation.

use std::sync::Arc;

use convert_config::ProjectConfig;
use convert_decision::{ForcedArm, Preview, PreviewError};

use crate::context::Context;
use crate::error::Error;
use crate::stats::Counters;

/// A preview, and the config that has its experience.
#[derive(Debug, Clone)]
pub(super) struct Previewed {
    preview: Preview,
    config: Arc<ProjectConfig>,
}

impl Context {
    /// Shows the visitor one variation, whatever its status, audience, location or environment.
    ///
    /// Everything else decides as usual, and nothing leaves a trace.
    ///
    /// An experience that the config lacks, a draft say, is fetched where there is an SDK key. That
    /// **blocks** until the service has answered or the transport's deadline has passed, and while
    /// another thread fetches the same one: an asynchronous program calls this where blocking is
    /// allowed. What was found is kept for a minute, for the 1,000 experiences asked for last; that
    /// nothing could be fetched is kept for five seconds.
    ///
    /// # Errors
    ///
    /// Fails if there is no such experience or variation, or if the service could not tell; then
    /// nothing is previewed.
    pub fn set_preview(&mut self, preview: Preview) -> Result<(), PreviewError> {
        self.preview = None;
        let config = match preview.resolve(&self.config) {
            Ok(_) => Arc::clone(&self.config),
            Err(PreviewError::ExperienceNotFound) => self.fetch_preview(&preview)?,
            Err(error) => return Err(error),
        };
        self.preview = Some(Previewed { preview, config });
        Ok(())
    }

    /// Ends a preview.
    pub fn clear_preview(&mut self) {
        self.preview = None;
    }

    /// Finds a config that has what is to be previewed.
    fn fetch_preview(&self, preview: &Preview) -> Result<Arc<ProjectConfig>, PreviewError> {
        let shared = &*self.shared;
        let remote = shared.remote.as_ref().ok_or(PreviewError::ExperienceNotFound)?;
        if shared.bus.is_closed() {
            return Err(PreviewError::FetchFailed);
        }
        let id = preview.experience_id();
        let found = remote.previews.find(
            id,
            || shared.timer.now(),
            || {
                shared.counters.preview_fetches.count();
                let fetched = remote.fetcher.fetch_preview(id);
                fetched.inspect_err(|error| report_failure(&shared.counters, error))
            },
        )?;
        preview.resolve(&found)?;
        Ok(found)
    }
}

fn report_failure(counters: &Counters, error: &Error) {
    let count = counters.preview_failures.count();
    if count.is_power_of_two() {
        log::warn!(
            target: "convert_sdk::preview",
            "an experience to preview could not be fetched, {count} times so far: {error}"
        );
    }
}

impl Previewed {
    pub(super) fn resolve(&self) -> Option<ForcedArm<'_>> {
        self.preview.resolve(&self.config).ok()
    }
}
