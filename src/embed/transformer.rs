//! The built-in encoder: all-MiniLM-L6-v2 in 8-bit integers, part of the binary (see `model/`). Beside what the
//! model says of a text stand its codes, and in languages that the model does not know its words (`lexical`).
//!
//! A vector depends on its text alone: the model's scales are constants, and the engine keeps texts apart.
//! Tests compare bytes: alone, in any batch, with any number of threads.
//!
//! Not kept is the processor's kind: with other vector instructions sums of floats inside the model round
//! differently. Between AVX-512 and AVX2 one vector in twelve differed, by 1 in some forty numbers.

use std::sync::{Arc, OnceLock};

use anyhow::{Context, anyhow};
use futures_util::future::BoxFuture;
use rten::{ModelOptions, ThreadPool};
use tokenizers::Tokenizer;

use super::engine::{Engine, Input, Pooling, TEXTS_AT_ONCE, computed};
use super::lexical::Lexical;
use super::{EmbedError, Embedder};
use crate::model::{ModelId, Text, Vector};

/// Changes with the model files or with anything else here that changes vectors.
const MODEL: &str = "minilm-l6-v2-int8/2";
const WEIGHTS: &[u8] = include_bytes!("model/minilm.onnx");
const TOKENIZER: &[u8] = include_bytes!("model/tokenizer.json");

/// What the model reads at most, with its two marks for start and end.
const PIECE_TOKENS_MAX: usize = 128;

/// The encoder that comes with the program. Cheap to make: the model is loaded once per process.
#[derive(Clone)]
pub struct Transformer {
    encoder: &'static Encoder,
    default_language: String,
    threads: Option<Arc<ThreadPool>>,
}

impl Transformer {
    /// Loads the model if this process has not done so yet (about 50 ms). Uses one thread per processor core.
    pub fn built_in() -> anyhow::Result<Self> {
        static LOADED: OnceLock<Result<Encoder, String>> = OnceLock::new();
        let loaded = LOADED.get_or_init(|| Encoder::load().map_err(|error| format!("{error:#}")));
        let encoder = loaded.as_ref().map_err(|error| anyhow!("{error}"))?;
        Ok(Self {
            encoder,
            default_language: String::new(),
            threads: None,
        })
    }

    /// Takes texts that are too short to tell for texts of this language.
    pub fn with_default_language(mut self, language: &str) -> Self {
        self.default_language = language.to_owned();
        self
    }

    /// Computes with so many threads. The vectors are the same.
    pub fn with_threads(mut self, count: usize) -> Self {
        self.threads = Some(Arc::new(ThreadPool::with_num_threads(count.max(1))));
        self
    }

    /// One vector for each text, on this thread and the encoder's own.
    pub fn encode(&self, texts: &[Text]) -> Result<Vec<Vector>, EmbedError> {
        let mut vectors = Vec::with_capacity(texts.len());
        for part in texts.chunks(TEXTS_AT_ONCE) {
            let readings = self.encoder.engine.read(part, self.threads.as_ref())?;
            let mut lexical = Lexical::new(&self.default_language);
            vectors.extend(part.iter().zip(readings).map(|(text, reading)| {
                let words = reading.tokens.iter();
                let word_pieces = words.filter(|id| self.encoder.is_word(**id)).count();
                lexical.beside(text.as_str(), word_pieces, &reading.mean)
            }));
        }
        Ok(vectors)
    }
}

impl Embedder for Transformer {
    fn model(&self) -> ModelId {
        match self.default_language.as_str() {
            "" | "en" => ModelId(MODEL.to_owned()),
            language => ModelId(format!("{MODEL}/{language}")),
        }
    }

    fn embed<'a>(&'a self, texts: &'a [Text]) -> BoxFuture<'a, Result<Vec<Vector>, EmbedError>> {
        let (encoder, texts) = (self.clone(), texts.to_vec());
        computed(move || encoder.encode(&texts))
    }
}

struct Encoder {
    engine: Engine,
    /// For each token of the vocabulary whether there is a letter in it.
    has_letter: Vec<bool>,
}

impl Encoder {
    fn load() -> anyhow::Result<Self> {
        let model = ModelOptions::with_all_ops()
            .prepack_weights(true)
            .load_static_slice(WEIGHTS)
            .context("the built-in encoder's model cannot be read")?;
        let tokenizer = Tokenizer::from_bytes(TOKENIZER)
            .map_err(|error| anyhow!("the built-in encoder's tokenizer cannot be read: {error}"))?;
        let tokenizer = Engine::prepared(tokenizer)?;
        let mark = |token: &str| {
            let id = tokenizer.token_to_id(token).map(|id| id as i32);
            id.with_context(|| format!("the built-in encoder's tokenizer has no {token}"))
        };
        let (start, end) = (mark("[CLS]")?, mark("[SEP]")?);
        let has_letter = (0..tokenizer.get_vocab_size(true) as u32)
            .map(|id| tokenizer.id_to_token(id))
            .map(|token| token.is_some_and(|token| token.contains(char::is_alphabetic)))
            .collect();
        let (input, output) = (model.node_id("input_ids")?, model.node_id("mean")?);
        let engine = Engine {
            inputs: vec![(input, Input::Ids)],
            output,
            pooling: Pooling::InModel,
            model,
            tokenizer,
            before: vec![start],
            after: vec![end],
            piece_tokens_max: PIECE_TOKENS_MAX,
        };
        Ok(Self { engine, has_letter })
    }

    fn is_word(&self, token: i32) -> bool {
        let place = usize::try_from(token).ok();
        place.is_some_and(|place| self.has_letter.get(place).copied().unwrap_or(false))
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::embed::tests::cosine;

    fn encode(texts: &[Text]) -> Vec<Vector> {
        Transformer::built_in().unwrap().encode(texts).unwrap()
    }

    /// A few hundred texts of one word to a thousand, some of the same length and some blank.
    fn corpus() -> Vec<Text> {
        let words = "pump card late Wärmepumpe error-217 the is invoice, refund! 🙂 [SEP] 東京 when \
            technician ok update noise?? night don't über a@b.example 49.90 thanks valve box";
        let words: Vec<&str> = words.split_whitespace().collect();
        let text = |i: usize| -> String {
            let length = if i % 60 == 59 { i * 5 } else { i * 7 % 41 };
            let word = |j: usize| words[(i * i + j * (3 + i % 5) + j * j / 4) % words.len()];
            let picked: Vec<&str> = (0..length).map(word).collect();
            picked.join(" ")
        };
        (0..240).map(|i| Text::new(text(i))).collect()
    }

    #[test]
    fn a_vector_depends_on_nothing_but_its_text() {
        let texts = corpus();
        let one = Transformer::built_in().unwrap().with_threads(1);
        let two = Transformer::built_in().unwrap().with_threads(2);
        let together = one.encode(&texts).unwrap();
        assert!(together.iter().filter(|v| v.is_zero()).count() > 2);
        assert_eq!(together, two.encode(&texts).unwrap());
        for (text, vector) in texts.iter().zip(&together) {
            let alone = two.encode(std::slice::from_ref(text)).unwrap();
            assert_eq!(alone, std::slice::from_ref(vector), "{text:?}");
        }
        // 97 has no divisor in common with 240: every text comes once, in another order.
        let places: Vec<usize> = (0..texts.len()).map(|i| i * 97 % texts.len()).collect();
        let shuffled: Vec<Text> = places.iter().map(|i| texts[*i].clone()).collect();
        for part in [5, 33, 240] {
            for (places, texts) in places.chunks(part).zip(shuffled.chunks(part)) {
                let expected: Vec<Vector> = places.iter().map(|i| together[*i].clone()).collect();
                assert_eq!(two.encode(texts).unwrap(), expected);
            }
        }
    }

    #[test]
    fn similarities_are_those_of_the_original_model() {
        let vectors = encode(&[
            Text::from("My card has not arrived yet"),
            Text::from("I am still waiting for the card to be delivered"),
            Text::from("The heat pump makes a loud noise at night"),
            Text::from("How do I reset my password?"),
        ]);
        // From the 32-bit weights, computed by another program.
        let original = [
            [1.0, 0.807, 0.003, 0.203],
            [0.807, 1.0, -0.005, 0.091],
            [0.003, -0.005, 1.0, 0.028],
            [0.203, 0.091, 0.028, 1.0],
        ];
        for (row, a) in original.iter().zip(&vectors) {
            for (expected, b) in row.iter().zip(&vectors) {
                let found = cosine(a, b);
                assert!((found - expected).abs() < 0.025, "{found} for {expected}");
            }
        }
    }

    #[test]
    fn texts_without_words_give_the_zero_vector() {
        let vectors = encode(&[
            Text::from(""),
            Text::from(" \n\t "),
            Text::from("\u{0}\u{7}"),
        ]);
        assert_eq!(vectors, vec![Vector::zero(); 3]);
        assert!(encode(&[]).is_empty());
    }

    #[test]
    fn the_end_of_a_long_text_counts() {
        let filler = "We talked about the weather and the holidays. ".repeat(400);
        let plain = Text::new(filler.clone());
        let noisy = Text::new(format!("{filler} The heat pump is far too loud at night."));
        let question = Text::from("heat pump too loud");
        let vectors = encode(&[plain, noisy, question]);
        let (without, with) = (
            cosine(&vectors[0], &vectors[2]),
            cosine(&vectors[1], &vectors[2]),
        );
        assert!(with > without + 0.02, "{with} is not above {without}");
    }

    #[test]
    fn monsters_and_odd_characters_are_read() {
        let odd = [
            "x".repeat(300_000),
            "é ".repeat(200_000),
            "\u{200d}\u{fe0f}\u{202e}".repeat(50),
            "[CLS] [MASK] [PAD]".into(),
        ];
        let texts: Vec<Text> = odd.into_iter().map(Text::new).collect();
        assert_eq!(encode(&texts).len(), 4);
        assert_ne!(
            encode(&[Text::from("a [SEP] b")]),
            encode(&[Text::from("a b")])
        );
    }

    #[test]
    fn changed_model_files_need_a_new_model_id() {
        let mut hash = Sha256::new();
        hash.update(WEIGHTS);
        hash.update(TOKENIZER);
        let hash: String = hash.finalize()[..8]
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        let id = Transformer::built_in().unwrap().model();
        assert_eq!(
            (id.0.as_str(), hash.as_str()),
            ("minilm-l6-v2-int8/2", "783ed0167884070f")
        );
    }

    #[tokio::test]
    async fn embedding_runs_beside_the_runtime_and_keeps_the_order() {
        let encoder: Box<dyn Embedder> = Box::new(Transformer::built_in().unwrap());
        let texts = [Text::from("pump"), Text::from(""), Text::from("card lost")];
        let vectors = encoder.embed(&texts).await.unwrap();
        assert_eq!(vectors, encode(&texts));
        assert!(vectors[1].is_zero() && !vectors[0].is_zero());
    }
}
