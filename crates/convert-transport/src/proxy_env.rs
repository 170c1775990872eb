//! The proxy named by the environment, read only on request.

use crate::error::TransportError;
use crate::no_proxy::NoProxy;
use crate::proxy::ProxyUrl;
use crate::url::Authority;

/// A proxy and the hosts that are reached without it.
#[derive(Clone, Debug)]
pub(crate) struct ProxySettings {
    pub(crate) url: ProxyUrl,
    pub(crate) bypass: NoProxy,
}

impl ProxySettings {
    /// Reads the settings through `lookup`; `None` when no proxy is named.
    pub(crate) fn from_env(
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, TransportError> {
        let first = |names: &[&'static str]| {
            let set = names.iter().filter_map(|name| Some((*name, lookup(name)?)));
            set.map(|(name, value)| (name, value.trim().to_owned()))
                .find(|(_, value)| !value.is_empty())
        };
        let Some((name, url)) = first(PROXY_VARIABLES) else {
            return Ok(None);
        };
        let url = ProxyUrl::parse(url).map_err(|error| {
            let message = format!("the environment variable {name}: {error}");
            TransportError::new(error.kind()).with_message(message)
        })?;
        let bypass = first(BYPASS_VARIABLES).map(|(_, list)| NoProxy::parse(&list));
        Ok(Some(Self { url, bypass: bypass.unwrap_or_default() }))
    }

    /// Returns the proxy for a host; `None` when it is reached directly.
    pub(crate) fn proxy_for(&self, service: &Authority) -> Option<&ProxyUrl> {
        (!self.bypass.contains(service)).then_some(&self.url)
    }
}

const PROXY_VARIABLES: &[&str] = &["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
const BYPASS_VARIABLES: &[&str] = &["NO_PROXY", "no_proxy"];

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> Result<Option<ProxySettings>, TransportError> {
        ProxySettings::from_env(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_first_variable_that_is_set_counts() {
        for (variables, expected) in [
            (&[][..], None),
            (&[("HTTP_PROXY", "http://evil")][..], None),
            (&[("HTTPS_PROXY", "  ")][..], None),
            (&[("ALL_PROXY", "a:1"), ("https_proxy", "b:2")][..], Some("http://b:2")),
            (&[("all_proxy", "a:1"), ("HTTPS_PROXY", "")][..], Some("http://a:1")),
        ] {
            let found = settings(variables).expect("valid variables");
            let printed = found.map(|settings| settings.url.to_string());
            assert_eq!(printed.as_deref(), expected, "{variables:?}");
        }
        assert!(settings(&[("HTTPS_PROXY", "socks5://a")]).is_err());
    }

    #[test]
    fn listed_hosts_are_reached_directly() {
        let found = settings(&[("ALL_PROXY", "p"), ("no_proxy", "a.example, 127.0.0.0/8")]);
        let settings = found.expect("valid").expect("a proxy");
        for (service, is_direct) in
            [("a.example", true), ("cdn.a.example:8443", true), ("127.0.0.1", true), ("b", false)]
        {
            let service = Authority::parse(service, 443).expect(service);
            assert_eq!(settings.proxy_for(&service).is_none(), is_direct, "{service:?}");
        }
    }

    #[test]
    fn an_error_names_the_variable_and_not_its_value() {
        let error = settings(&[("https_proxy", "http://u:hunter22@proxy:port")]).expect_err("port");
        let text = error.to_string();
        assert!(text.starts_with("the environment variable https_proxy: "), "{text}");
        assert!(!text.contains("hunter22"), "{text}");
    }
}
