//! What a window may lack: the sources that are not complete for it, and the records that could not be read yet. It stands
//! for the list behind the cause "a source is incomplete", which has no conversations of its own.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::Serialize;

use crate::config::Config;
use crate::model::{SourceId, Window};
use crate::reconcile::causes;
use crate::store::{SourceProgress, Store};

/// Records of a source that are named, those that were tried most often.
const RECORDS_MAX: u32 = 100;

/// What is known to be missing of a source.
#[derive(Clone, Debug, Serialize)]
pub struct Gap {
    /// Which source.
    pub source: SourceId,
    /// Whether it has not been read to the window's end, or not from its beginning.
    pub is_incomplete: bool,
    /// Until when it is complete; nothing if it was never read to an end.
    pub complete_until: Option<DateTime<Utc>>,
    /// Whether its history has not been read back to the window's beginning yet.
    pub lacks_history: bool,
    /// Why its last pull failed, if it did.
    pub error: Option<String>,
    /// How many of its records could not be read yet, whatever window they are of.
    pub parked: u64,
    /// Some of them: id and reason.
    pub records: Vec<(String, String)>,
}

impl Gap {
    /// The same in a sentence.
    pub fn sentence(&self, zone: Tz) -> String {
        let mut parts = vec![match self.complete_until {
            None => "was never read to its end".to_owned(),
            Some(until) => {
                let until = until.with_timezone(&zone).format("%Y-%m-%d %H:%M");
                format!("is complete until {until}")
            }
        }];
        if self.lacks_history {
            parts.push(
                "its history has not been read back to the beginning of this window".to_owned(),
            );
        }
        parts.extend(self.error.as_ref().map(|error| format!("fails: {error}")));
        match self.parked {
            0 => {}
            1 => parts.push("1 record could not be read yet".to_owned()),
            parked => parts.push(format!("{parked} records could not be read yet")),
        }
        format!("{} {}", self.source, parts.join("; "))
    }
}

/// How far every configured source is, as of now.
#[derive(Clone, Debug)]
pub struct Coverage(Vec<(SourceId, Option<SourceProgress>)>);

impl Coverage {
    /// Reads how far the sources are.
    pub async fn load(store: &Store, config: &Config) -> anyhow::Result<Self> {
        let known = store.source_progress().await?;
        let of = |id: &SourceId| known.iter().find(|known| known.id == *id).cloned();
        let sources = config.sources.iter();
        Ok(Self(
            sources
                .map(|source| (source.id.clone(), of(&source.id)))
                .collect(),
        ))
    }

    /// Whether a source has not been read from the window's beginning to its end.
    pub fn is_incomplete(&self, window: &Window) -> bool {
        let mut sources = self.0.iter();
        sources.any(|(_, known)| is_short(known.as_ref(), window))
    }

    /// Every source that lacks something of a window, or may.
    pub async fn gaps(&self, store: &Store, window: &Window) -> anyhow::Result<Vec<Gap>> {
        let mut gaps = Vec::new();
        for (source, known) in &self.0 {
            let known = known.as_ref();
            let parked = known.map_or(0, |known| known.parked);
            let is_incomplete = is_short(known, window);
            if !is_incomplete && parked == 0 {
                continue;
            }
            let records = store.parked(source, RECORDS_MAX).await?;
            gaps.push(Gap {
                source: source.clone(),
                is_incomplete,
                complete_until: known.and_then(|known| known.complete_until),
                lacks_history: known.is_some_and(|known| lacks_history(known, window)),
                error: known.and_then(|known| known.error.clone()),
                parked,
                records: records
                    .into_iter()
                    .map(|row| (row.id, row.reason))
                    .collect(),
            });
        }
        Ok(gaps)
    }
}

fn is_short(known: Option<&SourceProgress>, window: &Window) -> bool {
    known.is_none_or(|known| {
        let until = known.complete_until;
        lacks_history(known, window) || until.is_none_or(|until| until < window.end)
    })
}

fn lacks_history(known: &SourceProgress, window: &Window) -> bool {
    let backfill = known.backfill.as_ref();
    backfill.is_some_and(|backfill| !backfill.covers(window.start))
}

/// Why there is no list of conversations behind a cause; `None` for one that has a list.
pub fn no_list(cause: &str) -> Option<&'static str> {
    match cause {
        causes::SOURCE_INCOMPLETE => Some(
            "These are numbers of the report for which we have no conversation, and a source was not complete for this window. \
             What is missing cannot be listed; what is known of the gap is this.",
        ),
        causes::UNEXPLAINED => Some(
            "By its nature this has no list: it is what remains after every conversation that a cause explains. \
             Either the report counts by a rule that we do not know, or it counts something that is in none of our sources, \
             or one of the two is wrong.",
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_told_in_a_sentence() {
        let mut gap = Gap {
            source: SourceId::from("phone"),
            is_incomplete: true,
            complete_until: None,
            lacks_history: false,
            error: Some("the file is gone".to_owned()),
            parked: 2,
            records: Vec::new(),
        };
        assert_eq!(
            gap.sentence(Tz::UTC),
            "phone was never read to its end; fails: the file is gone; 2 records could not be read yet"
        );
        gap.complete_until = "2026-03-02T12:00:00Z".parse().ok();
        (gap.error, gap.parked, gap.lacks_history) = (None, 0, true);
        assert_eq!(
            gap.sentence(chrono_tz::Europe::Berlin),
            "phone is complete until 2026-03-02 13:00; its history has not been read back to the beginning of this window"
        );
    }
}
