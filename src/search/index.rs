//! The index: changes are written and committed, erased words purged.
//!
//! The number of the last change stands in tantivy's own commit, so content and position cannot drift apart: after
//! a crash the index goes on where its last commit ends.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, bail};
use tantivy::index::SegmentId;
use tantivy::indexer::IndexWriterOptions;
use tantivy::{Index, IndexReader, IndexWriter, ReloadPolicy, TantivyDocument};

use super::schema::{self, Fields};
use crate::store::Changed;

/// What the writer may hold in memory. One thread, so that the same changes make the same segments.
const WRITER_BYTES: usize = 50_000_000;

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
    /// A handle of an index that is open already.
    pub(super) fn assemble(
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

    pub(super) fn progress(&self) -> anyhow::Result<Progress> {
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

    /// The folder on disk, if it is not in memory.
    pub(super) fn folder(&self) -> Option<&Path> {
        self.inner.folder.as_deref()
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

    pub(super) fn commit(&self, progress: Progress) -> anyhow::Result<()> {
        self.with_writer(|writer| commit_with(writer, progress))?;
        self.reload()
    }

    /// Deleted documents lie in their segment until it is rewritten. When words were erased, that is not left to
    /// chance: all segments that hold deleted documents are rewritten now and their files removed. That it is due
    /// stands in the commit, so that it survives a crash.
    pub(super) fn purge(&self) -> anyhow::Result<()> {
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
}

/// What a commit says about itself, as its payload: `1234`, or `1234 purge`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// The last change in it.
    pub position: i64,
    /// Whether erased words still lie in its files.
    pub is_purge_due: bool,
}

impl Progress {
    /// An index without any commit is at 0.
    pub fn parse(payload: Option<&str>) -> anyhow::Result<Self> {
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
