//! Where the tests find the real servers.
//!
//! `tests/run` starts the servers and says where they are in variables `GROUNDSWELL_TEST_…`. Plain
//! `cargo test` has none of them: a test that needs one then says so and returns. Under `tests/run`
//! without `--servers` a missing variable is a failure, so that no test is left out unnoticed.

/// The value of `GROUNDSWELL_TEST_` + `name`, or `None` when the test should return.
///
/// # Panics
///
/// When `tests/run` promised every server and the variable is missing all the same.
pub fn variable(name: &str) -> Option<String> {
    let full_name = format!("GROUNDSWELL_TEST_{name}");
    let value = std::env::var(&full_name)
        .ok()
        .filter(|value| !value.is_empty());
    let promised = std::env::var("GROUNDSWELL_TEST_ALL").is_ok_and(|all| all == "1");
    assert!(
        value.is_some() || !promised,
        "{full_name} is not set, though GROUNDSWELL_TEST_ALL is"
    );
    if value.is_none() {
        println!("skipped: {full_name} is not set, run tests/run");
    }
    value
}

fn assert_listens(name: &str, host: &str, port: u16) {
    let connected = std::net::TcpStream::connect((host, port));
    assert!(
        connected.is_ok(),
        "{name}: nothing listens on {host}:{port}"
    );
}

/// Every server that `tests/run` starts is there, at the address it named.
#[test]
fn servers_listen_where_their_variables_say() {
    for name in [
        "RT_URL",
        "REDMINE_URL",
        "ROUNDUP_URL",
        "WEBHOOK_URL",
        "MATRIX_URL",
        "POSTGRES_URL",
        "PRISM_DIALPAD_URL",
    ] {
        let Some(value) = variable(name) else {
            continue;
        };
        let url = url::Url::parse(&value).unwrap();
        assert_listens(name, url.host_str().unwrap(), url.port().unwrap());
    }
    for name in ["SMTP_PORT", "IMAP_PORT", "IMAPS_PORT", "LMTP_PORT"] {
        let Some(port) = variable(name) else { continue };
        assert_listens(name, "127.0.0.1", port.parse().unwrap());
    }
}

/// The programs and files that `tests/run` names exist.
#[test]
fn files_are_where_their_variables_say() {
    let names = [
        "SMTP_CA_FILE",
        "WEBHOOK_SAVED",
        "RT_DATABASE",
        "CHROMIUM",
        "NODE",
        "PLAYWRIGHT",
    ];
    for name in names {
        let Some(path) = variable(name) else { continue };
        assert!(
            std::path::Path::new(&path).exists(),
            "{name}: there is no {path}"
        );
    }
}
