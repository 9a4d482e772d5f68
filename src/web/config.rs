//! The `[web]` table.

use std::net::SocketAddr;

use secrecy::{ExposeSecret, SecretString};

use crate::answers::token::{KEY_MIN, LinkKey};
use crate::connectors::hook::Hook;
use crate::model::SourceId;
use crate::section::Section;

/// Settings of pages and API.
#[derive(Clone, Debug)]
pub struct WebConfig {
    /// Where to listen.
    pub listen: SocketAddr,
    /// What callers must know; needed on every address but loopback.
    pub token: Option<SecretString>,
    /// How readers reach the pages, for links in digests, and vendors that call us.
    pub public_url: Option<String>,
    /// What links and forms are signed with; without one, a key in the data folder.
    pub link_key: Option<SecretString>,
}

impl WebConfig {
    /// Reads the `[web]` table.
    pub fn read(mut section: Section<'_>) -> Self {
        let default: SocketAddr = "127.0.0.1:8460".parse().expect("a constant address");
        let names = ["an address with a port, such as 127.0.0.1:8460"];
        let listen = section.choice("listen", default, &names, |text| text.parse().ok());
        let token = section.optional_secret("token");
        let public_url = section.has("public_url").then(|| {
            let url = section.url(
                "public_url",
                "give the address at which readers reach the pages",
            );
            url.as_str().trim_end_matches('/').to_owned()
        });
        if !listen.ip().is_loopback() && token.is_none() {
            let message = format!("{listen} can be reached by others, and no token is set");
            section.problem(
                "token_env",
                message,
                "set web.token_env, or listen on 127.0.0.1",
            );
        }
        let link_key = section.optional_secret("link_key");
        let is_short = |key: &SecretString| LinkKey::new(key.expose_secret()).is_none();
        if link_key.as_ref().is_some_and(is_short) {
            let message =
                format!("the key has fewer than {KEY_MIN} letters, so it could be guessed");
            let hint = "make one with: openssl rand -hex 32";
            section.problem("link_key_env", message, hint);
        }
        section.finish();
        Self {
            listen,
            token,
            public_url,
            link_key,
        }
    }

    /// Where links in digests lead, without a slash at the end.
    pub fn public_url(&self) -> String {
        self.public_url
            .clone()
            .unwrap_or_else(|| format!("http://{}", self.listen))
    }

    /// Where a vendor calls when something changes, or why it cannot be heard there.
    pub fn calls(&self, source: &SourceId, hook: &Hook) -> Result<String, String> {
        if hook.needs_address() && self.public_url.is_none() {
            let reason = "signed calls are refused, because the address is signed, too, and not known here; set \
                          web.public_url to how the vendor reaches this server";
            return Err(reason.to_owned());
        }
        let place = format!("{}/hooks/{source}", self.public_url());
        Ok(format!(
            "the vendor may call {place} when something changes"
        ))
    }
}
