//! Signatures in a header: which pieces of a call are signed, how that is computed, and how it is written.

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use super::{AGE_MAX, Call};

/// How a signature is computed and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// The secret itself stands in the header.
    Plain,
    /// HMAC-SHA256, in hexadecimal digits.
    Sha256Hex,
    /// HMAC-SHA256, in base64.
    Sha256Base64,
    /// HMAC-SHA1, in hexadecimal digits.
    Sha1Hex,
    /// HMAC-SHA1, in base64.
    Sha1Base64,
}

/// A piece of what is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// All of the body.
    Body,
    /// The value of this header: seconds or milliseconds since 1970, or a date-time. It must be near.
    Time(&'static str),
    /// Always the same.
    Text(&'static str),
    /// The whole address, as the vendor knows it. These characters stand in it as they are, also where the call wrote them
    /// with a percent sign.
    Address(&'static str),
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
    /// What is signed, in this order.
    pub pieces: &'static [Piece],
}

impl Signature {
    /// The secret itself, in a header of ours: for vendors that sign nothing, but send the headers that a person wrote
    /// into an automation.
    pub const SHARED: Self = Self::of_body("x-groundswell-secret", "", Scheme::Plain);

    /// One of the body alone.
    pub const fn of_body(header: &'static str, prefix: &'static str, scheme: Scheme) -> Self {
        Self {
            header,
            prefix,
            scheme,
            pieces: &[Piece::Body],
        }
    }

    /// Whether the address is signed, too.
    pub(super) fn has_address(&self) -> bool {
        let mut pieces = self.pieces.iter();
        pieces.any(|piece| matches!(piece, Piece::Address(_)))
    }

    /// Whether a call is signed like this.
    pub(super) fn is_on<'a, F: Fn(&str) -> Option<&'a str>>(
        &self,
        call: &Call<'_, F>,
        secret: &SecretString,
        now: DateTime<Utc>,
    ) -> bool {
        let Some(given) = (call.header)(self.header) else {
            return false;
        };
        let Some(given) = given.trim().strip_prefix(self.prefix) else {
            return false;
        };
        let Some(message) = self.message(call, now) else {
            return false;
        };
        let expected = self.scheme.expected(secret, &message);
        given.as_bytes().ct_eq(expected.as_bytes()).into()
    }

    /// What is signed; nothing where a piece is missing, or its time is not near.
    fn message<'a, F: Fn(&str) -> Option<&'a str>>(
        &self,
        call: &Call<'_, F>,
        now: DateTime<Utc>,
    ) -> Option<Vec<u8>> {
        let mut message = Vec::new();
        for piece in self.pieces {
            match *piece {
                Piece::Body => message.extend_from_slice(call.body),
                Piece::Text(text) => message.extend_from_slice(text.as_bytes()),
                Piece::Address(plain) => message.extend(written_out(call.address?, plain)),
                Piece::Time(name) => {
                    let text = (call.header)(name)?;
                    let is_near = (now - instant(text)?).abs() <= AGE_MAX;
                    message.extend_from_slice(is_near.then_some(text)?.as_bytes());
                }
            }
        }
        Some(message)
    }
}

impl Scheme {
    /// What must stand in the header.
    pub(super) fn expected(self, secret: &SecretString, message: &[u8]) -> String {
        let key = secret.expose_secret().as_bytes();
        match self {
            Self::Plain => secret.expose_secret().to_owned(),
            Self::Sha256Hex => hexadecimal(&sha256(key, message)),
            Self::Sha256Base64 => base64(&sha256(key, message)),
            Self::Sha1Hex => hexadecimal(&sha1(key, message)),
            Self::Sha1Base64 => base64(&sha1(key, message)),
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

/// An address in which `%2F` and the like are these characters themselves; all others stay as they came.
fn written_out(address: &str, plain: &str) -> Vec<u8> {
    let mut bytes = address.as_bytes();
    let mut all = Vec::with_capacity(bytes.len());
    while let Some((&first, rest)) = bytes.split_first() {
        let coded = (first == b'%').then(|| coded(rest)).flatten();
        match coded.filter(|byte| plain.as_bytes().contains(byte)) {
            Some(byte) => {
                all.push(byte);
                bytes = &rest[2..];
            }
            None => {
                all.push(first);
                bytes = rest;
            }
        }
    }
    all
}

/// The byte that two hexadecimal digits stand for.
fn coded(digits: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(*digits.get(at)?).to_digit(16);
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}

pub(super) fn sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("any length is a key");
    mac.chain_update(message).finalize().into_bytes().to_vec()
}

fn sha1(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mac = Hmac::<sha1::Sha1>::new_from_slice(key).expect("any length is a key");
    mac.chain_update(message).finalize().into_bytes().to_vec()
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
