//! Signed links: a reader of a mail or a chat answers with two clicks and no login. Pure.
//!
//! A link's address ends in a token, `1.<digest>.<topic>.<kind>.<destination>.<expiry>.<nonce>.<signature>`. What it says
//! can be read by anyone, and is no secret; what makes it good is the signature, HMAC-SHA-256 over all before it, of which
//! 128 bits are kept. It lets one answer of one kind about one topic through, once, until it expires, and nothing else. The
//! nonce follows from key and content, so that a delivery that is tried again carries the same bytes.

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::model::{DestinationId, DigestId, TopicId};

/// Version of the token's shape.
const VERSION: &str = "1";
/// Bytes of a signature that are kept: half of the hash (RFC 2104, 5).
const SIGNATURE_BYTES: usize = 16;
/// Bytes of a nonce.
const NONCE_BYTES: usize = 8;
/// No token of ours is longer; a longer one is not looked at.
pub const TOKEN_MAX: usize = 600;
/// Fewer letters are no key.
pub const KEY_MIN: usize = 32;

/// The key that links and forms are signed with. Prints as nothing.
#[derive(Clone)]
pub struct LinkKey(Hmac<Sha256>);

impl std::fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LinkKey")
    }
}

/// What a link is for. Pinning and asking need words, so they need the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LinkKind {
    /// "I hear this, too."
    Confirm,
    /// "This is not what I hear."
    Dispute,
    /// The item's suggestion is accepted, rejected or done: its page asks which.
    Decide,
}

impl LinkKind {
    /// All kinds.
    pub const ALL: [LinkKind; 3] = [LinkKind::Confirm, LinkKind::Dispute, LinkKind::Decide];

    /// The name in tokens; of an answer, the same as the answer's.
    pub fn as_str(self) -> &'static str {
        match self {
            LinkKind::Confirm => "confirm",
            LinkKind::Dispute => "dispute",
            LinkKind::Decide => "decide",
        }
    }

    /// What stands on the link.
    pub fn words(self) -> &'static str {
        match self {
            LinkKind::Confirm => "I hear this, too",
            LinkKind::Dispute => "Not what I hear",
            LinkKind::Decide => "Decide on it",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// What one link lets through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The digest that is answered.
    pub digest: DigestId,
    /// The topic.
    pub topic: TopicId,
    /// What is said.
    pub kind: LinkKind,
    /// To whom the link was sent.
    pub destination: DestinationId,
    /// Until when it works, in whole seconds.
    pub expires_at: DateTime<Utc>,
}

/// A link that was read, with the sign by which a second use is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// What it lets through.
    pub link: Link,
    /// The same for every copy of the link.
    pub nonce: String,
}

impl LinkKey {
    /// A key of at least 32 letters; shorter ones can be guessed.
    pub fn new(secret: &str) -> Option<Self> {
        let mac = Hmac::new_from_slice(secret.trim().as_bytes()).ok()?;
        (secret.trim().len() >= KEY_MIN).then_some(Self(mac))
    }

    /// The link's token; `None` where a name has a sign that would not survive in an address.
    pub fn sign(&self, link: &Link) -> Option<String> {
        let content = content(link)?;
        let nonce = self.hexadecimal("nonce", &content, NONCE_BYTES);
        let signed = format!("{content}.{nonce}");
        let signature = self.hexadecimal("link", &signed, SIGNATURE_BYTES);
        let token = format!("{signed}.{signature}");
        (token.len() <= TOKEN_MAX).then_some(token)
    }

    /// The link behind a token, unless it is not ours, was changed, or has expired: which of these is nobody's business.
    pub fn open(&self, token: &str, now: DateTime<Utc>) -> Option<Opened> {
        if token.len() > TOKEN_MAX {
            return None;
        }
        let (signed, given) = token.rsplit_once('.')?;
        let wanted = self.hexadecimal("link", signed, SIGNATURE_BYTES);
        if !bool::from(given.as_bytes().ct_eq(wanted.as_bytes())) {
            return None;
        }
        let (content, nonce) = signed.rsplit_once('.')?;
        let link = parse(content)?;
        (now < link.expires_at).then(|| Opened {
            link,
            nonce: nonce.to_owned(),
        })
    }

    /// What a form on our pages carries on a day, so that a foreign page's form is told from it.
    pub fn form_token(&self, day: i64) -> String {
        self.hexadecimal("form", &day.to_string(), SIGNATURE_BYTES)
    }

    /// Whether a form is from one of our pages, fetched today or yesterday.
    pub fn is_form_token(&self, given: &str, day: i64) -> bool {
        let is = |day| given.as_bytes().ct_eq(self.form_token(day).as_bytes());
        bool::from(is(day) | is(day - 1))
    }

    /// Each purpose signs with a word of its own, so that none can stand for another.
    fn hexadecimal(&self, purpose: &str, text: &str, bytes: usize) -> String {
        let mut mac = self.0.clone();
        mac.update(purpose.as_bytes());
        mac.update(b"\0");
        mac.update(text.as_bytes());
        let whole = mac.finalize().into_bytes();
        let kept = whole.iter().take(bytes);
        kept.map(|byte| format!("{byte:02x}")).collect()
    }
}

fn content(link: &Link) -> Option<String> {
    let (digest, topic) = (link.digest.as_str(), link.topic.as_str());
    let destination = link.destination.as_str();
    let is_fit = is_plain(digest, "-_") && is_plain(topic, "-_") && is_plain(destination, "-_.");
    let (kind, expiry) = (link.kind.as_str(), link.expires_at.timestamp());
    is_fit.then(|| format!("{VERSION}.{digest}.{topic}.{kind}.{destination}.{expiry}"))
}

/// Only a destination may hold full stops: it stands last, before numbers.
fn parse(content: &str) -> Option<Link> {
    let mut parts = content.splitn(5, '.');
    let (version, digest, topic, kind) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let (destination, expiry) = parts.next()?.rsplit_once('.')?;
    (version == VERSION).then_some(())?;
    Some(Link {
        digest: DigestId::from(digest),
        topic: TopicId::from(topic),
        kind: LinkKind::parse(kind)?,
        destination: DestinationId::from(destination),
        expires_at: DateTime::from_timestamp(expiry.parse().ok()?, 0)?,
    })
}

fn is_plain(name: &str, signs: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || signs.contains(letter))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(letter: char) -> LinkKey {
        LinkKey::new(&letter.to_string().repeat(KEY_MIN)).unwrap()
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn link() -> Link {
        Link {
            digest: DigestId::from("weekly-2026-W13"),
            topic: TopicId::from("t1a2b3c4d"),
            kind: LinkKind::Dispute,
            destination: DestinationId::from("team.mail"),
            expires_at: at(1_780_000_000),
        }
    }

    #[test]
    fn a_link_comes_back_as_it_was_signed_and_the_same_each_time() {
        let token = key('a').sign(&link()).unwrap();
        assert_eq!(key('a').sign(&link()).unwrap(), token);
        let opened = key('a').open(&token, at(1_779_999_999)).unwrap();
        assert_eq!(opened.link, link());
        assert!(token.contains(&opened.nonce));
        assert!(token.len() < 140, "{token}");
    }

    #[test]
    fn each_link_has_its_own_nonce() {
        let nonce = |change: fn(&mut Link)| {
            let mut link = link();
            change(&mut link);
            let token = key('a').sign(&link).unwrap();
            key('a').open(&token, at(0)).unwrap().nonce
        };
        let nonces = [
            nonce(|_| {}),
            nonce(|link| link.kind = LinkKind::Confirm),
            nonce(|link| link.topic = TopicId::from("t2")),
            nonce(|link| link.digest = DigestId::from("daily-2026-03-29")),
            nonce(|link| link.destination = DestinationId::from("chat")),
        ];
        let different: std::collections::BTreeSet<_> = nonces.iter().collect();
        assert_eq!(different.len(), nonces.len());
    }

    #[test]
    fn an_expired_or_foreign_link_is_not_opened() {
        let token = key('a').sign(&link()).unwrap();
        assert_eq!(key('a').open(&token, at(1_780_000_000)), None);
        assert_eq!(key('b').open(&token, at(0)), None);
        assert_eq!(key('a').open(&"x".repeat(TOKEN_MAX + 1), at(0)), None);
        assert_eq!(key('a').open("", at(0)), None);
    }

    #[test]
    fn what_would_not_survive_in_an_address_is_not_signed() {
        for name in ["", "t.1", "t/1", "t 1", "tü"] {
            let topic = TopicId::from(name);
            assert_eq!(key('a').sign(&Link { topic, ..link() }), None, "{name}");
        }
    }

    #[test]
    fn a_short_key_is_refused_and_no_key_is_printed() {
        assert!(LinkKey::new(&"x".repeat(KEY_MIN - 1)).is_none());
        assert_eq!(format!("{:?}", key('a')), "LinkKey");
    }

    #[test]
    fn a_form_lasts_until_the_day_after_and_is_no_link() {
        let key = key('a');
        let token = key.form_token(20_000);
        assert!(key.is_form_token(&token, 20_000) && key.is_form_token(&token, 20_001));
        assert!(!key.is_form_token(&token, 20_002) && !key.is_form_token(&token, 19_999));
        assert!(!key.is_form_token("", 20_000));
        assert!(!super::tests::key('b').is_form_token(&token, 20_000));
    }

    proptest! {
        #[test]
        fn any_altered_token_is_refused(place in 0_usize..200, letter in any::<char>(), is_cut in any::<bool>()) {
            let key = key('a');
            let token = key.sign(&link()).unwrap();
            let mut letters: Vec<char> = token.chars().collect();
            let place = place % letters.len();
            if is_cut {
                letters.remove(place);
            } else {
                letters[place] = letter;
            }
            let altered: String = letters.into_iter().collect();
            let is_same = altered == token;
            prop_assert_eq!(key.open(&altered, at(0)).is_some(), is_same, "{}", altered);
        }

        #[test]
        fn no_text_opens_anything(text in "\\PC{0,200}|1\\.[a-z0-9-]{1,9}\\.[a-z0-9]{1,9}\\.confirm\\.x\\.9999999999\\.[0-9a-f]{16}\\.[0-9a-f]{32}") {
            prop_assert_eq!(key('a').open(&text, at(0)), None);
        }

        #[test]
        fn every_plain_link_comes_back(
            digest in "[a-z0-9-]{1,30}", topic in "[A-Za-z0-9_-]{1,30}", destination in "[A-Za-z0-9_.-]{1,40}",
            kind in prop::sample::select(LinkKind::ALL.to_vec()), seconds in 1_i64..4_000_000_000,
        ) {
            let link = Link {
                digest: DigestId(digest), topic: TopicId(topic), kind,
                destination: DestinationId(destination), expires_at: at(seconds),
            };
            let token = key('a').sign(&link).unwrap();
            prop_assert_eq!(key('a').open(&token, at(0)).unwrap().link, link);
        }
    }
}
