//! Loads what readers answered, as a closing sees it.

use crate::answers::{self, AnswerKind, Heard, heard::Told};
use crate::app::App;
use crate::model::Window;

/// How many earlier windows are looked through for digests that told of answers.
const TOLD_WINDOWS: u32 = 400;

/// What readers answered since the last digest of this cadence, and what stands. A window that is left over from an outage
/// is sent to nobody, so it tells nothing new.
pub async fn heard(app: &App, window: &Window, is_newest: bool) -> anyhow::Result<Heard> {
    let mut log = app.store.answers().await?;
    if log.is_empty() {
        return Ok(Heard::default());
    }
    let edited = super::registry(app).await?.edited();
    let pins = log
        .iter()
        .filter(|answer| matches!(answer.said.kind, AnswerKind::Pin { .. }));
    let oldest_pin = pins.map(|answer| answer.number).min();
    let told = told(app, window, oldest_pin.unwrap_or(i64::MAX)).await?;
    let told: Vec<Told> = told
        .into_iter()
        .map(|one| Told {
            topics: one
                .topics
                .iter()
                .map(|id| edited.resolve(id).clone())
                .collect(),
            ..one
        })
        .collect();
    let told_through = told.iter().map(|told| told.through).max().unwrap_or(0);
    if !is_newest {
        log.retain(|answer| answer.number <= told_through);
    }
    let mut heard = answers::hear(&log, &told, window.end, |id| edited.resolve(id).clone());
    heard.asked = super::asked::asked_topics(&app.store, &app.config, window, told_through).await?;
    Ok(heard)
}

/// The last digest before a window, and those before it for as long as evidence may have had its turn there.
async fn told(app: &App, window: &Window, oldest_pin: i64) -> anyhow::Result<Vec<Told>> {
    let mut told = Vec::new();
    for closed in app
        .store
        .closed_windows(window.cadence, TOLD_WINDOWS)
        .await?
    {
        let earlier = app.window(window.cadence, &closed.window);
        let Some(id) = closed
            .digest
            .filter(|_| earlier.is_some_and(|earlier| earlier.end <= window.start))
        else {
            continue;
        };
        let Some((digest, _)) = app.store.digest(&id).await? else {
            continue;
        };
        told.push(Told {
            through: digest.answered.through,
            topics: digest
                .items
                .iter()
                .map(|item| item.topic_id.clone())
                .collect(),
        });
        if digest.answered.through < oldest_pin {
            break;
        }
    }
    Ok(told)
}
