//! What the cross-crate suites in `tests/` share.

use std::path::PathBuf;

pub mod chaos;
pub mod directory;
pub mod generate;
pub mod live;
pub mod sink;
pub mod soak;

/// Returns a file of the family's reference data.
///
/// The data lies beside the checkout in `shared/data`; `CONVERT_SHARED_DATA` names another place. A
/// test that calls this has `reference_data` in its name, so that `cargo xtask test` leaves it out
/// where there is no such data.
///
/// # Errors
///
/// Fails with the path if the file cannot be read.
pub fn shared_data(file: &str) -> Result<String, String> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let folder = std::env::var_os("CONVERT_SHARED_DATA").map_or(beside, PathBuf::from);
    let path = folder.join(file);
    std::fs::read_to_string(&path)
        .map_err(|error| format!("no reference data at {}: {error}", path.display()))
}
