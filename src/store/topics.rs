//! The registry of topics: topics, who belongs to them, what became of whom, and people's edits.

use std::collections::BTreeMap;

use anyhow::Context;
use chrono::{DateTime, Utc};
use sqlx::any::AnyRow;

use super::dialect::ListParameter;
use super::history::{keep, only_topic};
use super::sql::{
    ManyRows, all, composed, first, get, instant, json_list, optional_instant, plain, run, sql,
    whole, word,
};
use super::{Store, Writing};
use crate::model::{
    Assignment, ConversationKey, Discovery, Exemplar, Lineage, Term, Topic, TopicId, TopicStatus,
    Vector,
};

impl Store {
    /// All topics, live or not, sorted by id.
    pub async fn topics(&self) -> anyhow::Result<Vec<Topic>> {
        let mut connection = self.reader().await?;
        let ask = sql(
            "SELECT id, label, theme_id, theme, status, threshold, stability, \
                       discovered_at, centre FROM topics ORDER BY id",
        );
        let topics = all(&mut connection, ask, topic).await?;
        let ask = sql("SELECT topic, word, weight FROM terms ORDER BY topic, position");
        let mut terms: BTreeMap<String, Vec<Term>> = BTreeMap::new();
        for (topic, term) in all(&mut connection, ask, term).await? {
            terms.entry(topic).or_default().push(term);
        }
        let ask = sql("SELECT topic, source, id, vector FROM exemplars ORDER BY topic, position");
        let mut exemplars: BTreeMap<String, Vec<Exemplar>> = BTreeMap::new();
        for (topic, exemplar) in all(&mut connection, ask, exemplar).await? {
            exemplars.entry(topic).or_default().push(exemplar);
        }
        Ok(topics
            .into_iter()
            .map(|topic| Topic {
                terms: terms.remove(&topic.id.0).unwrap_or_default(),
                exemplars: exemplars.remove(&topic.id.0).unwrap_or_default(),
                ..topic
            })
            .collect())
    }

    /// Writes what `discover` found: topics (insert or replace by id), assignments and lineage in one
    /// transaction. Changed assignments go through the feed. Notes that `discover` ran.
    pub async fn save_discovery(
        &self,
        discovery: &Discovery,
        now: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        self.save(discovery, "discovery", now).await
    }

    /// Writes what `review` changed, likewise. Notes that `review` ran.
    pub async fn save_review(&self, review: &Discovery, now: DateTime<Utc>) -> anyhow::Result<()> {
        self.save(review, "review", now).await
    }

    async fn save(
        &self,
        discovery: &Discovery,
        kind: &'static str,
        now: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        let mut writing = self.begin().await?;
        write_topics(&mut writing, &discovery.topics).await?;
        write_assignments(&mut writing, &discovery.assignments).await?;
        write_lineage(&mut writing, &discovery.lineage, now).await?;
        let number = next_number(&mut writing, "discoveries").await?;
        let note = sql(
            "INSERT INTO discoveries (number, kind, ran_at, topics, assignments) \
                        VALUES ($1, $2, $3, $4, $5)",
        );
        let note = note
            .bind(number)
            .bind(kind)
            .bind(now.timestamp_micros())
            .bind(whole(discovery.topics.len() as u64))
            .bind(whole(discovery.assignments.len() as u64));
        run(writing.connection(), note).await?;
        writing.commit().await
    }

    /// Writes what `assign` decided about arrivals. Changed assignments go through the feed.
    pub async fn save_assignments(&self, assignments: &[Assignment]) -> anyhow::Result<()> {
        let mut writing = self.begin().await?;
        write_assignments(&mut writing, assignments).await?;
        writing.commit().await
    }

    /// When `discover` last ran.
    pub async fn last_discovery(&self) -> anyhow::Result<Option<DateTime<Utc>>> {
        let ask = sql("SELECT max(ran_at) FROM discoveries WHERE kind = 'discovery'");
        let last = self.read_first(ask, |row| optional_instant(row, 0));
        Ok(last.await?.flatten())
    }

    /// When everything was last looked at: by the last `review`, else by the first `discover`.
    pub async fn last_review(&self) -> anyhow::Result<Option<DateTime<Utc>>> {
        let ask = sql(
            "SELECT COALESCE(max(CASE WHEN kind = 'review' THEN ran_at END), min(ran_at)) \
                       FROM discoveries",
        );
        let last = self.read_first(ask, |row| optional_instant(row, 0));
        Ok(last.await?.flatten())
    }

    /// Topics that went into others, with where their conversations count.
    pub async fn merged_topics(&self) -> anyhow::Result<BTreeMap<TopicId, TopicId>> {
        let ask = sql(
            "SELECT l.topic, l.other_topic FROM lineage l JOIN topics t ON t.id = l.topic \
             WHERE l.kind = 'merged_into' AND t.status = 'merged' AND l.other_topic IS NOT NULL \
             ORDER BY l.number",
        );
        let pair = |row: &AnyRow| Ok((TopicId(get(row, 0)?), TopicId(get(row, 1)?)));
        Ok(self.read_all(ask, pair).await?.into_iter().collect())
    }

    /// What became of a topic, oldest first.
    pub async fn lineage(&self, topic: &TopicId) -> anyhow::Result<Vec<(DateTime<Utc>, Lineage)>> {
        let ask = sql("SELECT happened_at, kind, topic, other_topic FROM lineage \
                       WHERE topic = $1 OR other_topic = $1 ORDER BY number");
        self.read_all(ask.bind(topic.0.clone()), lineage).await
    }
}

/// The next number of a log. Safe, because one transaction writes at a time.
pub(super) async fn next_number(writing: &mut Writing, table: &str) -> anyhow::Result<i64> {
    let ask = composed(format!("SELECT COALESCE(max(number), 0) + 1 FROM {table}"));
    let number = first(writing.connection(), ask, |row| get(row, 0)).await?;
    number.context("the database gave no next number")
}

pub(super) async fn write_topics(writing: &mut Writing, topics: &[Topic]) -> anyhow::Result<()> {
    let by_id: BTreeMap<&TopicId, &Topic> = topics.iter().map(|t| (&t.id, t)).collect();
    let topics: Vec<&Topic> = by_id.into_values().collect();
    let rows = ManyRows {
        before: "INSERT INTO topics (id, label, theme_id, theme, status, threshold, stability, \
                 discovered_at, centre)",
        row: "($, $, $, $, $, $, NULLIF($, -1.0), $, $)",
        after: "ON CONFLICT (id) DO UPDATE SET label = excluded.label, \
                theme_id = excluded.theme_id, theme = excluded.theme, status = excluded.status, \
                threshold = excluded.threshold, stability = excluded.stability, \
                discovered_at = excluded.discovered_at, centre = excluded.centre",
    };
    rows.all(writing, &topics, |topic, values| {
        values
            .text(&topic.id.0)
            .text(&topic.label)
            .text(&topic.theme_id.0)
            .text(&topic.theme)
            .text(topic.status.as_str())
            .number(i64::from(topic.threshold))
            .share(topic.stability)
            .time(topic.discovered_at)
            .bytes(centre_bytes(&topic.centre));
    })
    .await?;
    write_parts(writing, &topics).await
}

/// Terms and exemplars are replaced as a whole.
async fn write_parts(writing: &mut Writing, topics: &[&Topic]) -> anyhow::Result<()> {
    let ids = json_list(topics.iter().map(|topic| topic.id.as_str()));
    let listed = writing.dialect.listed(ListParameter::First);
    for table in ["terms", "exemplars"] {
        let clear = composed(format!("DELETE FROM {table} WHERE topic IN ({listed})"));
        run(writing.connection(), clear.bind(ids.clone())).await?;
    }
    let terms: Vec<(&Topic, i64, &Term)> = numbered(topics, |topic| &topic.terms);
    let rows = ManyRows {
        before: "INSERT INTO terms (topic, position, word, weight)",
        row: "($, $, $, $)",
        after: "",
    };
    rows.all(writing, &terms, |(topic, position, term), values| {
        let values = values.text(&topic.id.0).number(*position);
        values.text(&term.word).float(term.weight);
    })
    .await?;
    let exemplars: Vec<(&Topic, i64, &Exemplar)> = numbered(topics, |topic| &topic.exemplars);
    let rows = ManyRows {
        before: "INSERT INTO exemplars (topic, position, source, id, vector)",
        row: "($, $, $, $, $)",
        after: "",
    };
    rows.all(
        writing,
        &exemplars,
        |(topic, position, exemplar), values| {
            let values = values.text(&topic.id.0).number(*position);
            let key = &exemplar.key;
            let values = values.text(key.source.as_str()).text(&key.id);
            values.bytes(exemplar.vector.to_bytes());
        },
    )
    .await
}

/// A part of each topic with its position.
fn numbered<'a, T>(
    topics: &[&'a Topic],
    part: impl Fn(&'a Topic) -> &'a Vec<T>,
) -> Vec<(&'a Topic, i64, &'a T)> {
    let parts = topics.iter().flat_map(|topic| {
        let positions = 0_i64..;
        positions
            .zip(part(topic))
            .map(|(at, one)| (*topic, at, one))
    });
    parts.collect()
}

/// An assignment about to be written, and whether the feed must tell of it.
struct NewAssignment<'a> {
    assignment: &'a Assignment,
    change: Option<i64>,
}

/// Writes assignments of conversations that count; `judged_hash` tells for which text they were made.
pub(super) async fn write_assignments(
    writing: &mut Writing,
    assignments: &[Assignment],
) -> anyhow::Result<()> {
    let mut by_source: BTreeMap<&str, BTreeMap<String, &Assignment>> = BTreeMap::new();
    for assignment in assignments {
        let key = &assignment.key;
        let of_source = by_source.entry(key.source.as_str()).or_default();
        of_source.insert(plain(&key.id), assignment);
    }
    for (source, of_source) in by_source {
        let ids = json_list(of_source.keys().map(String::as_str));
        let listed = writing.dialect.listed(ListParameter::Second);
        let ask = composed(format!(
            "SELECT id, topic, change_number FROM conversations \
             WHERE source = $1 AND exclusion IS NULL AND id IN ({listed})"
        ));
        let ask = ask.bind(plain(source)).bind(ids);
        let found = all(writing.connection(), ask, |row| {
            let before: (Option<String>, i64) = (get(row, 1)?, get(row, 2)?);
            Ok((get::<String>(row, 0)?, before))
        });
        let mut rows = Vec::new();
        // In the order of the ids, so that the same assignments get the same numbers everywhere.
        let found: BTreeMap<_, _> = found.await?.into_iter().collect();
        let mut superseded = Vec::new();
        for (id, (before, version)) in &found {
            let assignment = of_source[id];
            let after = assignment.topic.as_ref().map(TopicId::as_str);
            let is_changed = before.as_deref() != after;
            let change = is_changed.then(|| writing.next_change());
            if let Some(by) = change.filter(|_| writing.was_counted(*version)) {
                superseded.push(only_topic(source, id, by));
            }
            rows.push(NewAssignment { assignment, change });
        }
        keep(writing, &superseded).await?;
        ASSIGNMENT_ROWS
            .all(writing, &rows, |row, values| {
                let assignment = row.assignment;
                values
                    .text(assignment.key.source.as_str())
                    .text(&assignment.key.id)
                    .optional_text(assignment.topic.as_ref().map(TopicId::as_str))
                    .share(Some(assignment.score))
                    .optional_text(assignment.also.as_ref().map(TopicId::as_str))
                    .optional_number(row.change)
                    .optional_text(assignment.found.as_ref().map(TopicId::as_str));
            })
            .await
            .context("an assignment names a topic that is not in the registry")?;
    }
    Ok(())
}

const ASSIGNMENT_ROWS: ManyRows = ManyRows {
    before: "UPDATE conversations SET topic = v.column3, found_topic = v.column7, \
             score = NULLIF(v.column4, -1.0), also_topic = v.column5, \
             judged_hash = conversations.text_hash, \
             change_number = COALESCE(v.column6, conversations.change_number) FROM (",
    row: "($, $, $, $, $, $, $)",
    after: ") AS v WHERE conversations.source = v.column1 AND conversations.id = v.column2",
};

pub(super) async fn write_lineage(
    writing: &mut Writing,
    lineage: &[Lineage],
    now: DateTime<Utc>,
) -> anyhow::Result<()> {
    let from = next_number(writing, "lineage").await?;
    let numbered: Vec<(i64, &Lineage)> = (from..).zip(lineage).collect();
    let rows = ManyRows {
        before: "INSERT INTO lineage (number, happened_at, kind, topic, other_topic)",
        row: "($, $, $, $, $)",
        after: "",
    };
    rows.all(writing, &numbered, |(number, one), values| {
        let (kind, topic, other) = match one {
            Lineage::New(topic) => ("new", topic, None),
            Lineage::Kept(topic) => ("kept", topic, None),
            Lineage::SplitFrom { topic, from } => ("split_from", topic, Some(from)),
            Lineage::MergedInto { topic, into } => ("merged_into", topic, Some(into)),
            Lineage::Dormant(topic) => ("dormant", topic, None),
            Lineage::Back(topic) => ("back", topic, None),
        };
        let values = values.number(*number).time(now).text(kind);
        values
            .text(topic.as_str())
            .optional_text(other.map(TopicId::as_str));
    })
    .await
}

fn lineage(row: &AnyRow) -> anyhow::Result<(DateTime<Utc>, Lineage)> {
    let topic = TopicId(get(row, 2)?);
    let other = get::<Option<String>>(row, 3)?.map(TopicId);
    let lineage = word(row, 1, |kind| match (kind, other.clone()) {
        ("new", _) => Some(Lineage::New(topic.clone())),
        ("kept", _) => Some(Lineage::Kept(topic.clone())),
        ("split_from", Some(from)) => Some(Lineage::SplitFrom {
            topic: topic.clone(),
            from,
        }),
        ("merged_into", Some(into)) => Some(Lineage::MergedInto {
            topic: topic.clone(),
            into,
        }),
        ("dormant", _) => Some(Lineage::Dormant(topic.clone())),
        ("back", _) => Some(Lineage::Back(topic.clone())),
        _ => None,
    });
    Ok((instant(row, 0)?, lineage?))
}

fn topic(row: &AnyRow) -> anyhow::Result<Topic> {
    let threshold: i64 = get(row, 5)?;
    Ok(Topic {
        id: TopicId(get(row, 0)?),
        label: get(row, 1)?,
        theme_id: TopicId(get(row, 2)?),
        theme: get(row, 3)?,
        status: word(row, 4, TopicStatus::parse)?,
        threshold: i32::try_from(threshold).context("a topic's threshold is out of range")?,
        stability: get(row, 6)?,
        discovered_at: instant(row, 7)?,
        centre: centre(get(row, 8)?),
        terms: Vec::new(),
        exemplars: Vec::new(),
    })
}

fn term(row: &AnyRow) -> anyhow::Result<(String, Term)> {
    let (word, weight) = (get(row, 1)?, get(row, 2)?);
    Ok((get(row, 0)?, Term { word, weight }))
}

fn exemplar(row: &AnyRow) -> anyhow::Result<(String, Exemplar)> {
    let (source, id): (String, String) = (get(row, 1)?, get(row, 2)?);
    let exemplar = Exemplar {
        key: ConversationKey::new(source, id),
        vector: Vector::from_bytes(get(row, 3)?),
    };
    Ok((get(row, 0)?, exemplar))
}

/// The sums of a centre, each as 8 bytes, lowest first.
fn centre_bytes(centre: &[i64]) -> Vec<u8> {
    centre.iter().flat_map(|sum| sum.to_le_bytes()).collect()
}

fn centre(bytes: &[u8]) -> Vec<i64> {
    let (sums, _) = bytes.as_chunks::<8>();
    sums.iter().map(|sum| i64::from_le_bytes(*sum)).collect()
}
