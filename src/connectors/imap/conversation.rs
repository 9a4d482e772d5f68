//! A thread's mails as one conversation. Pure.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::head::escape;
use super::mail::Mail;
use crate::model::{Author, Conversation, ConversationKey, Message, SourceId, Text, Visibility};

/// Keywords that mail programs set by themselves.
const PROGRAMS: [&str; 10] = [
    "$forwarded",
    "forwarded",
    "$mdnsent",
    "$submitpending",
    "$submitted",
    "$notjunk",
    "notjunk",
    "nonjunk",
    "$hasattachment",
    "$hasnoattachment",
];

/// Where the official category stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CategoryFrom {
    /// Nowhere.
    #[default]
    None,
    /// The folder.
    Folder,
    /// The keyword that starts so; the rest of it is the category.
    Keyword(String),
    /// A header of that name.
    Header(String),
}

/// What must be known to read a conversation.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// Addresses of the team, in small letters.
    pub team_addresses: Vec<String>,
    /// Domains of the team, in small letters.
    pub team_domains: Vec<String>,
    /// Where the official category stands.
    pub category_from: CategoryFrom,
    /// The keyword of a mail whose conversation is closed.
    pub closed_keyword: Option<String>,
    /// A link to a conversation, with `{message_id}` in it.
    pub link_template: Option<String>,
}

/// A mail with what the mailbox says of it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Filed {
    pub(super) mail: Mail,
    /// Keywords, without what starts with a backslash.
    pub(super) keywords: Vec<String>,
    /// The folder's name, if it is one in which new mail is looked for.
    pub(super) folder: Option<String>,
}

impl Reading {
    /// Whether keywords say something beside tags.
    pub(super) fn follows_keywords(&self) -> bool {
        matches!(self.category_from, CategoryFrom::Keyword(_)) || self.closed_keyword.is_some()
    }

    /// Whether an address is one of the team's.
    fn is_team(&self, address: &str) -> bool {
        let domain = address.rsplit('@').next().unwrap_or_default();
        self.team_addresses.iter().any(|known| known == address)
            || self.team_domains.iter().any(|known| known == domain)
    }

    /// The customer who wrote a mail; `None` when the team did. A web form writes in the team's name, and the customer
    /// is the one who gets the answer.
    fn customer<'a>(&self, mail: &'a Mail) -> Option<&'a str> {
        let outside = |address: &'a Option<String>| {
            address.as_deref().filter(|address| !self.is_team(address))
        };
        match &mail.from {
            Some(from) if !self.is_team(from) => Some(from),
            Some(_) => outside(&mail.reply_to),
            None => Some(outside(&mail.reply_to).unwrap_or_default()),
        }
    }

    fn author(&self, mail: &Mail) -> Author {
        match self.customer(mail) {
            _ if mail.is_automatic => Author::System,
            Some(_) => Author::Customer,
            None => Author::Agent,
        }
    }

    /// Among colleagues: the team writes to the team alone.
    fn visibility(&self, mail: &Mail) -> Visibility {
        let is_inside = self.customer(mail).is_none()
            && !mail.recipients.is_empty()
            && mail.recipients.iter().all(|one| self.is_team(one));
        if is_inside {
            Visibility::Internal
        } else {
            Visibility::Public
        }
    }

    /// The conversation of a thread as it is `now`; `None` without mails.
    pub(super) fn conversation(
        &self,
        source: &SourceId,
        root: &str,
        mut mails: Vec<Filed>,
        now: DateTime<Utc>,
    ) -> Option<Conversation> {
        mails.sort_by(|one, other| {
            (one.mail.at, &one.mail.head.id).cmp(&(other.mail.at, &other.mail.head.id))
        });
        let first = &mails.first()?.mail;
        let top = mails.iter().find(|one| one.mail.head.id == root);
        let top = top.map_or(first, |one| &one.mail);
        let key = ConversationKey {
            source: source.clone(),
            id: escape(root),
        };
        let mut conversation = Conversation::new(key, top.at);
        // IMAP does not say when a mail was moved, marked or taken away: what is read is how it is now.
        conversation.updated_at = now;
        conversation.subject = Text::new(top.subject.as_str());
        conversation.channel = Some("mail".to_owned());
        conversation.requester = self.requester(&mails);
        conversation.category = self.category(&mails);
        conversation.tags = tags(&mails, self.closed_keyword.as_deref());
        conversation.url = self.link(root);
        self.close(&mut conversation, &mails);
        let messages = mails.iter().map(|one| Message {
            at: Some(one.mail.at),
            author: self.author(&one.mail),
            visibility: self.visibility(&one.mail),
            text: Text::new(one.mail.text.as_str()),
        });
        conversation.messages = messages.collect();
        Some(conversation)
    }

    /// The first customer who wrote, else the first whom the team wrote to.
    fn requester(&self, mails: &[Filed]) -> Option<String> {
        let people = || mails.iter().filter(|one| !one.mail.is_automatic);
        let wrote = people().find_map(|one| self.customer(&one.mail).filter(|who| !who.is_empty()));
        let written_to = || {
            let recipients = people().flat_map(|one| &one.mail.recipients);
            recipients
                .map(String::as_str)
                .find(|one| !self.is_team(one))
        };
        let robot = || mails.iter().find_map(|one| self.customer(&one.mail));
        let found = wrote.or_else(written_to).or_else(robot);
        found.filter(|who| !who.is_empty()).map(str::to_owned)
    }

    /// What the newest mail that has one says.
    fn category(&self, mails: &[Filed]) -> Option<String> {
        let of = |one: &Filed| match &self.category_from {
            CategoryFrom::None => None,
            CategoryFrom::Folder => one.folder.clone(),
            CategoryFrom::Header(_) => one.mail.category.clone(),
            CategoryFrom::Keyword(start) => one.keywords.iter().find_map(|keyword| {
                let rest = keyword.get(start.len()..)?;
                let is_one = keyword.get(..start.len())?.eq_ignore_ascii_case(start);
                (is_one && !rest.is_empty()).then(|| rest.to_owned())
            }),
        };
        mails.iter().rev().find_map(of)
    }

    /// Closed when the newest mail is marked so; a customer's mail after a marked one opened it again.
    fn close(&self, conversation: &mut Conversation, mails: &[Filed]) {
        let Some(word) = &self.closed_keyword else {
            return;
        };
        let mut was_closed = false;
        let mut closed_at = None;
        for one in mails {
            if was_closed && self.author(&one.mail) == Author::Customer {
                conversation.reopens = conversation.reopens.saturating_add(1);
                (was_closed, closed_at) = (false, None);
            }
            if one
                .keywords
                .iter()
                .any(|keyword| keyword.eq_ignore_ascii_case(word))
            {
                (was_closed, closed_at) = (true, Some(one.mail.at));
            }
        }
        conversation.closed_at = closed_at;
        conversation.status = Some(if was_closed { "closed" } else { "open" }.to_owned());
    }

    fn link(&self, root: &str) -> Option<String> {
        let template = self.link_template.as_ref()?;
        let id: String = url::form_urlencoded::byte_serialize(root.as_bytes()).collect();
        Some(template.replace("{message_id}", &id))
    }
}

fn tags(mails: &[Filed], closed: Option<&str>) -> Vec<String> {
    let keywords = mails.iter().flat_map(|one| &one.keywords);
    let tag = |keyword: &String| {
        let lower = keyword.to_lowercase();
        match lower.as_str() {
            "$junk" | "junk" => Some("junk".to_owned()),
            _ if PROGRAMS.contains(&lower.as_str()) => None,
            _ if closed.is_some_and(|word| word.eq_ignore_ascii_case(keyword)) => None,
            _ => Some(keyword.clone()),
        }
    };
    keywords
        .filter_map(tag)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::imap::mail;

    fn reading() -> Reading {
        Reading {
            team_addresses: vec!["anna@freelance.test".into()],
            team_domains: vec!["support.test".into()],
            ..Reading::default()
        }
    }

    /// A mail of the day's given minute; `extra` are more header lines.
    fn filed(minute: u32, from: &str, to: &str, extra: &str, keywords: &[&str]) -> Filed {
        let raw = format!(
            "From: {from}\r\nTo: {to}\r\nSubject: Re: Leak\r\nMessage-ID: <m{minute}@x>\r\n\
             Date: Mon, 02 Mar 2026 09:{minute:02}:00 +0000\r\n{extra}\r\nwords {minute}\r\n"
        );
        Filed {
            mail: mail::read(raw.as_bytes(), None, Some("X-Reason")).unwrap(),
            keywords: keywords.iter().map(|word| (*word).to_owned()).collect(),
            folder: None,
        }
    }

    fn conversation(reading: &Reading, mails: &[Filed]) -> Conversation {
        let now = "2026-03-03T00:00:00Z".parse().unwrap();
        let source = SourceId::from("mail");
        reading
            .conversation(&source, "m1@x", mails.to_vec(), now)
            .unwrap()
    }

    fn authors(conversation: &Conversation) -> Vec<(Author, Visibility)> {
        let messages = conversation.messages.iter();
        messages.map(|one| (one.author, one.visibility)).collect()
    }

    #[test]
    fn customers_team_and_robots_are_told_apart() {
        let mails = [
            filed(3, "anna@freelance.test", "c@home.test", "", &[]),
            filed(1, "C@Home.test", "help@support.test", "", &[]),
            filed(
                2,
                "help@support.test",
                "c@home.test",
                "Auto-Submitted: auto-replied\r\n",
                &[],
            ),
            filed(
                4,
                "tom@support.test",
                "anna@freelance.test",
                "Cc: help@support.test\r\n",
                &[],
            ),
            filed(
                5,
                "noreply@support.test",
                "help@support.test",
                "Reply-To: d@home.test\r\n",
                &[],
            ),
        ];
        let found = conversation(&reading(), &mails);
        let expected = [
            (Author::Customer, Visibility::Public),
            (Author::System, Visibility::Public),
            (Author::Agent, Visibility::Public),
            (Author::Agent, Visibility::Internal),
            (Author::Customer, Visibility::Public),
        ];
        assert_eq!(authors(&found), expected);
        assert_eq!(found.requester.as_deref(), Some("c@home.test"));
        assert_eq!(found.created_at.to_rfc3339(), "2026-03-02T09:01:00+00:00");
        assert_eq!(found.key.id, "m1@x");
        assert_eq!(found.channel.as_deref(), Some("mail"));
    }

    #[test]
    fn whom_the_team_wrote_to_is_the_requester_until_somebody_answers() {
        let mails = [filed(1, "help@support.test", "c@home.test", "", &[])];
        let found = conversation(&reading(), &mails);
        assert_eq!(found.requester.as_deref(), Some("c@home.test"));
    }

    #[test]
    fn the_category_stands_where_the_settings_say() {
        let mut mails = [
            filed(
                1,
                "c@home.test",
                "help@support.test",
                "X-Reason: Billing\r\n",
                &["topic_Old"],
            ),
            filed(
                2,
                "help@support.test",
                "c@home.test",
                "",
                &["Topic_New", "$Forwarded", "urgent"],
            ),
        ];
        mails[0].folder = Some("Heating".into());
        let category = |from| {
            let reading = Reading {
                category_from: from,
                ..reading()
            };
            conversation(&reading, &mails).category
        };
        assert_eq!(category(CategoryFrom::None), None);
        assert_eq!(category(CategoryFrom::Folder).as_deref(), Some("Heating"));
        assert_eq!(
            category(CategoryFrom::Header("X-Reason".into())).as_deref(),
            Some("Billing")
        );
        assert_eq!(
            category(CategoryFrom::Keyword("topic_".into())).as_deref(),
            Some("New")
        );
        let tags = conversation(&reading(), &mails).tags;
        assert_eq!(tags, ["Topic_New", "topic_Old", "urgent"]);
    }

    #[test]
    fn a_customer_who_writes_after_closing_opens_it_again() {
        let reading = Reading {
            closed_keyword: Some("Done".into()),
            link_template: Some("https://mail.test/?q={message_id}".into()),
            ..reading()
        };
        let mut mails = vec![
            filed(1, "c@home.test", "help@support.test", "", &[]),
            filed(2, "help@support.test", "c@home.test", "", &["done"]),
        ];
        let closed = conversation(&reading, &mails);
        assert_eq!(
            (closed.status.as_deref(), closed.reopens),
            (Some("closed"), 0)
        );
        assert_eq!(
            closed.closed_at.unwrap().to_rfc3339(),
            "2026-03-02T09:02:00+00:00"
        );
        assert_eq!(closed.url.as_deref(), Some("https://mail.test/?q=m1%40x"));
        mails.push(filed(3, "c@home.test", "help@support.test", "", &[]));
        mails.push(filed(4, "c@home.test", "help@support.test", "", &[]));
        let again = conversation(&reading, &mails);
        assert_eq!(
            (again.status.as_deref(), again.reopens, again.closed_at),
            (Some("open"), 1, None)
        );
        assert!(again.tags.is_empty());
    }
}
