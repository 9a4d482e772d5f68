//! The key that links and forms are signed with: the configured one, or one that is made once and kept in the data folder.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

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

/// Where the key of a backup lies: beside the copy of the database.
pub fn beside(backup: &Path) -> PathBuf {
    let mut name = backup.as_os_str().to_owned();
    name.push(".");
    name.push(FILE);
    PathBuf::from(name)
}

/// Copies the key that was made here beside a backup, for its owner alone: restored without it, every link that was sent
/// would end. `None` where the key is configured, or none was made yet.
pub fn back_up(config: &Config, backup: &Path) -> anyhow::Result<Option<PathBuf>> {
    let path = config.data_dir.join(FILE);
    if config.web.link_key.is_some() || !path.exists() {
        return Ok(None);
    }
    let copy = beside(backup);
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("{} cannot be read", path.display()))?;
    write_new(&copy, &text).with_context(|| format!("{} cannot be written", copy.display()))?;
    Ok(Some(copy))
}

/// A new file that only its owner may read, on the disk when this returns.
fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
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
    write_new(&part, &format!("{key}\n"))?;
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
    fn a_backup_has_the_key_unless_it_is_configured() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("copy.db");
        let made = config(folder.path(), "data_dir = 'data'");
        assert_eq!(back_up(&made, &file).unwrap(), None, "none was made yet");
        let key = load(&made).unwrap().form_token(1);
        let copy = back_up(&made, &file).unwrap().unwrap();
        assert_eq!(copy, folder.path().join("copy.db.link.key"));
        let mode = std::fs::metadata(&copy).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(back_up(&made, &file).is_err(), "nothing is overwritten");
        let restored = config(folder.path(), "data_dir = 'restored'");
        std::fs::create_dir(folder.path().join("restored")).unwrap();
        std::fs::rename(copy, folder.path().join("restored").join(FILE)).unwrap();
        assert_eq!(load(&restored).unwrap().form_token(1), key);
        let text = "data_dir = 'data'\n[web]\nlink_key_env = 'KEY'";
        let configured = config(folder.path(), text);
        assert_eq!(back_up(&configured, &file).unwrap(), None);
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
