//! The proxy named by the environment, read only on request.

use crate::error::TransportError;
use crate::proxy::ProxyUrl;

/// A proxy and the hosts that are reached without it.
#[derive(Clone, Debug)]
pub(crate) struct ProxySettings {
    pub(crate) url: ProxyUrl,
    pub(crate) bypass: Vec<String>,
}

impl ProxySettings {
    /// Reads the settings through `lookup`; `None` when no proxy is named.
    pub(crate) fn from_env(
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, TransportError> {
        let first = |names: &[&str]| {
            names.iter().filter_map(|name| lookup(name)).find(|value| !value.trim().is_empty())
        };
        let Some(url) = first(PROXY_VARIABLES) else {
            return Ok(None);
        };
        let bypass = first(BYPASS_VARIABLES).unwrap_or_default();
        Ok(Some(Self {
            url: ProxyUrl::parse(url.trim())?,
            bypass: bypass.split(',').flat_map(bypass_patterns).collect(),
        }))
    }
}

/// Spells an entry of `NO_PROXY` as patterns: a host stands for itself and what is below it.
fn bypass_patterns(entry: &str) -> Vec<String> {
    let entry = entry.trim();
    match entry.chars().next() {
        None => Vec::new(),
        Some('.' | '*') => vec![entry.to_owned()],
        Some(_) => vec![entry.to_owned(), format!(".{entry}")],
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
    fn bypassed_hosts_include_what_is_below_them() {
        let found = settings(&[("ALL_PROXY", "p"), ("NO_PROXY", "a.example, .b.example,,*")]);
        let bypass = found.expect("valid").expect("a proxy").bypass;
        assert_eq!(bypass, ["a.example", ".a.example", ".b.example", "*"]);
    }
}
