//! The Atom feed over HTTP: what a feed reader gets, and who is let in.

use reqwest::header;

use crate::pages::Served;
use crate::support::loud_week;

/// What stands between two signs, first found.
fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = text.split_once(before).unwrap();
    rest.split_once(after).unwrap().0
}

#[tokio::test]
async fn a_feed_reader_gets_every_digest_once_and_then_a_short_answer() {
    let served = Served::with_corpus().await;
    let (status, kind, feed) = served.get("/feed.atom").await;
    assert_eq!(
        (status, kind.as_str()),
        (200, "application/atom+xml; charset=utf-8")
    );
    // For whoever wants to check it with another program.
    if let Ok(folder) = std::env::var("GROUNDSWELL_LOOK") {
        std::fs::write(format!("{folder}/feed.atom"), &feed).unwrap();
    }
    assert_eq!(
        between(&feed, "<id>", "</id>"),
        format!("{}&#x2f;feed.atom", "http:&#x2f;&#x2f;127.0.0.1:8460")
    );
    let (_, _, ids) = served.get("/api/v1/digests").await;
    let ids: Vec<String> = serde_json::from_str(&ids).unwrap();
    assert!(!ids.is_empty());
    assert_eq!(feed.matches("<entry>").count(), ids.len());
    for id in &ids {
        assert!(
            feed.contains(&format!("&#x2f;digests&#x2f;{id}\"/>")),
            "{id}"
        );
    }
    assert!(
        !feed.contains("<script") && !feed.contains("&lt;script"),
        "twice escaped"
    );

    let first = served.request("/feed.atom").send().await.unwrap();
    let tag = first.headers()[header::ETAG].clone();
    let date = first.headers()[header::LAST_MODIFIED].clone();
    for (name, value) in [
        (header::IF_NONE_MATCH, tag),
        (header::IF_MODIFIED_SINCE, date),
    ] {
        let again = served
            .request("/feed.atom")
            .header(name, value)
            .send()
            .await
            .unwrap();
        assert_eq!(again.status(), 304);
        assert!(again.headers().contains_key(header::ETAG));
        assert!(again.bytes().await.unwrap().is_empty());
    }

    let (_, _, weekly) = served.get("/feed.atom?cadence=weekly").await;
    let expected = ids.iter().filter(|id| id.starts_with("weekly")).count();
    assert_eq!(weekly.matches("<entry>").count(), expected);
    assert_eq!(served.get("/feed.atom?cadence=hourly").await.0, 404);
}

#[tokio::test]
async fn a_key_opens_the_feed_and_nothing_else() {
    let served = Served::start(&loud_week(), "token_env = 'PAGES_TOKEN'").await;
    assert_eq!(served.get("/feed.atom").await.0, 401);
    assert_eq!(served.get("/feed.atom?key=open-sesame").await.0, 401);
    let signed_in = served.request("/digests").bearer_auth("open-sesame");
    let page = signed_in.send().await.unwrap().text().await.unwrap();
    let key = between(&page, "feed.atom?key=", "\"").to_owned();
    let (status, _, feed) = served.get(&format!("/feed.atom?key={key}")).await;
    assert_eq!(status, 200);
    assert!(!feed.contains(&key), "the key stands in no feed");
    for path in ["/digests", "/api/v1/digests", "/metrics", "/"] {
        assert_ne!(
            served.get(&format!("{path}?key={key}")).await.0,
            200,
            "{path}"
        );
    }
}
