//! What the cross-crate suites in `tests/` share.

use std::path::PathBuf;

pub mod chaos;
pub mod directory;
pub mod generate;
pub mod live;
pub mod sink;

/// Returns a file of the family's reference data, or `None`, loudly, where it is not at hand.
///
/// The data lies beside the checkout in `shared/data`; `CONVERT_SHARED_DATA` names another place.
pub fn shared_data(file: &str) -> Option<String> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let folder = std::env::var_os("CONVERT_SHARED_DATA").map_or(beside, PathBuf::from);
    let path = folder.join(file);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) => {
            eprintln!("SKIPPED: no reference data at {}: {error}", path.display());
            None
        }
    }
}
