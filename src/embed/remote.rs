//! An encoder behind an endpoint that speaks OpenAI's embeddings API (`POST {url}/embeddings`), such as
//! a local server with a bigger or multilingual model. Texts leave this machine: only when configured.

use std::time::Duration;

use anyhow::Context;
use futures_util::future::BoxFuture;
use reqwest::{Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;

use super::pieces::ends;
use super::{EmbedError, Embedder};
use crate::model::{DIMENSIONS, ModelId, Text, Vector};
use crate::section::Section;

/// A number of the answer takes at most so many bytes, with room for other fields.
const ANSWER_BYTES_PER_NUMBER: usize = 40;
const ANSWER_BYTES_MIN: usize = 64 * 1024;

/// Settings of the `[embed.remote]` table.
#[derive(Clone, Debug)]
pub struct RemoteConfig {
    /// The address before `/embeddings`, such as `https://api.openai.com/v1`.
    pub url: Url,
    /// The model's name as the endpoint knows it.
    pub model: String,
    /// The bearer key, if the endpoint wants one.
    pub key: Option<SecretString>,
    /// How many numbers its vectors have.
    pub dimensions: usize,
    /// Whether to ask the endpoint for so many numbers; not every endpoint understands that.
    pub is_shortened: bool,
    /// Texts in one request.
    pub batch: usize,
    /// Bytes of a text that are sent; of longer ones both ends.
    pub text_bytes_max: usize,
    /// How long a request may take.
    pub timeout_s: u64,
}

impl RemoteConfig {
    /// Reads the table.
    pub fn read(mut section: Section<'_>) -> Self {
        let url_hint = "give the address before /embeddings, such as http://127.0.0.1:11434/v1";
        let config = Self {
            url: section.url("url", url_hint),
            model: section.required_text("model", "give the model's name at the endpoint"),
            key: section.optional_secret("key"),
            dimensions: section.number("dimensions", DIMENSIONS as i64, 8..=8192) as usize,
            is_shortened: section.flag("shorten", false),
            batch: section.number("batch", 64, 1..=2048) as usize,
            text_bytes_max: section.number("text_bytes_max", 8000, 100..=1_000_000) as usize,
            timeout_s: section.number("timeout_s", 60, 1..=3600) as u64,
        };
        section.finish();
        config
    }
}

/// The endpoint.
pub struct Remote {
    config: RemoteConfig,
    endpoint: Url,
    client: reqwest::Client,
}

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    input: Vec<String>,
    encoding_format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<usize>,
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    index: usize,
    embedding: Vec<f32>,
}

impl Remote {
    /// Prepares the client; asks nothing yet.
    pub fn new(config: RemoteConfig) -> anyhow::Result<Self> {
        let mut endpoint = config.url.clone();
        endpoint
            .path_segments_mut()
            .map_err(|()| anyhow::anyhow!("{} cannot be extended by a path", config.url))?
            .pop_if_empty()
            .push("embeddings");
        // A redirect could carry customers' words to another host.
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(config.timeout_s))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .context("the HTTP client cannot be set up")?;
        Ok(Self {
            config,
            endpoint,
            client,
        })
    }

    async fn vectors(&self, texts: &[Text]) -> Result<Vec<Vector>, EmbedError> {
        let zero = Vector(vec![0; self.config.dimensions].into_boxed_slice());
        let mut vectors = vec![zero; texts.len()];
        let places: Vec<usize> = (0..texts.len()).filter(|i| !texts[*i].is_blank()).collect();
        for batch in places.chunks(self.config.batch) {
            let input = batch.iter().map(|place| self.shown(&texts[*place]));
            let answer = self.ask(input.collect()).await?;
            for (place, vector) in batch.iter().zip(answer) {
                vectors[*place] = vector;
            }
        }
        Ok(vectors)
    }

    fn shown(&self, text: &Text) -> String {
        match ends(text.as_str(), self.config.text_bytes_max) {
            (head, "") => head.to_owned(),
            (head, tail) => format!("{head} … {tail}"),
        }
    }

    async fn ask(&self, input: Vec<String>) -> Result<Vec<Vector>, EmbedError> {
        let count = input.len();
        let request = Request {
            model: &self.config.model,
            input,
            encoding_format: "float",
            dimensions: self.config.is_shortened.then_some(self.config.dimensions),
        };
        let mut call = self.client.post(self.endpoint.clone()).json(&request);
        if let Some(key) = &self.config.key {
            call = call.bearer_auth(key.expose_secret());
        }
        let response = call.send().await.map_err(|error| self.unreached(&error))?;
        if response.status() != StatusCode::OK {
            return Err(self.refused(&response));
        }
        let body = self.body(response, count).await?;
        let answer = serde_json::from_slice(&body)
            .map_err(|_| self.permanent("its answer is not a list of embeddings"))?;
        self.checked(answer, count)
    }

    /// Reads the answer up to the size that so many vectors can have.
    async fn body(&self, mut response: Response, count: usize) -> Result<Vec<u8>, EmbedError> {
        let most = count * self.config.dimensions * ANSWER_BYTES_PER_NUMBER + ANSWER_BYTES_MIN;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| self.unreached(&e))? {
            if body.len() + chunk.len() > most {
                return Err(self.permanent("its answer is far too long"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// The vectors in the order of the texts, one for each, all of the configured length.
    fn checked(&self, answer: Answer, count: usize) -> Result<Vec<Vector>, EmbedError> {
        let mut vectors = vec![None; count];
        for item in answer.data {
            let found = item.embedding.len();
            if found != self.config.dimensions {
                let wanted = self.config.dimensions;
                let reason = format!(
                    "its vectors have {found} numbers; set dimensions = {found}, now {wanted}"
                );
                return Err(self.permanent(&reason));
            }
            match vectors.get_mut(item.index) {
                Some(place @ None) => *place = Some(Vector::from_floats(&item.embedding)),
                _ => return Err(self.permanent("it repeats or invents an index")),
            }
        }
        let all: Option<Vec<Vector>> = vectors.into_iter().collect();
        all.ok_or_else(|| self.permanent("it left texts out"))
    }

    fn refused(&self, response: &Response) -> EmbedError {
        let status = response.status();
        match status.as_u16() {
            401 | 403 => self.permanent(&format!("it answers {status}: check the key")),
            404 | 405 => self.permanent(&format!("it answers {status}: check url and model")),
            408 | 425 | 429 | 500..=599 => self.transient(&format!("it answers {status}")),
            _ => self.permanent(&format!("it answers {status}")),
        }
    }

    /// Errors of the client name the address; without it there is nothing secret in them.
    fn unreached(&self, error: &reqwest::Error) -> EmbedError {
        let reason = match error {
            e if e.is_timeout() => format!("no answer within {} s", self.config.timeout_s),
            e if e.is_connect() => "it cannot be reached".to_owned(),
            _ => "the connection broke".to_owned(),
        };
        self.transient(&reason)
    }

    fn transient(&self, reason: &str) -> EmbedError {
        EmbedError::Transient(format!("embeddings from {}: {reason}", self.host()))
    }

    fn permanent(&self, reason: &str) -> EmbedError {
        EmbedError::Permanent(format!("embeddings from {}: {reason}", self.host()))
    }

    /// Host and port: an address could hold a password.
    fn host(&self) -> String {
        let host = self.endpoint.host_str().unwrap_or_default();
        match self.endpoint.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }
}

impl Embedder for Remote {
    /// Length and cut are part of it: they change the vectors.
    fn model(&self) -> ModelId {
        let config = &self.config;
        ModelId(format!(
            "remote/{}/{}/{}",
            config.model, config.dimensions, config.text_bytes_max
        ))
    }

    fn embed<'a>(&'a self, texts: &'a [Text]) -> BoxFuture<'a, Result<Vec<Vector>, EmbedError>> {
        Box::pin(self.vectors(texts))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use axum::http::HeaderMap;
    use axum::response::IntoResponse;
    use axum::{Json, Router, routing::post};
    use serde_json::{Value, json};

    use super::*;

    type Seen = Arc<Mutex<Vec<(String, Value)>>>;

    /// What the endpoint does with a request.
    #[derive(Clone, Copy)]
    enum Endpoint {
        /// Four numbers for each text, from its length; in reverse order, as the API allows.
        Honest,
        Status(u16),
        Body(&'static str),
    }

    fn honest(request: &Value) -> Value {
        let texts = request["input"].as_array().unwrap();
        let item = |(index, text): (usize, &Value)| {
            let length = text.as_str().unwrap().len() as f32;
            json!({"index": index, "object": "embedding", "embedding": [length, 1.0, 0.0, -length]})
        };
        let data: Vec<Value> = texts.iter().enumerate().map(item).rev().collect();
        json!({"object": "list", "data": data, "usage": {"total_tokens": 7}})
    }

    /// Starts an endpoint on a free port; gives an encoder for it and what it was asked.
    async fn started(endpoint: Endpoint, change: impl FnOnce(&mut RemoteConfig)) -> (Remote, Seen) {
        let seen = Seen::default();
        let log = seen.clone();
        let answer = move |headers: HeaderMap, Json(request): Json<Value>| async move {
            let key = headers.get("authorization").map(|v| v.to_str().unwrap());
            let entry = (key.unwrap_or_default().to_owned(), request.clone());
            log.lock().unwrap().push(entry);
            match endpoint {
                Endpoint::Honest => Json(honest(&request)).into_response(),
                Endpoint::Body(body) => body.into_response(),
                Endpoint::Status(status) => {
                    (StatusCode::from_u16(status).unwrap(), "secret words").into_response()
                }
            }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new().route("/v1/embeddings", post(answer));
        tokio::spawn(async move { axum::serve(listener, app).await });
        let mut config = RemoteConfig {
            url: Url::parse(&format!("http://{address}/v1/")).unwrap(),
            model: "tiny".into(),
            key: Some(SecretString::from("sesame")),
            dimensions: 4,
            is_shortened: false,
            batch: 2,
            text_bytes_max: 100,
            timeout_s: 5,
        };
        change(&mut config);
        (Remote::new(config).unwrap(), seen)
    }

    fn texts(words: &[&str]) -> Vec<Text> {
        words.iter().map(|words| Text::from(*words)).collect()
    }

    #[tokio::test]
    async fn vectors_come_in_the_order_of_the_texts_and_blank_ones_are_never_sent() {
        let (remote, seen) = started(Endpoint::Honest, |_| ()).await;
        let texts = texts(&["aaa", "  ", "b", "cc"]);
        let vectors = remote.embed(&texts).await.unwrap();
        let expected = |length: f32| Vector::from_floats(&[length, 1.0, 0.0, -length]);
        assert_eq!(vectors[0], expected(3.0));
        assert_eq!(vectors[1], Vector(vec![0; 4].into_boxed_slice()));
        assert_eq!(vectors[2], expected(1.0));
        assert_eq!(vectors[3], expected(2.0));
        let seen = seen.lock().unwrap();
        let asked: Vec<_> = seen.iter().map(|(_, request)| &request["input"]).collect();
        assert_eq!(asked, [&json!(["aaa", "b"]), &json!(["cc"])]);
        assert_eq!(seen[0].0, "Bearer sesame");
        assert_eq!(seen[0].1["model"], "tiny");
        assert_eq!(seen[0].1.get("dimensions"), None);
        assert_eq!(remote.model().0, "remote/tiny/4/100");
    }

    #[tokio::test]
    async fn long_texts_lose_their_middle_and_a_length_can_be_asked_for() {
        let (remote, seen) = started(Endpoint::Honest, |config| {
            config.is_shortened = true;
            config.key = None;
        })
        .await;
        let long = format!("{}{}", "a".repeat(500), "z".repeat(500));
        remote.embed(&[Text::new(long)]).await.unwrap();
        let seen = seen.lock().unwrap();
        let sent = seen[0].1["input"][0].as_str().unwrap();
        assert_eq!(sent, format!("{} … {}", "a".repeat(50), "z".repeat(50)));
        assert_eq!(seen[0].1["dimensions"], 4);
        assert_eq!(seen[0].0, "");
    }

    #[tokio::test]
    async fn each_status_gets_its_reaction_and_no_text_of_the_answer() {
        for (status, is_transient) in [
            (401, false),
            (403, false),
            (404, false),
            (400, false),
            (302, false),
            (408, true),
            (429, true),
            (500, true),
            (503, true),
        ] {
            let (remote, _) = started(Endpoint::Status(status), |_| ()).await;
            let error = remote.embed(&texts(&["my words"])).await.unwrap_err();
            let message = error.to_string();
            assert_eq!(
                matches!(error, EmbedError::Transient(_)),
                is_transient,
                "{status}"
            );
            assert!(message.contains(&status.to_string()), "{message}");
            assert!(
                !message.contains("words") && !message.contains("sesame"),
                "{message}"
            );
        }
    }

    #[tokio::test]
    async fn answers_that_make_no_sense_are_refused() {
        let item = r#"{"index":0,"embedding":[1,2,3,4]}"#;
        let twice: &'static str = format!(r#"{{"data":[{item},{item}]}}"#).leak();
        let endless: &'static str = " ".repeat(200_000).leak();
        for (body, reason) in [
            ("<html>", "not a list of embeddings"),
            (r#"{"data":[]}"#, "left texts out"),
            (
                r#"{"data":[{"index":0,"embedding":[1,2]}]}"#,
                "set dimensions = 2",
            ),
            (r#"{"data":[{"index":9,"embedding":[1,2,3,4]}]}"#, "index"),
            (twice, "index"),
            (
                r#"{"data":[{"index":0,"embedding":[1e60,2,3,4]}]}"#,
                "not a list of embeddings",
            ),
            (endless, "too long"),
        ] {
            let (remote, _) = started(Endpoint::Body(body), |_| ()).await;
            let error = remote.embed(&texts(&["a", "b"])).await.unwrap_err();
            assert!(matches!(error, EmbedError::Permanent(_)));
            assert!(error.to_string().contains(reason), "{error} lacks {reason}");
        }
    }

    #[tokio::test]
    async fn an_endpoint_that_is_not_there_is_tried_again_later() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let (remote, _) = started(Endpoint::Honest, |config| {
            config.url = Url::parse(&format!("http://127.0.0.1:{port}/v1")).unwrap();
        })
        .await;
        let error = remote.embed(&texts(&["a"])).await.unwrap_err();
        let expected = format!("embeddings from 127.0.0.1:{port}: it cannot be reached");
        assert_eq!(error, EmbedError::Transient(expected));
    }
}
