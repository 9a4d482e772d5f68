//! What to do next, derived from what the database says was done. Pure: after a crash the same
//! function gives the same answer, so nothing needs to be recovered.

use chrono::{DateTime, TimeDelta, Utc};

use super::DigestPlan;
use crate::connectors::SourceConfig;
use crate::model::{Cadence, Calendar, SourceId, Window};
use crate::store::{Delivery, DeliveryState, SourceProgress};

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
    work
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
    let is_first_ready = progress.unjudged > 0 && all_pulled_once(plan, progress);
    if next_discovery.map_or(is_first_ready, |next| next <= now) && progress.span.is_some() {
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
    let soonest = pulls
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
    source.schedule.next_after(known.finished_at?)
}

fn all_pulled_once(plan: &Plan, progress: &Progress) -> bool {
    plan.sources.iter().all(|source| {
        let known = progress.sources.iter().find(|known| known.id == source.id);
        known.is_some_and(|known| known.finished_at.is_some() || known.failures > 0)
    })
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
        if complete_until.is_none_or(|until| until < needed) {
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
}
