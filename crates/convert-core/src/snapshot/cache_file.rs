//! The last good config, kept in a file.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use convert_config::{ProjectConfig, Value};
use convert_transport::{ConfigRequest, Validators};
use serde_json::json;

use crate::snapshot::{ConfigVersion, FetchedConfig};
use crate::sync::{assert_no_lock_held, read_regular};

/// A file that holds a line of JSON about a config, and then the config as the service sent it.
pub(crate) struct CacheFile {
    path: PathBuf,
    /// Stands for the key and what else the config depends on, none of which can be read from it.
    owner: String,
}

impl CacheFile {
    pub(crate) fn new(path: &Path, request: &ConfigRequest) -> Self {
        CacheFile { path: path.to_owned(), owner: owner_of(request) }
    }

    /// Replaces the file whole.
    pub(crate) fn store(
        &self,
        body: &[u8],
        identity: &ConfigVersion,
        wall: i64,
    ) -> Result<(), String> {
        assert_no_lock_held("writing the cache file");
        if body.len() as u64 > MAX_BODY {
            return Err(format!("the config has more than {MAX_BODY} bytes"));
        }
        let head = json!({
            "format": FORMAT,
            "owner": self.owner,
            "stored_at": wall,
            "etag": identity.validators.etag(),
            "last_modified": identity.validators.last_modified(),
            "sha256": hex(&hmac_sha256::Hash::hash(body)),
        });
        let target = self.target().map_err(|error| error.to_string())?;
        let temporary = temporary_beside(&target);
        let written = write(&temporary, head.to_string().as_bytes(), body)
            .and_then(|length| replace(&temporary, &target, length));
        match written {
            Ok(()) => Ok(()),
            // Another core has made its own at this moment, and replaces the file.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => {
                // What is left over is of no use; that it may not even exist is no matter.
                let _ = fs::remove_file(&temporary);
                Err(error.to_string())
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the config and when it was stored, if the file is whole and belongs to this core.
    pub(crate) fn load(&self) -> Result<(FetchedConfig, i64), String> {
        let bytes =
            read_regular(&self.path, MAX_BODY + MAX_HEAD).map_err(|error| error.to_string())?;
        let line_end = bytes.iter().position(|byte| *byte == b'\n').ok_or("it has no head")?;
        let (head, body) = bytes.split_at(line_end);
        let body = body.get(1..).unwrap_or_default();
        let head: Value<'_> = serde_json::from_slice(head).map_err(|_| "its head is no JSON")?;
        let text = |name: &str| match head.member(name) {
            Some(Value::Text(text)) => Some(text.as_ref()),
            _ => None,
        };
        if text("format") != Some(FORMAT) {
            return Err("it has another format".to_owned());
        }
        if text("owner") != Some(self.owner.as_str()) {
            return Err("it belongs to another key or environment".to_owned());
        }
        let digest = hmac_sha256::Hash::hash(body);
        if text("sha256") != Some(hex(&digest).as_str()) {
            return Err("it is damaged".to_owned());
        }
        let config = ProjectConfig::from_json(body).map_err(|error| error.to_string())?;
        let validators = Validators::new(text("etag"), text("last_modified"));
        let identity = ConfigVersion { validators, digest: Some(digest) };
        let stored_at = head.member("stored_at").and_then(|time| time.as_view().as_number());
        Ok((FetchedConfig { config: Arc::new(config), identity }, whole_seconds(stored_at)))
    }

    /// Returns the file to replace: where the path is a symbolic link, the one it leads to. Replacing
    /// anything but a regular file, a device say, would take it away from others.
    fn target(&self) -> io::Result<PathBuf> {
        match fs::metadata(&self.path) {
            Ok(found) if found.is_file() => fs::canonicalize(&self.path),
            Ok(_) => Err(io::Error::other("something else than a regular file is there")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(self.path.clone()),
            Err(error) => Err(error),
        }
    }
}

/// Names a file in the same folder, so that it can be renamed. The name is always the same, so that
/// those that a kill leaves behind do not accumulate.
fn temporary_beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".tmp");
    path.with_file_name(name)
}

/// Writes a file in place of the one that may be there, and returns its length. A link that is there is
/// not followed.
fn write(path: &Path, head: &[u8], body: &[u8]) -> io::Result<u64> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = File::create_new(path)?;
    file.write_all(head)?;
    file.write_all(b"\n")?;
    file.write_all(body)?;
    // Without this a crash of the machine could leave an empty file under the final name.
    file.sync_all()?;
    Ok(file.metadata()?.len())
}

/// Renames the temporary file of so many bytes. Another core may write one of the same name at the same
/// time: then the name leads to another file, which is left to that core, or to none any more.
fn replace(temporary: &Path, target: &Path, length: u64) -> io::Result<()> {
    let renamed = fs::symlink_metadata(temporary).and_then(|found| {
        if found.len() == length { fs::rename(temporary, target) } else { Ok(()) }
    });
    match renamed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        renamed => renamed,
    }
}

/// Hashes what a config depends on: one of another key, environment or token must not be used.
fn owner_of(request: &ConfigRequest) -> String {
    let mut hash = hmac_sha256::Hash::new();
    let token = request.debug_token().map(convert_transport::Secret::expose);
    for part in [FORMAT, request.sdk_key().expose(), request.environment().unwrap_or_default()]
        .into_iter()
        .chain(token)
    {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hex(&hash.finalize())
}

fn hex(bytes: &[u8]) -> String {
    let digits = |byte: &u8| [byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16));
    bytes.iter().flat_map(digits).flatten().collect()
}

#[expect(clippy::cast_possible_truncation, reason = "a time past the range saturates")]
fn whole_seconds(number: Option<f64>) -> i64 {
    number.map_or(0, |number| number as i64)
}

const FORMAT: &str = "convert-sdk-config-1";
/// A longer config is not kept, and a longer file not read.
const MAX_BODY: u64 = 256 * 1024 * 1024;
/// The longest line before it.
const MAX_HEAD: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use convert_transport::SdkKey;

    use super::*;

    #[test]
    fn cores_that_write_at_the_same_time_leave_one_whole_file() {
        let name = format!("convert-cache-file-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        let request = ConfigRequest::new(SdkKey::parse("1001/2002").unwrap());
        let file = CacheFile::new(&folder.join("config"), &request);
        let version = ConfigVersion { validators: Validators::default(), digest: None };
        let write = &|width: usize| {
            let config = r#"{"account_id": "1", "project": {"id": "2"}}"#;
            for turn in 0..50 {
                let body = format!("{config:width$}", width = 100 + width * 1_000 + turn);
                file.store(body.as_bytes(), &version, 1).unwrap();
            }
        };
        std::thread::scope(|scope| {
            for width in 0..4 {
                scope.spawn(move || write(width));
            }
        });
        assert!(file.load().is_ok());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::remove_dir_all(&folder).unwrap();
    }
}
