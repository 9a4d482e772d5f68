//! Pages and JSON API, beside the worker. They read the database and the index; they never wait for
//! the worker. Local by default; on another address than loopback a token is needed.

mod access;
mod answers;
mod api;
mod asked;
mod charts;
pub mod config;
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

use std::sync::Arc;

use anyhow::Context;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use limit::{Limit, Writing};

/// The most that a request's body may hold; forms are small.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// What the pages may load: nothing from elsewhere, no scripts at all.
const CONTENT_POLICY: &str = "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                              form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

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
