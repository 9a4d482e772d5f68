//! Calls from a vendor that say "something changed". A call is a hint that makes the source due, never a record: what it
//! says beside that is not read. Its signature is checked, because anybody may find the address.

mod token;

use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

/// A signed time that differs more from now is a replay, or a clock that is wrong.
const AGE_MAX: TimeDelta = TimeDelta::minutes(5);

/// How a signature is computed and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// The secret itself stands in the header.
    Plain,
    /// HMAC-SHA256 of the body, in hexadecimal digits.
    Sha256Hex,
    /// HMAC-SHA256 of the body, in base64.
    Sha256Base64,
    /// HMAC-SHA1 of the body, in hexadecimal digits.
    Sha1Hex,
    /// HMAC-SHA1 of the body, in base64.
    Sha1Base64,
}

/// How a vendor signs its calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The header with the signature, in lower case.
    pub header: &'static str,
    /// What stands before it there, such as `sha256=`.
    pub prefix: &'static str,
    /// How it is computed.
    pub scheme: Scheme,
    /// The header with the time in seconds or milliseconds since 1970 or as a date-time; where there is one, it is signed
    /// too, before the body, with this between them.
    pub time: Option<(&'static str, &'static str)>,
}

impl Signature {
    /// The secret itself, in a header of ours: for vendors that sign nothing, but send the headers that a person wrote
    /// into an automation.
    pub const SHARED: Self = Self {
        header: "x-groundswell-secret",
        prefix: "",
        scheme: Scheme::Plain,
        time: None,
    };
}

/// What shows that a call is from the vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// A header.
    Header(Signature),
    /// The whole body is a JSON web token that is signed with the secret (HS256).
    TokenBody,
    /// A field of the body, a JSON object, is the secret.
    BodyField(&'static str),
    /// `Authorization: Bearer` and a JSON web token (RS256), where the configured secret is a public key; else the secret
    /// itself as `key` in the query of the address.
    TokenOrKey,
}

/// A call, as far as it is looked at.
pub struct Call<'a, F> {
    /// Gives a header's value by its name in lower case.
    pub header: F,
    /// The query of its address.
    pub query: Option<&'a str>,
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
}

impl Hook {
    /// Whether a call is from the vendor.
    pub fn is_genuine<'a, F: Fn(&str) -> Option<&'a str>>(
        &self,
        call: &Call<'_, F>,
        now: DateTime<Utc>,
    ) -> bool {
        match self.proof {
            Proof::Header(signature) => self.is_signed(signature, call, now),
            Proof::TokenBody => std::str::from_utf8(call.body)
                .is_ok_and(|text| token::is_signed(text, &self.secret, now)),
            Proof::BodyField(name) => {
                let body: Option<Value> = serde_json::from_slice(call.body).ok();
                let given = body.as_ref().and_then(|body| body.get(name)?.as_str());
                given.is_some_and(|given| self.is_secret(given))
            }
            Proof::TokenOrKey => match token::public_key(&self.secret) {
                Some(key) => {
                    let given = (call.header)("authorization");
                    given
                        .and_then(|given| given.strip_prefix("Bearer "))
                        .is_some_and(|text| token::is_signed_for(text, &key, call.body, now))
                }
                None => {
                    let query = call.query.unwrap_or_default();
                    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
                    pairs.any(|(name, value)| name == "key" && self.is_secret(&value))
                }
            },
        }
    }

    fn is_secret(&self, given: &str) -> bool {
        let secret = self.secret.expose_secret().as_bytes();
        given.as_bytes().ct_eq(secret).into()
    }

    fn is_signed<'a, F: Fn(&str) -> Option<&'a str>>(
        &self,
        signature: Signature,
        call: &Call<'_, F>,
        now: DateTime<Utc>,
    ) -> bool {
        let header = &call.header;
        let Some(given) = header(signature.header) else {
            return false;
        };
        let Some(given) = given.trim().strip_prefix(signature.prefix) else {
            return false;
        };
        let mut message = Vec::new();
        if let Some((name, between)) = signature.time {
            let Some(text) = header(name) else {
                return false;
            };
            if instant(text).is_none_or(|at| (now - at).abs() > AGE_MAX) {
                return false;
            }
            message.extend_from_slice(text.as_bytes());
            message.extend_from_slice(between.as_bytes());
        }
        message.extend_from_slice(call.body);
        let expected = self.expected(signature.scheme, &message);
        given.as_bytes().ct_eq(expected.as_bytes()).into()
    }

    fn expected(&self, scheme: Scheme, message: &[u8]) -> String {
        let key = self.secret.expose_secret().as_bytes();
        match scheme {
            Scheme::Plain => self.secret.expose_secret().to_owned(),
            Scheme::Sha256Hex => hexadecimal(&sha256(key, message)),
            Scheme::Sha256Base64 => base64(&sha256(key, message)),
            Scheme::Sha1Hex => hexadecimal(&sha1(key, message)),
            Scheme::Sha1Base64 => base64(&sha1(key, message)),
        }
    }
}

/// Seconds or milliseconds since 1970, or a date-time.
fn instant(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    match text.parse::<i64>() {
        Ok(number) if number > 100_000_000_000 => DateTime::from_timestamp_millis(number),
        Ok(number) => DateTime::from_timestamp(number, 0),
        Err(_) => crate::connectors::date::parse(text, chrono_tz::Tz::UTC, None).ok(),
    }
}

fn sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("any length is a key");
    mac.chain_update(message).finalize().into_bytes().to_vec()
}

fn sha1(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mac = Hmac::<sha1::Sha1>::new_from_slice(key).expect("any length is a key");
    mac.chain_update(message).finalize().into_bytes().to_vec()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::Digest as _;

    const KEY: &str = "key";
    const BODY: &[u8] = b"The quick brown fox jumps over the lazy dog";

    fn signature(header: &'static str, prefix: &'static str, scheme: Scheme) -> Signature {
        Signature {
            header,
            prefix,
            scheme,
            time: None,
        }
    }

    fn hook(proof: Proof) -> Hook {
        Hook {
            proof,
            secret: SecretString::from(KEY),
        }
    }

    fn now() -> DateTime<Utc> {
        "2026-03-02T09:00:00Z".parse().unwrap()
    }

    /// A call with one header, or none.
    fn is_genuine(hook: &Hook, header: Option<(&str, &str)>, query: &str, body: &[u8]) -> bool {
        let call = Call {
            header: |name: &str| header.filter(|(known, _)| *known == name).map(|one| one.1),
            query: Some(query),
            body,
        };
        hook.is_genuine(&call, now())
    }

    /// The values that RFC 2104's authors and everybody since publish for this key and sentence.
    #[test]
    fn known_signatures_are_genuine_and_all_others_are_not() {
        let sha256 = "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8";
        let cases = [
            (Scheme::Sha256Hex, "sha256=", format!("sha256={sha256}")),
            (
                Scheme::Sha256Base64,
                "",
                "97yD9DBThCSxMpjmqm+xQ+9NWaFJRhdZl0edvC0aPNg=".to_owned(),
            ),
            (
                Scheme::Sha1Hex,
                "sha1=",
                "sha1=de7c9b85b8b78aa6bc8a7a36f70a90701c9db4d9".to_owned(),
            ),
            (
                Scheme::Sha1Base64,
                "",
                "3nybhbi3iqa8ino29wqQcBydtNk=".to_owned(),
            ),
            (Scheme::Plain, "", KEY.to_owned()),
        ];
        for (scheme, prefix, good) in cases {
            let hook = hook(Proof::Header(signature("x-signature", prefix, scheme)));
            let given = |value: &str, body: &[u8]| {
                is_genuine(&hook, Some(("x-signature", value)), "", body)
            };
            assert!(given(&good, BODY), "{scheme:?}");
            assert_eq!(given(&good, b"another"), scheme == Scheme::Plain);
            for bad in ["", "sha256=", &good[1..], &good[..good.len() - 1]] {
                assert!(!given(bad, BODY), "{scheme:?}: {bad}");
            }
            assert!(!is_genuine(&hook, None, "", BODY));
        }
    }

    #[test]
    fn a_signed_time_must_be_near() {
        let mut signature = signature("x-signature", "", Scheme::Sha256Hex);
        signature.time = Some(("x-time", "."));
        let hook = hook(Proof::Header(signature));
        let given = |seconds: i64| {
            let time = (now().timestamp() + seconds).to_string();
            let message = [time.as_bytes(), b".", BODY].concat();
            let expected = hook.expected(Scheme::Sha256Hex, &message);
            let call = Call {
                header: |name: &str| match name {
                    "x-signature" => Some(expected.as_str()),
                    "x-time" => Some(time.as_str()),
                    _ => None,
                },
                query: None,
                body: BODY,
            };
            let is_replayed_later = hook.is_genuine(&call, now() + TimeDelta::minutes(11));
            (hook.is_genuine(&call, now()), is_replayed_later)
        };
        assert_eq!(given(0), (true, false));
        assert_eq!(given(-299), (true, false));
        assert_eq!(given(-301), (false, false));
        assert!(!given(301).0);
    }

    fn token(header: &str, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
        use ::base64::Engine as _;
        let engine = ::base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let head = format!(
            "{}.{}",
            engine.encode(format!(r#"{{"alg":"{header}","typ":"JWT"}}"#)),
            engine.encode(claims.to_string())
        );
        let signature = engine.encode(sign(head.as_bytes()));
        format!("{head}.{signature}")
    }

    #[test]
    fn a_body_that_is_a_token_must_be_signed_as_agreed() {
        let hook = hook(Proof::TokenBody);
        let signed = |message: &[u8]| sha256(KEY.as_bytes(), message);
        let claims = serde_json::json!({"call_id": 7, "text": "my own words"});
        let good = token("HS256", &claims, signed);
        let is_genuine = |body: &str| is_genuine(&hook, None, "", body.as_bytes());
        assert!(is_genuine(&good) && is_genuine(&format!("{good}\n")));
        let other_key = token("HS256", &claims, |message| sha256(b"other", message));
        let none = token("none", &claims, |_| Vec::new());
        let mut over = claims.clone();
        over["exp"] = Value::from(now().timestamp() - 301);
        let over = token("HS256", &over, signed);
        let (head, signature) = good.rsplit_once('.').unwrap();
        let forged = format!("{head}x.{signature}");
        for bad in [
            other_key,
            none,
            over,
            forged,
            claims.to_string(),
            String::new(),
        ] {
            assert!(!is_genuine(&bad), "{bad}");
        }
    }

    #[test]
    fn a_field_of_the_body_is_the_secret_or_nothing() {
        let hook = hook(Proof::BodyField("token"));
        let is_genuine = |body: &str| is_genuine(&hook, None, "", body.as_bytes());
        assert!(is_genuine(
            r#"{"event": "call.ended", "token": "key", "data": {}}"#
        ));
        for bad in [
            r#"{"token": "kex"}"#,
            r#"{"data": {"token": "key"}}"#,
            r#"{"token": 5}"#,
            "key",
            "",
        ] {
            assert!(!is_genuine(bad), "{bad}");
        }
    }

    #[test]
    fn a_key_stands_in_the_address_where_no_public_key_is_known() {
        let hook = hook(Proof::TokenOrKey);
        let is_genuine = |query: &str| is_genuine(&hook, None, query, BODY);
        assert!(is_genuine("key=key") && is_genuine("a=b&key=key"));
        assert!(!is_genuine("key=kex") && !is_genuine("") && !is_genuine("other=key"));
    }

    #[test]
    fn a_token_of_a_private_key_is_checked_with_the_public_one() {
        use aws_lc_rs::rsa::{KeyPair, KeySize};
        use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let sign = |message: &[u8]| {
            let mut signature = vec![0; pair.public_modulus_len()];
            let random = aws_lc_rs::rand::SystemRandom::new();
            pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                .unwrap();
            signature
        };
        let der: aws_lc_rs::encoding::PublicKeyX509Der<'_> =
            aws_lc_rs::encoding::AsDer::as_der(pair.public_key()).unwrap();
        let bare = base64(der.as_ref());
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{bare}\n-----END PUBLIC KEY-----\n");
        let hash = hexadecimal(&Sha256::digest(BODY));
        let claims = serde_json::json!({"webhook_url": "https://x.test/hooks/gong", "body_sha256": hash,
            "exp": now().timestamp() + 60});
        let good = format!("Bearer {}", token("RS256", &claims, sign));
        // Whoever knows the public key could sign with it, if a token chose how it is checked.
        let mixed = token("HS256", &claims, |message| sha256(pem.as_bytes(), message));
        for key in [pem.as_str(), bare.as_str()] {
            let hook = Hook {
                proof: Proof::TokenOrKey,
                secret: SecretString::from(key),
            };
            let given = |value: &str, body: &[u8]| {
                is_genuine(&hook, Some(("authorization", value)), "key=key", body)
            };
            assert!(given(&good, BODY));
            assert!(!given(&good, b"another body"));
            assert!(!given(&good["Bearer ".len()..], BODY));
            assert!(!given(&format!("Bearer {mixed}"), BODY));
            assert!(!is_genuine(&hook, None, &format!("key={key}"), BODY));
        }
    }
}
