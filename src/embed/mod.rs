//! Texts to vectors. A text's vector depends on nothing but the text and the model: not on its
//! batch, the threads or the order.

mod engine;
mod fast;
mod folder;
mod lexical;
mod pieces;
mod remote;
pub mod transformer;

use anyhow::Context;
use futures_util::future::BoxFuture;

use crate::model::{ModelId, Text, Vector};
use crate::section::Section;

pub use fast::{FastConfig, Learnt};
pub use folder::{Folder, FolderConfig};
pub use remote::{Remote, RemoteConfig};
pub use transformer::Transformer;

/// Why texts could not be embedded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmbedError {
    /// Try again later.
    #[error("{0}")]
    Transient(String),
    /// A person must act: a wrong model file, a wrong key.
    #[error("{0}")]
    Permanent(String),
}

/// An encoder.
pub trait Embedder: Send + Sync {
    /// Which model; keys the stored vectors.
    fn model(&self) -> ModelId;
    /// One vector for each text, in order. A blank text gives the zero vector.
    fn embed<'a>(&'a self, texts: &'a [Text]) -> BoxFuture<'a, Result<Vec<Vector>, EmbedError>>;
}

/// Settings of the `[embed]` table.
#[derive(Clone, Debug, Default)]
pub struct EmbedConfig {
    /// The encoder.
    pub encoder: EncoderConfig,
    /// When a large backfill takes a short cut.
    pub fast: FastConfig,
}

/// Which encoder.
#[derive(Clone, Debug, Default)]
pub enum EncoderConfig {
    /// The one in the binary.
    #[default]
    BuiltIn,
    /// One in a folder on disk.
    Folder(FolderConfig),
    /// An endpoint that speaks OpenAI's embeddings API.
    Remote(RemoteConfig),
}

impl EmbedConfig {
    /// Reads the `[embed]` table.
    pub fn read(mut section: Section<'_>) -> Self {
        let names = ["built-in", "folder", "remote"];
        let chosen = section.choice("encoder", "built-in", &names, |name| {
            names.into_iter().find(|known| *known == name)
        });
        let encoder = match chosen {
            "folder" => EncoderConfig::Folder(FolderConfig::read(section.section("folder"))),
            "remote" => EncoderConfig::Remote(RemoteConfig::read(section.section("remote"))),
            _ => EncoderConfig::BuiltIn,
        };
        for table in ["folder", "remote"] {
            if table != chosen && section.has(table) {
                let hint = format!("add encoder = \"{table}\" or remove the table");
                section.problem(table, format!("is given but the encoder is {chosen}"), hint);
                section.section(table);
            }
        }
        let fast = FastConfig::read(&mut section);
        section.finish();
        Self { encoder, fast }
    }
}

/// Makes the configured encoder. Texts that are too short to tell are in the default language.
pub fn build(config: &EmbedConfig, default_language: &str) -> anyhow::Result<Box<dyn Embedder>> {
    match &config.encoder {
        EncoderConfig::BuiltIn => {
            let encoder = Transformer::built_in()?;
            Ok(Box::new(encoder.with_default_language(default_language)))
        }
        EncoderConfig::Folder(folder) => Ok(Box::new(Folder::open(folder)?)),
        EncoderConfig::Remote(remote) => {
            let remote = Remote::new(remote.clone()).context("the remote encoder")?;
            Ok(Box::new(remote))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::section::{Problem, Reading};

    pub(in crate::embed) fn cosine(left: &Vector, right: &Vector) -> f64 {
        let product = |x: &Vector, y: &Vector| -> f64 {
            let pairs = x.0.iter().zip(y.0.iter());
            pairs.map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
        };
        product(left, right) / (product(left, left) * product(right, right)).sqrt()
    }

    fn read(text: &str) -> Result<EmbedConfig, Vec<Problem>> {
        let environment = BTreeMap::from([("EMBED_KEY".to_owned(), "sesame".to_owned())]);
        let reading = Reading::new(environment, ".".into());
        let config = EmbedConfig::read(Section::root(text.parse().unwrap(), &reading));
        let problems = reading.into_problems();
        if problems.is_empty() {
            Ok(config)
        } else {
            Err(problems)
        }
    }

    #[test]
    fn the_default_is_the_encoder_in_the_binary() {
        let config = read("").unwrap();
        assert!(matches!(config.encoder, EncoderConfig::BuiltIn));
        assert_eq!(build(&config, "").unwrap().model().0, "minilm-l6-v2-int8/2");
    }

    #[test]
    fn a_remote_encoder_is_named_after_its_model() {
        let config = read(
            "encoder = \"remote\"\n[remote]\nurl = \"http://127.0.0.1:11434/v1\"\n\
             model = \"nomic-embed-text\"\nkey_env = \"EMBED_KEY\"\ndimensions = 768",
        )
        .unwrap();
        let model = build(&config, "").unwrap().model().0;
        assert_eq!(model, "remote/nomic-embed-text/768/8000");
        assert!(!format!("{config:?}").contains("sesame"));
    }

    #[test]
    fn a_folder_is_found_from_the_configuration() {
        let config =
            read("encoder = \"folder\"\n[folder]\npath = \"models/e5\"\nprefix = \"query: \"");
        let EncoderConfig::Folder(folder) = config.unwrap().encoder else {
            panic!("not a folder");
        };
        assert!(folder.path.ends_with("models/e5"));
        assert_eq!(folder.prefix, "query: ");
        let problems = read("encoder = \"folder\"\n[remote]\nmodel = \"x\"").unwrap_err();
        let paths: Vec<&str> = problems.iter().map(|p| p.path.as_str()).collect();
        assert_eq!(paths, ["folder.path", "remote"]);
    }

    #[test]
    fn all_mistakes_are_found_at_once() {
        let problems =
            read("encoder = \"remote\"\n[remote]\nurl = \"ftp://x\"\ndimensions = 0\nbatches = 3")
                .unwrap_err();
        let paths: Vec<&str> = problems.iter().map(|p| p.path.as_str()).collect();
        let expected = [
            "remote.batches",
            "remote.dimensions",
            "remote.model",
            "remote.url",
        ];
        assert_eq!(paths, expected);
        let unused = read("[remote]\nmodel = \"x\"").unwrap_err();
        assert_eq!(unused[0].path, "remote");
    }
}
