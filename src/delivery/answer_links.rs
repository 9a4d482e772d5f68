//! The links by which the readers of one destination answer a digest. They are made when the digest is laid out for that
//! destination, and they follow from the digest, the destination and the key alone: a repeat has the same bytes.

use chrono::{DateTime, TimeDelta, Utc};

use crate::answers::token::{Link, LinkKey, LinkKind};
use crate::digest::render::{AnswerLink, AnswerLinks};
use crate::model::{DestinationId, Digest};

/// Where the pages are, and how links to them are signed.
#[derive(Clone, Copy, Debug)]
pub struct Pages<'a> {
    /// Where links lead, without a slash at the end.
    pub base_url: &'a str,
    /// How answer links are signed, and how many days they work; none without an address that readers can reach.
    pub signing: Option<(&'a LinkKey, u32)>,
}

impl<'a> From<&'a str> for Pages<'a> {
    fn from(base_url: &'a str) -> Self {
        Self {
            base_url,
            signing: None,
        }
    }
}

impl Pages<'_> {
    /// One link of each kind to each item.
    pub fn answer_links(
        &self,
        digest: &Digest,
        destination: &DestinationId,
        published_at: DateTime<Utc>,
    ) -> AnswerLinks {
        let Some((key, days)) = self.signing else {
            return AnswerLinks::new();
        };
        let last = published_at.checked_add_signed(TimeDelta::days(i64::from(days)));
        let expires_at = last.unwrap_or(DateTime::<Utc>::MAX_UTC);
        let mut links = AnswerLinks::new();
        for item in &digest.items {
            let link = |kind: LinkKind| {
                let token = key.sign(&Link {
                    digest: digest.id.clone(),
                    topic: item.topic_id.clone(),
                    kind,
                    destination: destination.clone(),
                    expires_at,
                })?;
                Some(AnswerLink {
                    kind: kind.as_str(),
                    words: kind.words(),
                    url: format!("{}/a/{token}", self.base_url),
                })
            };
            let of_item: Vec<_> = LinkKind::ALL.into_iter().filter_map(link).collect();
            if !of_item.is_empty() {
                links.insert(item.topic_id.clone(), of_item);
            }
        }
        links
    }
}
