//! Receivers that do as they are told: an HTTP server that answers from a script, and raw ones that
//! break off or fall silent.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: Method,
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Seen {
    pub fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }
}

/// One answer. `echo` adds the request's words and secrets to the body, as a bad server might.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
    pub echo: bool,
}

impl Reply {
    pub fn new(status: u16, body: &str) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.to_owned(),
            echo: false,
        }
    }

    pub fn echoing(status: u16) -> Self {
        Self {
            echo: true,
            ..Self::new(status, "")
        }
    }

    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

#[derive(Default)]
struct Script {
    seen: Vec<Seen>,
    replies: VecDeque<Reply>,
}

/// An HTTP server. It ends with this value.
pub struct Receiver {
    pub url: String,
    script: Arc<Mutex<Script>>,
    _tasks: JoinSet<()>,
}

impl Receiver {
    pub async fn start() -> Self {
        let script = Arc::new(Mutex::new(Script::default()));
        let router = Router::new().fallback(answer).with_state(script.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            url,
            script,
            _tasks: tasks,
        }
    }

    /// What the next request gets.
    pub fn will(&self, reply: Reply) {
        self.script.lock().unwrap().replies.push_back(reply);
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.script.lock().unwrap().seen.clone()
    }
}

async fn answer(
    State(script): State<Arc<Mutex<Script>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut script = script.lock().unwrap();
    let reply = script.replies.pop_front().expect("a reply was prepared");
    let mut text = reply.body;
    if reply.echo {
        text += &format!("{uri} {headers:?} {}", String::from_utf8_lossy(&body));
    }
    script.seen.push(Seen {
        method,
        path: uri.to_string(),
        headers,
        body,
    });
    let status = StatusCode::from_u16(reply.status).unwrap();
    let mut response = (status, text).into_response();
    for (name, value) in reply.headers {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}

/// How a raw receiver misbehaves.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// Reads the whole request and closes.
    Drops,
    /// Reads the request and never answers.
    IsSilent,
    /// Answers 200, promises a long body and closes within it.
    CutsBody,
}

/// Starts a receiver that misbehaves; gives its address. It ends with the tasks.
pub async fn start_faulty(fault: Fault) -> (String, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            misbehave(stream, fault).await;
        }
    });
    (url, tasks)
}

async fn misbehave(mut stream: TcpStream, fault: Fault) {
    read_request(&mut stream).await;
    match fault {
        Fault::Drops => {}
        Fault::IsSilent => std::future::pending().await,
        Fault::CutsBody => {
            let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly the begi";
            stream.write_all(head).await.unwrap();
        }
    }
}

/// Reads head and body of a request with a content length.
async fn read_request(stream: &mut TcpStream) {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.unwrap().parse().unwrap() {
                return;
            }
        }
        let mut chunk = [0; 4096];
        let count = stream.read(&mut chunk).await.unwrap();
        assert!(
            count > 0,
            "the sender went away in the middle of its request"
        );
        bytes.extend_from_slice(&chunk[..count]);
    }
}

/// A mail server that speaks just enough; each command that begins with `at` gets `reply` instead of
/// a yes, and an empty reply closes the connection. Gives its port and what it was sent.
pub async fn start_mail_server(
    at: &'static str,
    reply: &'static str,
) -> (u16, Arc<Mutex<String>>, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = Arc::new(Mutex::new(String::new()));
    let mut tasks = JoinSet::new();
    let log = heard.clone();
    tasks.spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // The other side may close at any time; then its talk is over.
            let _ = talk(stream, at, reply, &log).await;
        }
    });
    (port, heard, tasks)
}

async fn talk(
    mut stream: TcpStream,
    at: &str,
    reply: &str,
    log: &Mutex<String>,
) -> std::io::Result<()> {
    let (mut is_data, mut pending) = (false, String::new());
    let mut answers = vec![
        if at.is_empty() {
            reply
        } else {
            "220 mail.test"
        }
        .to_owned(),
    ];
    loop {
        for answer in answers.drain(..) {
            if answer.is_empty() {
                return Ok(());
            }
            stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
        }
        let mut chunk = [0; 4096];
        let count = stream.read(&mut chunk).await?;
        if count == 0 {
            return Ok(());
        }
        pending += &String::from_utf8_lossy(&chunk[..count]);
        while let Some((line, rest)) = pending.split_once("\r\n") {
            let (line, rest) = (line.to_owned(), rest.to_owned());
            pending = rest;
            *log.lock().unwrap() += &format!("{line}\n");
            answers.extend(respond(&line, at, reply, &mut is_data));
        }
    }
}

fn respond(line: &str, at: &str, reply: &str, is_data: &mut bool) -> Option<String> {
    if *is_data && line != "." {
        return None;
    }
    let ends_data = std::mem::replace(is_data, line == "DATA");
    if !at.is_empty() && line.starts_with(at) {
        *is_data = false;
        // A bad server repeats what it was told.
        return Some(reply.replace("ECHO", line));
    }
    Some(match line.split(' ').next().unwrap_or_default() {
        "EHLO" => "250-mail.test\r\n250 AUTH PLAIN".to_owned(),
        "AUTH" => "235 2.7.0 welcome".to_owned(),
        "DATA" => "354 go on".to_owned(),
        "." if ends_data => "250 2.0.0 queued as 12345".to_owned(),
        _ => "250 2.1.0 fine".to_owned(),
    })
}
