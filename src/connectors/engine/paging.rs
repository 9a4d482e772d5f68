//! How the pages of a list follow one another: seven kinds, as values. Pure.

use reqwest::header::{HeaderMap, LINK};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use super::Request;
use crate::connectors::http::Answer;
use crate::connectors::{PullError, json};

/// Where a token goes in the next request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A name in the query.
    Query(&'static str),
    /// A JSON pointer into what is posted; its parent must be there.
    Body(&'static str),
}

/// How the pages of a list follow one another. Pointers are JSON pointers into an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paging {
    /// One answer has all.
    Whole,
    /// An opaque token in the answer; the list is over without one, or when `over` says true.
    Token {
        /// Where the token is.
        at: &'static str,
        /// Where it goes.
        to: Place,
        /// A flag that says whether this was the last page; empty where there is none.
        over: &'static str,
    },
    /// An opaque token in the answer, that means something only while a flag says that there is more.
    TokenWhile {
        /// Where the token is.
        at: &'static str,
        /// Where it goes.
        to: Place,
        /// The flag.
        more: &'static str,
    },
    /// The address of the next page, of which only one value of the query is taken.
    TokenInUrl {
        /// Where the address is.
        at: &'static str,
        /// The name of the value.
        name: &'static str,
    },
    /// The address of the next page, of which path and query are taken.
    NextUrl {
        /// Where the address is.
        at: &'static str,
    },
    /// The header `Link` with `rel="next"`.
    LinkHeader,
    /// A page's number, with the number of pages in the answer.
    Numbered {
        /// The name in the query.
        name: &'static str,
        /// The first page's number.
        first: u32,
        /// Where the number of pages is.
        pages: &'static str,
    },
    /// A page's number, until a page is empty. A short page is no end: rows may be hidden.
    UntilEmpty {
        /// The name in the query.
        name: &'static str,
        /// The first page's number.
        first: u32,
    },
    /// The number of rows to leave out, until a page is empty.
    Offset {
        /// Where it goes.
        to: Place,
    },
    /// The request itself is made from the last key that was read, until a page is empty.
    Keyset,
}

/// A page of a list, as far as `Paging` needs to find it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Position {
    /// Behind an opaque token.
    Token(String),
    /// At a path with its query.
    Path(String),
    /// A page by its number.
    Number(u32),
    /// Behind so many rows.
    Offset(u64),
    /// Behind a key.
    Key(String),
}

impl Paging {
    /// The request for the page at a position.
    pub fn apply(&self, mut request: Request, position: Option<&Position>) -> Request {
        match (self, position) {
            (
                Self::Token { to, .. } | Self::TokenWhile { to, .. },
                Some(Position::Token(token)),
            ) => {
                put(&mut request, *to, Value::from(token.as_str()));
            }
            (Self::TokenInUrl { name, .. }, Some(Position::Token(token))) => {
                request.set(name, token);
            }
            (Self::NextUrl { .. } | Self::LinkHeader, Some(Position::Path(path))) => {
                let (path, query) = path.split_once('?').unwrap_or((path, ""));
                let pairs = url::form_urlencoded::parse(query.as_bytes());
                request.query = pairs.into_owned().collect();
                request.path = format!("/{}", path.trim_start_matches('/'));
            }
            (Self::Numbered { name, first, .. } | Self::UntilEmpty { name, first }, position) => {
                let number = match position {
                    Some(Position::Number(number)) => *number,
                    _ => *first,
                };
                request.set(name, number);
            }
            (Self::Offset { to }, position) => {
                let rows = match position {
                    Some(Position::Offset(rows)) => *rows,
                    _ => 0,
                };
                put(&mut request, *to, Value::from(rows));
            }
            _ => {}
        }
        request
    }

    /// The page behind an answer that had `count` rows, the last of them with `key`; none at the end of the list.
    /// `address` is where the helpdesk is: an address of a next page must be there.
    pub fn next(
        &self,
        answer: &Answer,
        position: Option<&Position>,
        count: usize,
        key: Option<&str>,
        address: &Url,
    ) -> Result<Option<Position>, PullError> {
        let text = |at: &str| answer.body.pointer(at).and_then(json::plain);
        Ok(match self {
            Self::Whole => None,
            Self::Token { at, over, .. } => {
                let is_over = !over.is_empty()
                    && answer.body.pointer(over).and_then(Value::as_bool) == Some(true);
                text(at).filter(|_| !is_over).map(Position::Token)
            }
            Self::TokenWhile { at, more, .. } => {
                let has_more = answer.body.pointer(more).and_then(Value::as_bool) == Some(true);
                text(at).filter(|_| has_more).map(Position::Token)
            }
            Self::TokenInUrl { at, name } => text(at)
                .map(|next| value_in(&next, name, address))
                .transpose()?
                .map(Position::Token),
            Self::NextUrl { at } => text(at)
                .map(|next| path_of(&next, address).map(Position::Path))
                .transpose()?,
            Self::LinkHeader => linked(&answer.headers)
                .map(|next| path_of(&next, address).map(Position::Path))
                .transpose()?,
            Self::Numbered { first, pages, .. } => {
                let this = number_of(position, *first);
                let last = answer.body.pointer(pages).and_then(whole).unwrap_or(0);
                let last = last + u64::from(*first) - 1;
                (count > 0 && u64::from(this) < last).then_some(Position::Number(this + 1))
            }
            Self::UntilEmpty { first, .. } => {
                (count > 0).then(|| Position::Number(number_of(position, *first) + 1))
            }
            Self::Offset { .. } => {
                let before = match position {
                    Some(Position::Offset(rows)) => *rows,
                    _ => 0,
                };
                (count > 0).then(|| Position::Offset(before + count as u64))
            }
            Self::Keyset => (count > 0)
                .then(|| key.map(|key| Position::Key(key.to_owned())))
                .flatten(),
        })
    }

    /// The opaque token of an answer, also where it says that this was the last page.
    pub fn token(&self, answer: &Answer, address: &Url) -> Option<String> {
        let text = |at: &str| answer.body.pointer(at).and_then(json::plain);
        match self {
            Self::Token { at, .. } => text(at),
            Self::TokenInUrl { at, name } => value_in(&text(at)?, name, address).ok(),
            _ => None,
        }
    }

    /// Whether a page is found by counting rows before it, so that a row that moves shifts it. What is behind a vendor's
    /// `Link` or next address is mostly a page's number.
    pub fn moves(&self) -> bool {
        self.is_counted() || matches!(self, Self::LinkHeader | Self::NextUrl { .. })
    }

    /// Whether a refused page means that the list is longer than the server lets one page through, rather than that the
    /// place in it was forgotten.
    pub fn is_counted(&self) -> bool {
        matches!(
            self,
            Self::Numbered { .. } | Self::UntilEmpty { .. } | Self::Offset { .. }
        )
    }
}

fn put(request: &mut Request, place: Place, value: Value) {
    match place {
        Place::Query(name) => request.set(name, json::plain(&value).unwrap_or_default()),
        Place::Body(pointer) => {
            let (parent, name) = pointer.rsplit_once('/').unwrap_or(("", pointer));
            let body = request
                .body
                .as_mut()
                .and_then(|body| body.pointer_mut(parent));
            if let Some(Value::Object(parent)) = body {
                parent.insert(name.to_owned(), value);
            }
        }
    }
}

fn number_of(position: Option<&Position>, first: u32) -> u32 {
    match position {
        Some(Position::Number(number)) => *number,
        _ => first,
    }
}

/// Also `5.0` and `"5"`.
fn whole(value: &Value) -> Option<u64> {
    let text = json::plain(value)?;
    text.parse::<f64>()
        .ok()
        .filter(|n| *n >= 0.0)
        .map(|n| n as u64)
}

/// Path and query of the next page's address; its host must be ours.
fn path_of(next: &str, address: &Url) -> Result<String, PullError> {
    let url = checked(next, address)?;
    Ok(match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    })
}

/// A vendor may put another of its hosts there; only the value is taken, so nothing is followed.
fn value_in(next: &str, name: &str, address: &Url) -> Result<String, PullError> {
    let url = address.join(next).map_err(|_| strange())?;
    let value = url.query_pairs().find(|(known, _)| known == name);
    value
        .map(|(_, value)| value.into_owned())
        .ok_or_else(strange)
}

fn strange() -> PullError {
    PullError::Malformed("the address of the next page is not one".to_owned())
}

fn checked(next: &str, address: &Url) -> Result<Url, PullError> {
    let url = address.join(next).map_err(|_| strange())?;
    if url.host_str() != address.host_str() {
        let reason = "the address of the next page is on another host".to_owned();
        return Err(PullError::Malformed(reason));
    }
    Ok(url)
}

/// The address with `rel="next"` in the `Link` headers (RFC 8288).
fn linked(headers: &HeaderMap) -> Option<String> {
    let lines = headers.get_all(LINK).iter();
    let links: Vec<&str> = lines.filter_map(|line| line.to_str().ok()).collect();
    links
        .iter()
        .flat_map(|line| line.split(",<").flat_map(|part| part.split(", <")))
        .find_map(|link| {
            let (address, rest) = link.trim().trim_start_matches('<').split_once('>')?;
            let is_next = rest.split(';').any(|one| {
                let one = one.trim().to_ascii_lowercase();
                one == "rel=\"next\"" || one == "rel=next"
            });
            is_next.then(|| address.to_owned())
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answer(body: Value) -> Answer {
        Answer {
            body,
            headers: HeaderMap::new(),
        }
    }

    fn address() -> Url {
        "https://desk.test/api".parse().unwrap()
    }

    fn next(
        paging: Paging,
        body: Value,
        position: Option<Position>,
        count: usize,
    ) -> Option<Position> {
        paging
            .next(
                &answer(body),
                position.as_ref(),
                count,
                Some("k9"),
                &address(),
            )
            .unwrap()
    }

    #[test]
    fn tokens_are_carried_into_query_or_body_until_there_is_none() {
        let query = Paging::Token {
            at: "/meta/next",
            to: Place::Query("cursor"),
            over: "/is_last",
        };
        let found = next(query, json!({"meta": {"next": 7}}), None, 2);
        assert_eq!(found, Some(Position::Token("7".into())));
        assert_eq!(
            next(
                query,
                json!({"meta": {"next": 7}, "is_last": true}),
                None,
                2
            ),
            None
        );
        assert_eq!(next(query, json!({"meta": null}), None, 2), None);
        let request = query.apply(Request::get("x").with("cursor", "1"), found.as_ref());
        assert_eq!(request.query, [("cursor".to_owned(), "7".to_owned())]);
        let body = Paging::Token {
            at: "/next",
            to: Place::Body("/page/after"),
            over: "",
        };
        let request = body.apply(
            Request::post("x", json!({"page": {"size": 2}})),
            found.as_ref(),
        );
        assert_eq!(
            request.body,
            Some(json!({"page": {"size": 2, "after": "7"}}))
        );
    }

    #[test]
    fn of_a_next_address_only_path_and_query_count_and_its_host_must_be_ours() {
        let paging = Paging::NextUrl { at: "/next" };
        let found = next(
            paging,
            json!({"next": "https://desk.test/api/x?page=2&q=a%20b"}),
            None,
            2,
        );
        let request = paging.apply(Request::get("x").with("page", 1), found.as_ref());
        assert_eq!(request.path, "/api/x");
        assert_eq!(request.query[1], ("q".to_owned(), "a b".to_owned()));
        for evil in [
            "https://evil.test/api/x",
            "//evil.test/x",
            "https://desk.test@evil.test/",
        ] {
            let answer = answer(json!({ "next": evil }));
            assert!(
                paging.next(&answer, None, 2, None, &address()).is_err(),
                "{evil}"
            );
        }
        let token = Paging::TokenInUrl {
            at: "/next",
            name: "page_token",
        };
        let body = json!({"next": "https://other.test/x?page_token=abc%3D&limit=5"});
        assert_eq!(
            next(token, body, None, 2),
            Some(Position::Token("abc=".into()))
        );
    }

    #[test]
    fn the_link_header_is_read_whatever_its_order() {
        for line in [
            r#"<https://desk.test/api/x?page=1>; rel="prev", <https://desk.test/api/x?page=3>; rel="next""#,
            r#"<https://desk.test/api/x?page=3>; title="a"; rel="next",<https://desk.test/api/x?page=9>; rel="last""#,
            "</api/x?page=3>; rel=next",
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(LINK, line.parse().unwrap());
            let answer = Answer {
                body: json!([]),
                headers,
            };
            let found = Paging::LinkHeader
                .next(&answer, None, 2, None, &address())
                .unwrap();
            assert_eq!(
                found,
                Some(Position::Path("/api/x?page=3".into())),
                "{line}"
            );
        }
        assert_eq!(next(Paging::LinkHeader, json!([]), None, 2), None);
    }

    #[test]
    fn numbered_pages_end_by_their_total_or_by_an_empty_page() {
        let numbered = Paging::Numbered {
            name: "page",
            first: 1,
            pages: "/page/totalPages",
        };
        let of_three = |number| {
            next(
                numbered,
                json!({"page": {"totalPages": "3.0"}}),
                Some(Position::Number(number)),
                5,
            )
        };
        assert_eq!(of_three(2), Some(Position::Number(3)));
        assert_eq!(of_three(3), None);
        let until_empty = Paging::UntilEmpty {
            name: "page",
            first: 1,
        };
        assert_eq!(
            next(until_empty, json!([]), None, 1),
            Some(Position::Number(2))
        );
        assert_eq!(
            next(until_empty, json!([]), Some(Position::Number(2)), 0),
            None
        );
        assert_eq!(until_empty.apply(Request::get("x"), None).query[0].1, "1");
        let offset = Paging::Offset {
            to: Place::Query("startAt"),
        };
        assert_eq!(
            next(offset, json!([]), Some(Position::Offset(50)), 7),
            Some(Position::Offset(57))
        );
        assert_eq!(
            next(Paging::Keyset, json!([]), None, 7),
            Some(Position::Key("k9".into()))
        );
        assert_eq!(next(Paging::Keyset, json!([]), None, 0), None);
        assert_eq!(next(Paging::Whole, json!([]), None, 7), None);
    }
}
