//! `/a/<token>`: answers from a mail or a chat, without a login.
//!
//! Opening a link does not answer yet. Mail servers open links to look for malware, and chats to show a preview: were a GET
//! enough, every digest would be confirmed and disputed by machines before anyone has read it. So GET shows a page with one
//! button, and only the button, a POST, answers: one click in the mail, one on the page.
//!
//! The page unlocks nothing: it holds no word of a customer, not even a topic's label, which is made of such words; it
//! sets no cookie, and its address says what anybody who has the link may know.

use std::sync::Arc;

use axum::Extension;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use chrono::{DateTime, Utc};
use minijinja::{Value, context};
use serde::Deserialize;

use super::error::{Failure, PageFailure};
use super::limit::Limit;
use super::templates;
use crate::answers::token::{Link, LinkKind, Opened};
use crate::answers::{AnswerKind, Said, Via, given};
use crate::app::App;
use crate::clock;
use crate::steps;
use crate::store::LinkUse;

/// Wrong links that are looked at in a minute.
pub const WRONG_PER_MINUTE_MAX: u32 = 60;

/// Keeps the number of wrong links in a minute.
pub struct Guessing(pub Limit);

/// What the button sends.
#[derive(Deserialize, Default)]
pub struct LinkForm {
    #[serde(default)]
    reason: String,
}

type Answered = Result<Response, PageFailure>;

/// Asks; answers nothing.
pub async fn ask(
    State(app): State<Arc<App>>,
    Extension(guessing): Extension<Arc<Guessing>>,
    Path(token): Path<String>,
) -> Answered {
    let Some((opened, place)) = open(&app, &token).await? else {
        return wrong(&guessing);
    };
    match app.store.link_used_at(&opened.nonce).await? {
        Some(used_at) => used(&app, used_at),
        None => show(StatusCode::OK, "ask", about(&opened.link, place)),
    }
}

/// Takes the answer, once.
pub async fn answer(
    State(app): State<Arc<App>>,
    Extension(guessing): Extension<Arc<Guessing>>,
    Path(token): Path<String>,
    form: Result<Form<LinkForm>, FormRejection>,
) -> Answered {
    let Some((opened, place)) = open(&app, &token).await? else {
        return wrong(&guessing);
    };
    let reason = form.map(|Form(form)| form.reason).unwrap_or_default();
    let link = &opened.link;
    let said = Said {
        by: link.destination.to_string(),
        via: Via::Link,
        digest: Some(link.digest.clone()),
        topic: Some(link.topic.clone()),
        kind: match link.kind {
            LinkKind::Confirm => AnswerKind::Confirm,
            LinkKind::Dispute => AnswerKind::Dispute {
                reason: given::reason(&reason, app.config.ingest.with_names),
            },
        },
    };
    let now = clock::now();
    let kept = app
        .store
        .use_link(&opened.nonce, link.expires_at, &said, now)
        .await?;
    match kept {
        LinkUse::UsedBefore(used_at) => used(&app, used_at),
        LinkUse::Kept(answer) => {
            steps::log_answer(&answer);
            show(StatusCode::OK, "done", about(link, place))
        }
    }
}

/// A good link and the number of its item, if the digest is one of ours and has such an item.
async fn open(app: &App, token: &str) -> anyhow::Result<Option<(Opened, usize)>> {
    let Some(opened) = app.link_key.open(token, clock::now()) else {
        return Ok(None);
    };
    let Some((digest, _)) = app.store.digest(&opened.link.digest).await? else {
        return Ok(None);
    };
    let mut items = digest.items.iter();
    let place = items.position(|item| item.topic_id == opened.link.topic);
    Ok(place.map(|place| (opened, place + 1)))
}

fn about(link: &Link, place: usize) -> Value {
    context! {
        digest => link.digest.as_str(), place, words => link.kind.words(),
        is_dispute => link.kind == LinkKind::Dispute, reason_max => given::REASON_MAX,
    }
}

/// One page for every link that does not work: whoever guesses learns nothing from it.
fn wrong(guessing: &Guessing) -> Answered {
    if guessing.0.take(clock::now()) {
        show(StatusCode::NOT_FOUND, "wrong", context! {})
    } else {
        show(StatusCode::TOO_MANY_REQUESTS, "busy", context! {})
    }
}

fn used(app: &App, used_at: DateTime<Utc>) -> Answered {
    let zone = app.config.calendar.zone;
    let time = used_at.with_timezone(&zone).format("%Y-%m-%d %H:%M %Z");
    show(
        StatusCode::CONFLICT,
        "used",
        context! { time => time.to_string() },
    )
}

fn show(status: StatusCode, state: &str, about: Value) -> Answered {
    let body = templates::page("link.html", context! { state, ..about }).map_err(Failure::from)?;
    let headers: [(HeaderName, &str); 3] = [
        // The address is a key for as long as it was not used: it goes nowhere else, and nobody lists it.
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("x-robots-tag"), "noindex"),
    ];
    Ok((status, headers, Html(body)).into_response())
}
