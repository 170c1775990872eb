//! The keys of visitor records.

/// Returns whether a key has an account, a project and a visitor.
pub(super) fn is_of_visitor(key: &str) -> bool {
    let mut parts = key.splitn(3, '-');
    (0..3).all(|_| parts.next().is_some_and(|part| !part.is_empty()))
}

/// The fault of a key that has none of these.
pub(super) const NO_KEY: &str = "is not of the form ACCOUNT-PROJECT-VISITOR";
