//! Who reads: the name that was given last in this browser. It fills the name's field in forms, so that it is typed once; it
//! proves nothing and opens nothing.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Redirect, Response};
use url::form_urlencoded;

use crate::answers::given::{NAME_MAX, one_line};

const COOKIE: &str = "groundswell_name";
/// Half a year without an answer, and the name is forgotten.
const SECONDS: u32 = 182 * 86_400;

/// The name that was given last; empty where there is none.
#[derive(Clone, Debug, Default)]
pub struct Reader(pub String);

impl<S: Sync> FromRequestParts<S> for Reader {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let cookies = parts.headers.get_all(header::COOKIE).iter();
        let name = cookies
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(name, _)| *name == COOKIE)
            .map(|(_, value)| read(value));
        Ok(Self(name.unwrap_or_default()))
    }
}

fn read(value: &str) -> String {
    let pair = format!("n={value}");
    let name = form_urlencoded::parse(pair.as_bytes()).next();
    let name = name.map(|(_, name)| one_line(&name)).unwrap_or_default();
    name.chars().take(NAME_MAX).collect()
}

/// Goes on to a page of ours, and has the browser remember who acted.
pub fn go_on(name: &str, place: &str) -> Response {
    (remember(name), Redirect::to(place)).into_response()
}

/// Has the browser remember a name.
fn remember(name: &str) -> [(HeaderName, String); 1] {
    let name: String = one_line(name).chars().take(NAME_MAX).collect();
    let value: String = form_urlencoded::byte_serialize(name.as_bytes()).collect();
    let cookie = format!("{COOKIE}={value}; HttpOnly; SameSite=Lax; Path=/; Max-Age={SECONDS}");
    [(header::SET_COOKIE, cookie)]
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use proptest::prelude::*;

    use super::*;

    fn sent(cookie: &str) -> String {
        let request = Request::builder().header(header::COOKIE, cookie).body(());
        let (mut parts, ()) = request.unwrap().into_parts();
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let reader = runtime
            .unwrap()
            .block_on(Reader::from_request_parts(&mut parts, &()));
        reader.unwrap().0
    }

    #[test]
    fn a_name_is_remembered_as_it_was_given() {
        for name in [
            "Ada",
            "Zoë Müller-Lüdenscheid",
            "שלום; Path=/ = x",
            "a+b%41",
        ] {
            let [(_, cookie)] = remember(name);
            assert!(cookie.contains("HttpOnly; SameSite=Lax"), "{cookie}");
            let pair = cookie.split("; ").next().unwrap();
            assert_eq!(sent(&format!("a=b; {pair}; c=d")), name);
        }
        assert_eq!(sent("groundswell=session"), "");
    }

    proptest! {
        #[test]
        fn whatever_a_browser_sends_is_a_short_line(value in "[\\x20-\\x7e]{0,300}") {
            let name = sent(&format!("{COOKIE}={value}"));
            prop_assert!(name.chars().count() <= NAME_MAX && !name.chars().any(char::is_control));
        }
    }
}
