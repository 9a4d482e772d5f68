//! How one logs in to Zendesk.

use crate::connectors::engine::{Credentials, Settings};
use crate::section::Section;

/// Exactly one way to log in must be given; and whether it is of the kind that ends.
pub fn credentials(section: &mut Section<'_>, settings: &Settings) -> (Credentials, bool) {
    let id = section.optional_text("client_id");
    let secret = section.optional_secret("client_secret");
    let refresh = section.optional_secret("refresh_token");
    let access = section.optional_secret("access_token");
    let email = section.optional_text("email");
    let token = section.optional_secret("api_token");
    let url = settings
        .url
        .join("/oauth/tokens")
        .unwrap_or_else(|_| settings.url.clone());
    match (id, secret, refresh, access, email, token) {
        (Some(id), Some(secret), None, None, None, None) => (
            Credentials::Client {
                url,
                id,
                secret,
                scope: "read".to_owned(),
            },
            false,
        ),
        (Some(id), Some(secret), Some(first), None, None, None) => (
            Credentials::Refresh {
                url,
                id,
                secret,
                first,
            },
            false,
        ),
        (None, None, None, Some(token), None, None) => (Credentials::bearer(token), false),
        (None, None, None, None, Some(email), Some(token)) => {
            (Credentials::basic(format!("{email}/token"), token), true)
        }
        _ => {
            let hint = "give client_id and client_secret_env of an OAuth client, with refresh_token_env where it is one \
                        for several accounts; or access_token_env; or email and api_token_env";
            section.problem(
                "client_id",
                "there must be one complete way to log in",
                hint,
            );
            (settings.credentials.clone(), false)
        }
    }
}
