//! Deterministic hashing and traffic allocation of the Convert SDK.
