//! Links out of a digest: to its page, to a topic's tickets, to a quoted conversation. Only `http` and `https` addresses
//! become links, whatever a helpdesk's record says; without pages there are no links to them.

use url::{Position, Url};

use crate::model::{Digest, Quote, TopicId};

/// Longer addresses are no links: every target has room for this.
const URL_MAX: usize = 1_500;

/// Stands for the pages themselves: links begin with a slash and stay on whatever address the reader came by.
pub const HERE: &str = "/";

/// Makes links from where the pages are.
pub struct Links {
    base: Option<Url>,
    is_here: bool,
}

impl Links {
    /// `base_url` may be empty or no address: then only the helpdesk's own links are left.
    pub fn new(base_url: &str) -> Self {
        let is_here = base_url == HERE;
        let base = if is_here {
            "http://localhost"
        } else {
            base_url
        };
        Self {
            base: address(base),
            is_here,
        }
    }

    /// The digest's own page.
    pub fn digest(&self, digest: &Digest) -> Option<String> {
        self.page(&["digests", digest.id.as_str()], &[])
    }

    /// The topic's tickets in the digest's window.
    pub fn topic(&self, topic: &TopicId, digest: &Digest) -> Option<String> {
        let query = [
            ("window", digest.window.as_str()),
            ("cadence", digest.cadence.as_str()),
        ];
        self.page(&["topics", topic.as_str()], &query)
    }

    /// The quoted conversation: in the helpdesk, else on our page.
    pub fn quote(&self, quote: &Quote) -> Option<String> {
        let in_helpdesk = quote.url.as_deref().and_then(address).map(String::from);
        let source = quote.key.source.as_str();
        in_helpdesk.or_else(|| self.page(&["conversations", source, &quote.key.id], &[]))
    }

    fn page(&self, path: &[&str], query: &[(&str, &str)]) -> Option<String> {
        let mut url = self.base.clone()?;
        if path
            .iter()
            .chain(query.iter().map(|(_, value)| value))
            .any(|part| part.len() > URL_MAX)
        {
            return None;
        }
        // A segment that means "here" or "up" would lead to another page.
        if path.iter().any(|part| ["", ".", ".."].contains(part)) {
            return None;
        }
        url.path_segments_mut().ok()?.pop_if_empty().extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let url = match self.is_here {
            true => url[Position::BeforePath..].to_owned(),
            false => String::from(url),
        };
        (url.len() <= URL_MAX).then_some(url)
    }
}

fn address(text: &str) -> Option<Url> {
    let text = Some(text.trim()).filter(|text| text.len() <= URL_MAX)?;
    let url = Url::parse(text).ok()?;
    let is_fit = ["http", "https"].contains(&url.scheme()) && url.as_str().len() <= URL_MAX;
    is_fit.then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ConversationKey;

    fn quote(id: &str, url: Option<&str>) -> Quote {
        Quote {
            key: ConversationKey::new("desk", id),
            text: "words".to_owned(),
            url: url.map(str::to_owned),
        }
    }

    #[test]
    fn a_quote_leads_to_the_helpdesk_else_to_our_page() {
        let links = Links::new("https://pages.example/groundswell/");
        let of = |id, url| links.quote(&quote(id, url)).unwrap();
        assert_eq!(
            of("1", Some("https://desk.example/t/1")),
            "https://desk.example/t/1"
        );
        assert_eq!(
            of("a/b c?", None),
            "https://pages.example/groundswell/conversations/desk/a%2Fb%20c%3F"
        );
        assert_eq!(
            of("1", Some("javascript:alert(1)")),
            "https://pages.example/groundswell/conversations/desk/1"
        );
    }

    #[test]
    fn on_the_pages_links_stay_on_them() {
        let links = Links::new(HERE);
        assert_eq!(
            links.quote(&quote("a/b c?", None)).unwrap(),
            "/conversations/desk/a%2Fb%20c%3F"
        );
        let link = links.page(&["topics", "t1"], &[("window", "2026-W13")]);
        assert_eq!(link.unwrap(), "/topics/t1?window=2026-W13");
        assert!(Links::new("//evil.example").page(&["x"], &[]).is_none());
    }

    #[test]
    fn without_pages_there_are_no_links_to_them() {
        assert_eq!(Links::new("").quote(&quote("1", None)), None);
        assert_eq!(Links::new("file:///tmp").quote(&quote("1", None)), None);
        assert_eq!(
            Links::new("http://127.0.0.1:8080").quote(&quote("..", None)),
            None
        );
    }
}
