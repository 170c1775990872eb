//! TLS-only HTTP transport of the Convert SDK.
