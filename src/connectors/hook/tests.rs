//! Known signatures, and everything that must not pass for one.

use super::signature::{base64, hexadecimal, sha256};
use super::*;
use sha2::{Digest as _, Sha256};

const KEY: &str = "key";
const BODY: &[u8] = b"The quick brown fox jumps over the lazy dog";

fn hook(proof: Proof) -> Hook {
    Hook {
        proof,
        secret: SecretString::from(KEY),
        challenge: None,
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
        address: None,
        body,
    };
    hook.is_genuine(&call, now())
}

/// The values that RFC 2104's authors and everybody since publish for this key and sentence.
#[test]
fn known_signatures_are_genuine_and_all_others_are_not() {
    let sha256 = "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8";
    const SIGNATURES: [Signature; 5] = [
        Signature::of_body("x-signature", "sha256=", Scheme::Sha256Hex),
        Signature::of_body("x-signature", "", Scheme::Sha256Base64),
        Signature::of_body("x-signature", "sha1=", Scheme::Sha1Hex),
        Signature::of_body("x-signature", "", Scheme::Sha1Base64),
        Signature::of_body("x-signature", "", Scheme::Plain),
    ];
    let values = [
        &format!("sha256={sha256}"),
        "97yD9DBThCSxMpjmqm+xQ+9NWaFJRhdZl0edvC0aPNg=",
        "sha1=de7c9b85b8b78aa6bc8a7a36f70a90701c9db4d9",
        "3nybhbi3iqa8ino29wqQcBydtNk=",
        KEY,
    ];
    for (at, good) in values.into_iter().enumerate() {
        let scheme = SIGNATURES[at].scheme;
        let hook = hook(Proof::Headers(&SIGNATURES[at..=at]));
        let given =
            |value: &str, body: &[u8]| is_genuine(&hook, Some(("x-signature", value)), "", body);
        assert!(given(good, BODY), "{scheme:?}");
        assert_eq!(given(good, b"another"), scheme == Scheme::Plain);
        for bad in ["", "sha256=", &good[1..], &good[..good.len() - 1]] {
            assert!(!given(bad, BODY), "{scheme:?}: {bad}");
        }
        assert!(!is_genuine(&hook, None, "", BODY));
        // A vendor may sign in several ways; each of them is one.
        let mut any = hook;
        any.proof = Proof::Headers(&SIGNATURES);
        assert!(is_genuine(&any, Some(("x-signature", good)), "", BODY));
    }
}

#[test]
fn a_signed_time_must_be_near() {
    const TIMED: Signature = Signature {
        header: "x-signature",
        prefix: "",
        scheme: Scheme::Sha256Hex,
        pieces: &[Piece::Time("x-time"), Piece::Text("."), Piece::Body],
    };
    let hook = hook(Proof::Headers(&[TIMED]));
    let given = |seconds: i64| {
        let time = (now().timestamp() + seconds).to_string();
        let message = [time.as_bytes(), b".", BODY].concat();
        let expected = TIMED.scheme.expected(&hook.secret, &message);
        let call = Call {
            header: |name: &str| match name {
                "x-signature" => Some(expected.as_str()),
                "x-time" => Some(time.as_str()),
                _ => None,
            },
            query: None,
            address: None,
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

/// What HubSpot's own library for Python expects of its third signature, of a time long ago.
const ADDRESSED: Signature = Signature {
    header: "x-signature",
    prefix: "",
    scheme: Scheme::Sha256Base64,
    pieces: &[
        Piece::Text("POST"),
        Piece::Address(":/?@!$'()*,;"),
        Piece::Body,
        Piece::Time("x-time"),
    ],
};

fn is_addressed(address: Option<&str>, body: &str, time: &str, signature: &str) -> bool {
    let hook = Hook {
        proof: Proof::Headers(&[ADDRESSED]),
        secret: SecretString::from("yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"),
        challenge: None,
    };
    let call = Call {
        header: |name: &str| match name {
            "x-signature" => Some(signature),
            "x-time" => Some(time),
            _ => None,
        },
        query: None,
        address,
        body: body.as_bytes(),
    };
    hook.is_genuine(&call, DateTime::from_timestamp(15_000_000, 0).unwrap())
}

#[test]
fn an_address_that_is_signed_must_be_the_one_that_was_called() {
    let good = "HPW73RUtKmcYoEDADG0s6MmGFWUzWJKAW07r8RDgcQw=";
    let body = "{'example_field':'example_value'}";
    let at = "https://www.example.com/webhook_uri";
    assert!(is_addressed(Some(at), body, "15000000", good));
    for other in [
        "http://www.example.com/webhook_uri",
        "https://www.example.com/webhook_uri/",
        "https://example.com/webhook_uri",
        "https://www.example.com/webhook_uri?a=b",
        "",
    ] {
        assert!(!is_addressed(Some(other), body, "15000000", good));
    }
    assert!(!is_addressed(None, body, "15000000", good));
    assert!(!is_addressed(Some(at), "{}", "15000000", good));
    assert!(!is_addressed(Some(at), body, "15000001", good));
    assert!(!is_addressed(Some(at), body, "14999699", good));
}

#[test]
fn some_characters_are_signed_as_themselves_and_all_others_as_they_came() {
    let expected = |address: &str| {
        let message = format!("POST{address}{{}}15000000");
        let secret = SecretString::from("yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy");
        ADDRESSED.scheme.expected(&secret, message.as_bytes())
    };
    let pairs = [
        (
            "https://x.test/a%3Ab%2Fc%3Fd%40e",
            "https://x.test/a:b/c?d@e",
        ),
        (
            "https://x.test/%21%24%27%28%29%2A%2C%3B",
            "https://x.test/!$'()*,;",
        ),
        ("https://x.test/a%3ab%2fc", "https://x.test/a:b/c"),
        (
            "https://x.test/a%20b%26c%3Dd%25%C3%A4%2",
            "https://x.test/a%20b%26c%3Dd%25%C3%A4%2",
        ),
        // What is written out is not read again.
        ("https://x.test/%252F%", "https://x.test/%252F%"),
    ];
    for (called, signed) in pairs {
        let given = expected(signed);
        assert!(
            is_addressed(Some(called), "{}", "15000000", &given),
            "{called}"
        );
    }
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
    // One that is about no body would go for every body.
    let silent = token("RS256", &serde_json::json!({}), sign);
    // Whoever knows the public key could sign with it, if a token chose how it is checked.
    let mixed = token("HS256", &claims, |message| sha256(pem.as_bytes(), message));
    for key in [pem.as_str(), bare.as_str()] {
        let hook = Hook {
            proof: Proof::TokenOrKey,
            secret: SecretString::from(key),
            challenge: None,
        };
        let given = |value: &str, body: &[u8]| {
            is_genuine(&hook, Some(("authorization", value)), "key=key", body)
        };
        assert!(given(&good, BODY));
        assert!(!given(&good, b"another body"));
        assert!(given(&good["Bearer ".len()..], BODY), "also as it is");
        assert!(!given(&format!("Bearer {silent}"), BODY));
        assert!(!given(&format!("Bearer {mixed}"), BODY));
        assert!(!is_genuine(&hook, None, &format!("key={key}"), BODY));
    }
}
