//! The brake on mass deletion. What a helpdesk does not find any more is deleted here too; but when thousands are gone at
//! once, most often the credentials lost a right or the helpdesk was installed anew, and their words would be lost for
//! nothing. So what was looked for in vain is only noted, and buried when it is known that it is not too much. What a
//! helpdesk itself calls deleted never comes here: somebody deleted it, and it must go.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::dialect::ListParameter;
use super::news::News;
use super::pages::{Saved, save_round};
use super::sql::{ManyRows, all, composed, count, first, get, json_list, plain, run, sql, whole};
use super::{CleanPage, Store, Writing};
use crate::model::SourceId;

/// So many may go whatever part of the source's conversations they are, unless the source is small.
const FEW: u64 = 10;

/// Of a small source no more than one in so many.
const OF_SMALL: u64 = 4;

/// So many may go even of the smallest source: somebody tries out what a deletion does.
const ALWAYS: u64 = 2;

/// What was buried so long ago counts with what is to be buried now, so that the brake is not passed in small steps.
///
/// What goes one by one passes up to the limit, and is held from there on. That is as it should be: nobody can tell the
/// first of many from a single deletion, and to hold each until it is known to be alone would leave the words of somebody
/// who asked to be forgotten here, and make every everyday deletion a person's task. What a right that vanishes bit by bit
/// can cost is bounded by the limit, which is small for that reason.
const PERIOD: TimeDelta = TimeDelta::days(7);

/// Of what is held back so many are asked for with each pull: once one is there again, all are looked for again.
const ASKED: i64 = 3;

/// Why what was held back is looked for again.
const RETURNED: &str = "it was gone with many others, of which some are there again";

/// A conversation that has words to lose.
const LIVE: &str = "c.is_forgotten = 0 AND COALESCE(c.exclusion, '') NOT IN ('deleted', 'merged')";

/// What became of what was looked for in vain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vanished {
    /// Deleted now.
    pub buried: u64,
    /// Held back, because they are too many.
    pub held: u64,
    /// Still to be looked for.
    pub missing: u64,
}

/// How many conversations of a source are concerned.
#[derive(Clone, Copy, Debug)]
struct Figures {
    /// Looked for in vain, and still here.
    gone: u64,
    /// Missed, and still to be looked for.
    missing: u64,
    /// Buried within the period.
    recent: u64,
    /// That are here, those that are gone too.
    live: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// They are few.
    Bury,
    /// They may become many.
    Wait,
    /// They are many.
    Hold,
}

impl Figures {
    fn judge(&self, max_percent: u8) -> Verdict {
        let all = self.live + self.recent;
        let few = (all / OF_SMALL).clamp(ALWAYS, FEW);
        let most = (all * u64::from(max_percent) / 100).max(few);
        let gone = self.gone + self.recent;
        if gone > most {
            Verdict::Hold
        } else if gone + self.missing > most {
            Verdict::Wait
        } else {
            Verdict::Bury
        }
    }
}

impl Store {
    /// Deletes what was looked for in vain, unless it is more than so much of the source's conversations: then it is held
    /// back until it is there again or a person allows it.
    pub async fn settle_gone(
        &self,
        source: &SourceId,
        max_percent: u8,
        now: DateTime<Utc>,
    ) -> anyhow::Result<Vanished> {
        let ask = sql("SELECT s.deletions_held + s.deletions_allowed + \
                       (SELECT count(*) FROM gone g WHERE g.source = s.id \
                        AND (g.buried_at IS NULL OR g.buried_at <= $2)) \
                       FROM sources s WHERE s.id = $1");
        let ask = ask
            .bind(plain(source.as_str()))
            .bind((now - PERIOD).timestamp_micros());
        let to_do = self.read_first(ask, |row| get::<i64>(row, 0)).await?;
        if to_do.unwrap_or(0) == 0 {
            return Ok(Vanished::default());
        }
        let mut writing = self.begin().await?;
        let settled = settle(&mut writing, source, max_percent, now).await?;
        writing.commit().await?;
        Ok(settled)
    }

    /// Lets the deletions go through that are held back now, and what is still to be looked for with them. None when none
    /// are held back.
    pub async fn allow_deletions(
        &self,
        source: &SourceId,
        now: DateTime<Utc>,
    ) -> anyhow::Result<Option<Vanished>> {
        let allow = sql("UPDATE sources SET deletions_allowed = 1 \
                         WHERE id = $1 AND deletions_held > 0");
        let mut writing = self.begin().await?;
        let allow = allow.bind(plain(source.as_str()));
        if run(writing.connection(), allow).await? == 0 {
            return Ok(None);
        }
        let settled = settle(&mut writing, source, 100, now).await?;
        writing.commit().await?;
        Ok(Some(settled))
    }

    /// Some of what is held back, those first that were asked for longest ago.
    pub async fn held_to_ask(&self, source: &SourceId) -> anyhow::Result<Vec<String>> {
        let ask = sql("SELECT g.id FROM gone g JOIN sources s ON s.id = g.source \
                       WHERE g.source = $1 AND g.buried_at IS NULL AND s.deletions_held > 0 \
                       ORDER BY g.found_at, g.id LIMIT $2");
        let ask = ask.bind(plain(source.as_str())).bind(ASKED);
        self.read_all(ask, |row| get(row, 0)).await
    }
}

/// Notes what a page looked for in vain.
pub(super) async fn note(
    writing: &mut Writing,
    source: &SourceId,
    ids: &[String],
    now: DateTime<Utc>,
) -> anyhow::Result<()> {
    // One statement cannot meet the same row twice.
    let ids: BTreeSet<String> = ids.iter().map(|id| plain(id)).collect();
    let ids: Vec<String> = ids.into_iter().collect();
    GONE_ROWS
        .all(writing, &ids, |id, values| {
            values.text(source.as_str()).text(id).time(now);
        })
        .await
}

/// What was buried is looked for in vain again where a list still shows it: it has nothing left to lose.
const GONE_ROWS: ManyRows = ManyRows {
    before: "INSERT INTO gone (source, id, found_at)",
    row: "($, $, $)",
    after: "ON CONFLICT (source, id) DO UPDATE SET found_at = excluded.found_at",
};

/// What a page says of conversations that are held back: one that is there again makes all of them be looked for again,
/// because then the helpdesk shows again what it hid.
pub(super) async fn meet(
    writing: &mut Writing,
    source: &SourceId,
    page: &CleanPage,
    now: DateTime<Utc>,
) -> anyhow::Result<()> {
    let ask = sql("SELECT id FROM gone WHERE source = $1 AND buried_at IS NULL LIMIT 1");
    let ask = ask.bind(plain(source.as_str()));
    let held = first(writing.connection(), ask, |row| get::<String>(row, 0)).await?;
    if held.is_none() {
        return Ok(());
    }
    let told = page.deleted.iter().map(|(key, _)| key.id.as_str());
    drop_held(writing, source, told).await?;
    let conversations = page.conversations.iter();
    let there = conversations.map(|one| one.conversation.key.id.as_str());
    let there = there.chain(page.merged.iter().map(|(key, _, _)| key.id.as_str()));
    let swept = page.sweep.iter().flat_map(|sweep| &sweep.present);
    let there = there.chain(swept.map(String::as_str));
    if drop_held(writing, source, there).await? > 0 {
        look_again(writing, source, now).await?;
    }
    Ok(())
}

async fn drop_held<'a>(
    writing: &mut Writing,
    source: &SourceId,
    ids: impl Iterator<Item = &'a str>,
) -> anyhow::Result<u64> {
    let listed = writing.dialect.listed(ListParameter::Second);
    let remove = composed(format!(
        "DELETE FROM gone WHERE source = $1 AND id IN ({listed}) AND buried_at IS NULL"
    ));
    let remove = remove.bind(plain(source.as_str())).bind(json_list(ids));
    run(writing.connection(), remove).await
}

async fn look_again(
    writing: &mut Writing,
    source: &SourceId,
    now: DateTime<Utc>,
) -> anyhow::Result<()> {
    let park = sql(
        "INSERT INTO parked (source, id, reason, attempts, retry_at, parked_at, is_missing) \
         SELECT source, id, $2, 0, $3, $3, 1 FROM gone WHERE source = $1 AND buried_at IS NULL \
         ON CONFLICT (source, id) DO NOTHING",
    );
    let park = park
        .bind(plain(source.as_str()))
        .bind(RETURNED)
        .bind(now.timestamp_micros());
    run(writing.connection(), park).await?;
    let clear = sql("DELETE FROM gone WHERE source = $1 AND buried_at IS NULL");
    run(writing.connection(), clear.bind(plain(source.as_str()))).await?;
    hold(writing, source, 0).await
}

async fn settle(
    writing: &mut Writing,
    source: &SourceId,
    max_percent: u8,
    now: DateTime<Utc>,
) -> anyhow::Result<Vanished> {
    let figures = figures(writing, source, now).await?;
    let ask = sql("SELECT deletions_allowed FROM sources WHERE id = $1");
    let ask = ask.bind(plain(source.as_str()));
    let allowed = first(writing.connection(), ask, |row| get::<i64>(row, 0)).await?;
    let is_allowed = allowed == Some(1);
    let verdict = if is_allowed {
        Verdict::Bury
    } else {
        figures.judge(max_percent)
    };
    let mut settled = Vanished {
        missing: figures.missing,
        ..Vanished::default()
    };
    match verdict {
        Verdict::Bury => settled.buried = bury(writing, source, is_allowed, now).await?,
        Verdict::Wait => {}
        Verdict::Hold => settled.held = figures.gone,
    }
    hold(writing, source, settled.held).await?;
    if is_allowed && figures.missing == 0 {
        let used = sql("UPDATE sources SET deletions_allowed = 0 WHERE id = $1");
        run(writing.connection(), used.bind(plain(source.as_str()))).await?;
    }
    let forget = sql("DELETE FROM gone WHERE source = $1 AND buried_at <= $2")
        .bind(plain(source.as_str()))
        .bind((now - PERIOD).timestamp_micros());
    run(writing.connection(), forget).await?;
    Ok(settled)
}

async fn figures(
    writing: &mut Writing,
    source: &SourceId,
    now: DateTime<Utc>,
) -> anyhow::Result<Figures> {
    let ask = composed(format!(
        "SELECT (SELECT count(*) FROM gone g JOIN conversations c ON c.source = g.source \
                 AND c.id = g.id WHERE g.source = $1 AND g.buried_at IS NULL AND {LIVE}), \
                (SELECT count(*) FROM parked p JOIN conversations c ON c.source = p.source \
                 AND c.id = p.id WHERE p.source = $1 AND p.is_missing = 1 AND {LIVE} \
                 AND NOT EXISTS (SELECT 1 FROM gone g WHERE g.source = p.source AND g.id = p.id \
                                 AND g.buried_at IS NULL)), \
                (SELECT count(*) FROM gone g WHERE g.source = $1 AND g.buried_at > $2), \
                (SELECT count(*) FROM conversations c WHERE c.source = $1 AND {LIVE})"
    ));
    let ask = ask
        .bind(plain(source.as_str()))
        .bind((now - PERIOD).timestamp_micros());
    let found = first(writing.connection(), ask, |row| {
        Ok(Figures {
            gone: count(row, 0)?,
            missing: count(row, 1)?,
            recent: count(row, 2)?,
            live: count(row, 3)?,
        })
    });
    found
        .await?
        .ok_or_else(|| anyhow::anyhow!("the database counts nothing"))
}

/// Deletes all that was looked for in vain. What a person allowed does not count for the brake later.
async fn bury(
    writing: &mut Writing,
    source: &SourceId,
    is_allowed: bool,
    now: DateTime<Utc>,
) -> anyhow::Result<u64> {
    let ask = sql("SELECT id FROM gone WHERE source = $1 AND buried_at IS NULL");
    let ask = ask.bind(plain(source.as_str()));
    let ids: Vec<String> = all(writing.connection(), ask, |row| get(row, 0)).await?;
    if !is_allowed {
        let count = composed(format!(
            "UPDATE gone SET buried_at = $2 WHERE source = $1 AND buried_at IS NULL AND EXISTS \
             (SELECT 1 FROM conversations c WHERE c.source = gone.source AND c.id = gone.id AND {LIVE})"
        ));
        let count = count
            .bind(plain(source.as_str()))
            .bind(now.timestamp_micros());
        run(writing.connection(), count).await?;
    }
    let clear = sql("DELETE FROM gone WHERE source = $1 AND buried_at IS NULL");
    run(writing.connection(), clear.bind(plain(source.as_str()))).await?;
    let round: BTreeMap<String, News<'_>> =
        ids.into_iter().map(|id| (id, News::Deleted(now))).collect();
    let mut saved = Saved::default();
    save_round(writing, source, round, now, &mut saved).await?;
    Ok(saved.removed)
}

async fn hold(writing: &mut Writing, source: &SourceId, held: u64) -> anyhow::Result<()> {
    let note = sql("UPDATE sources SET deletions_held = $2 WHERE id = $1 AND deletions_held <> $2")
        .bind(plain(source.as_str()))
        .bind(whole(held));
    run(writing.connection(), note).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(gone: u64, missing: u64, recent: u64, live: u64) -> Verdict {
        let figures = Figures {
            gone,
            missing,
            recent,
            live,
        };
        figures.judge(5)
    }

    #[test]
    fn few_go_at_once_many_wait_for_a_person() {
        assert_eq!(judge(10, 0, 0, 100), Verdict::Bury);
        assert_eq!(judge(11, 0, 0, 100), Verdict::Hold);
        assert_eq!(judge(50, 0, 0, 1_000), Verdict::Bury);
        assert_eq!(judge(51, 0, 0, 1_000), Verdict::Hold);
        // Nothing goes while it may still turn out that it is too much.
        assert_eq!(judge(1, 50, 0, 1_000), Verdict::Wait);
        assert_eq!(judge(1, 49, 0, 1_000), Verdict::Bury);
        // What went lately counts, and so does what there was before.
        assert_eq!(judge(10, 0, 41, 959), Verdict::Hold);
        assert_eq!(judge(9, 0, 41, 959), Verdict::Bury);
    }

    #[test]
    fn a_small_source_has_a_brake_of_its_own() {
        let most = |live| {
            (0..=live)
                .rev()
                .find(|gone| judge(*gone, 0, 0, live) == Verdict::Bury)
        };
        let found = [1, 2, 3, 8, 12, 20, 39, 40, 100, 200, 240].map(|live| most(live).unwrap());
        assert_eq!(found, [1, 2, 2, 2, 3, 5, 9, 10, 10, 10, 12]);
        // One by one is no way around it.
        assert_eq!(judge(1, 0, 4, 16), Verdict::Bury);
        assert_eq!(judge(1, 0, 5, 15), Verdict::Hold);
    }

    #[test]
    fn the_brake_can_be_taken_off() {
        let all = Figures {
            gone: 900,
            missing: 50,
            recent: 50,
            live: 950,
        };
        assert_eq!(all.judge(100), Verdict::Bury);
        assert_eq!(all.judge(0), Verdict::Hold);
    }
}
