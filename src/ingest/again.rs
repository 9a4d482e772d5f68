//! Reads parked records again at the beginning of a pull: so many and no more, so that a helpdesk with many of them is
//! still pulled.

use std::collections::BTreeSet;

use super::pull::Pull;
use crate::connectors::{Page, Parked, PullError};
use crate::model::Record;
use crate::store::Moves;

/// Records that are asked for together.
const BATCH: usize = 50;

/// Records that one pull reads again.
const PER_PULL: u32 = 200;

/// Reads what is due. Answers those that the source could not give at all: they are to be noted once it is known whether
/// it answers. What a person or time must change ends the pull, like the failure of a page.
pub(super) async fn read_parked(
    pull: &mut Pull<'_>,
) -> anyhow::Result<Result<Vec<Parked>, PullError>> {
    let (store, source) = (pull.store, pull.source);
    let mut due = store.due_parked(source, pull.now, PER_PULL).await?;
    due.extend(store.held_to_ask(source).await?);
    for ids in due.chunks(BATCH) {
        match pull.connector.read_again(ids, pull.now).await {
            Ok(mut page) => {
                let silent = without_answer(ids, &page);
                page.parked.extend(silent);
                gone_rather_than_deleted(&mut page);
                page.sweep = None;
                pull.save(page, Moves::Nothing).await?;
            }
            Err(error @ (PullError::RateLimited { .. } | PullError::Unauthorized(_))) => {
                return Ok(Err(error));
            }
            Err(error @ (PullError::Transient(_) | PullError::Malformed(_))) => {
                return Ok(Ok(vain(ids, &error.to_string())));
            }
        }
    }
    Ok(Ok(Vec::new()))
}

/// What a record that is asked for by its id calls deleted may be no more than out of sight; the store judges by how many
/// they are.
fn gone_rather_than_deleted(page: &mut Page) {
    let (deleted, records) = std::mem::take(&mut page.records)
        .into_iter()
        .partition(|record| matches!(record, Record::Deleted { .. }));
    page.records = records;
    let deleted: Vec<Record> = deleted;
    let ids = deleted.into_iter().filter_map(|record| match record {
        Record::Deleted { key, .. } => Some(key.id),
        _ => None,
    });
    page.gone.extend(ids);
}

/// Ids that were asked for and of which the answer says nothing: they would be asked for at each pull, for ever.
fn without_answer(ids: &[String], page: &Page) -> Vec<Parked> {
    let records = page.records.iter().map(|record| match record {
        Record::Conversation(conversation) => conversation.key.id.as_str(),
        Record::Deleted { key, .. } | Record::Merged { key, .. } => key.id.as_str(),
    });
    let skipped = page.skipped.iter().map(|one| one.place.as_str());
    let parked = page.parked.iter().map(|one| one.id.as_str());
    let gone = page.gone.iter().chain(&page.not_ours).map(String::as_str);
    let answered: BTreeSet<&str> = records.chain(skipped).chain(parked).chain(gone).collect();
    let silent: Vec<String> = ids
        .iter()
        .filter(|id| !answered.contains(id.as_str()))
        .cloned()
        .collect();
    vain(&silent, "the source did not answer for it")
}

fn vain(ids: &[String], reason: &str) -> Vec<Parked> {
    let ids = ids.iter();
    ids.map(|id| Parked {
        id: id.clone(),
        reason: reason.to_owned(),
        retry_after_s: None,
        is_missing: false,
    })
    .collect()
}
