//! Secrets that a server gives us while we run: refresh tokens that change with each use. They are sealed with a key from
//! the configuration before they touch the disk, and on the disk before they are used. Who renews one keeps every other
//! process out meanwhile: the daemon and a command beside it must not both spend the same token.

use std::fs::{File, TryLockError};
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use crate::model::SourceId;

const NONCE_BYTES: usize = 12;

/// How often it is looked whether another process is done.
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// How long another process may take: longer than any request does.
const LOCK_PATIENCE: Duration = Duration::from_secs(700);

/// Keeps other processes from the secret of a source for as long as it lives. The operating system lets go of it when the
/// process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// A folder of sealed secrets, one file for each source.
#[derive(Clone, Debug)]
pub struct Vault {
    folder: PathBuf,
    key: Option<SecretString>,
}

impl Vault {
    /// Secrets are kept in `folder`, sealed with a key that is made from `key`; without one, none can be kept.
    pub fn new(folder: PathBuf, key: Option<SecretString>) -> Self {
        Self { folder, key }
    }

    /// Whether secrets can be kept.
    pub fn has_key(&self) -> bool {
        self.key.is_some()
    }

    /// Waits until no other process, and nobody else in this one, is at the secret of a source.
    pub async fn lock(&self, source: &SourceId) -> anyhow::Result<Lock> {
        let path = self.path(source).with_extension("lock");
        let open = || -> std::io::Result<File> {
            std::fs::create_dir_all(&self.folder)?;
            File::options()
                .create(true)
                .truncate(false)
                .write(true)
                .open(&path)
        };
        let file = open().with_context(|| format!("opening {}", path.display()))?;
        let started = tokio::time::Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Lock { _file: file }),
                Err(TryLockError::WouldBlock) if started.elapsed() < LOCK_PATIENCE => {
                    tokio::time::sleep(LOCK_PAUSE).await;
                }
                Err(TryLockError::WouldBlock) => {
                    bail!(
                        "another groundswell renews the token of source {source} and does not end"
                    )
                }
                Err(TryLockError::Error(error)) => {
                    return Err(error).with_context(|| format!("locking {}", path.display()));
                }
            }
        }
    }

    /// The secret that was kept last for a source.
    pub fn load(&self, source: &SourceId) -> anyhow::Result<Option<SecretString>> {
        let path = self.path(source);
        let sealed = match std::fs::read(&path) {
            Ok(sealed) => sealed,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
        };
        let unfit = || {
            anyhow!(
                "{} was sealed with another key, or changed: give the key that it was sealed with, or remove it and log \
                 in anew",
                path.display()
            )
        };
        let (nonce, sealed) = sealed.split_at_checked(NONCE_BYTES).ok_or_else(unfit)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| unfit())?;
        let mut content = sealed.to_vec();
        let opened = self
            .key()?
            .open_in_place(nonce, Aad::from(source.as_str()), &mut content)
            .map_err(|_| unfit())?;
        let text = std::str::from_utf8(opened).map_err(|_| unfit())?;
        Ok(Some(SecretString::from(text)))
    }

    /// Keeps a secret; once this returns it is on the disk.
    pub fn save(&self, source: &SourceId, secret: &SecretString) -> anyhow::Result<()> {
        let mut content = secret.expose_secret().as_bytes().to_vec();
        let nonce = self
            .key()?
            .seal_in_place_append_tag(Aad::from(source.as_str()), &mut content)
            .map_err(|_| anyhow!("a secret of source {source} cannot be sealed"))?;
        let path = self.path(source);
        let keep = || -> std::io::Result<()> {
            std::fs::create_dir_all(&self.folder)?;
            let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
            file.write_all(nonce.as_ref())?;
            file.write_all(&content)?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            File::open(&self.folder)?.sync_all()
        };
        keep().with_context(|| format!("writing {}", path.display()))
    }

    /// A source may have any name, a file may not.
    fn path(&self, source: &SourceId) -> PathBuf {
        let name: String = Sha256::digest(source.as_str().as_bytes())
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        self.folder.join(format!("{name}.sealed"))
    }

    fn key(&self) -> anyhow::Result<RandomizedNonceKey> {
        let Some(key) = &self.key else {
            bail!(
                "a secret must be kept, but there is no key: set seal_key_env, at least 32 letters"
            );
        };
        let key = Sha256::digest(key.expose_secret().as_bytes());
        RandomizedNonceKey::new(&AES_256_GCM, &key).map_err(|_| anyhow!("the key is not usable"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault(folder: &tempfile::TempDir, key: &str) -> Vault {
        Vault::new(folder.path().join("tokens"), Some(SecretString::from(key)))
    }

    #[test]
    fn a_secret_comes_back_and_lies_nowhere_in_clear_text() {
        let folder = tempfile::tempdir().unwrap();
        let vault = vault(&folder, "one key");
        let desk = SourceId::from("desk");
        assert!(vault.load(&desk).unwrap().is_none());
        for secret in ["first-token", "second-token"] {
            vault.save(&desk, &SecretString::from(secret)).unwrap();
            let loaded = vault.load(&desk).unwrap().unwrap();
            assert_eq!(loaded.expose_secret(), secret);
            let bytes = std::fs::read(vault.path(&desk)).unwrap();
            assert!(!bytes.windows(5).any(|part| part == b"token"));
        }
        assert!(!format!("{vault:?}").contains("one key"));
    }

    #[test]
    fn another_key_another_source_and_a_changed_byte_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (desk, other) = (SourceId::from("desk"), SourceId::from("other"));
        let ours = vault(&folder, "one key");
        ours.save(&desk, &SecretString::from("token")).unwrap();
        let error = vault(&folder, "another").load(&desk).unwrap_err();
        assert!(error.to_string().contains("another key"), "{error}");
        std::fs::copy(ours.path(&desk), ours.path(&other)).unwrap();
        assert!(ours.load(&other).is_err());
        let mut bytes = std::fs::read(ours.path(&desk)).unwrap();
        bytes[14] ^= 1;
        std::fs::write(ours.path(&desk), bytes).unwrap();
        assert!(ours.load(&desk).is_err());
        let keyless = Vault::new(folder.path().to_owned(), None);
        assert!(keyless.save(&desk, &SecretString::from("token")).is_err());
    }
}
