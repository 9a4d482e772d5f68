//! Customers' words as a type that cannot slip into a log: `Debug` prints the length only.

use std::fmt;

/// Words of a customer or an agent.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(String);

impl Text {
    /// Takes the words.
    pub fn new(words: impl Into<String>) -> Self {
        Self(words.into())
    }

    /// The words themselves; call it only where they are meant to be seen.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Gives the words back.
    pub fn into_string(self) -> String {
        self.0
    }

    /// Whether nothing but white space is in it.
    pub fn is_blank(&self) -> bool {
        self.0.trim().is_empty()
    }
}

impl From<&str> for Text {
    fn from(words: &str) -> Self {
        Self(words.to_owned())
    }
}

impl From<String> for Text {
    fn from(words: String) -> Self {
        Self(words)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_the_length_and_never_the_words() {
        assert_eq!(format!("{:?}", Text::from("my card")), "Text(7 bytes)");
    }
}
