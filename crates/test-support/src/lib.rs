//! Shared test support for the workspace: fixtures, doubles and loopback servers.
