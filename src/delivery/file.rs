//! Writes each digest as a file into a folder. Written under a temporary name, flushed to the disk
//! and renamed: a reader never sees half a digest, and a repeat writes the same file again.

use std::io::Write;
use std::path::{Path, PathBuf};

use futures_util::future::BoxFuture;

use super::{Notifier, Outgoing, Receipt, SendError, wrong_format};
use crate::digest::render::{Format, Rendered};
use crate::section::Section;

/// How the files are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// `.txt`
    Text,
    /// `.md`
    Markdown,
    /// `.html`
    Html,
    /// `.json`
    Json,
}

impl FileFormat {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "text" => Self::Text,
            "markdown" => Self::Markdown,
            "html" => Self::Html,
            "json" => Self::Json,
            _ => return None,
        })
    }

    fn extension(self) -> &'static str {
        match self {
            Self::Text => "txt",
            Self::Markdown => "md",
            Self::Html => "html",
            Self::Json => "json",
        }
    }
}

/// Settings of a folder.
#[derive(Clone, Debug)]
pub struct FileConfig {
    folder: PathBuf,
    format: FileFormat,
}

impl FileConfig {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let hint = "name the folder that takes the digests; it is made when it does not exist";
        let folder = section.required_text("folder", hint);
        Self {
            folder: section.folder().join(folder),
            format: section.choice(
                "format",
                FileFormat::Markdown,
                &["text", "markdown", "html", "json"],
                FileFormat::parse,
            ),
        }
    }
}

/// A folder.
pub(super) struct File {
    folder: PathBuf,
    format: FileFormat,
}

impl File {
    pub(super) fn new(config: &FileConfig) -> Self {
        Self {
            folder: config.folder.clone(),
            format: config.format,
        }
    }
}

impl Notifier for File {
    fn format(&self) -> Format {
        match self.format {
            FileFormat::Text => Format::Text,
            FileFormat::Markdown => Format::Markdown,
            FileFormat::Html => Format::Html,
            FileFormat::Json => Format::Json,
        }
    }

    fn send<'a>(&'a self, message: &'a Outgoing) -> BoxFuture<'a, Result<Receipt, SendError>> {
        Box::pin(async move {
            let bytes = match &message.content {
                Rendered::Text(text) => text.clone().into_bytes(),
                Rendered::Json(value) => format!("{value:#}\n").into_bytes(),
                Rendered::Mail { .. } => return Err(wrong_format()),
            };
            let name = file_name(message.digest.as_str(), self.format.extension());
            let folder = self.folder.clone();
            let written = tokio::task::spawn_blocking(move || {
                let path = folder.join(&name);
                write(&folder, &name, &bytes).map(|()| path)
            });
            match written.await {
                Ok(Ok(path)) => Ok(Receipt(path.display().to_string())),
                Ok(Err(error)) => Err(SendError::retry(format!(
                    "a file cannot be written in {}: {error}",
                    self.folder.display()
                ))),
                Err(_) => Err(SendError::retry("writing the file was cut short")),
            }
        })
    }
}

/// The digest's id as a file name, whatever is in it.
fn file_name(digest: &str, extension: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    let name: String = digest
        .chars()
        .map(|letter| if is_plain(letter) { letter } else { '_' })
        .collect();
    format!("{}.{extension}", name.trim_start_matches('.'))
}

/// The temporary name is always the same, so that a process that dies here leaves nothing that stays.
fn write(folder: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let unfinished = folder.join(format!(".{name}.part"));
    let mut file = std::fs::File::create(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&unfinished, folder.join(name))?;
    // The new name is safe only when the folder is, too.
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::DigestId;

    fn outgoing(content: Rendered) -> Outgoing {
        Outgoing {
            delivery_key: "weekly-2026-W13/folder".to_owned(),
            digest: DigestId::from("weekly-2026-W13"),
            at: chrono::DateTime::UNIX_EPOCH,
            content,
        }
    }

    fn file(folder: &Path, format: FileFormat) -> File {
        File {
            folder: folder.to_owned(),
            format,
        }
    }

    #[tokio::test]
    async fn a_repeat_leaves_one_whole_file() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("made/here");
        let file = file(&folder, FileFormat::Markdown);
        let message = outgoing(Rendered::Text("# Digest\n".to_owned()));
        let first = file.send(&message).await.unwrap();
        assert_eq!(file.send(&message).await.unwrap(), first);
        let names: Vec<_> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["weekly-2026-W13.md"]);
        assert_eq!(std::fs::read_to_string(&first.0).unwrap(), "# Digest\n");
    }

    #[tokio::test]
    async fn json_is_indented_for_people() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(folder.path(), FileFormat::Json);
        let message = outgoing(Rendered::Json(serde_json::json!({"a": 1})));
        let receipt = file.send(&message).await.unwrap();
        let text = std::fs::read_to_string(&receipt.0).unwrap();
        assert_eq!(text, "{\n  \"a\": 1\n}\n");
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_is_tried_again() {
        let place = tempfile::NamedTempFile::new().unwrap();
        let file = file(place.path(), FileFormat::Text);
        let message = outgoing(Rendered::Text("words".to_owned()));
        let error = file.send(&message).await.unwrap_err();
        assert!(matches!(&error, SendError::Retry { after_s: None, .. }));
        assert!(!error.to_string().contains("words"));
    }

    #[test]
    fn no_digest_id_leaves_the_folder() {
        assert_eq!(file_name("../../etc/passwd", "md"), "_.._etc_passwd.md");
        assert_eq!(file_name("daily-2026-03-29", "txt"), "daily-2026-03-29.txt");
    }
}
