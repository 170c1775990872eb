//! What some tests need that not every machine has.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::parity::referee::install_javascript;
use crate::process::Process;
use crate::workspace;

/// Something that a test may need. The tests that need it have a word in common.
#[derive(Debug)]
pub(crate) struct Need {
    word: &'static str,
    obstacle: fn() -> Option<String>,
    /// Whether `.ci/run` sees to it, so that nothing may be missing on a build server.
    is_required_in_ci: bool,
}

impl Need {
    /// Returns why this cannot be had here, and what installs it.
    pub(crate) fn obstacle(&self) -> Option<String> {
        (self.obstacle)()
    }

    /// Returns whether a test needs this.
    pub(crate) fn covers(&self, binary: &str, test: &str) -> bool {
        let rest = binary.strip_prefix(self.word);
        test.contains(self.word)
            || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    }

    /// Returns the same as a filterset of cargo-nextest, which refuses names of binaries that it does
    /// not have. It does not count the tests of a binary that is left out as a whole, so its tests are.
    pub(crate) fn filterset<'t>(&self, binaries: impl Iterator<Item = &'t str>) -> String {
        let covered: BTreeSet<&str> = binaries.filter(|binary| self.covers(binary, "")).collect();
        covered.iter().fold(format!("test({})", self.word), |filterset, binary| {
            format!("{filterset} + (binary(={binary}) & test(/./))")
        })
    }

    /// Returns whether a build server must have this.
    pub(crate) fn is_required_in_ci(&self) -> bool {
        self.is_required_in_ci
    }
}

fn program(name: &str, package: &str) -> Option<String> {
    let works = Process::new(name, &["--version"]).works();
    (!works).then(|| format!("{name} is not installed; apt-get install {package}"))
}

fn javascript_sdk() -> Option<String> {
    node().or_else(|| program("npm", "npm")).or_else(|| match install_javascript() {
        Ok(_) => None,
        Err(reason) => Some(format!("the JavaScript SDK cannot be installed: {reason}")),
    })
}

fn node() -> Option<String> {
    program("node", "nodejs")
}

fn redis_server() -> Option<String> {
    program("redis-server", "redis-server")
}

fn curl() -> Option<String> {
    program("curl", "curl")
}

/// A folder that is there although files in it are missing lets the tests run, which name the file.
fn reference_data() -> Option<String> {
    let beside = workspace::root().join("..").join(SHARED);
    let named = std::env::var_os("CONVERT_SHARED_DATA").map(PathBuf::from);
    let is_there = named.is_some() || beside.is_dir();
    (!is_there).then(|| {
        format!("there is no ../{SHARED}; CONVERT_SHARED_DATA may name its folder `data` elsewhere")
    })
}

/// Every need. A test that needs several is counted with the first that is missing.
pub(crate) const NEEDS: &[Need] = &[
    Need { word: "redis_interop", obstacle: javascript_sdk, is_required_in_ci: true },
    Need { word: "redis", obstacle: redis_server, is_required_in_ci: true },
    Need { word: "with_node", obstacle: node, is_required_in_ci: true },
    Need { word: "with_curl", obstacle: curl, is_required_in_ci: true },
    Need { word: "reference_data", obstacle: reference_data, is_required_in_ci: false },
];

const SHARED: &str = "shared";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_need_is_in_the_name_of_the_test_or_of_its_binary() {
        let redis = NEEDS.iter().find(|need| need.word == "redis").unwrap();
        assert!(redis.covers("redis_faults", "a_restart"));
        assert!(redis.covers("store_contract", "the_redis_store_keeps_the_contract"));
        assert!(!redis.covers("convert_redis", "cluster::tests::slots"));
        assert!(!redis.covers("rediscovery", "a_test"));
        let binaries = ["stores", "redis_faults", "redis_race", "redis_faults"];
        let expected =
            "test(redis) + (binary(=redis_faults) & test(/./)) + (binary(=redis_race) & test(/./))";
        assert_eq!(redis.filterset(binaries.into_iter()), expected);
    }
}
