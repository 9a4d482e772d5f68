//! How topics move from window to window: counts become courses, which `topics::trend` judges. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::counting::Counts;
use crate::model::{Cadence, Change, TopicId, Window};
use crate::topics::trend::{self, Course, Exposure, TrendParams};

/// The place of the first window in which each topic occurs.
pub fn first_seen(windows: &[(Window, Counts)]) -> BTreeMap<TopicId, usize> {
    let mut seen = BTreeMap::new();
    for (place, (_, counts)) in windows.iter().enumerate() {
        for topic in counts.topics() {
            seen.entry(topic.clone()).or_insert(place);
        }
    }
    seen
}

/// How every topic moves in the window at `place`, against the windows before it. `seen` says where each topic
/// occurred first, which may be before the first of these windows.
pub fn changes(
    windows: &[(Window, Counts)],
    place: usize,
    seen: &BTreeMap<TopicId, usize>,
    params: &TrendParams,
) -> BTreeMap<TopicId, Change> {
    let cadence = windows[place].0.cadence;
    let first = place.saturating_sub(params.baseline(cadence));
    // One more than the baseline: the window before is judged together with this one, too.
    let before = &windows[first.saturating_sub(1)..place];
    let mut topics: BTreeSet<&TopicId> = windows[place].1.topics().collect();
    topics.extend(
        windows[first..place]
            .iter()
            .flat_map(|(_, counts)| counts.topics()),
    );
    let course = |topic: &TopicId| Course {
        before: before
            .iter()
            .map(|(_, counts)| counts.topic(topic))
            .collect(),
        now: windows[place].1.topic(topic),
        was_seen_earlier: seen.get(topic).is_some_and(|seen| *seen < first),
    };
    let courses: BTreeMap<TopicId, Course> = topics
        .into_iter()
        .map(|topic| (topic.clone(), course(topic)))
        .collect();
    let exposure = exposure(before, &windows[place].0);
    trend::changes(&courses, &exposure, cadence, params)
}

/// What windows usually hold: a weekday, a month of some length.
fn exposure(before: &[(Window, Counts)], window: &Window) -> Exposure {
    let length = |window: &Window| window.end - window.start;
    match window.cadence {
        Cadence::Daily => {
            let totals: Vec<u64> = before.iter().map(|(_, counts)| counts.counted()).collect();
            Exposure::of_days(&totals)
        }
        Cadence::Weekly => Exposure::even(before.len()),
        Cadence::Monthly => {
            let lengths: Vec<_> = before.iter().map(|(window, _)| length(window)).collect();
            Exposure::of_lengths(&lengths, length(window))
        }
    }
}
