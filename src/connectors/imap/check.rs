//! What a person should know: folders that are not there, settings that find nothing.

use super::conversation::CategoryFrom;
use super::folders::is_same;
use super::session::Session;
use super::{Imap, Security, mail};
use crate::connectors::PullError;

/// So many of the newest mails are looked at.
const MAILS: usize = 20;

impl Imap {
    /// Logs in, and looks for the folders and for what the settings want to find.
    pub(super) async fn remarks(&self) -> Result<Vec<String>, PullError> {
        let mut session = self.session().await?;
        let mut remarks = Vec::new();
        let listed = session.list().await;
        let listed = listed.map_err(|failure| failure.pull_error("listing the folders"))?;
        let wanted = [
            ("folders", &self.config.folders),
            ("thread_folders", &self.config.thread_folders),
        ];
        for (key, names) in wanted {
            for name in names {
                let is_there = listed
                    .iter()
                    .any(|one| one.is_open && is_same(&one.name, name));
                if !is_there {
                    remarks.push(format!(
                        "{key} names \"{name}\", but the user sees no such folder: check its name, or let the user read it"
                    ));
                }
            }
        }
        if self.config.security == Security::None {
            remarks.push("the way to the server is not encrypted".to_owned());
        }
        let reading = &self.config.reading;
        if reading.team_addresses.is_empty() && reading.team_domains.is_empty() {
            remarks.push(
                "team_addresses and team_domains name nobody: every mail counts as a customer's"
                    .to_owned(),
            );
        }
        if remarks.iter().all(|remark| !remark.starts_with("folders")) {
            remarks.extend(self.look(&mut session).await?);
        }
        session.close().await;
        Ok(remarks)
    }

    /// Looks at the newest mails of the first folder.
    async fn look(&self, session: &mut Session) -> Result<Vec<String>, PullError> {
        let folders = self.folders(session).await?;
        let mut remarks = Vec::new();
        let (mut mails, mut keywords, mut modseq) = (Vec::new(), Vec::new(), None);
        let header = match &self.config.reading.category_from {
            CategoryFrom::Header(name) => Some(name.as_str()),
            _ => None,
        };
        let looking = async {
            modseq = session.examine(&folders[0].wire).await?.modseq;
            let uids = session.search("ALL").await?;
            let newest = &uids[uids.len().saturating_sub(MAILS)..];
            let bytes = self.config.mail_bytes_max;
            session
                .mails(newest, bytes, |fetched| {
                    keywords.extend(fetched.flags);
                    mails.extend(mail::read(fetched.bytes, fetched.arrived, header));
                })
                .await
        };
        looking
            .await
            .map_err(|failure| failure.pull_error("looking at the newest mails"))?;
        if mails.is_empty() {
            remarks.push(format!("the folder \"{}\" is empty", folders[0].name));
            return Ok(remarks);
        }
        if let CategoryFrom::Header(name) = &self.config.reading.category_from
            && mails.iter().all(|mail| mail.category.is_none())
        {
            remarks.push(format!(
                "category_from is \"header:{name}\", but none of the newest mails has such a header"
            ));
        }
        if let CategoryFrom::Keyword(start) = &self.config.reading.category_from
            && !keywords
                .iter()
                .any(|word| word.to_lowercase().starts_with(&start.to_lowercase()))
        {
            remarks.push(format!(
                "category_from is \"keyword:{start}\", but none of the newest mails has such a keyword"
            ));
        }
        if self.config.reading.follows_keywords() && modseq.is_none() {
            remarks.push(
                "the server does not tell when keywords change (no CONDSTORE): they are read when a thread's next mail comes"
                    .to_owned(),
            );
        }
        Ok(remarks)
    }
}
