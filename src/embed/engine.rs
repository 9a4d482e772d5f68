//! Runs a transformer: texts to tokens, tokens in pieces, pieces in batches, and a mean for each text.
//!
//! A mean depends on its text alone: only pieces with the same number of tokens share a batch, so no padding
//! enters a sum, and the pieces of a text are added up in their order.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use futures_util::future::BoxFuture;
use rten::{Model, NodeId, RunOptions, ThreadPool, Value};
use tokenizers::Tokenizer;

use super::EmbedError;
use super::pieces::{cut, ends};
use crate::model::{Text, Vector};

/// Pieces of one text; about 1,000 tokens, some 700 English words. Costs 8 short texts at most.
const PIECES_MAX: usize = 8;
/// Of longer texts only both ends are read.
const TEXT_BYTES_MAX: usize = 256 * 1024;
/// Tokens of a batch: enough to keep two cores busy, small enough for their caches.
const BATCH_TOKENS: usize = 1024;
/// Texts whose tokens are held in memory at once.
pub const TEXTS_AT_ONCE: usize = 2048;

/// How the answers for the tokens of a piece become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// The model gives one answer for a piece itself.
    InModel,
    /// The mean over all tokens.
    Mean,
    /// The answer for the first token.
    First,
}

/// What the model wants to be told of each token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Which token it is.
    Ids,
    /// That it counts: always 1, as there is no padding.
    Mask,
    /// Which sentence it belongs to: always 0.
    Types,
}

/// What was read of a text.
pub struct Reading {
    /// Its tokens, without the marks for start and end.
    pub tokens: Vec<i32>,
    /// The weighted mean of its pieces; empty for a text without tokens.
    pub mean: Vec<f32>,
}

/// A model with its tokenizer.
pub struct Engine {
    /// The network.
    pub model: Model,
    /// Its inputs.
    pub inputs: Vec<(NodeId, Input)>,
    /// Its output.
    pub output: NodeId,
    /// What is done with the output.
    pub pooling: Pooling,
    /// Cuts texts into tokens.
    pub tokenizer: Tokenizer,
    /// Tokens before each piece.
    pub before: Vec<i32>,
    /// Tokens behind each piece.
    pub after: Vec<i32>,
    /// Tokens of a piece, with those around it.
    pub piece_tokens_max: usize,
}

/// A part of a text, as the model reads it.
struct Piece {
    text: usize,
    tokens: Vec<i32>,
}

impl Engine {
    /// Prepares a tokenizer: nothing cut off, nothing filled up, and a customer who writes "[SEP]" means the characters.
    pub fn prepared(mut tokenizer: Tokenizer) -> anyhow::Result<Tokenizer> {
        tokenizer.set_encode_special_tokens(true);
        tokenizer.with_padding(None);
        tokenizer
            .with_truncation(None)
            .map_err(|error| anyhow!("its truncation cannot be turned off: {error}"))?;
        Ok(tokenizer)
    }

    /// The tokens that a tokenizer puts before and behind a text.
    pub fn around(tokenizer: &Tokenizer) -> anyhow::Result<(Vec<i32>, Vec<i32>)> {
        let ids = |marked| {
            let encoded = tokenizer.encode_fast("a", marked);
            let encoded = encoded.map_err(|error| anyhow!("it cannot read a text: {error}"))?;
            anyhow::Ok(encoded.get_ids().iter().map(|id| *id as i32).collect())
        };
        let (marked, plain): (Vec<i32>, Vec<i32>) = (ids(true)?, ids(false)?);
        let start = marked
            .windows(plain.len().max(1))
            .position(|window| window == plain)
            .context("it puts marks inside texts")?;
        let end = start + plain.len();
        Ok((marked[..start].to_vec(), marked[end..].to_vec()))
    }

    /// Reads texts, at most `TEXTS_AT_ONCE` for the sake of memory.
    pub fn read(
        &self,
        texts: &[Text],
        threads: Option<&Arc<ThreadPool>>,
    ) -> Result<Vec<Reading>, EmbedError> {
        let tokens = texts.iter().map(|text| self.ids(text));
        let tokens = tokens.collect::<Result<Vec<_>, _>>()?;
        let pieces = self.pieces(&tokens);
        let means = self.means(&pieces, threads)?;
        let pooled = pooled(texts.len(), &pieces, &means);
        let readings = tokens.into_iter().zip(pooled);
        Ok(readings
            .map(|(tokens, mean)| Reading { tokens, mean })
            .collect())
    }

    /// The pieces of all texts, in the order of the texts.
    fn pieces(&self, texts: &[Vec<i32>]) -> Vec<Piece> {
        let around = self.before.len() + self.after.len();
        let mut pieces = Vec::with_capacity(texts.len());
        for (text, ids) in texts.iter().enumerate() {
            for range in cut(ids.len(), self.piece_tokens_max - around, PIECES_MAX) {
                let tokens = [&self.before, &ids[range], &self.after].concat();
                pieces.push(Piece { text, tokens });
            }
        }
        pieces
    }

    fn ids(&self, words: &Text) -> Result<Vec<i32>, EmbedError> {
        let (head, tail) = ends(words.as_str(), TEXT_BYTES_MAX);
        let mut ids = Vec::new();
        for part in [head, tail].into_iter().filter(|part| !part.is_empty()) {
            // The tokenizer's own error is left out: it could repeat the words.
            let tokens = self.tokenizer.encode_fast(part, false);
            let tokens = tokens.map_err(|_| stopped("a text could not be cut into tokens"))?;
            ids.extend(tokens.get_ids().iter().map(|id| *id as i32));
        }
        Ok(ids)
    }

    /// The answer for each piece. Only pieces of the same length share a batch.
    fn means(
        &self,
        pieces: &[Piece],
        threads: Option<&Arc<ThreadPool>>,
    ) -> Result<Vec<Vec<f32>>, EmbedError> {
        let mut by_length = BTreeMap::<usize, Vec<usize>>::new();
        for (place, piece) in pieces.iter().enumerate() {
            by_length.entry(piece.tokens.len()).or_default().push(place);
        }
        let mut means = vec![Vec::new(); pieces.len()];
        for (length, places) in by_length {
            for batch in places.chunks((BATCH_TOKENS / length).max(1)) {
                let tokens = batch.iter().flat_map(|place| &pieces[*place].tokens);
                let rows = self.run(batch.len(), length, tokens.copied().collect(), threads)?;
                for (place, row) in batch.iter().zip(rows) {
                    means[*place] = row;
                }
            }
        }
        Ok(means)
    }

    /// Runs the model on `rows` pieces of `length` tokens each; gives an answer for each.
    fn run(
        &self,
        rows: usize,
        length: usize,
        tokens: Vec<i32>,
        threads: Option<&Arc<ThreadPool>>,
    ) -> Result<Vec<Vec<f32>>, EmbedError> {
        let value = |numbers: Vec<i32>| {
            Value::from_shape([rows, length], numbers).expect("one number for each token")
        };
        let options = RunOptions::default().with_thread_pool(threads.cloned());
        let inputs = self.inputs.iter().map(|(node, input)| {
            let numbers = match input {
                Input::Ids => tokens.clone(),
                Input::Mask => vec![1; rows * length],
                Input::Types => vec![0; rows * length],
            };
            (*node, value(numbers).into())
        });
        let [output] = self
            .model
            .run_n(inputs.collect(), [self.output], Some(options))
            .map_err(|error| stopped(&error.to_string()))?;
        let answers = match self.pooling {
            Pooling::InModel => (output.into_shape_vec::<f32, 2>().ok())
                .filter(|(shape, _)| shape[0] == rows)
                .map(|(shape, values)| parts(&values, shape[1])),
            Pooling::Mean | Pooling::First => (output.into_shape_vec::<f32, 3>().ok())
                .filter(|(shape, _)| shape[..2] == [rows, length])
                .map(|(shape, values)| {
                    let pool = |row: Vec<f32>| pool(self.pooling, &row, shape[2]);
                    let rows = parts(&values, length * shape[2]);
                    rows.into_iter().map(pool).collect()
                }),
        };
        answers.ok_or_else(|| stopped("its answer has an unexpected shape"))
    }
}

fn parts(values: &[f32], width: usize) -> Vec<Vec<f32>> {
    let parts = values.chunks_exact(width.max(1));
    parts.map(<[f32]>::to_vec).collect()
}

/// One answer from those for the tokens of a piece.
fn pool(pooling: Pooling, tokens: &[f32], width: usize) -> Vec<f32> {
    if pooling == Pooling::First {
        return tokens[..width].to_vec();
    }
    let count = (tokens.len() / width.max(1)) as f32;
    let mut mean = vec![0.0; width];
    for token in tokens.chunks_exact(width.max(1)) {
        for (total, value) in mean.iter_mut().zip(token) {
            *total += value / count;
        }
    }
    mean
}

/// Adds up the pieces of each text, weighted by their tokens. A text without tokens gives nothing.
fn pooled(count: usize, pieces: &[Piece], means: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let mut sums = vec![Vec::new(); count];
    for (piece, mean) in pieces.iter().zip(means) {
        let weight = piece.tokens.len() as f32;
        let sum: &mut Vec<f32> = &mut sums[piece.text];
        sum.resize(mean.len(), 0.0);
        for (total, value) in sum.iter_mut().zip(mean) {
            *total += value * weight;
        }
    }
    sums
}

/// The model gave no answer: the same text would fail again.
fn stopped(reason: &str) -> EmbedError {
    EmbedError::Permanent(format!("the encoder stopped: {reason}"))
}

/// Work of an encoder on a thread where it holds nobody up.
pub fn computed(
    work: impl FnOnce() -> Result<Vec<Vector>, EmbedError> + Send + 'static,
) -> BoxFuture<'static, Result<Vec<Vector>, EmbedError>> {
    Box::pin(async move {
        let done = tokio::task::spawn_blocking(work).await;
        done.unwrap_or_else(|_| Err(stopped("it ended unexpectedly")))
    })
}
