//! Calls from a vendor that say "something changed". A call is a hint that makes the source due, never a record: what it
//! says beside that is not read. Its signature is checked, because anybody may find the address.

mod signature;
#[cfg(test)]
mod tests;
mod token;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use subtle::ConstantTimeEq as _;

pub use signature::{Piece, Scheme, Signature};

/// A signed time that differs more from now is a replay, or a clock that is wrong.
const AGE_MAX: TimeDelta = TimeDelta::minutes(5);

/// What shows that a call is from the vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// One of these signatures in a header.
    Headers(&'static [Signature]),
    /// The whole body is a JSON web token that is signed with the secret (HS256).
    TokenBody,
    /// A field of the body, a JSON object, is the secret.
    BodyField(&'static str),
    /// A JSON web token (RS256) as `Authorization`, where the configured secret is a public key; else the secret itself as
    /// `key` in the query of the address.
    TokenOrKey,
}

/// A call, as far as it is looked at.
pub struct Call<'a, F> {
    /// Gives a header's value by its name in lower case.
    pub header: F,
    /// The query of its address.
    pub query: Option<&'a str>,
    /// The whole address that the vendor called, where that is known: a proxy may stand between.
    pub address: Option<&'a str>,
    /// All of it.
    pub body: &'a [u8],
}

/// How the calls for one source are checked.
#[derive(Clone, Debug)]
pub struct Hook {
    /// What the vendor sends.
    pub proof: Proof,
    /// The secret that both know, or the vendor's public key.
    pub secret: SecretString,
    /// The header whose value the vendor wants to hear before it calls.
    pub challenge: Option<&'static str>,
}

impl Hook {
    /// Whether a call is from the vendor.
    pub fn is_genuine<'a, F: Fn(&str) -> Option<&'a str>>(
        &self,
        call: &Call<'_, F>,
        now: DateTime<Utc>,
    ) -> bool {
        match self.proof {
            Proof::Headers(signatures) => {
                let mut signatures = signatures.iter();
                signatures.any(|signature| signature.is_on(call, &self.secret, now))
            }
            Proof::TokenBody => std::str::from_utf8(call.body)
                .is_ok_and(|text| token::is_signed(text, &self.secret, now)),
            Proof::BodyField(name) => {
                let body: Option<Value> = serde_json::from_slice(call.body).ok();
                let given = body.as_ref().and_then(|body| body.get(name)?.as_str());
                given.is_some_and(|given| self.is_secret(given))
            }
            Proof::TokenOrKey => match token::public_key(&self.secret) {
                Some(key) => (call.header)("authorization").is_some_and(|given| {
                    let text = given.strip_prefix("Bearer ").unwrap_or(given);
                    token::is_signed_for(text, &key, call.body, now)
                }),
                None => {
                    let query = call.query.unwrap_or_default();
                    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
                    pairs.any(|(name, value)| name == "key" && self.is_secret(&value))
                }
            },
        }
    }

    /// Whether the vendor signs the address, which must be known then as it is seen from outside.
    pub fn needs_address(&self) -> bool {
        match self.proof {
            Proof::Headers(signatures) => signatures.iter().any(Signature::has_address),
            _ => false,
        }
    }

    fn is_secret(&self, given: &str) -> bool {
        let secret = self.secret.expose_secret().as_bytes();
        given.as_bytes().ct_eq(secret).into()
    }
}
