//! A digest's frame: totals, the unassigned, revisions, notes and counting rules.

use crate::counting::Counts;
use crate::model::{Answered, Digest, DigestId, Fact, Revision, State, Totals, Unassigned, Window};

use super::draft::Inputs;
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

/// Earlier windows whose number is another one now.
fn revisions(inputs: &Inputs<'_>) -> Vec<Revision> {
    let mut revisions = Vec::new();
    for published in inputs.published {
        let Some(window) = inputs
            .calendar
            .parse(inputs.window.cadence, &published.window)
        else {
            continue;
        };
        let counting = |fact: &&Fact| {
            window.contains(fact.created_at) && !matches!(fact.state, State::Excluded(_))
        };
        let now = inputs.facts.iter().filter(counting).count() as u64;
        let late = inputs.facts.iter().filter(counting);
        let late = late
            .filter(|fact| fact.stored_at > published.told_at)
            .count() as u64;
        if window.end <= inputs.window.start && now != published.conversations {
            revisions.push(Revision {
                window: window.key,
                was: published.conversations,
                now,
                arrived_late: late,
            });
        }
    }
    revisions.sort_by(|a, b| a.window.cmp(&b.window));
    revisions
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
