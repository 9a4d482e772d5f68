//! Calls that are signed as a JSON web token (RFC 7519). The algorithm is fixed: a token does not choose how it is checked.

use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::AGE_MAX;
use super::signature::hexadecimal;

/// Whether a text is a token that was signed with a secret (HS256) and is not over.
pub(super) fn is_signed(text: &str, secret: &SecretString, now: DateTime<Utc>) -> bool {
    let key = DecodingKey::from_secret(secret.expose_secret().as_bytes());
    claims(text, &key, Algorithm::HS256).is_some_and(|claims| is_current(&claims, now))
}

/// Whether a text is a token that was signed with the private key of a public one (RS256), is not over, and is about this
/// body.
pub(super) fn is_signed_for(
    text: &str,
    key: &DecodingKey,
    body: &[u8],
    now: DateTime<Utc>,
) -> bool {
    claims(text, key, Algorithm::RS256)
        .is_some_and(|claims| is_current(&claims, now) && is_about(&claims, body))
}

/// A public RSA key, with or without the lines around it.
pub(super) fn public_key(secret: &SecretString) -> Option<DecodingKey> {
    let text = secret.expose_secret().trim();
    if text.starts_with("-----BEGIN") {
        return DecodingKey::from_rsa_pem(text.as_bytes()).ok();
    }
    // Shorter ones are no keys; a text that happens to be base64 must stay a secret.
    let bare: String = text.split_whitespace().collect();
    if bare.len() < 300 {
        return None;
    }
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{bare}\n-----END PUBLIC KEY-----\n");
    DecodingKey::from_rsa_pem(pem.as_bytes()).ok()
}

fn claims(text: &str, key: &DecodingKey, algorithm: Algorithm) -> Option<Value> {
    let mut rules = Validation::new(algorithm);
    rules.required_spec_claims.clear();
    // Its end is compared with the time that we are given.
    rules.validate_exp = false;
    rules.validate_aud = false;
    let found = decode::<Value>(text.trim(), key, &rules).ok()?;
    Some(found.claims)
}

fn is_current(claims: &Value, now: DateTime<Utc>) -> bool {
    let Some(end) = claims.get("exp") else {
        return true;
    };
    let end = end
        .as_i64()
        .and_then(|end| DateTime::from_timestamp(end, 0));
    end.is_some_and(|end| now <= end + AGE_MAX)
}

fn is_about(claims: &Value, body: &[u8]) -> bool {
    let told = claims.get("body_sha256").and_then(Value::as_str);
    let hash = hexadecimal(&Sha256::digest(body));
    told.is_some_and(|told| told.as_bytes().ct_eq(hash.as_bytes()).into())
}
