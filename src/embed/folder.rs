//! An encoder in a folder on disk, as sentence-transformers writes it: `tokenizer.json`, an ONNX model, and
//! what to do with its answers in `1_Pooling/config.json`. Read once at the start; every mistake says which file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow, bail, ensure};
use futures_util::future::BoxFuture;
use rten::{Model, ModelOptions, NodeId};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use tokenizers::Tokenizer;

use super::engine::{Engine, Input, Pooling, TEXTS_AT_ONCE, computed};
use super::{EmbedError, Embedder};
use crate::model::{ModelId, Text, Vector};
use crate::section::Section;

/// Where sentence-transformers and its exporters put the model.
const MODEL_FILES: [&str; 2] = ["onnx/model.onnx", "model.onnx"];
/// Names of an answer for the whole text, and of answers for its tokens.
const WHOLE: &str = "sentence_embedding";
const TOKENS: [&str; 2] = ["last_hidden_state", "token_embeddings"];
/// Tokens that are read at once, at most and if the folder does not say.
const PIECE_TOKENS_MAX: usize = 512;
const PIECE_TOKENS_USUAL: usize = 128;
/// A vector of more numbers is nothing that an encoder of texts gives.
pub const WIDTH_MAX: usize = 8192;

/// Settings of the `[embed.folder]` table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderConfig {
    /// The folder.
    pub path: PathBuf,
    /// The ONNX file in it, if it is not where exporters put it.
    pub model: Option<String>,
    /// What is put before every text; some models want `query: `.
    pub prefix: String,
}

impl FolderConfig {
    /// Reads the table.
    pub fn read(mut section: Section<'_>) -> Self {
        if !section.has("path") {
            section.problem("path", "is missing", "give the folder of the model");
        }
        let config = Self {
            path: section.path("path", ""),
            model: section.optional_text("model"),
            prefix: section.optional_text("prefix").unwrap_or_default(),
        };
        section.finish();
        config
    }
}

/// The encoder.
#[derive(Clone)]
pub struct Folder {
    engine: Arc<Engine>,
    width: usize,
    prefix: String,
    model: ModelId,
}

/// What `1_Pooling/config.json` says that matters here.
#[derive(Deserialize)]
struct PoolingFile {
    #[serde(default)]
    pooling_mode_mean_tokens: bool,
    #[serde(default)]
    pooling_mode_cls_token: bool,
}

/// An entry of `modules.json`.
#[derive(Deserialize)]
struct Module {
    #[serde(rename = "type")]
    kind: String,
}

/// How long texts may be, in `sentence_bert_config.json` or `config.json`.
#[derive(Default, Deserialize)]
struct Lengths {
    max_seq_length: Option<usize>,
    max_position_embeddings: Option<usize>,
}

impl Folder {
    /// Reads the folder and tries the model on one word.
    pub fn open(config: &FolderConfig) -> anyhow::Result<Self> {
        let folder = &config.path;
        let about = || format!("the encoder in {}", folder.display());
        ensure!(
            folder.is_dir(),
            "the encoder's folder {} is not there; set embed.folder.path",
            folder.display()
        );
        let engine = engine(config).with_context(about)?;
        let tried = engine.read(&[Text::from("a")], None);
        let tried = tried
            .map_err(anyhow::Error::from)
            .context("its model does not run")
            .with_context(about)?;
        let width = tried[0].mean.len();
        ensure!(
            (1..=WIDTH_MAX).contains(&width),
            "the encoder in {} gives vectors of {width} numbers; at most {WIDTH_MAX} are understood",
            folder.display()
        );
        let hash = fingerprint(config, &engine).with_context(about)?;
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        Ok(Self {
            model: ModelId(format!("folder/{name}/{width}/{hash}")),
            engine: Arc::new(engine),
            width,
            prefix: config.prefix.clone(),
        })
    }

    fn encode(&self, texts: &[Text]) -> Result<Vec<Vector>, EmbedError> {
        let shown = |text: &Text| match text.is_blank() {
            true => Text::from(""),
            false => Text::new(format!("{}{}", self.prefix, text.as_str())),
        };
        let mut vectors = Vec::with_capacity(texts.len());
        for part in texts.chunks(TEXTS_AT_ONCE) {
            let part: Vec<Text> = part.iter().map(shown).collect();
            for reading in self.engine.read(&part, None)? {
                vectors.push(match reading.mean.is_empty() {
                    true => Vector(vec![0; self.width].into_boxed_slice()),
                    false => Vector::from_floats(&reading.mean),
                });
            }
        }
        Ok(vectors)
    }
}

impl Embedder for Folder {
    fn model(&self) -> ModelId {
        self.model.clone()
    }

    fn embed<'a>(&'a self, texts: &'a [Text]) -> BoxFuture<'a, Result<Vec<Vector>, EmbedError>> {
        let (encoder, texts) = (self.clone(), texts.to_vec());
        computed(move || encoder.encode(&texts))
    }
}

fn engine(config: &FolderConfig) -> anyhow::Result<Engine> {
    let folder = &config.path;
    check_modules(folder)?;
    let tokenizer = bytes(folder, "tokenizer.json")?;
    let tokenizer = Tokenizer::from_bytes(tokenizer)
        .map_err(|error| anyhow!("tokenizer.json cannot be read: {error}"))?;
    let tokenizer = Engine::prepared(tokenizer).context("tokenizer.json")?;
    let (before, after) = Engine::around(&tokenizer).context("tokenizer.json")?;
    let file = model_file(config)?;
    let model = ModelOptions::with_all_ops()
        .prepack_weights(true)
        .load_file(folder.join(&file))
        .map_err(|error| anyhow!("{file} cannot be read: {error}"))?;
    let inputs = inputs(&model).with_context(|| file.clone())?;
    let (output, pooling) = output(&model, folder).with_context(|| file.clone())?;
    let piece_tokens_max = piece_tokens_max(folder)?;
    ensure!(
        before.len() + after.len() < piece_tokens_max,
        "tokenizer.json puts more marks around a text than the model reads"
    );
    Ok(Engine {
        model,
        inputs,
        output,
        pooling,
        tokenizer,
        before,
        after,
        piece_tokens_max,
    })
}

/// Refuses what would be left out silently: a layer behind the pooling, for example.
fn check_modules(folder: &Path) -> anyhow::Result<()> {
    let Some(modules) = optional::<Vec<Module>>(folder, "modules.json")? else {
        return Ok(());
    };
    for module in modules {
        let name = module.kind.rsplit('.').next().unwrap_or_default();
        ensure!(
            ["Transformer", "Pooling", "Normalize"].contains(&name),
            "modules.json names a {name} layer, which is not understood; export the model with it inside"
        );
    }
    Ok(())
}

fn model_file(config: &FolderConfig) -> anyhow::Result<String> {
    if let Some(file) = &config.model {
        ensure!(
            config.path.join(file).is_file(),
            "{file} is not there; set embed.folder.model"
        );
        return Ok(file.clone());
    }
    let found = MODEL_FILES
        .iter()
        .find(|file| config.path.join(file).is_file());
    found.map(|file| (*file).to_owned()).with_context(|| {
        format!(
            "neither {} is there; export the model to ONNX or set embed.folder.model",
            MODEL_FILES.join(" nor ")
        )
    })
}

fn inputs(model: &Model) -> anyhow::Result<Vec<(NodeId, Input)>> {
    let inputs = model.input_ids().iter().map(|node| {
        let info = model.node_info(*node);
        let name = info
            .as_ref()
            .and_then(|info| info.name())
            .unwrap_or_default();
        let input = match name {
            "input_ids" => Input::Ids,
            "attention_mask" => Input::Mask,
            "token_type_ids" => Input::Types,
            other => bail!("it wants an input \"{other}\", which is not understood"),
        };
        Ok((*node, input))
    });
    inputs.collect()
}

/// The answer for a whole text if the model gives one, else those for its tokens with the folder's pooling.
fn output(model: &Model, folder: &Path) -> anyhow::Result<(NodeId, Pooling)> {
    let named = |name: &str| {
        let is_named = |node: &&NodeId| {
            let info = model.node_info(**node);
            info.is_some_and(|info| info.name() == Some(name))
        };
        model.output_ids().iter().find(is_named)
    };
    if let Some(node) = named(WHOLE) {
        return Ok((*node, Pooling::InModel));
    }
    let Some(node) = TOKENS.into_iter().find_map(named) else {
        // Whatever it is called: what is no answer for tokens is one for the text, or the trial shows that it is not.
        return match model.output_ids() {
            [only] => Ok((*only, Pooling::InModel)),
            _ => bail!("it gives neither {WHOLE} nor {}", TOKENS.join(" nor ")),
        };
    };
    let pooling = optional::<PoolingFile>(folder, "1_Pooling/config.json")?
        .context("it gives an answer for each token, and 1_Pooling/config.json is not there")?;
    match (
        pooling.pooling_mode_mean_tokens,
        pooling.pooling_mode_cls_token,
    ) {
        (true, false) => Ok((*node, Pooling::Mean)),
        (false, true) => Ok((*node, Pooling::First)),
        _ => bail!("1_Pooling/config.json must say either mean or cls; others are not understood"),
    }
}

fn piece_tokens_max(folder: &Path) -> anyhow::Result<usize> {
    let sentence = optional::<Lengths>(folder, "sentence_bert_config.json")?.unwrap_or_default();
    let config = optional::<Lengths>(folder, "config.json")?.unwrap_or_default();
    let said = sentence.max_seq_length;
    let usual = config.max_position_embeddings.unwrap_or(PIECE_TOKENS_USUAL);
    Ok(said
        .unwrap_or(usual.min(PIECE_TOKENS_USUAL))
        .clamp(8, PIECE_TOKENS_MAX))
}

/// What tells this encoder from every other: its files and settings. A file with the model's weights counts, too.
fn fingerprint(config: &FolderConfig, engine: &Engine) -> anyhow::Result<String> {
    let file = model_file(config)?;
    let mut hash = Sha256::new();
    for name in [
        file.clone(),
        format!("{file}_data"),
        "tokenizer.json".to_owned(),
    ] {
        if config.path.join(&name).is_file() {
            hash.update(bytes(&config.path, &name)?);
        }
    }
    let settings = (engine.pooling, engine.piece_tokens_max, &config.prefix);
    hash.update(format!("{settings:?}"));
    Ok(hash.finalize()[..6]
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect())
}

fn bytes(folder: &Path, name: &str) -> anyhow::Result<Vec<u8>> {
    std::fs::read(folder.join(name)).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => anyhow!("{name} is not there"),
        _ => anyhow!("{name} cannot be read: {error}"),
    })
}

/// A JSON file that need not be there.
fn optional<T: DeserializeOwned>(folder: &Path, name: &str) -> anyhow::Result<Option<T>> {
    if !folder.join(name).exists() {
        return Ok(None);
    }
    let value = serde_json::from_slice(&bytes(folder, name)?);
    value
        .map(Some)
        .map_err(|error| anyhow!("{name} cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embed::Transformer;

    /// A folder as exporters write it, with files of tests/fixtures/encoder: 12 words, 8 numbers.
    struct Made(tempfile::TempDir);

    impl Made {
        fn tiny() -> Self {
            let made = Self(tempfile::tempdir().unwrap());
            made.write(
                "tokenizer.json",
                include_bytes!("../../tests/fixtures/encoder/tokenizer.json"),
            );
            made.write(
                "onnx/model.onnx",
                include_bytes!("../../tests/fixtures/encoder/model.onnx"),
            );
            made.write(
                "config.json",
                br#"{"max_position_embeddings": 64, "hidden_size": 8}"#,
            );
            made.pooling("mean");
            made
        }

        fn write(&self, name: &str, content: &[u8]) {
            let path = self.0.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }

        fn pooling(&self, which: &str) {
            let (mean, first) = (which == "mean", which == "cls");
            let text = format!(
                r#"{{"word_embedding_dimension": 8, "pooling_mode_mean_tokens": {mean}, "pooling_mode_cls_token": {first}, "pooling_mode_max_tokens": false}}"#
            );
            self.write("1_Pooling/config.json", text.as_bytes());
        }

        fn remove(&self, name: &str) {
            std::fs::remove_file(self.0.path().join(name)).unwrap();
        }

        fn config(&self) -> FolderConfig {
            FolderConfig {
                path: self.0.path().to_owned(),
                model: None,
                prefix: String::new(),
            }
        }

        fn open(&self) -> Folder {
            Folder::open(&self.config()).unwrap()
        }

        fn mistake(&self) -> String {
            let opened = Folder::open(&self.config());
            format!("{:#}", opened.err().expect("a mistake"))
        }
    }

    fn texts(texts: &[&str]) -> Vec<Text> {
        texts.iter().map(|text| Text::from(*text)).collect()
    }

    #[test]
    fn vectors_are_the_mean_of_the_tokens_or_the_first() {
        let made = Made::tiny();
        let asked = texts(&["pump loud", "loud pump", "", "invoice"]);
        let mean = made.open();
        let vectors = mean.encode(&asked).unwrap();
        // The tiny model gives token n the numbers of row n, so means do not know the order.
        assert_eq!(vectors[0], vectors[1]);
        assert_ne!(vectors[0], vectors[3]);
        assert_eq!(vectors[2], Vector(vec![0; 8].into_boxed_slice()));
        made.pooling("cls");
        let first = made.open();
        let vectors = first.encode(&asked).unwrap();
        // The first token is the mark for the start, which all texts have.
        assert_eq!(vectors[0], vectors[3]);
        assert_ne!(mean.model(), first.model());
        assert!(first.model().0.contains("/8/"), "{}", first.model().0);
    }

    #[test]
    fn the_files_of_the_built_in_encoder_give_its_vectors() {
        let made = Made(tempfile::tempdir().unwrap());
        made.write("tokenizer.json", include_bytes!("model/tokenizer.json"));
        made.write("model.onnx", include_bytes!("model/minilm.onnx"));
        made.write("sentence_bert_config.json", br#"{"max_seq_length": 128}"#);
        let long = "the heat pump is far too loud at night ".repeat(60);
        let asked = texts(&["my card has not arrived", "", &long]);
        let vectors = made.open().encode(&asked).unwrap();
        let built_in = Transformer::built_in().unwrap();
        assert_eq!(vectors, built_in.encode(&asked).unwrap());
    }

    #[test]
    fn a_prefix_stands_before_every_text_that_is_one() {
        let made = Made::tiny();
        let plain = made.open();
        let config = FolderConfig {
            prefix: "pump ".into(),
            ..made.config()
        };
        let prefixed = Folder::open(&config).unwrap();
        let vectors = prefixed.encode(&texts(&["loud", " "])).unwrap();
        assert_eq!(vectors[0], plain.encode(&texts(&["pump loud"])).unwrap()[0]);
        assert!(vectors[1].is_zero());
        assert_ne!(prefixed.model(), plain.model());
    }

    #[test]
    fn every_mistake_says_which_file_and_what() {
        let gone = FolderConfig {
            path: "/nowhere/model".into(),
            model: None,
            prefix: String::new(),
        };
        let error = Folder::open(&gone).err().unwrap().to_string();
        assert!(error.contains("/nowhere/model is not there"), "{error}");
        type Change = fn(&Made);
        let cases: [(Change, &str); 10] = [
            (
                |made| made.remove("tokenizer.json"),
                "tokenizer.json is not there",
            ),
            (
                |made| made.write("tokenizer.json", b"{}"),
                "tokenizer.json cannot be read",
            ),
            (
                |made| made.remove("onnx/model.onnx"),
                "set embed.folder.model",
            ),
            (
                |made| made.write("onnx/model.onnx", b"nothing"),
                "onnx/model.onnx cannot be read",
            ),
            (
                |made| made.remove("1_Pooling/config.json"),
                "1_Pooling/config.json is not there",
            ),
            (|made| made.pooling("max"), "either mean or cls"),
            (
                |made| made.write("1_Pooling/config.json", b"["),
                "1_Pooling/config.json cannot be read",
            ),
            (
                |made| made.write("config.json", b"["),
                "config.json cannot be read",
            ),
            (
                |made| {
                    made.write(
                        "modules.json",
                        br#"[{"type": "sentence_transformers.models.Dense"}]"#,
                    )
                },
                "Dense layer",
            ),
            (
                |made| made.write("config.json", br#"{"max_position_embeddings": "long"}"#),
                "config.json cannot be read",
            ),
        ];
        for (change, expected) in cases {
            let made = Made::tiny();
            change(&made);
            let error = made.mistake();
            assert!(error.contains(expected), "{error} lacks {expected}");
            assert!(!error.contains('\n'), "{error}");
        }
    }
}
