//! A digest's frame: totals, the unassigned, revisions, notes and counting rules.

use std::collections::BTreeMap;

use crate::counting::Counts;
use crate::model::{
    Answered, Digest, DigestId, RevisedTopic, Revision, State, TopicId, Totals, Unassigned, Window,
};

use super::draft::{Inputs, Published};
use super::followup;

/// Everything of a digest but its items, its samples and the official side. `course` ends with the digest's own window.
pub fn frame(inputs: &Inputs<'_>, course: &[(Window, Counts)]) -> Digest {
    let nothing = Counts::default();
    let counts = course.last().map_or(&nothing, |(_, counts)| counts);
    let previous = course.len().checked_sub(2).map(|place| &course[place].1);
    let share = |counts: &Counts| counts.unassigned() as f64 / counts.counted().max(1) as f64;
    let window = inputs.window;
    Digest {
        version: super::VERSION,
        id: id(inputs),
        cadence: window.cadence,
        window: window.key.clone(),
        start: window.start,
        end: window.end,
        zone: inputs.calendar.zone.to_string(),
        team: None,
        totals: totals(counts, previous),
        items: Vec::new(),
        official: None,
        unassigned: Unassigned {
            conversations: counts.unassigned(),
            share: share(counts),
            previous_share: previous.map(share),
            sample: Vec::new(),
        },
        follow_up: followup::section(inputs),
        revisions: revisions(inputs),
        notes: notes(inputs, course.len()),
        rules: counting_rules(inputs),
        answered: Answered::default(),
    }
}

fn id(inputs: &Inputs<'_>) -> DigestId {
    let window = inputs.window;
    let whole = format!("{}-{}", window.cadence, window.key);
    DigestId(match inputs.team {
        Some(team) => format!("{whole}-{}", team.name),
        None => whole,
    })
}

fn totals(counts: &Counts, previous: Option<&Counts>) -> Totals {
    let excluded = counts
        .by_state
        .iter()
        .filter_map(|(state, tally)| match state {
            State::Excluded(reason) => Some((reason.as_str().to_owned(), tally.conversations)),
            _ => None,
        });
    Totals {
        pulled: counts.pulled(),
        assigned: counts.assigned(),
        unassigned: counts.unassigned(),
        excluded: excluded.collect(),
        customers: counts.customers(),
        previous: previous.map(Counts::counted),
    }
}

/// Earlier windows of which readers were told another number than it is now.
fn revisions(inputs: &Inputs<'_>) -> Vec<Revision> {
    let mut revisions: Vec<Revision> = inputs
        .published
        .iter()
        .filter_map(|published| revision(inputs, published))
        .collect();
    revisions.sort_by(|a, b| a.window.cmp(&b.window));
    revisions
}

fn revision(inputs: &Inputs<'_>, published: &Published) -> Option<Revision> {
    let cadence = inputs.window.cadence;
    let window = inputs.calendar.parse(cadence, &published.window)?;
    if window.end > inputs.window.start {
        return None;
    }
    let (mut now, mut arrived_late) = (0, 0);
    let mut by_topic: BTreeMap<&TopicId, u64> = BTreeMap::new();
    for fact in inputs
        .facts
        .iter()
        .filter(|fact| window.contains(fact.created_at))
    {
        match &fact.state {
            State::Excluded(_) => continue,
            State::Assigned(topic) => *by_topic.entry(topic).or_default() += 1,
            State::Unassigned => {}
        }
        now += 1;
        arrived_late += u64::from(fact.stored_at > published.told_at);
    }
    let topics = published.topics.iter().map(|told| RevisedTopic {
        topic_id: told.topic_id.clone(),
        label: told.label.clone(),
        was: told.conversations,
        now: by_topic.get(&told.topic_id).copied().unwrap_or_default(),
    });
    let topics: Vec<RevisedTopic> = topics.filter(|topic| topic.was != topic.now).collect();
    // As many may have come late as were found to be spam since.
    let is_revised = now != published.conversations || arrived_late > 0 || !topics.is_empty();
    is_revised.then_some(Revision {
        window: window.key,
        was: published.conversations,
        now,
        arrived_late,
        topics,
    })
}

fn notes(inputs: &Inputs<'_>, course: usize) -> Vec<String> {
    let noun = inputs.window.cadence.noun();
    let mut notes: Vec<String> = inputs
        .incomplete_sources
        .iter()
        .map(|source| format!("Source {source} was not complete up to the end of this {noun}: its numbers may still rise."))
        .collect();
    if course < 2 {
        notes.push(format!(
            "This is the first {noun}: there is nothing to compare it with."
        ));
    }
    if let Some(report) = inputs.report
        && !report
            .rows
            .iter()
            .any(|row| row.window == inputs.window.key)
    {
        notes.push(format!(
            "The official report \u{201c}{}\u{201d} has no figures for this {noun}.",
            report.name
        ));
    }
    notes
}

fn counting_rules(inputs: &Inputs<'_>) -> Vec<String> {
    let (noun, zone) = (inputs.window.cadence.noun(), inputs.calendar.zone);
    vec![
        "A conversation is one ticket or one call, however many replies it has.".to_owned(),
        format!("It counts in the {noun} in which it was opened, in the time zone {zone}."),
        "Each one is assigned to one topic, unassigned, or excluded with a reason; together they are what was pulled.".to_owned(),
        "A customer counts once, however often they write.".to_owned(),
        format!("A change is named only where the number lies outside what the {noun}s before make likely (95 %)."),
        "A digest never changes once it is published; what arrives late is named in a later one.".to_owned(),
    ]
}
