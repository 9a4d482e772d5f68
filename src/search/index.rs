//! The index on disk: opened, kept even with the store, rebuilt when it cannot be used.
//!
//! The number of the last change stands in tantivy's own commit, so content and position cannot drift apart: after
//! a crash the index goes on where its last commit ends. It is derived data; whatever is wrong with it, it is thrown
//! away and read again from the store.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, bail};
use tantivy::directory::MmapDirectory;
use tantivy::index::SegmentId;
use tantivy::indexer::IndexWriterOptions;
use tantivy::schema::Schema;
use tantivy::{Directory, Index, IndexReader, IndexWriter, ReloadPolicy, TantivyDocument};

use super::analysis;
use super::schema::{self, Fields};
use crate::store::{Changed, Store};

/// What the writer may hold in memory. One thread, so that the same changes make the same segments.
const WRITER_BYTES: usize = 50_000_000;

/// Changes read from the store at once, and written before a commit.
const READ_AT_ONCE: u32 = 500;
const COMMIT_AFTER: usize = 2_000;

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

/// The index. Clones are handles of the same one.
#[derive(Clone)]
pub struct SearchIndex {
    inner: Arc<Inner>,
}

struct Inner {
    index: Index,
    reader: IndexReader,
    fields: Fields,
    /// `None` in memory.
    folder: Option<PathBuf>,
    writer: Option<Mutex<Slot>>,
}

/// The one writer; `None` after a failure, until it is needed again.
type Slot = Option<IndexWriter<TantivyDocument>>;

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

    fn assemble(
        index: Index,
        fields: Fields,
        folder: Option<PathBuf>,
        is_writable: bool,
    ) -> anyhow::Result<Self> {
        let policy = if is_writable {
            ReloadPolicy::Manual
        } else {
            ReloadPolicy::OnCommitWithDelay
        };
        let reader = index.reader_builder().reload_policy(policy).try_into()?;
        let writer = if is_writable {
            Some(Mutex::new(Some(new_writer(&index)?)))
        } else {
            None
        };
        let inner = Inner {
            index,
            reader,
            fields,
            folder,
            writer,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The number of the last change that is in the index, as its last commit says.
    pub fn position(&self) -> anyhow::Result<i64> {
        Ok(self.progress()?.position)
    }

    fn progress(&self) -> anyhow::Result<Progress> {
        let metas = self.inner.index.load_metas().context("search index")?;
        Progress::parse(metas.payload.as_deref())
    }

    /// How many conversations can be found.
    pub fn count(&self) -> u64 {
        self.searcher().num_docs()
    }

    /// Writes changes and commits them with the last one's number. Doing it again changes nothing.
    pub fn apply(&self, changes: &[Changed]) -> anyhow::Result<()> {
        let Some(position) = changes.iter().map(|change| change.number).max() else {
            return Ok(());
        };
        let has_erased = self.write(changes)?;
        self.commit(Progress {
            position,
            is_purge_due: has_erased || self.progress()?.is_purge_due,
        })?;
        self.purge()
    }

    /// Throws everything away and starts from nothing; the next `catch_up` builds it again.
    pub fn clear(&self) -> anyhow::Result<()> {
        self.with_slot(|slot| {
            // Also what was written and not committed.
            drop(slot.take());
            Ok(())
        })?;
        self.with_writer(|writer| {
            writer.delete_all_documents()?;
            commit_with(writer, Progress::default())
        })?;
        self.reload()
    }

    pub(super) fn searcher(&self) -> tantivy::Searcher {
        self.inner.reader.searcher()
    }

    pub(super) fn fields(&self) -> &Fields {
        &self.inner.fields
    }

    /// Deletes and adds without a commit; says whether documents are to be found no more.
    pub(super) fn write(&self, changes: &[Changed]) -> anyhow::Result<bool> {
        let fields = &self.inner.fields;
        let searcher = self.searcher();
        self.with_writer(|writer| {
            let mut has_erased = false;
            for change in changes {
                let key = schema::key_term(fields, &change.stored.conversation.key);
                match schema::document(fields, change) {
                    Some(document) => {
                        writer.delete_term(key);
                        writer.add_document(document)?;
                    }
                    None => {
                        has_erased |= searcher.doc_freq(&key)? > 0;
                        writer.delete_term(key);
                    }
                }
            }
            Ok(has_erased)
        })
    }

    fn commit(&self, progress: Progress) -> anyhow::Result<()> {
        self.with_writer(|writer| commit_with(writer, progress))?;
        self.reload()
    }

    /// A commit as a crash may leave it behind: erased, but not purged.
    #[cfg(test)]
    pub(super) fn commit_for_tests(&self, position: i64, is_purge_due: bool) -> anyhow::Result<()> {
        self.commit(Progress {
            position,
            is_purge_due,
        })
    }

    /// Deleted documents lie in their segment until it is rewritten. When words were erased, that is not left to
    /// chance: all segments that hold deleted documents are rewritten now and their files removed. That it is due
    /// stands in the commit, so that it survives a crash.
    fn purge(&self) -> anyhow::Result<()> {
        let progress = self.progress()?;
        if !progress.is_purge_due {
            return Ok(());
        }
        self.with_slot(|slot| {
            if let Some(writer) = slot.take() {
                writer.wait_merging_threads()?;
            }
            let mut writer = new_writer(&self.inner.index)?;
            let holding = segments_with_deleted(&self.inner.index)?;
            if !holding.is_empty() {
                writer.merge(&holding).wait()?;
            }
            let position = progress.position;
            commit_with(
                &mut writer,
                Progress {
                    position,
                    is_purge_due: false,
                },
            )?;
            *slot = Some(writer);
            Ok(())
        })?;
        // Files go only when no reader of ours has them open any more.
        self.reload()?;
        self.with_writer(|writer| {
            writer.garbage_collect_files().wait()?;
            Ok(())
        })
    }

    fn reload(&self) -> anyhow::Result<()> {
        self.inner.reader.reload().context("search index")
    }

    fn with_writer<T>(
        &self,
        work: impl FnOnce(&mut IndexWriter<TantivyDocument>) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        self.with_slot(|slot| {
            let mut writer = match slot.take() {
                Some(writer) => writer,
                None => new_writer(&self.inner.index)?,
            };
            // After a failure the writer is dropped with all that is not committed, and the next one starts from
            // the last commit.
            let done = work(&mut writer)?;
            *slot = Some(writer);
            Ok(done)
        })
    }

    fn with_slot<T>(&self, work: impl FnOnce(&mut Slot) -> anyhow::Result<T>) -> anyhow::Result<T> {
        let Some(lock) = &self.inner.writer else {
            bail!("search index: it was opened for searching only");
        };
        let mut slot = lock.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut slot).with_context(|| match &self.inner.folder {
            Some(folder) => format!("search index {}", folder.display()),
            None => "search index".to_owned(),
        })
    }

    /// Removes the folders of other schemas: this one is complete now.
    fn remove_old_folders(&self) -> anyhow::Result<()> {
        let Some(folder) = &self.inner.folder else {
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

/// Brings the index even with the store and says how many changes it took. A position ahead of the store's counter
/// means that the database was restored from an older copy: then everything is read again.
pub async fn catch_up(store: &Store, index: &SearchIndex) -> anyhow::Result<u64> {
    let mut progress = index.progress()?;
    let last = store.last_change().await?;
    if progress.position > last {
        tracing::warn!(
            search.position = progress.position,
            store.last_change = last,
            "search index is ahead of the database; it is built again"
        );
        blocking(index, |index| index.clear()).await?;
        progress = Progress::default();
    }
    let mut taken = 0;
    let mut uncommitted = 0;
    loop {
        let changes = store.changes_after(progress.position, READ_AT_ONCE).await?;
        let is_even = changes.is_empty();
        if let Some(last) = changes.last() {
            progress.position = last.number;
            taken += changes.len() as u64;
            uncommitted += changes.len();
            progress.is_purge_due |= blocking(index, move |index| index.write(&changes)).await?;
        }
        if uncommitted > 0 && (is_even || uncommitted >= COMMIT_AFTER) {
            blocking(index, move |index| index.commit(progress)).await?;
            uncommitted = 0;
        }
        if is_even {
            break;
        }
    }
    blocking(index, |index| {
        index.purge()?;
        index.remove_old_folders()
    })
    .await?;
    Ok(taken)
}

async fn blocking<T: Send + 'static>(
    index: &SearchIndex,
    work: impl FnOnce(&SearchIndex) -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    let index = index.clone();
    tokio::task::spawn_blocking(move || work(&index))
        .await
        .context("search index: the work was cut off")?
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
fn open_whole(folder: &Path, schema: &Schema) -> anyhow::Result<Index> {
    let index = open_index(folder, schema)?;
    let damaged = index.validate_checksum()?;
    if !damaged.is_empty() {
        bail!("{} of its files are damaged", damaged.len());
    }
    let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual);
    reader.try_into()?;
    Ok(index)
}

/// What a commit says about itself, as its payload: `1234`, or `1234 purge`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Progress {
    /// The last change in it.
    position: i64,
    /// Whether erased words still lie in its files.
    is_purge_due: bool,
}

impl Progress {
    /// An index without any commit is at 0.
    fn parse(payload: Option<&str>) -> anyhow::Result<Self> {
        let Some(payload) = payload else {
            return Ok(Self::default());
        };
        let (number, rest) = payload.split_once(' ').unwrap_or((payload, ""));
        let position = number.parse().ok().filter(|number| *number >= 0);
        Ok(Self {
            position: position.context("its position cannot be read")?,
            is_purge_due: rest == "purge",
        })
    }

    fn to_payload(self) -> String {
        let purge = if self.is_purge_due { " purge" } else { "" };
        format!("{}{purge}", self.position)
    }
}

/// Holding a segment's description keeps its files, so only the ids leave this function.
fn segments_with_deleted(index: &Index) -> anyhow::Result<Vec<SegmentId>> {
    let metas = index.searchable_segment_metas()?;
    let holding = metas.iter().filter(|meta| meta.num_deleted_docs() > 0);
    Ok(holding.map(|meta| meta.id()).collect())
}

fn new_writer(index: &Index) -> anyhow::Result<IndexWriter<TantivyDocument>> {
    let options = IndexWriterOptions::builder()
        .num_worker_threads(1)
        .memory_budget_per_thread(WRITER_BYTES)
        .num_merge_threads(1)
        .build();
    Ok(index.writer_with_options(options)?)
}

fn commit_with(
    writer: &mut IndexWriter<TantivyDocument>,
    progress: Progress,
) -> anyhow::Result<()> {
    let mut prepared = writer.prepare_commit()?;
    prepared.set_payload(&progress.to_payload());
    prepared.commit()?;
    Ok(())
}
