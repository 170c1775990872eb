//! Previewing one variation.

use std::sync::Arc;

use convert_config::ProjectConfig;
use convert_decision::{ForcedArm, Preview, PreviewError, Segments};

use crate::context::Context;
use crate::error::Error;
use crate::log;
use crate::stats::Counters;
use crate::sync::{Mutex, MutexGuard};
use crate::visitor_store::{RecordDelta, RecordGuard};

/// A preview, and the config that has its experience.
#[derive(Debug)]
pub(super) struct Previewed {
    preview: Preview,
    config: Arc<ProjectConfig>,
    said: Said,
}

/// Report segments that the application has set while previewing: rules see them, and they are
/// recorded once the preview ends.
#[derive(Debug, Default)]
struct Said {
    delta: Mutex<RecordDelta<'static>>,
}

impl Context {
    /// Shows the visitor one variation, whatever its status, audience, location or environment.
    ///
    /// Everything else decides as usual, and nothing leaves a trace. The experience is found by key
    /// and by id, and takes the place of one of the config with the same key or id.
    ///
    /// Report segments that the application sets while previewing, as attributes or with
    /// [`Context::set_segments`], are seen by rules at once, and recorded when the preview is
    /// cleared. A context that is dropped while it previews leaves nothing.
    ///
    /// An experience that the config lacks, a draft say, is fetched where there is an SDK key. That
    /// **blocks** until the service has answered or the transport's deadline has passed, and while
    /// another thread fetches the same one: an asynchronous program calls this where blocking is
    /// allowed. What was found is kept for a minute, for at most 1,000 experiences and 64 MiB of JSON;
    /// that nothing could be fetched is kept for five seconds, and for as long as the service asks to
    /// be left alone (`Retry-After`, up to ten minutes).
    ///
    /// # Errors
    ///
    /// Fails if there is no such experience or variation, or if the service could not tell; then
    /// nothing is previewed, and an earlier preview is cleared.
    pub fn set_preview(&mut self, preview: Preview) -> Result<(), PreviewError> {
        let found = match preview.resolve(&self.config) {
            Ok(_) => Ok(Arc::clone(&self.config)),
            Err(PreviewError::ExperienceNotFound) => self.fetch_preview(&preview),
            Err(error) => Err(error),
        };
        match found {
            Ok(config) => {
                let said = self.preview.take().map(|earlier| earlier.said).unwrap_or_default();
                self.preview = Some(Previewed { preview, config, said });
                Ok(())
            }
            Err(error) => {
                self.clear_preview();
                Err(error)
            }
        }
    }

    /// Ends a preview, and records the report segments that were set while it lasted.
    pub fn clear_preview(&mut self) {
        let Some(ended) = self.preview.take() else { return };
        let said =
            ended.said.enter().map(|mut said| std::mem::take(&mut *said)).unwrap_or_default();
        if !said.is_empty() {
            self.apply(&said);
        }
    }

    /// Returns the visitor's record as rules see it: while previewing, with what the application has
    /// said since.
    #[inline]
    pub(super) fn seen(&self) -> RecordGuard<'_> {
        match &self.preview {
            None => self.record.load(),
            Some(previewed) => self.seen_in_preview(previewed),
        }
    }

    #[cold]
    fn seen_in_preview(&self, previewed: &Previewed) -> RecordGuard<'_> {
        let said = previewed.said.enter();
        let Some(said) = said.filter(|said| !said.is_empty()) else { return self.record.load() };
        let record = said.merge_into(self.visitor_record()).into_record();
        RecordGuard::Made(Box::new(record))
    }

    /// Finds a config that has what is to be previewed.
    fn fetch_preview(&self, preview: &Preview) -> Result<Arc<ProjectConfig>, PreviewError> {
        let shared = &*self.shared;
        let remote = shared.remote.as_ref().ok_or(PreviewError::ExperienceNotFound)?;
        let refusal = if shared.bus.is_closed() {
            Some("the core is closed")
        } else if shared.is_forked() {
            Some("the process is a child of fork(), whose parent has the connections")
        } else {
            None
        };
        if let Some(reason) = refusal {
            return Err(PreviewError::FetchFailed { reason: reason.to_owned() });
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
    if let Some(count) = counters.preview_failures.record() {
        log::warn!(
            target: "convert_sdk::preview",
            "an experience to preview could not be fetched, {count} times so far: {error}"
        );
    }
}

impl Previewed {
    /// Keeps what the application says while previewing.
    pub(super) fn say(&self, segments: Segments) {
        if let Some(mut said) = self.said.enter() {
            *said = std::mem::take(&mut *said).segments(segments);
        }
    }

    pub(super) fn resolve(&self) -> Option<ForcedArm<'_>> {
        self.preview.resolve(&self.config).ok()
    }
}

impl Said {
    /// Returns what was said; `None` in a child of `fork()` where another thread was saying something.
    fn enter(&self) -> Option<MutexGuard<'_, RecordDelta<'static>>> {
        self.delta.try_enter()
    }
}
