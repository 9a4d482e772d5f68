//! The Atom feed of digests, for readers that ask again and again: unchanged, it is one short answer.
//!
//! Feed readers cannot sign in, and most send no header of one's own. So an address with `key=` opens the feed, and nothing
//! else: the key follows from `web.token` and ends with it. It opens what the digests say, customers' words among it, so
//! it is shown to signed-in people only and stands in no feed.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::access;
use super::error::{Failure, PageFailure};
use crate::app::App;
use crate::config::Config;
use crate::digest::render::{Feed, atom, updated};
use crate::model::Cadence;

/// Where it is.
pub const PATH: &str = "/feed.atom";
/// Digests in a feed: a month of days, more than half a year of weeks.
const DIGESTS_MAX: u32 = 30;

/// Which digests are asked for; all cadences when none is named.
#[derive(Deserialize, Default)]
pub struct FeedQuery {
    #[serde(default)]
    cadence: String,
    #[serde(default)]
    team: String,
}

/// `GET /feed.atom?cadence=weekly&team=south`
pub async fn feed(
    State(app): State<Arc<App>>,
    Query(query): Query<FeedQuery>,
    headers: HeaderMap,
) -> Result<Response, PageFailure> {
    let cadence = match query.cadence.as_str() {
        "" => None,
        name => Some(Cadence::parse(name).ok_or(Failure::NotFound("cadence"))?),
    };
    let teams = Cadence::ALL
        .into_iter()
        .flat_map(|cadence| app.config.teams(cadence));
    if !query.team.is_empty() && !teams.into_iter().any(|(team, _)| team.name == query.team) {
        return Err(Failure::NotFound("team").into());
    }
    let team = query.team.as_str();
    let digests = app.store.newest_digests(cadence, team, DIGESTS_MAX).await?;
    let base_url = app.config.web.public_url();
    let url = address(&base_url, cadence, team)?;
    let title = title(cadence, team);
    let feed = Feed {
        title: &title,
        url: &url,
        base_url: &base_url,
        digests: &digests,
    };
    Ok(answer(atom(&feed), updated(&feed), &headers))
}

/// The feeds' names and addresses on these pages, with the key where one is needed.
pub fn addresses(config: &Config) -> Vec<(String, String)> {
    let key = config.web.token.as_ref().map(access::feed_key);
    let of = |name: &str, query: &[(&str, &str)]| {
        let mut pairs = url::form_urlencoded::Serializer::new(String::new());
        pairs.extend_pairs(query);
        pairs.extend_pairs(key.as_ref().map(|key| ("key", key)));
        let query = pairs.finish();
        let mark = if query.is_empty() { "" } else { "?" };
        (name.to_owned(), format!("{PATH}{mark}{query}"))
    };
    let mut feeds = vec![of("all", &[])];
    feeds
        .extend(Cadence::ALL.map(|cadence| of(cadence.as_str(), &[("cadence", cadence.as_str())])));
    let teams = Cadence::ALL.map(|cadence| config.teams(cadence)).concat();
    let names: BTreeSet<String> = teams.into_iter().map(|(team, _)| team.name).collect();
    feeds.extend(names.iter().map(|name| of(name, &[("team", name)])));
    feeds
}

/// The feed's address without a key: it names the feed for ever.
fn address(base_url: &str, cadence: Option<Cadence>, team: &str) -> anyhow::Result<String> {
    let mut url = Url::parse(&format!("{base_url}{PATH}"))?;
    if let Some(cadence) = cadence {
        url.query_pairs_mut()
            .append_pair("cadence", cadence.as_str());
    }
    if !team.is_empty() {
        url.query_pairs_mut().append_pair("team", team);
    }
    Ok(url.into())
}

fn title(cadence: Option<Cadence>, team: &str) -> String {
    let kind = cadence.map_or(String::new(), |cadence| format!("{cadence} "));
    let whose = if team.is_empty() {
        String::new()
    } else {
        format!(" of team {team}")
    };
    format!("Groundswell, {kind}digests{whose}")
}

/// The feed, or word that the reader has it already (RFC 9110, 13.2.2: the tag is asked before the date).
fn answer(body: String, updated: Option<DateTime<Utc>>, headers: &HeaderMap) -> Response {
    let tag: String = Sha256::digest(body.as_bytes())[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let tag = format!("\"{tag}\"");
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let is_known = match (text(header::IF_NONE_MATCH), updated) {
        (Some(known), _) => known.trim() == "*" || known.split(',').any(|one| is_same(one, &tag)),
        (None, Some(updated)) => text(header::IF_MODIFIED_SINCE)
            .and_then(|since| DateTime::parse_from_rfc2822(since).ok())
            .is_some_and(|since| updated.timestamp() <= since.timestamp()),
        (None, None) => false,
    };
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let kind = [(header::CONTENT_TYPE, "application/atom+xml; charset=utf-8")];
        (kind, body).into_response()
    };
    let date = updated.map(|at| at.format("%a, %d %b %Y %H:%M:%S GMT").to_string());
    for (name, value) in [(header::ETAG, Some(tag)), (header::LAST_MODIFIED, date)] {
        if let Some(value) = value.and_then(|value| value.parse().ok()) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// Weak comparison: a proxy that packs the answer marks the tag as weak.
fn is_same(given: &str, tag: &str) -> bool {
    let given = given.trim();
    given.strip_prefix("W/").unwrap_or(given) == tag
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(name: header::HeaderName, value: &str) -> StatusCode {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        let at = "2026-03-30T05:00:00.7Z".parse().unwrap();
        answer("body".to_owned(), Some(at), &headers).status()
    }

    #[test]
    fn a_reader_that_has_it_is_told_so() {
        let at = "2026-03-30T05:00:00.7Z".parse().unwrap();
        let first = answer("body".to_owned(), Some(at), &HeaderMap::new());
        assert_eq!(first.status(), StatusCode::OK);
        let of = |name| first.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(of(header::LAST_MODIFIED), "Mon, 30 Mar 2026 05:00:00 GMT");
        let tag = of(header::ETAG);
        let not_modified = StatusCode::NOT_MODIFIED;
        assert_eq!(asked(header::IF_NONE_MATCH, &tag), not_modified);
        assert_eq!(
            asked(header::IF_NONE_MATCH, &format!("\"x\", W/{tag}")),
            not_modified
        );
        assert_eq!(asked(header::IF_NONE_MATCH, "\"x\""), StatusCode::OK);
        let since = |text| asked(header::IF_MODIFIED_SINCE, text);
        assert_eq!(since("Mon, 30 Mar 2026 05:00:00 GMT"), not_modified);
        assert_eq!(since("Mon, 30 Mar 2026 04:59:59 GMT"), StatusCode::OK);
        assert_eq!(since("yesterday"), StatusCode::OK);
    }

    #[test]
    fn the_address_names_what_was_asked_for_and_no_key() {
        let of = |cadence, team| address("https://pages.example/gs", cadence, team).unwrap();
        assert_eq!(of(None, ""), "https://pages.example/gs/feed.atom");
        assert_eq!(
            of(Some(Cadence::Weekly), "a&b"),
            "https://pages.example/gs/feed.atom?cadence=weekly&team=a%26b"
        );
    }
}
