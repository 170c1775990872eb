//! Core, contexts and visitor records of the Convert SDK.
