//! The key that links and forms are signed with: the configured one, or one that is made once and kept in the data folder.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, bail};
use secrecy::ExposeSecret;

use crate::answers::token::LinkKey;
use crate::config::Config;

/// The key's file in the data folder.
const FILE: &str = "link.key";
/// Bytes of a key that is made here.
const KEY_BYTES: usize = 32;

/// The key of this configuration. Call it under the database's lock, so that two processes never make two keys.
pub fn load(config: &Config) -> anyhow::Result<LinkKey> {
    if let Some(key) = &config.web.link_key {
        return LinkKey::new(key.expose_secret()).context("web.link_key is too short");
    }
    let path = config.data_dir.join(FILE);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => make(&config.data_dir, &path)
            .with_context(|| format!("making the key for links, {}", path.display()))?,
        Err(error) => {
            return Err(error).with_context(|| format!("{} cannot be read", path.display()));
        }
    };
    match LinkKey::new(&text) {
        Some(key) => Ok(key),
        None => bail!(
            "{} holds no key; delete it, and a new one is made: links that were sent before stop working",
            path.display()
        ),
    }
}

/// Writes a new key beside its place and moves it there whole: a power cut leaves no half of one.
fn make(folder: &Path, path: &Path) -> anyhow::Result<String> {
    let mut bytes = [0; KEY_BYTES];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .context("the system gives no random numbers")?;
    let key: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    std::fs::create_dir_all(folder)?;
    let part = path.with_extension("part");
    if part.exists() {
        std::fs::remove_file(&part)?;
    }
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&part)?;
    file.write_all(format!("{key}\n").as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&part, path)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn config(folder: &Path, text: &str) -> Config {
        let environment = [("KEY".to_owned(), "k".repeat(32))];
        Config::parse(text, folder.to_owned(), BTreeMap::from(environment)).unwrap()
    }

    #[test]
    fn a_key_is_made_once_and_only_its_owner_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path(), "data_dir = 'data'");
        let first = load(&config).unwrap().form_token(1);
        assert_eq!(load(&config).unwrap().form_token(1), first);
        let path = folder.path().join("data").join(FILE);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let other = tempfile::tempdir().unwrap();
        let other = super::tests::config(other.path(), "data_dir = 'data'");
        assert_ne!(load(&other).unwrap().form_token(1), first);
    }

    #[test]
    fn a_broken_key_is_said_and_a_configured_one_needs_no_file() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), "half").unwrap();
        let broken = load(&config(folder.path(), "data_dir = '.'")).unwrap_err();
        assert!(format!("{broken:#}").contains("delete it"), "{broken:#}");
        let text = "data_dir = '.'\n[web]\nlink_key_env = 'KEY'";
        assert!(load(&config(folder.path(), text)).is_ok());
    }
}
