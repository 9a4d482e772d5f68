//! `/a/<token>`: answers from a mail or a chat, without a login.
//!
//! Opening a link does not answer yet. Mail servers open links to look for malware, and chats to show a preview: were a GET
//! enough, every digest would be confirmed and disputed by machines before anyone has read it. So GET shows a page with one
//! button, and only the button, a POST, answers: one click in the mail, one on the page.
//!
//! A link to a suggestion shows a button for each state that it can go to; it works once as well.
//!
//! The page unlocks nothing: it holds no word of a customer, not even a topic's label, which is made of such words, nor the
//! suggestion's sentence, which names it; it sets no cookie, and its address says what anybody who has the link may know.

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
use super::limit::{Limit, Writing};
use super::{suggestions, templates};
use crate::answers::token::{LinkKind, Opened};
use crate::answers::{AnswerKind, Said, Via, given};
use crate::app::App;
use crate::clock;
use crate::model::{SuggestionId, SuggestionState};
use crate::steps::{self, Wish};
use crate::store::{LinkUse, Pressed};

/// Wrong links that are looked at in a minute.
pub const WRONG_PER_MINUTE_MAX: u32 = 60;

/// Keeps the number of wrong links in a minute.
pub struct Guessing(pub Limit);

/// What the button sends.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct LinkForm {
    reason: String,
    /// What a suggestion is to be.
    state: String,
    /// Who decides it; may be empty.
    by: String,
}

type Answered = Result<Response, PageFailure>;

/// A good link, and what it is about.
struct About {
    opened: Opened,
    /// The number of the digest's item.
    place: usize,
    suggestion: SuggestionId,
    /// `product`, `service` or `process`.
    kind: &'static str,
}

/// Asks; answers nothing.
pub async fn ask(
    State(app): State<Arc<App>>,
    Extension(guessing): Extension<Arc<Guessing>>,
    Path(token): Path<String>,
) -> Answered {
    let Some(about) = open(&app, &token).await? else {
        return wrong(&guessing);
    };
    match app.store.link_used_at(&about.opened.nonce).await? {
        Some(used_at) => used(&app, &about, used_at),
        None => ask_again(&app, &about, StatusCode::OK, None).await,
    }
}

/// Takes the answer, once.
pub async fn answer(
    State(app): State<Arc<App>>,
    Extension(guessing): Extension<Arc<Guessing>>,
    Extension(writing): Extension<Arc<Writing>>,
    Path(token): Path<String>,
    form: Result<Form<LinkForm>, FormRejection>,
) -> Answered {
    let Some(about) = open(&app, &token).await? else {
        return wrong(&guessing);
    };
    if writing.admit().is_err() {
        return show(StatusCode::TOO_MANY_REQUESTS, "busy", context! {});
    }
    let form = form.map(|Form(form)| form).unwrap_or_default();
    let reason = given::reason(&form.reason, app.config.ingest.with_names);
    match about.opened.link.kind {
        LinkKind::Confirm => say(&app, &about, AnswerKind::Confirm).await,
        LinkKind::Dispute => say(&app, &about, AnswerKind::Dispute { reason }).await,
        LinkKind::Decide => decide(&app, &about, form).await,
    }
}

async fn say(app: &App, about: &About, kind: AnswerKind) -> Answered {
    let link = &about.opened.link;
    let said = Said {
        by: link.destination.to_string(),
        via: Via::Link,
        digest: Some(link.digest.clone()),
        topic: Some(link.topic.clone()),
        kind,
    };
    match app.store.answer_by_link(pressed(about), &said).await? {
        LinkUse::UsedBefore(used_at) => used(app, about, used_at),
        LinkUse::Kept(answer) => {
            steps::log_answer(&answer);
            show(StatusCode::OK, "done", words(about))
        }
    }
}

async fn decide(app: &App, about: &About, form: LinkForm) -> Answered {
    let Some(state) = SuggestionState::parse(&form.state) else {
        let sentence = "press one of the buttons";
        return ask_again(app, about, StatusCode::BAD_REQUEST, Some(sentence)).await;
    };
    let wish = Wish {
        state,
        by: form.by,
        note: form.reason,
    };
    let destination = &about.opened.link.destination;
    let wanted = (&about.suggestion, &wish);
    let (store, config) = (&app.store, &app.config);
    let decided = steps::decide_by_link(store, config, pressed(about), destination, wanted);
    match decided.await? {
        None => Err(Failure::NotFound("suggestion").into()),
        // Somebody was faster; the link can still be used.
        Some(Err(refusal)) => ask_again(app, about, StatusCode::CONFLICT, Some(refusal.0)).await,
        Some(Ok(LinkUse::UsedBefore(used_at))) => used(app, about, used_at),
        Some(Ok(LinkUse::Kept(decision))) => {
            let now = context! { now => decision.state.as_str() };
            show(StatusCode::OK, "done", context! { ..now, ..words(about) })
        }
    }
}

fn pressed(about: &About) -> Pressed<'_> {
    Pressed {
        nonce: &about.opened.nonce,
        expires_at: about.opened.link.expires_at,
        at: clock::now(),
    }
}

/// A good link, if the digest is one of ours and has such an item.
async fn open(app: &App, token: &str) -> anyhow::Result<Option<About>> {
    let Some(opened) = app.link_key.open(token, clock::now()) else {
        return Ok(None);
    };
    let Some((digest, _)) = app.store.digest(&opened.link.digest).await? else {
        return Ok(None);
    };
    let mut items = digest.items.into_iter().enumerate();
    let found = items.find(|(_, item)| item.topic_id == opened.link.topic);
    Ok(found.map(|(place, item)| About {
        opened,
        place: place + 1,
        suggestion: item.suggestion.id,
        kind: item.suggestion.kind.as_str(),
    }))
}

/// The page with the buttons, and what was wrong with the last try.
async fn ask_again(
    app: &App,
    about: &About,
    status: StatusCode,
    warning: Option<&'static str>,
) -> Answered {
    let choices = match about.opened.link.kind {
        LinkKind::Decide => {
            let state = steps::standing(&app.store, &about.suggestion).await?;
            Some(suggestions::choices(&about.suggestion, state))
        }
        LinkKind::Confirm | LinkKind::Dispute => None,
    };
    show(status, "ask", context! { choices, warning, ..words(about) })
}

fn words(about: &About) -> Value {
    let link = &about.opened.link;
    context! {
        digest => link.digest.as_str(), place => about.place, words => link.kind.words(), type => about.kind,
        is_dispute => link.kind == LinkKind::Dispute, is_decision => link.kind == LinkKind::Decide,
        reason_max => given::REASON_MAX, name_max => given::NAME_MAX,
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

fn used(app: &App, about: &About, used_at: DateTime<Utc>) -> Answered {
    let zone = app.config.calendar.zone;
    let time = used_at.with_timezone(&zone).format("%Y-%m-%d %H:%M %Z");
    show(
        StatusCode::CONFLICT,
        "used",
        context! { time => time.to_string(), ..words(about) },
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
