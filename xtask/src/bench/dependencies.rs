//! How many crates an application takes in with the SDK.

use super::figure::Figure;
use super::measure::count;
use crate::ci::tree_sizes;

/// The crates behind the facade with its default features, and without any.
pub(super) fn figures() -> Result<Vec<Figure>, String> {
    let sizes = tree_sizes()?;
    let named = NAMES.iter().zip(sizes);
    Ok(named.map(|(name, size)| Figure::value(name, count(size))).collect())
}

const NAMES: [&str; 4] = ["tree_https", "tree_https_spool", "tree_bare", "tree_bare_spool"];
