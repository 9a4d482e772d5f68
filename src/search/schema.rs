//! What a conversation looks like in the index: the fields, the document, and the fingerprint that names the folder.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use tantivy::schema::{
    FAST, Field, IndexRecordOption, STORED, STRING, Schema, SchemaBuilder, TextFieldIndexing,
    TextOptions,
};
use tantivy::{TantivyDocument, Term};

use super::analysis;
use crate::model::{Author, ConversationKey, Exclusion};
use crate::store::Changed;

/// Raise it when documents are built differently from the same schema.
const DOCUMENT_VERSION: u32 = 1;

/// The helpdesk may leave the language open only where there is little to read; longer texts have one.
const UNKNOWN_LANGUAGE_BYTES_MAX: usize = 300;

/// The facets, in the order in which they are shown; also the names of their fields.
pub(super) const FACETS: [&str; 6] = ["category", "topic", "kind", "source", "product", "account"];

/// Handles of the fields.
#[derive(Clone, Debug)]
pub(super) struct Fields {
    /// `source/id`: deletes, and settles the order of equals.
    pub key: Field,
    /// Microseconds since 1970.
    pub created_at: Field,
    /// In the order of `FACETS`.
    pub facets: [Field; 6],
    /// Exact (`category:Hot water`) and folded (`category=hot water`) values of all filters.
    pub filter: Field,
    pub subject: Field,
    pub body: Field,
    pub tags: Field,
    /// One field of stems for each language, in the order of `analysis::LANGUAGES`.
    pub stems: Vec<(&'static str, Field)>,
    pub language: Field,
    pub state: Field,
    pub url: Field,
}

/// The schema and the handles of its fields.
pub(super) fn schema() -> (Schema, Fields) {
    let mut builder = Schema::builder();
    let stored_column = TextOptions::default().set_stored().set_fast("raw");
    let key = builder.add_text_field("key", STRING | STORED | FAST);
    let created_at = builder.add_i64_field("created_at", FAST | STORED);
    let facets = FACETS.map(|name| builder.add_text_field(name, stored_column.clone()));
    let filter = builder.add_text_field("filter", STRING);
    let positions = IndexRecordOption::WithFreqsAndPositions;
    let subject = text_field(&mut builder, "subject", analysis::EXACT, positions, true);
    let body = text_field(&mut builder, "body", analysis::EXACT, positions, true);
    let tags = text_field(&mut builder, "tags", analysis::EXACT, positions, false);
    let stems = analysis::LANGUAGES
        .into_iter()
        .map(|language| {
            let name = format!("stems_{language}");
            let analyzer = analysis::stem_analyzer_name(language);
            let option = IndexRecordOption::WithFreqs;
            let field = text_field(&mut builder, &name, &analyzer, option, false);
            (language, field)
        })
        .collect();
    let fields = Fields {
        key,
        created_at,
        facets,
        filter,
        subject,
        body,
        tags,
        stems,
        language: builder.add_text_field("language", STORED),
        state: builder.add_text_field("state", STORED),
        url: builder.add_text_field("url", STORED),
    };
    (builder.build(), fields)
}

fn text_field(
    builder: &mut SchemaBuilder,
    name: &str,
    analyzer: &str,
    option: IndexRecordOption,
    is_stored: bool,
) -> Field {
    let indexing = TextFieldIndexing::default()
        .set_tokenizer(analyzer)
        .set_index_option(option);
    let options = TextOptions::default().set_indexing_options(indexing);
    let options = if is_stored {
        options.set_stored()
    } else {
        options
    };
    builder.add_text_field(name, options)
}

/// Sixteen hexadecimal digits that change when fields, analysers, documents or tantivy's own format change.
pub(super) fn fingerprint(schema: &Schema) -> String {
    let mut hasher = Sha256::new();
    hasher.update(serde_json::to_string(schema).unwrap_or_default());
    hasher.update(format!(
        "analysis {} document {DOCUMENT_VERSION} format {}",
        analysis::VERSION,
        tantivy::INDEX_FORMAT_VERSION
    ));
    let digest = hasher.finalize();
    digest[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The term that finds one conversation.
pub(super) fn key_term(fields: &Fields, key: &ConversationKey) -> Term {
    Term::from_field_text(fields.key, &key.to_string())
}

/// A filter's term for exactly this value.
pub(super) fn exact_value(name: &str, value: &str) -> String {
    format!("{name}:{value}")
}

/// A filter's term for this value as people type it: case and white space do not matter.
pub(super) fn folded_value(name: &str, value: &str) -> String {
    let words: Vec<&str> = value.split_whitespace().collect();
    format!("{name}={}", words.join(" ").to_lowercase())
}

/// Microseconds since 1970: how instants are kept.
pub(super) fn micros(at: DateTime<Utc>) -> i64 {
    at.timestamp_micros()
}

/// The document of a changed conversation; `None` when it must not be found any more.
pub(super) fn document(fields: &Fields, changed: &Changed) -> Option<TantivyDocument> {
    if is_gone(changed) {
        return None;
    }
    let conversation = &changed.stored.conversation;
    let mut document = TantivyDocument::default();
    document.add_text(fields.key, conversation.key.to_string());
    document.add_i64(fields.created_at, micros(conversation.created_at));
    let topic = changed.topic.as_ref().map(|topic| topic.as_str());
    let values = [
        conversation.category.as_deref(),
        topic,
        Some(conversation.kind.as_str()),
        Some(conversation.key.source.as_str()),
        conversation.product.as_deref(),
        conversation.account.as_deref(),
    ];
    for ((name, field), value) in FACETS.into_iter().zip(fields.facets).zip(values) {
        let Some(value) = value.filter(|value| !value.trim().is_empty()) else {
            continue;
        };
        document.add_text(field, value);
        document.add_text(fields.filter, exact_value(name, value));
        document.add_text(fields.filter, folded_value(name, value));
    }
    add_other_filters(fields, changed, &mut document);
    add_words(fields, changed, &mut document);
    document.add_text(fields.language, &changed.stored.language);
    document.add_text(fields.state, state(changed));
    if let Some(url) = &conversation.url {
        document.add_text(fields.url, url);
    }
    Some(document)
}

/// Deleted in the helpdesk, or its words were erased here.
fn is_gone(changed: &Changed) -> bool {
    let conversation = &changed.stored.conversation;
    let has_words = !changed.stored.text.is_blank()
        || !conversation.subject.is_blank()
        || conversation
            .messages
            .iter()
            .any(|message| !message.text.is_blank());
    match conversation.exclusion {
        Some(Exclusion::Deleted) => true,
        Some(Exclusion::Empty) => false,
        _ => !has_words,
    }
}

/// The state in which it is counted, by the names of the frozen counts.
fn state(changed: &Changed) -> String {
    match (changed.stored.conversation.exclusion, &changed.topic) {
        (Some(reason), _) => format!("excluded:{}", reason.as_str()),
        (None, Some(_)) => "assigned".to_owned(),
        (None, None) => "unassigned".to_owned(),
    }
}

fn add_other_filters(fields: &Fields, changed: &Changed, document: &mut TantivyDocument) {
    let conversation = &changed.stored.conversation;
    let mut add = |name: &str, value: &str| {
        document.add_text(fields.filter, folded_value(name, value));
    };
    add("key", &conversation.key.to_string());
    add("id", &conversation.key.id);
    add("language", &changed.stored.language);
    add("state", &state(changed));
    match conversation.exclusion {
        Some(reason) => {
            add("state", "excluded");
            add("state", reason.as_str());
        }
        None => add("state", "counts"),
    }
    let optional = [
        ("status", &conversation.status),
        ("channel", &conversation.channel),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            add(name, value);
        }
    }
    for tag in &conversation.tags {
        add("tag", tag);
    }
}

fn add_words(fields: &Fields, changed: &Changed, document: &mut TantivyDocument) {
    let conversation = &changed.stored.conversation;
    let subject = conversation.subject.as_str();
    let said: Vec<&str> = conversation
        .messages
        .iter()
        .filter(|message| message.author != Author::System)
        .map(|message| message.text.as_str())
        .collect();
    let body = said.join("\n\n");
    document.add_text(fields.subject, subject);
    document.add_text(fields.body, &body);
    for tag in &conversation.tags {
        document.add_text(fields.tags, tag);
    }
    let language = analysis::field_language(&changed.stored.language);
    let is_open = changed.stored.language.is_empty()
        && subject.len() + body.len() <= UNKNOWN_LANGUAGE_BYTES_MAX;
    for (name, field) in &fields.stems {
        if language == Some(*name) || is_open {
            document.add_text(*field, subject);
            document.add_text(*field, &body);
            document.add_text(*field, conversation.tags.join(" "));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_is_stable_and_fits_a_folder_name() {
        let (first, _) = schema();
        let (second, _) = schema();
        assert_eq!(fingerprint(&first), fingerprint(&second));
        assert_eq!(fingerprint(&first).len(), 16);
        let other = Schema::builder().build();
        assert_ne!(fingerprint(&first), fingerprint(&other));
    }

    #[test]
    fn folding_forgets_case_and_white_space() {
        assert_eq!(
            folded_value("category", " Hot  Water "),
            "category=hot water"
        );
        assert_eq!(exact_value("category", "Hot Water"), "category:Hot Water");
    }
}
