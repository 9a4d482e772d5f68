//! Opening the index on disk, and starting it again from nothing when it cannot be used.
//!
//! It is derived data: whatever is wrong with it, it is thrown away and read again from the store. Its folder is named
//! after the schema's fingerprint, so that another version of Groundswell builds one of its own beside it.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use tantivy::directory::MmapDirectory;
use tantivy::schema::Schema;
use tantivy::{Directory, Index, ReloadPolicy};

use super::analysis;
use super::index::{Progress, SearchIndex};
use super::schema;

/// Folders of ours are `words-<fingerprint>`.
const FOLDER_PREFIX: &str = "words-";

/// What `SearchIndex::open` found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The last change that is in the index; 0 when it is empty.
    pub position: i64,
    /// Why an index that was there could not be used; it starts again from nothing.
    pub discarded: Option<String>,
}

impl SearchIndex {
    /// Opens the index in a folder for reading and writing. A missing index is created; one that is broken or not
    /// ours is discarded with one warning and starts from nothing. Only one process can have it open this way.
    pub fn open(dir: &Path) -> anyhow::Result<(Self, State)> {
        let (schema, fields) = schema::schema();
        let folder = folder_of(dir, &schema);
        fs::create_dir_all(&folder)
            .with_context(|| format!("search index {}: cannot create it", folder.display()))?;
        ensure_free(&folder)?;
        let (index, discarded) = match open_whole(&folder, &schema) {
            Ok(index) => (index, None),
            Err(error) if is_blank(&folder) => {
                tracing::debug!(search.folder = %folder.display(), reason = %error, "search index is new");
                (create(&folder, schema)?, None)
            }
            Err(error) => {
                let reason = format!("{error:#}");
                tracing::warn!(
                    search.folder = %folder.display(),
                    reason,
                    "search index cannot be used; it is built again from the database"
                );
                fs::remove_dir_all(&folder).with_context(|| {
                    format!(
                        "search index {}: cannot remove the broken one",
                        folder.display()
                    )
                })?;
                fs::create_dir_all(&folder)?;
                (create(&folder, schema)?, Some(reason))
            }
        };
        let opened = Self::assemble(index, fields, Some(folder), true)?;
        let position = opened.position()?;
        let state = State {
            position,
            discarded,
        };
        Ok((opened, state))
    }

    /// Opens the index for searching only, beside the process that writes it; follows its commits.
    pub fn open_reader(dir: &Path) -> anyhow::Result<Self> {
        let (schema, fields) = schema::schema();
        let folder = folder_of(dir, &schema);
        let index = open_index(&folder, &schema).with_context(|| {
            format!(
                "search index {}: not there or not readable; `groundswell reindex` builds it",
                folder.display()
            )
        })?;
        Self::assemble(index, fields, Some(folder), false)
    }

    /// An index in memory, for a process that keeps nothing.
    pub fn in_memory() -> anyhow::Result<Self> {
        let (schema, fields) = schema::schema();
        let index = Index::create_in_ram(schema);
        analysis::register(index.tokenizers());
        Self::assemble(index, fields, None, true)
    }

    /// Removes the folders of other schemas: this one is complete now.
    pub(super) fn remove_old_folders(&self) -> anyhow::Result<()> {
        let Some(folder) = self.folder() else {
            return Ok(());
        };
        let Some(dir) = folder.parent() else {
            return Ok(());
        };
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if path != *folder && name.starts_with(FOLDER_PREFIX) && path.is_dir() {
                fs::remove_dir_all(&path).with_context(|| {
                    format!("search index {}: cannot remove it", path.display())
                })?;
                tracing::info!(search.folder = %path.display(), "search index of another version removed");
            }
        }
        Ok(())
    }
}

fn folder_of(dir: &Path, schema: &Schema) -> PathBuf {
    dir.join(format!("{FOLDER_PREFIX}{}", schema::fingerprint(schema)))
}

/// Fails with one sentence when another process writes this index.
fn ensure_free(folder: &Path) -> anyhow::Result<()> {
    let directory = MmapDirectory::open(folder)
        .with_context(|| format!("search index {}", folder.display()))?;
    match directory.acquire_lock(&tantivy::directory::INDEX_WRITER_LOCK) {
        Ok(_released_at_once) => Ok(()),
        Err(_) => bail!(
            "search index {}: another groundswell is writing it; stop that one first",
            folder.display()
        ),
    }
}

/// Nothing was ever committed here.
fn is_blank(folder: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder) else {
        return false;
    };
    let mut names = entries.flatten().map(|entry| entry.file_name());
    names.all(|name| name.to_string_lossy().ends_with(".lock"))
}

fn create(folder: &Path, schema: Schema) -> anyhow::Result<Index> {
    let index = Index::create_in_dir(folder, schema)
        .with_context(|| format!("search index {}: cannot create it", folder.display()))?;
    analysis::register(index.tokenizers());
    Ok(index)
}

fn open_index(folder: &Path, schema: &Schema) -> anyhow::Result<Index> {
    let index = Index::open_in_dir(folder)?;
    if index.schema() != *schema {
        bail!("its fields are not ours");
    }
    Progress::parse(index.load_metas()?.payload.as_deref())?;
    analysis::register(index.tokenizers());
    Ok(index)
}

/// Opens and reads all of it, so that damage shows now and not in the middle of a search.
/// A file that does not even let itself be read without a panic is damaged too.
fn open_whole(folder: &Path, schema: &Schema) -> anyhow::Result<Index> {
    let checked = catch_unwind(AssertUnwindSafe(|| open_checked(folder, schema)));
    checked.unwrap_or_else(|_| bail!("reading it failed"))
}

fn open_checked(folder: &Path, schema: &Schema) -> anyhow::Result<Index> {
    let index = open_index(folder, schema)?;
    let damaged = index.validate_checksum()?;
    if !damaged.is_empty() {
        bail!("{} of its files are damaged", damaged.len());
    }
    let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual);
    reader.try_into()?;
    Ok(index)
}
