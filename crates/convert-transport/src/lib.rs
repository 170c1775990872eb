//! TLS-only HTTP transport of the Convert SDK.
//!
//! The [`Transport`] trait is the seam between the SDK and the network: fetch a config, send a
//! batch of events. `HttpsTransport`, behind the default feature `https`, is the implementation
//! the SDK ships. The types around it make mistakes impossible to express: [`HttpsUrl`] cannot
//! hold a plain-HTTP address, [`Secret`] and [`SdkKey`] cannot be printed in the clear, and a
//! [`TransportError`] is redacted when it is made.
//!
//! # Features
//!
//! - `https`: `HttpsTransport`, on rustls with compiled-in roots.
//! - `aws-lc-rs` (default) and `ring`: `https` with that provider of cryptography. With both, or
//!   with neither, the provider that the process has installed is used if there is one; otherwise
//!   both mean aws-lc-rs, and neither is an error when an `HttpsTransport` is made.
//! - `platform-verifier`: adds `TransportConfig::platform_verifier`.
//!
//! Without `https` this crate has no dependencies.
//!
//! # Example
//!
//! ```
//! use convert_transport::{ConfigRequest, HttpsUrl, SdkKey, TransportConfig};
//!
//! let config = TransportConfig::default().base_url(HttpsUrl::parse("https://cdn.example.com")?);
//! let request = ConfigRequest::new(SdkKey::parse("10012345/10067890")?);
//! assert_eq!(request.path_and_query(), "/api/v1/config/10012345/10067890");
//! # let _ = config;
//! # Ok::<(), convert_transport::TransportError>(())
//! ```

mod cause;
#[cfg(feature = "https")]
mod client;
#[cfg(feature = "https")]
mod clock;
mod config;
#[cfg(feature = "https")]
mod connect;
mod error;
#[cfg(feature = "https")]
mod failure;
mod header;
#[cfg(feature = "https")]
mod http;
#[cfg(feature = "https")]
mod https;
#[cfg(feature = "https")]
mod lookup;
#[cfg(feature = "https")]
mod no_proxy;
mod percent;
#[cfg(feature = "https")]
mod provider;
mod proxy;
#[cfg(feature = "https")]
mod proxy_env;
mod request;
mod response;
#[cfg(feature = "https")]
mod retry_after;
mod secret;
#[cfg(feature = "https")]
mod socket;
#[cfg(feature = "https")]
mod tls;
mod transport;
mod url;

pub use config::TransportConfig;
pub use error::{TransportError, TransportErrorKind};
#[cfg(feature = "https")]
pub use https::HttpsTransport;
#[cfg(feature = "https")]
#[doc(hidden)]
pub use provider::crypto_provider;
pub use proxy::ProxyUrl;
pub use request::{BatchRequest, ConfigRequest};
pub use response::{BatchResponse, ConfigBody, ConfigResponse, Validators};
pub use secret::{SdkKey, Secret};
pub use transport::Transport;
pub use url::{HttpsUrl, HttpsUrlTemplate};
