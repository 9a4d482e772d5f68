//! What to do next, derived from what the database says was done. Pure: after a crash the same
//! function gives the same answer, so nothing needs to be recovered.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::DigestPlan;
use crate::connectors::SourceConfig;
use crate::model::{Cadence, Calendar, SourceId, Window};
use crate::store::{Delivery, DeliveryState, SourceProgress};

/// Topics are first looked for when so much of history is read: eight weeks, the baseline of trends.
const FIRST_LOOK_BACK: TimeDelta = TimeDelta::weeks(8);

/// Nor does the first look wait for history longer than this.
const FIRST_LOOK_WAIT: TimeDelta = TimeDelta::days(1);

/// Or for one that cannot be read so many times in a row.
const FIRST_LOOK_FAILURES: u32 = 3;

/// Hints make a source due no sooner after its last pull.
const PAUSE_BETWEEN_HINTS: TimeDelta = TimeDelta::seconds(60);

/// A change is shown by every helpdesk so long after its hint, at the latest; some leave out the last minute.
pub const SHOWN_LATE_MAX: TimeDelta = TimeDelta::minutes(2);

/// One piece of work. Listed in the order in which a ticket goes through it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// Pull a source, up to a bounded number of pages.
    Pull(SourceId),
    /// Embed texts that have no vector.
    Embed,
    /// Give new conversations their topic.
    Assign,
    /// Find new topics among those that have none.
    Discover,
    /// Look at everything again and compare it with the registry.
    Review,
    /// Put the topics into the numbers of another encoder.
    Renew,
    /// Replace vectors of the fast tier by the encoder's own.
    Refine,
    /// Bring the search index up to the last change.
    Index,
    /// Close a window: count, reconcile, compose.
    Close {
        /// The window.
        window: Window,
        /// Sources that are not complete up to its end; the digest says so.
        incomplete: Vec<SourceId>,
        /// Whether it is the newest of its cadence: older ones, left over from an outage, are kept but not sent.
        is_newest: bool,
    },
    /// Hand digests to destinations.
    Deliver,
    /// Read some of a source's history. It goes on beside all the rest.
    Backfill(SourceId),
}

/// What is planned: the parts of the configuration that decide what is due.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Sources and their schedules.
    pub sources: Vec<SourceConfig>,
    /// Digests and their schedules.
    pub digests: Vec<DigestPlan>,
    /// Time zone and first day of the week.
    pub calendar: Calendar,
    /// How often the unassigned are searched for new topics.
    pub discover_every: TimeDelta,
    /// How often everything is looked at again.
    pub review_every: TimeDelta,
}

/// What was done, as the domain tables say.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// Every source that was ever pulled.
    pub sources: Vec<SourceProgress>,
    /// When vendors last said that something changed.
    pub hints: BTreeMap<SourceId, DateTime<Utc>>,
    /// First and last instant at which a conversation was opened.
    pub span: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// Texts without a vector.
    pub without_vector: u64,
    /// Whether the topics come from another encoder than the configured one.
    pub is_encoder_changed: bool,
    /// Whether there are vectors of the fast tier.
    pub has_approximate: bool,
    /// Conversations whose text was never judged.
    pub unjudged: u64,
    /// When new topics were last looked for.
    pub last_discovery: Option<DateTime<Utc>>,
    /// When everything was last looked at: the last review, else the first discovery.
    pub last_review: Option<DateTime<Utc>>,
    /// The store's last change, and the one that the search index has applied.
    pub last_change: i64,
    /// The change that the search index has applied.
    pub indexed: i64,
    /// The newest closed window of each cadence.
    pub closed: Vec<Window>,
    /// Deliveries that are not sent.
    pub waiting: Vec<Delivery>,
}

/// The work that is due now, in the order in which it must be done.
pub fn due(now: DateTime<Utc>, plan: &Plan, progress: &Progress) -> Vec<Work> {
    let mut work: Vec<Work> = plan
        .sources
        .iter()
        .filter(|source| pull_at(source, progress).is_none_or(|at| at <= now))
        .map(|source| Work::Pull(source.id.clone()))
        .collect();
    if progress.without_vector > 0 {
        work.push(Work::Embed);
    }
    // Old topics and new vectors must not meet: nothing is judged before all texts have their new ones.
    if !progress.is_encoder_changed {
        work.extend(judge(now, plan, progress));
    } else if progress.without_vector == 0 {
        work.push(Work::Renew);
    }
    if progress.indexed < progress.last_change {
        work.push(Work::Index);
    }
    // Windows are closed on settled ground only: everything pulled has its topic.
    let is_waiting = progress.without_vector > 0 || progress.unjudged > 0;
    let is_settled = !is_waiting && !progress.is_encoder_changed;
    if is_settled && work.iter().all(|item| matches!(item, Work::Index)) {
        work.extend(
            plan.digests
                .iter()
                .filter_map(|digest| close(now, plan, digest, progress)),
        );
    }
    if progress
        .waiting
        .iter()
        .any(|delivery| is_due(delivery, now))
    {
        work.push(Work::Deliver);
    }
    // Nobody waits for it: only when there is nothing else to do.
    if work.is_empty() && progress.has_approximate {
        work.push(Work::Refine);
    }
    let history = backfills(now, plan, progress, &work);
    work.extend(history);
    work
}

/// Sources whose history is read on now. Only while nothing else keeps up with what was read already: what is due daily is
/// never behind for the sake of years ago.
fn backfills(now: DateTime<Utc>, plan: &Plan, progress: &Progress, work: &[Work]) -> Vec<Work> {
    let is_beside = |one: &Work| {
        matches!(
            one,
            Work::Pull(_) | Work::Index | Work::Deliver | Work::Refine
        )
    };
    if !work.iter().all(is_beside) {
        return Vec::new();
    }
    let sources = plan.sources.iter().filter(|source| {
        let known = progress.sources.iter().find(|known| known.id == source.id);
        known.is_some_and(|known| {
            known.finished_at.is_some() && backfill_at(known).is_some_and(|at| at <= now)
        })
    });
    sources
        .map(|source| Work::Backfill(source.id.clone()))
        .collect()
}

/// When the reading of a source's history may go on; `None` where there is nothing more to read. A failure of either way of
/// reading holds it up, so that a helpdesk in trouble is not asked twice.
fn backfill_at(known: &SourceProgress) -> Option<DateTime<Utc>> {
    let backfill = known.backfill.as_ref()?;
    if backfill.finished_at.is_some() {
        return None;
    }
    Some(
        known
            .retry_at
            .max(backfill.retry_at)
            .unwrap_or(backfill.until),
    )
}

/// Topics for arrivals, and new ones among those that have none.
fn judge(now: DateTime<Utc>, plan: &Plan, progress: &Progress) -> Vec<Work> {
    let mut work = Vec::new();
    if progress.unjudged > 0 && progress.last_discovery.is_some() {
        work.push(Work::Assign);
    }
    let next_discovery = progress
        .last_discovery
        .map(|last| last + plan.discover_every);
    let is_first_ready = progress.unjudged > 0 && all_pulled_once(now, plan, progress);
    let is_next_ready = next_discovery.is_some_and(|next| next <= now)
        || progress
            .last_discovery
            .is_some_and(|last| has_new_history(last, plan, progress));
    if (is_next_ready || progress.last_discovery.is_none() && is_first_ready)
        && progress.span.is_some()
    {
        work.push(Work::Discover);
    }
    let next_review = progress.last_review.map(|last| last + plan.review_every);
    let is_whole = progress.without_vector == 0 && progress.span.is_some();
    if is_whole && next_review.is_some_and(|next| next <= now) {
        work.push(Work::Review);
    }
    work
}

/// The next instant at which something may become due; never later than an hour from now.
pub fn next_at(now: DateTime<Utc>, plan: &Plan, progress: &Progress) -> DateTime<Utc> {
    let pulls = plan
        .sources
        .iter()
        .filter_map(|source| pull_at(source, progress));
    let deliveries = progress.waiting.iter().map(|delivery| delivery.next_at);
    let discovery = progress
        .last_discovery
        .map(|last| last + plan.discover_every);
    let review = progress.last_review.map(|last| last + plan.review_every);
    let closings = plan.digests.iter().filter_map(|digest| {
        let window = next_window(now, plan, digest.cadence, progress)?;
        [ready_at(digest, &window), window.end + patience(digest)]
            .into_iter()
            .find(|at| *at > now)
    });
    let history = plan.sources.iter().filter_map(|source| {
        let known = progress.sources.iter().find(|known| known.id == source.id);
        known.and_then(backfill_at)
    });
    let soonest = pulls
        .chain(history)
        .chain(deliveries)
        .chain(discovery)
        .chain(review)
        .chain(closings)
        .filter(|at| *at > now);
    soonest
        .min()
        .unwrap_or(now + TimeDelta::hours(1))
        .min(now + TimeDelta::hours(1))
}

/// When a source is to be pulled next; `None` is "never pulled, so at once".
pub fn pull_at(source: &SourceConfig, progress: &Progress) -> Option<DateTime<Utc>> {
    let known = progress
        .sources
        .iter()
        .find(|known| known.id == source.id)?;
    if known.retry_at.is_some() {
        return known.retry_at;
    }
    let finished_at = known.finished_at?;
    let planned = source.schedule.next_after(finished_at);
    let hint = progress.hints.get(&source.id).copied().max(known.hinted_at);
    let hinted = hint.and_then(|hint| hinted_at(hint, finished_at, known.complete_until));
    planned.into_iter().chain(hinted).min()
}

/// When a source is to be pulled because its vendor said that something changed: at once, but not twice in a minute,
/// however many hints come. A source that is not complete up to the hint yet, because it shows its changes late, is pulled
/// again a little later.
fn hinted_at(
    hint: DateTime<Utc>,
    finished_at: DateTime<Utc>,
    complete_until: Option<DateTime<Utc>>,
) -> Option<DateTime<Utc>> {
    let is_complete = complete_until.is_some_and(|until| until >= hint);
    let is_seen = finished_at >= hint && (is_complete || finished_at >= hint + SHOWN_LATE_MAX);
    (!is_seen).then(|| hint.max(finished_at + PAUSE_BETWEEN_HINTS))
}

/// Whether topics can be looked for the first time: every source was pulled, and of history there is as much as trends
/// look back, unless that takes too long.
fn all_pulled_once(now: DateTime<Utc>, plan: &Plan, progress: &Progress) -> bool {
    plan.sources.iter().all(|source| {
        let known = progress.sources.iter().find(|known| known.id == source.id);
        known.is_some_and(|known| {
            known.failures > 0
                || known.finished_at.is_some()
                    && known.backfill.as_ref().is_none_or(|backfill| {
                        backfill.covers(now - FIRST_LOOK_BACK)
                            || backfill.failures >= FIRST_LOOK_FAILURES
                            || backfill.until + FIRST_LOOK_WAIT <= now
                    })
        })
    })
}

/// Whether the history of a source was read to its end since the last discovery.
fn has_new_history(last: DateTime<Utc>, plan: &Plan, progress: &Progress) -> bool {
    let is_planned = |known: &&SourceProgress| plan.sources.iter().any(|one| one.id == known.id);
    let known = progress.sources.iter().filter(is_planned);
    let mut backfills = known.filter_map(|known| known.backfill.as_ref());
    backfills.any(|backfill| backfill.finished_at.is_some_and(|at| at > last))
}

fn is_due(delivery: &Delivery, now: DateTime<Utc>) -> bool {
    delivery.state == DeliveryState::Waiting && delivery.next_at <= now
}

/// The oldest window of a cadence that is not closed yet. On a new database, the one that ended last.
fn next_window(
    now: DateTime<Utc>,
    plan: &Plan,
    cadence: Cadence,
    progress: &Progress,
) -> Option<Window> {
    let (first, _) = progress.span?;
    let newest = plan.calendar.last_ended(cadence, now);
    let window = match progress
        .closed
        .iter()
        .find(|closed| closed.cadence == cadence)
    {
        Some(closed) => plan.calendar.next(closed),
        None => newest,
    };
    (window.end > first).then_some(window)
}

fn close(
    now: DateTime<Utc>,
    plan: &Plan,
    digest: &DigestPlan,
    progress: &Progress,
) -> Option<Work> {
    let window = next_window(now, plan, digest.cadence, progress)?;
    if now < ready_at(digest, &window) {
        return None;
    }
    let needed = window.end + grace(digest);
    let mut incomplete = Vec::new();
    for source in &plan.sources {
        let known = progress.sources.iter().find(|known| known.id == source.id);
        let complete_until = known.and_then(|known| known.complete_until);
        let is_covered = known.is_none_or(|known| {
            let backfill = known.backfill.as_ref();
            backfill.is_none_or(|backfill| backfill.covers(window.start))
        });
        if complete_until.is_none_or(|until| until < needed) || !is_covered {
            incomplete.push(source.id.clone());
        }
    }
    if !incomplete.is_empty() && now < window.end + patience(digest) {
        return None;
    }
    let is_newest = window == plan.calendar.last_ended(digest.cadence, now);
    Some(Work::Close {
        window,
        incomplete,
        is_newest,
    })
}

/// The schedule's first run at or after the window's end and grace time.
fn ready_at(digest: &DigestPlan, window: &Window) -> DateTime<Utc> {
    let settled = window.end + grace(digest);
    let run = digest
        .schedule
        .next_after(window.end - TimeDelta::microseconds(1));
    run.map_or(settled, |run| run.max(settled))
}

fn grace(digest: &DigestPlan) -> TimeDelta {
    TimeDelta::from_std(digest.grace).unwrap_or(TimeDelta::MAX)
}

fn patience(digest: &DigestPlan) -> TimeDelta {
    TimeDelta::from_std(digest.patience.max(digest.grace)).unwrap_or(TimeDelta::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is due with a discovery long ago, no sources and no digests.
    fn work(change: impl FnOnce(&mut Progress)) -> Vec<Work> {
        let now: DateTime<Utc> = "2026-03-30T12:00:00Z".parse().unwrap();
        let plan = Plan {
            sources: Vec::new(),
            digests: Vec::new(),
            calendar: Calendar::default(),
            discover_every: TimeDelta::hours(24),
            review_every: TimeDelta::days(7),
        };
        let mut progress = Progress {
            span: Some((now - TimeDelta::days(90), now)),
            last_discovery: Some(now - TimeDelta::hours(30)),
            unjudged: 7,
            ..Progress::default()
        };
        change(&mut progress);
        due(now, &plan, &progress)
    }

    #[test]
    fn topics_of_another_encoder_judge_nothing_until_they_are_renewed() {
        assert_eq!(work(|_| ()), [Work::Assign, Work::Discover]);
        let embedding = work(|progress| {
            progress.is_encoder_changed = true;
            progress.without_vector = 9;
        });
        assert_eq!(embedding, [Work::Embed]);
        assert_eq!(
            work(|progress| progress.is_encoder_changed = true),
            [Work::Renew]
        );
    }

    #[test]
    fn everything_is_reviewed_after_a_week_and_only_as_a_whole() {
        let reviewed = |days: i64, without_vector: u64| {
            let now: DateTime<Utc> = "2026-03-30T12:00:00Z".parse().unwrap();
            let work = work(|progress| {
                progress.last_review = Some(now - TimeDelta::days(days));
                progress.without_vector = without_vector;
            });
            work.contains(&Work::Review)
        };
        assert_eq!(
            [reviewed(6, 0), reviewed(7, 0), reviewed(8, 3)],
            [false, true, false]
        );
    }

    #[test]
    fn approximate_vectors_are_replaced_when_nothing_else_is_due() {
        let busy = work(|progress| progress.has_approximate = true);
        assert_eq!(busy, [Work::Assign, Work::Discover]);
        let idle = work(|progress| {
            progress.has_approximate = true;
            progress.unjudged = 0;
            progress.last_discovery = progress.span.map(|(_, last)| last);
        });
        assert_eq!(idle, [Work::Refine]);
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    /// A source whose daily pull began at the first hour of the 30th, and with it the reading of history.
    fn known() -> SourceProgress {
        let backfill = crate::store::Backfill {
            until: at("2026-03-30T01:00:00Z"),
            cursor: None,
            began_at: None,
            reached: None,
            finished_at: None,
            records: 0,
            failures: 0,
            error: None,
            retry_at: None,
        };
        SourceProgress {
            id: SourceId::from("desk"),
            cursor: None,
            complete_until: Some(at("2026-03-30T11:59:00Z")),
            finished_at: Some(at("2026-03-30T12:00:00Z")),
            failures: 0,
            error: None,
            retry_at: None,
            records: 0,
            skipped: 0,
            parked: 0,
            deletions_held: 0,
            hinted_at: None,
            backfill: Some(backfill),
        }
    }

    fn plan() -> Plan {
        let text = "[[sources]]\nid = 'desk'\nkind = 'files'\npaths = ['inbox']\nschedule = '30 * * * *'\n\
                    [[digests]]\ncadence = 'daily'\nschedule = '0 7 * * *'\ngrace_minutes = 0\n";
        let config = crate::config::Config::parse(text, ".".into(), Default::default()).unwrap();
        Plan {
            sources: config.sources,
            digests: config.digests,
            calendar: Calendar::default(),
            discover_every: TimeDelta::hours(24),
            review_every: TimeDelta::days(7),
        }
    }

    /// What is due at noon of the 30th, with a discovery an hour ago and the day before closed.
    fn with_history(change: impl FnOnce(&mut Progress, &mut SourceProgress)) -> Vec<Work> {
        let (now, plan) = (at("2026-03-30T12:00:00Z"), plan());
        let mut progress = Progress {
            span: Some((now - TimeDelta::days(90), now)),
            last_discovery: Some(now - TimeDelta::hours(1)),
            closed: vec![plan.calendar.last_ended(Cadence::Daily, now)],
            ..Progress::default()
        };
        let mut known = known();
        change(&mut progress, &mut known);
        progress.sources.push(known);
        due(now, &plan, &progress)
    }

    fn history() -> Work {
        Work::Backfill(SourceId::from("desk"))
    }

    #[test]
    fn history_is_read_when_nothing_else_must_keep_up() {
        assert_eq!(with_history(|_, _| ()), [history()]);
        let beside = with_history(|progress, known| {
            progress.last_change = 7;
            progress.has_approximate = true;
            known.finished_at = Some(at("2026-03-30T11:00:00Z"));
        });
        let pull = Work::Pull(SourceId::from("desk"));
        assert_eq!(beside, [pull, Work::Index, history()]);
        let behind = with_history(|progress, _| progress.without_vector = 3);
        assert_eq!(behind, [Work::Embed]);
        assert_eq!(
            with_history(|progress, _| progress.unjudged = 3),
            [Work::Assign]
        );
        let closing = with_history(|progress, known| {
            progress.closed.clear();
            known.backfill.as_mut().unwrap().reached = Some(at("2026-03-29T00:00:00Z"));
        });
        assert!(matches!(closing[..], [Work::Close { .. }]), "{closing:?}");
    }

    #[test]
    fn history_waits_for_the_first_pull_and_after_failures_of_either_way() {
        assert_eq!(
            with_history(|_, known| known.finished_at = None),
            [Work::Pull(SourceId::from("desk"))]
        );
        let later = Some(at("2026-03-30T12:01:00Z"));
        assert!(with_history(|_, known| known.retry_at = later).is_empty());
        let own = with_history(|_, known| known.backfill.as_mut().unwrap().retry_at = later);
        assert!(own.is_empty());
        let over = with_history(|_, known| {
            known.backfill.as_mut().unwrap().finished_at = Some(at("2026-03-30T02:00:00Z"));
        });
        assert!(over.is_empty());
        // Its failure does not hold up the daily pull.
        let daily = with_history(|_, known| {
            known.backfill.as_mut().unwrap().retry_at = later;
            known.finished_at = Some(at("2026-03-30T11:00:00Z"));
        });
        assert_eq!(daily, [Work::Pull(SourceId::from("desk"))]);
    }

    #[test]
    fn a_window_waits_for_its_history_but_not_for_ever() {
        let closing = |reached: &str, patience_hours: u64| {
            let mut plan = plan();
            plan.digests[0].patience = std::time::Duration::from_secs(patience_hours * 3_600);
            let now = at("2026-03-30T12:00:00Z");
            let mut known = known();
            known.backfill.as_mut().unwrap().reached = Some(at(reached));
            let progress = Progress {
                span: Some((now - TimeDelta::days(90), now)),
                last_discovery: Some(now - TimeDelta::hours(1)),
                sources: vec![known],
                ..Progress::default()
            };
            let work = due(now, &plan, &progress);
            work.into_iter().find_map(|one| match one {
                Work::Close { incomplete, .. } => Some(incomplete.len()),
                _ => None,
            })
        };
        assert_eq!(closing("2026-03-29T00:00:00Z", 24), Some(0));
        assert_eq!(closing("2026-03-29T00:00:01Z", 24), None);
        assert_eq!(closing("2026-03-29T00:00:01Z", 12), Some(1));
    }

    #[test]
    fn the_first_look_for_topics_waits_for_some_history_and_one_follows_its_end() {
        let first = |change: fn(&mut crate::store::Backfill)| {
            let work = with_history(|progress, known| {
                progress.last_discovery = None;
                progress.unjudged = 9;
                change(known.backfill.as_mut().unwrap());
            });
            work.contains(&Work::Discover)
        };
        assert!(!first(|_| ()));
        assert!(!first(|one| one.reached = Some(at("2026-02-04T00:00:00Z"))));
        assert!(first(|one| one.reached = Some(at("2026-02-02T00:00:00Z"))));
        assert!(first(|one| one.failures = 3));
        assert!(first(|one| one.until = at("2026-03-29T11:00:00Z")));
        let again = |finished_at: &str| {
            let finished_at = Some(at(finished_at));
            with_history(|_, known| known.backfill.as_mut().unwrap().finished_at = finished_at)
        };
        assert_eq!(again("2026-03-30T11:30:00Z"), [Work::Discover]);
        assert!(again("2026-03-30T10:30:00Z").is_empty());
    }

    #[test]
    fn a_hint_makes_its_source_due_but_not_twice_in_a_minute() {
        let hinted = |hint: &str, finished_at: &str, complete_until: &str| {
            hinted_at(at(hint), at(finished_at), Some(at(complete_until)))
        };
        let day = |time: &str| format!("2026-03-30T{time}Z");
        let (hint, noon) = (day("12:00:30"), day("12:00:00"));
        // It waits for the minute, and where that is long over, for nothing.
        let hour = day("11:00:00");
        assert_eq!(hinted(&hint, &noon, &noon), Some(at(&day("12:01:00"))));
        assert_eq!(hinted(&hint, &hour, &hour), Some(at(&hint)));
        // A pull after it that is complete up to it is enough.
        let after = day("12:01:00");
        assert_eq!(hinted(&hint, &after, &hint), None);
        // A source that shows changes late is asked once more a minute, for two.
        assert_eq!(hinted(&hint, &after, &noon), Some(at(&day("12:02:00"))));
        assert_eq!(hinted(&hint, &day("12:02:30"), &noon), None);
    }

    #[test]
    fn a_hint_never_shortens_a_pause_that_was_asked_for() {
        let later = at("2026-03-30T13:00:00Z");
        let pulls = |retry_at| {
            with_history(|progress, known| {
                let hint = at("2026-03-30T11:59:50Z");
                progress.hints = [(SourceId::from("desk"), hint)].into();
                known.finished_at = Some(at("2026-03-30T11:46:00Z"));
                known.complete_until = known.finished_at;
                known.retry_at = retry_at;
                known.backfill = None;
            })
        };
        assert_eq!(pulls(None), [Work::Pull(SourceId::from("desk"))]);
        assert!(pulls(Some(later)).is_empty());
    }
}
