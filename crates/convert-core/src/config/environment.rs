//! Settings from environment variables.

use std::env::VarError;
use std::path::Path;

use convert_config::InvalidConfigError;
use convert_transport::Secret;

use crate::config::SdkConfig;
use crate::error::Error;
use crate::sync::read_regular;

impl SdkConfig {
    /// Reads the source of the config, and what goes with it, from the environment, now; nothing
    /// else in the SDK looks at it. A variable that is empty counts as not set.
    ///
    /// | variable | is |
    /// |---|---|
    /// | `CONVERT_SDK_KEY` | the SDK key with which the config is fetched |
    /// | `CONVERT_SDK_DATA_FILE` | the path of a file that holds the config, in place of a key |
    /// | `CONVERT_SDK_SECRET` | the secret sent as `Authorization: Bearer …` |
    /// | `CONVERT_DEBUG_TOKEN` | the token that [`SdkConfig::debug_token`] sets |
    /// | `CONVERT_ENVIRONMENT` | the environment, as [`SdkConfig::environment`] sets it |
    ///
    /// # Errors
    ///
    /// Fails with [`Error::InvalidConfig`] if both or neither of `CONVERT_SDK_KEY` and
    /// `CONVERT_SDK_DATA_FILE` are set, if a variable is not Unicode, if the key is no key, or if
    /// the file cannot be read, is not a regular file, has more than 256 MiB or holds no usable config.
    ///
    /// ```
    /// use convert_core::{Error, SdkConfig};
    ///
    /// # if std::env::var_os("CONVERT_SDK_KEY").is_none() {
    /// let Err(Error::InvalidConfig(error)) = SdkConfig::from_env() else { unreachable!() };
    /// assert_eq!(
    ///     error.to_string(),
    ///     "invalid config: neither CONVERT_SDK_KEY nor CONVERT_SDK_DATA_FILE is set",
    /// );
    /// # }
    /// ```
    pub fn from_env() -> Result<Self, Error> {
        SdkConfig::from_variables(|name| std::env::var(name))
    }

    fn from_variables(read: impl Fn(&str) -> Result<String, VarError>) -> Result<Self, Error> {
        let variable = |name: &str| match read(name) {
            Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
            Err(VarError::NotPresent) => Ok(None),
            Err(VarError::NotUnicode(_)) => Err(InvalidConfigError::new(name, "not Unicode")),
        };
        let invalid = |reason: String| Err(InvalidConfigError::new("", reason).into());
        let mut config = match (variable(KEY)?, variable(DATA_FILE)?) {
            (Some(key), None) => SdkConfig::from_sdk_key(key)?,
            (None, Some(path)) => SdkConfig::from_json(&read_file(&path)?)?,
            (Some(_), Some(_)) => {
                return invalid(format!("{KEY} and {DATA_FILE} are both set; set one of them"));
            }
            (None, None) => return invalid(format!("neither {KEY} nor {DATA_FILE} is set")),
        };
        config.environment_secret = variable(SECRET)?.map(Secret::new);
        config.debug_token = variable(DEBUG_TOKEN)?.map(Secret::new);
        config.environment = variable(ENVIRONMENT)?;
        Ok(config)
    }
}

fn read_file(path: &str) -> Result<Vec<u8>, InvalidConfigError> {
    // The path is not repeated: it may be a mistake that holds a secret.
    read_regular(Path::new(path), MAX_DATA_FILE).map_err(|error| {
        InvalidConfigError::new(DATA_FILE, format!("the file cannot be read: {error}"))
    })
}

/// The longest config that is read from a file.
const MAX_DATA_FILE: u64 = 256 * 1024 * 1024;
const KEY: &str = "CONVERT_SDK_KEY";
const DATA_FILE: &str = "CONVERT_SDK_DATA_FILE";
const SECRET: &str = "CONVERT_SDK_SECRET";
const DEBUG_TOKEN: &str = "CONVERT_DEBUG_TOKEN";
const ENVIRONMENT: &str = "CONVERT_ENVIRONMENT";

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::config::Source;

    fn from(variables: &[(&str, &str)]) -> Result<SdkConfig, Error> {
        SdkConfig::from_variables(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned()).ok_or(VarError::NotPresent)
        })
    }

    #[test]
    fn exactly_one_source_must_be_named() {
        for (variables, expected) in [
            (&[][..], "invalid config: neither CONVERT_SDK_KEY nor CONVERT_SDK_DATA_FILE is set"),
            (
                &[(KEY, ""), (DATA_FILE, "")],
                "invalid config: neither CONVERT_SDK_KEY nor CONVERT_SDK_DATA_FILE is set",
            ),
            (
                &[(KEY, "1/2"), (DATA_FILE, "x")],
                "invalid config: CONVERT_SDK_KEY and CONVERT_SDK_DATA_FILE are both set; set one of them",
            ),
            (&[(KEY, "  ")], "invalid config at sdk_key: the SDK key is blank"),
            (
                &[(DATA_FILE, "/no/such/file")],
                "invalid config at CONVERT_SDK_DATA_FILE: the file cannot be read: No such file or directory (os error 2)",
            ),
        ] {
            assert_eq!(from(variables).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn every_variable_is_taken() {
        let config = from(&[
            (KEY, "1001/2002"),
            (SECRET, "hush"),
            (DEBUG_TOKEN, "token"),
            (ENVIRONMENT, "staging"),
        ])
        .unwrap();
        assert!(
            matches!(&config.source, Source::Remote { key, .. } if key.expose() == "1001/2002")
        );
        assert_eq!(config.environment_secret.unwrap().expose(), "hush");
        assert_eq!(config.debug_token.unwrap().expose(), "token");
        assert_eq!(config.environment.as_deref(), Some("staging"));
    }

    #[test]
    fn data_comes_from_a_file() {
        let path = std::env::temp_dir().join(format!("convert-env-{}.json", std::process::id()));
        std::fs::write(&path, r#"{"account_id": "1", "project": {"id": "2"}}"#).unwrap();
        let config = from(&[(DATA_FILE, path.to_str().unwrap())]).unwrap();
        std::fs::remove_file(path).unwrap();
        assert!(matches!(&config.source, Source::Direct(data) if data.project_id() == "2"));
    }

    #[test]
    fn a_variable_that_is_not_unicode_is_named_and_not_shown() {
        let read = |_: &str| Err(VarError::NotUnicode(OsString::from("hush")));
        let error = SdkConfig::from_variables(read).unwrap_err().to_string();
        assert_eq!(error, "invalid config at CONVERT_SDK_KEY: not Unicode");
    }
}
