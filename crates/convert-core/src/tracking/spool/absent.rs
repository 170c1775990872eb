//! No spool: what stands in its place without the feature `spool`.

use std::io;
use std::ops::Range;
use std::path::Path;

use crate::tracking::batch::Batch;

/// A spool that cannot exist.
#[derive(Debug)]
pub(crate) enum Spool {}

impl Spool {
    pub(crate) fn pending(&self) -> impl Iterator<Item = u32> {
        match *self {}
        #[expect(unreachable_code, reason = "names the type of what cannot be returned")]
        std::iter::empty()
    }

    pub(crate) fn damaged(&self) -> u64 {
        match *self {}
    }

    pub(crate) fn append(&mut self, _: &Batch, _: bool) -> io::Result<()> {
        match *self {}
    }

    pub(crate) fn sync(&mut self) -> io::Result<()> {
        match *self {}
    }

    pub(crate) fn load(&self) -> io::Result<Option<Batch>> {
        match *self {}
    }

    pub(crate) fn remove(&mut self, _: u32) -> io::Result<()> {
        match *self {}
    }

    pub(crate) fn missing(&mut self) -> Vec<Range<u64>> {
        match *self {}
    }

    pub(crate) fn is_in_place(&self) -> bool {
        match *self {}
    }

    pub(crate) fn directory(&self) -> &Path {
        match *self {}
    }
}
