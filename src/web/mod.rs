//! Pages and JSON API, beside the worker. They read the database and the index; they never wait for
//! the worker. Local by default; on another address than loopback a token is needed.

mod access;
mod answers;
mod api;
mod asked;
mod charts;
mod error;
mod feed;
mod hooks;
pub mod key;
mod limit;
mod links;
mod pages;
mod reader;
mod report;
mod sources;
mod suggestions;
mod templates;
mod views;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::answers::token::{KEY_MIN, LinkKey};
use crate::app::App;
use crate::connectors::hook::Hook;
use crate::model::SourceId;
use crate::section::Section;
use limit::{Limit, Writing};

/// The most that a request's body may hold; forms are small.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// What the pages may load: nothing from elsewhere, no scripts at all.
const CONTENT_POLICY: &str = "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                              form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Settings of pages and API.
#[derive(Clone, Debug)]
pub struct WebConfig {
    /// Where to listen.
    pub listen: SocketAddr,
    /// What callers must know; needed on every address but loopback.
    pub token: Option<SecretString>,
    /// How readers reach the pages, for links in digests, and vendors that call us.
    pub public_url: Option<String>,
    /// What links and forms are signed with; without one, a key in the data folder.
    pub link_key: Option<SecretString>,
}

impl WebConfig {
    /// Reads the `[web]` table.
    pub fn read(mut section: Section<'_>) -> Self {
        let default: SocketAddr = "127.0.0.1:8460".parse().expect("a constant address");
        let names = ["an address with a port, such as 127.0.0.1:8460"];
        let listen = section.choice("listen", default, &names, |text| text.parse().ok());
        let token = section.optional_secret("token");
        let public_url = section.has("public_url").then(|| {
            let url = section.url(
                "public_url",
                "give the address at which readers reach the pages",
            );
            url.as_str().trim_end_matches('/').to_owned()
        });
        if !listen.ip().is_loopback() && token.is_none() {
            let message = format!("{listen} can be reached by others, and no token is set");
            section.problem(
                "token_env",
                message,
                "set web.token_env, or listen on 127.0.0.1",
            );
        }
        let link_key = section.optional_secret("link_key");
        let is_short = |key: &SecretString| LinkKey::new(key.expose_secret()).is_none();
        if link_key.as_ref().is_some_and(is_short) {
            let message =
                format!("the key has fewer than {KEY_MIN} letters, so it could be guessed");
            let hint = "make one with: openssl rand -hex 32";
            section.problem("link_key_env", message, hint);
        }
        section.finish();
        Self {
            listen,
            token,
            public_url,
            link_key,
        }
    }

    /// Where links in digests lead, without a slash at the end.
    pub fn public_url(&self) -> String {
        self.public_url
            .clone()
            .unwrap_or_else(|| format!("http://{}", self.listen))
    }

    /// Where a vendor calls when something changes, or why it cannot be heard there.
    pub fn calls(&self, source: &SourceId, hook: &Hook) -> Result<String, String> {
        if hook.needs_address() && self.public_url.is_none() {
            let reason = "signed calls are refused, because the address is signed, too, and not known here; set \
                          web.public_url to how the vendor reaches this server";
            return Err(reason.to_owned());
        }
        let place = format!("{}/hooks/{source}", self.public_url());
        Ok(format!(
            "the vendor may call {place} when something changes"
        ))
    }
}

/// Serves until `stop` is cancelled; requests under way are finished.
pub async fn serve(
    app: Arc<App>,
    listener: TcpListener,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    axum::serve(listener, router(app))
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
        .context("serving the pages")
}

/// All routes.
pub fn router(app: Arc<App>) -> Router {
    let most = app.config.answers.per_minute_max;
    let calling = Arc::new(hooks::Calling::new(&app));
    let api = Router::new()
        .route("/search", get(api::search))
        .route("/topics", get(api::topics))
        .route("/topics/{id}", get(api::topic))
        .route("/why/{source}/{*id}", get(api::why))
        .route("/windows/{cadence}", get(api::windows))
        .route("/digests", get(api::digests))
        .route("/digests/{id}", get(api::digest))
        .route("/sources", get(api::sources))
        .route("/suggestions", get(suggestions::list))
        .route("/suggestions/{id}", post(suggestions::decide))
        .route("/tables/{name}", get(api::table))
        .route("/asked", get(asked::api_rows))
        .route("/asked/{number}", get(asked::api_one))
        .route("/report/{cadence}", get(report::api))
        .route("/answers", get(answers::api_rows).post(answers::api_take))
        .fallback(api::not_found);
    Router::new()
        .route("/", get(pages::overview))
        .route("/topics", get(pages::topics))
        .route("/topics/{id}", get(pages::topic))
        .route("/digests", get(pages::digests))
        .route("/digests/{id}", get(pages::digest))
        .route(feed::PATH, get(feed::feed))
        .route("/report", get(report::overview))
        .route("/report/{cadence}", get(report::page))
        .route("/search", get(pages::search))
        .route("/sources", get(pages::sources))
        .route("/asked/{number}", get(asked::one))
        .route(
            "/suggestions",
            get(suggestions::page).post(suggestions::take_form),
        )
        .route("/answers", get(answers::log).post(answers::take_form))
        .route("/conversations/{source}/{*id}", get(pages::conversation))
        .nest("/api/v1", api)
        .route("/metrics", get(metrics))
        .route("/sign-in", get(access::form).post(access::sign_in))
        .layer(middleware::from_fn_with_state(app.clone(), access::guard))
        // Their signature lets these in; a login would keep out whom they were sent to.
        .route("/a/{token}", get(links::ask).post(links::answer))
        .route("/hooks/{source}", post(hooks::take).head(hooks::is_there))
        .route("/health", get(|| async { "ok\n" }))
        .route("/style.css", get(style))
        .route("/sign-out", post(access::sign_out))
        .fallback(pages::not_found)
        .layer(middleware::map_response(secure))
        .layer(Extension(calling))
        .layer(Extension(Arc::new(Writing(Limit::new(most)))))
        .layer(Extension(Arc::new(links::Guessing(Limit::new(
            links::WRONG_PER_MINUTE_MAX,
        )))))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(app)
}

async fn metrics(axum::extract::State(app): axum::extract::State<Arc<App>>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], app.metrics.encode()).into_response()
}

async fn style() -> Response {
    (
        [(header::CONTENT_TYPE, "text/css")],
        include_str!("assets/style.css"),
    )
        .into_response()
}

async fn secure(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let fixed: [(HeaderName, &'static str); 4] = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    for (name, value) in fixed {
        // A page may be stricter by itself.
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    response
}
