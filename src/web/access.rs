//! Who may see the pages. Without a token: callers on this machine, by a name of this machine. With
//! one: `Authorization: Bearer`, or a cookie that the sign-in page sets.

use std::sync::Arc;

use axum::extract::{Form, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Redirect, Response};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::{feed, templates};
use crate::app::App;

const COOKIE: &str = "groundswell";

/// Lets a request through, or asks to sign in.
pub async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let Some(token) = &app.config.web.token else {
        // A web site elsewhere must not read these pages through the visitor's browser and a name
        // that it lets point to this machine.
        return match host(headers).is_none_or(is_this_machine) {
            true => next.run(request).await,
            false => {
                refuse("this address is not one of this machine; set web.token_env to serve others")
            }
        };
    };
    let path = request.uri().path();
    let is_feed = path == feed::PATH;
    if path == "/sign-in" || is_known(headers, token) || is_feed && has_feed_key(&request, token) {
        return next.run(request).await;
    }
    if path.starts_with("/api/") || path == "/metrics" || is_feed {
        let ask = [(header::WWW_AUTHENTICATE, "Bearer")];
        return (StatusCode::UNAUTHORIZED, ask, "a token is needed\n").into_response();
    }
    Redirect::to("/sign-in").into_response()
}

fn refuse(sentence: &'static str) -> Response {
    (StatusCode::FORBIDDEN, format!("{sentence}\n")).into_response()
}

fn host(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::HOST)?.to_str().ok()
}

fn is_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name == "localhost"
        || name
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn is_known(headers: &HeaderMap, token: &SecretString) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = text(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
    if bearer.is_some_and(|given| is_equal(given, token.expose_secret())) {
        return true;
    }
    let cookies = text(header::COOKIE).unwrap_or_default().split(';');
    let session = cookies
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(n, _)| *n == COOKIE);
    session.is_some_and(|(_, given)| is_equal(given, &session_of(token)))
}

/// Whether the address has the key that opens the feed.
fn has_feed_key(request: &Request, token: &SecretString) -> bool {
    let query = request.uri().query().unwrap_or_default();
    url::form_urlencoded::parse(query.as_bytes())
        .any(|(name, given)| name == "key" && is_equal(&given, &feed_key(token)))
}

/// What opens the feed and nothing else. It follows from the token, so that a new token ends it.
pub fn feed_key(token: &SecretString) -> String {
    signed(token, b"groundswell feed")
}

fn is_equal(given: &str, wanted: &str) -> bool {
    given.as_bytes().ct_eq(wanted.as_bytes()).into()
}

/// The cookie's value: follows from the token, so that a new token ends all sessions.
fn session_of(token: &SecretString) -> String {
    signed(token, b"groundswell session")
}

fn signed(token: &SecretString, purpose: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(token.expose_secret().as_bytes())
        .expect("HMAC takes keys of any length");
    mac.update(purpose);
    mac.finalize()
        .into_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The sign-in page.
pub async fn form() -> Response {
    let page = templates::page("sign_in.html", minijinja::context! { title => "Sign in" });
    Html(page.unwrap_or_default()).into_response()
}

/// What the sign-in page sends.
#[derive(Deserialize)]
pub struct SignIn {
    token: String,
}

/// Sets the cookie, if the token is right.
pub async fn sign_in(State(app): State<Arc<App>>, Form(given): Form<SignIn>) -> Response {
    let Some(token) = &app.config.web.token else {
        return Redirect::to("/").into_response();
    };
    if !is_equal(&given.token, token.expose_secret()) {
        let context = minijinja::context! { title => "Sign in", is_wrong => true };
        let page = templates::page("sign_in.html", context).unwrap_or_default();
        return (StatusCode::UNAUTHORIZED, Html(page)).into_response();
    }
    let is_secure = app.config.web.public_url().starts_with("https:");
    let secure = if is_secure { "; Secure" } else { "" };
    let value = session_of(token);
    let cookie =
        format!("{COOKIE}={value}; HttpOnly; SameSite=Lax; Path=/; Max-Age=2592000{secure}");
    ([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response()
}

/// Takes the cookie away.
pub async fn sign_out() -> Response {
    let cookie = format!("{COOKIE}=; HttpOnly; SameSite=Lax; Path=/; Max-Age=0");
    ([(header::SET_COOKIE, cookie)], Redirect::to("/sign-in")).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_let_in_without_a_token() {
        for host in ["127.0.0.1:8460", "localhost", "[::1]:8460", "127.8.8.8"] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in [
            "evil.example",
            "127.0.0.1.evil.example",
            "[2001:db8::1]:80",
            "",
            "0.0.0.0",
        ] {
            assert!(!is_this_machine(host), "{host}");
        }
    }

    #[test]
    fn the_feeds_key_opens_the_feed_only_and_is_not_the_session() {
        let token = SecretString::from("s3cret");
        let asks = |uri: String| {
            let request = Request::builder().uri(uri).body(axum::body::Body::empty());
            has_feed_key(&request.unwrap(), &token)
        };
        let key = feed_key(&token);
        assert!(asks(format!("/feed.atom?cadence=weekly&key={key}")));
        assert!(!asks(format!("/feed.atom?key={}", &key[1..])));
        assert!(!asks(format!("/feed.atom?key={}", session_of(&token))));
        assert!(!asks("/feed.atom?key=s3cret".to_owned()));
        assert_ne!(key, feed_key(&SecretString::from("another")));
    }

    #[test]
    fn a_bearer_token_or_its_cookie_is_known_and_nothing_else() {
        let token = SecretString::from("s3cret");
        let with = |name: header::HeaderName, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            is_known(&headers, &token)
        };
        assert!(with(header::AUTHORIZATION, "Bearer s3cret"));
        assert!(with(
            header::COOKIE,
            &format!("a=b; {COOKIE}={}", session_of(&token))
        ));
        assert!(!with(header::AUTHORIZATION, "Bearer s3cre"));
        assert!(!with(header::COOKIE, &format!("{COOKIE}=s3cret")));
        assert!(!is_known(&HeaderMap::new(), &token));
    }
}
