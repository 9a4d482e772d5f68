//! Prints digests to standard output: for the demo, and for a daemon whose output is collected.

use std::io::Write;

use futures_util::future::BoxFuture;

use super::{Notifier, Outgoing, Receipt, SendError, wrong_format};
use crate::digest::render::{Format, Rendered};

/// Standard output.
pub(super) struct Console;

impl Notifier for Console {
    fn format(&self) -> Format {
        Format::Text
    }

    fn send<'a>(&'a self, message: &'a Outgoing) -> BoxFuture<'a, Result<Receipt, SendError>> {
        Box::pin(async move {
            let Rendered::Text(text) = &message.content else {
                return Err(wrong_format());
            };
            print(text, &mut std::io::stdout().lock())
        })
    }
}

/// Writes one digest with an empty line after it, in one go, so that digests do not mix.
fn print(text: &str, out: &mut impl Write) -> Result<Receipt, SendError> {
    let block = format!("{}\n\n", text.trim_end());
    out.write_all(block.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| SendError::retry(format!("standard output takes nothing: {error}")))?;
    Ok(Receipt("printed".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_printed_whole() {
        let mut out = Vec::new();
        assert!(print("one\ntwo\n\n\n", &mut out).is_ok());
        assert_eq!(out, b"one\ntwo\n\n");
    }

    #[test]
    fn a_closed_output_is_tried_again() {
        let mut full: &mut [u8] = &mut [0; 2];
        assert!(matches!(
            print("text", &mut full),
            Err(SendError::Retry { after_s: None, .. })
        ));
    }
}
