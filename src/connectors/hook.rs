//! Calls from a vendor that say "something changed". A call is a hint that makes the source due, never a record: what it
//! says beside that is not read. Its signature is checked, because anybody may find the address.

use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
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

/// How the calls for one source are checked.
#[derive(Clone, Debug)]
pub struct Hook {
    /// What the vendor sends.
    pub signature: Signature,
    /// The secret that both know.
    pub secret: SecretString,
}

impl Hook {
    /// Whether a call is from the vendor. `header` gives a header's value by its name in lower case.
    pub fn is_genuine<'a>(
        &self,
        header: impl Fn(&str) -> Option<&'a str>,
        body: &[u8],
        now: DateTime<Utc>,
    ) -> bool {
        let signature = self.signature;
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
        message.extend_from_slice(body);
        let expected = self.expected(&message);
        given.as_bytes().ct_eq(expected.as_bytes()).into()
    }

    fn expected(&self, message: &[u8]) -> String {
        let key = self.secret.expose_secret().as_bytes();
        match self.signature.scheme {
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
        Err(_) => super::date::parse(text, chrono_tz::Tz::UTC, None).ok(),
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

    const KEY: &str = "key";
    const BODY: &[u8] = b"The quick brown fox jumps over the lazy dog";

    fn hook(header: &'static str, prefix: &'static str, scheme: Scheme) -> Hook {
        let signature = Signature {
            header,
            prefix,
            scheme,
            time: None,
        };
        Hook {
            signature,
            secret: SecretString::from(KEY),
        }
    }

    fn now() -> DateTime<Utc> {
        "2026-03-02T09:00:00Z".parse().unwrap()
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
            let hook = hook("x-signature", prefix, scheme);
            let given = |value: &str, body: &[u8]| {
                hook.is_genuine(|name| (name == "x-signature").then_some(value), body, now())
            };
            assert!(given(&good, BODY), "{scheme:?}");
            assert_eq!(given(&good, b"another"), scheme == Scheme::Plain);
            for bad in ["", "sha256=", &good[1..], &good[..good.len() - 1]] {
                assert!(!given(bad, BODY), "{scheme:?}: {bad}");
            }
            assert!(!hook.is_genuine(|_| None, BODY, now()));
        }
    }

    #[test]
    fn a_signed_time_must_be_near() {
        let mut hook = hook("x-signature", "", Scheme::Sha256Hex);
        hook.signature.time = Some(("x-time", "."));
        let given = |seconds: i64| {
            let time = (now().timestamp() + seconds).to_string();
            let signature = hook.expected(&[time.as_bytes(), b".", BODY].concat());
            let header = |name: &str| match name {
                "x-signature" => Some(signature.as_str()),
                "x-time" => Some(time.as_str()),
                _ => None,
            };
            let is_replayed_later = hook.is_genuine(header, BODY, now() + TimeDelta::minutes(11));
            (hook.is_genuine(header, BODY, now()), is_replayed_later)
        };
        assert_eq!(given(0), (true, false));
        assert_eq!(given(-299), (true, false));
        assert_eq!(given(-301), (false, false));
        assert!(!given(301).0);
    }
}
