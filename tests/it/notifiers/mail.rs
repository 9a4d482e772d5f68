//! What the mail notifier makes of a mail server's replies.

use groundswell::delivery::{Notifier, Receipt, SendError};
use groundswell::digest::render::Rendered;

use super::receivers::start_mail_server;
use super::{CUSTOMER_WORDS, SECRET, SECRET_LOGIN, assert_discreet, notifier, outgoing};

fn mail(port: u16) -> Box<dyn Notifier> {
    let text = format!(
        "id = 'm'\nkind = 'mail'\nhost = '127.0.0.1'\nport = {port}\nsecurity = 'none'\ntimeout_s = 1
         from = 'Groundswell <groundswell@example.com>'
         to = ['Anna <anna@example.com>', 'ben@example.com']
         user = 'sender'\npassword_env = 'SECRET'"
    );
    notifier(&text, &[("SECRET", SECRET)])
}

fn content() -> Rendered {
    Rendered::Mail {
        subject: "Week 13".to_owned(),
        text: CUSTOMER_WORDS.to_owned(),
        html: format!("<p>{CUSTOMER_WORDS}</p>"),
        pictures: Vec::new(),
    }
}

/// Sends one mail to a server that says `reply` at a command; gives the result and what it heard.
async fn sent(at: &'static str, reply: &'static str) -> (Result<Receipt, SendError>, String) {
    let (port, heard, _tasks) = start_mail_server(at, reply).await;
    let message = outgoing("weekly-2026-W13/m", content());
    let result = mail(port).send(&message).await;
    if let Err(error) = &result {
        assert_discreet(error);
        assert!(!error.to_string().contains("anna@"), "{error}");
    }
    let heard = heard.lock().unwrap().clone();
    (result, heard)
}

#[tokio::test]
async fn all_recipients_get_one_mail() {
    let (result, heard) = sent("none", "").await;
    assert_eq!(result, Ok(Receipt("2.0.0 queued as 12345".to_owned())));
    for line in [
        "MAIL FROM:<groundswell@example.com>",
        "RCPT TO:<anna@example.com>",
        "RCPT TO:<ben@example.com>",
        "To: Anna <anna@example.com>, ben@example.com",
    ] {
        assert!(heard.lines().any(|heard| heard == line), "{line}: {heard}");
    }
}

#[tokio::test]
async fn each_reply_is_sent_again_or_is_for_a_person() {
    let again = [
        ("", "421 4.3.2 busy"),
        ("AUTH", "454 4.7.0 ECHO cannot be checked now"),
        ("MAIL", "452 4.3.1 full"),
        ("RCPT", "450 ECHO"),
        ("RCPT", "451 4.7.1 Greylisted ECHO"),
        ("DATA", "451 4.3.0 error"),
        (".", "452 4.2.2 quota"),
        (".", ""),
        ("", ""),
        ("RCPT", ""),
        ("RCPT", "hello"),
    ];
    for (at, reply) in again {
        let (result, _) = sent(at, reply).await;
        let is_right = matches!(result, Err(SendError::Retry { after_s: None, .. }));
        assert!(is_right, "{at} {reply}: {result:?}");
    }
    let person = [
        ("", "554 5.3.2 no service"),
        ("AUTH", "535 5.7.8 ECHO is wrong"),
        ("MAIL", "530 5.7.0 Authentication required"),
        ("MAIL", "552 5.3.4 too big"),
        ("RCPT", "550 5.1.1 ECHO no such user"),
        ("RCPT", "550 ECHO"),
        ("RCPT TO:<ben@", "553 5.1.3 ECHO"),
        (".", "554 5.6.0 refused: spam"),
    ];
    for (at, reply) in person {
        let (result, _) = sent(at, reply).await;
        let is_right = matches!(result, Err(SendError::Permanent(_)));
        assert!(is_right, "{at} {reply}: {result:?}");
    }
}

#[tokio::test]
async fn a_refused_login_says_what_to_check() {
    let (result, heard) = sent("AUTH", "535 5.7.8 ECHO is wrong").await;
    assert!(
        heard.contains(SECRET_LOGIN),
        "the server knew what to repeat"
    );
    let text = result.unwrap_err().to_string();
    let (_, sentence) = text.split_once(" answered ").unwrap();
    assert_eq!(
        sentence,
        "535 5.7.8: it refuses the login, check user and password"
    );
}

#[tokio::test]
async fn one_refused_recipient_stops_the_mail_for_all() {
    let (_, heard) = sent("RCPT TO:<ben@", "550 5.1.1 no such user").await;
    assert!(!heard.lines().any(|line| line == "DATA"), "{heard}");
}

#[tokio::test]
async fn a_silent_server_is_tried_again() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let message = outgoing("weekly-2026-W13/m", content());
    let error = mail(port).send(&message).await.unwrap_err();
    let reason = format!("127.0.0.1:{port} did not answer in time");
    assert_eq!(
        error,
        SendError::Retry {
            reason,
            after_s: None
        }
    );
}

#[tokio::test]
async fn without_encryption_offered_nothing_is_sent() {
    let (port, heard, _tasks) = start_mail_server("none", "").await;
    let text = format!(
        "id = 'm'\nkind = 'mail'\nhost = '127.0.0.1'\nport = {port}\nfrom = 'g@example.com'
         to = ['anna@example.com']\nuser = 'sender'\npassword_env = 'SECRET'"
    );
    let mail = notifier(&text, &[("SECRET", SECRET)]);
    let result = mail.send(&outgoing("weekly-2026-W13/m", content())).await;
    let error = result.unwrap_err();
    assert_eq!(
        error,
        SendError::Permanent(format!(
            "127.0.0.1:{port} cannot be used: STARTTLS is not supported on this server, check security, user and port"
        ))
    );
    let heard = heard.lock().unwrap();
    assert!(
        !heard.contains("AUTH") && !heard.contains("MAIL"),
        "{heard}"
    );
}
