//! Fingerprints: SHA-256 of one version of a conversation, of what counting saw and of its words. They prove later that a
//! digest rests on the same data, also of what was erased since.

use sha2::{Digest as _, Sha256};
use sqlx::any::AnyRow;

use super::sql::get;
use crate::model::{Exclusion, Fact, State};

/// A SHA-256.
pub type Fingerprint = [u8; 32];

/// The fingerprint as 64 hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Fields one after the other, so that no two lists of fields give the same bytes.
struct Fields(Sha256);

impl Fields {
    fn text(&mut self, text: Option<&str>) {
        self.number(text.map(|text| text.len() as i64));
        self.0.update(text.unwrap_or_default().as_bytes());
    }

    fn number(&mut self, number: Option<i64>) {
        self.0.update([u8::from(number.is_some())]);
        self.0.update(number.unwrap_or_default().to_le_bytes());
    }

    fn finish(self) -> Fingerprint {
        self.0.finalize().into()
    }
}

/// What counting saw of a conversation, and which text it had then.
pub(super) fn of_fact(fact: &Fact, text_hash: &str) -> Fingerprint {
    // Destructured, so that a new field cannot be forgotten here. One that is added after a release is fed only where it
    // has a value, so that older fingerprints stay.
    let Fact {
        key,
        kind,
        created_at,
        closed_at,
        stored_at,
        category,
        customer,
        account,
        product,
        csat,
        reopens,
        tags,
        // Rows of their own.
        earlier: _,
        state,
    } = fact;
    let (state, topic) = match state {
        State::Assigned(topic) => ("assigned", Some(topic.as_str())),
        State::Unassigned => ("unassigned", None),
        State::Excluded(reason) => (Exclusion::as_str(*reason), None),
    };
    let mut fields = Fields(Sha256::new());
    for text in [
        key.source.as_str(),
        &key.id,
        kind.as_str(),
        state,
        text_hash,
    ] {
        fields.text(Some(text));
    }
    for text in [topic, category.as_deref(), customer.as_deref()] {
        fields.text(text);
    }
    for text in [account, product] {
        fields.text(text.as_deref());
    }
    for number in [
        Some(created_at.timestamp_micros()),
        closed_at.map(|at| at.timestamp_micros()),
        Some(stored_at.timestamp_micros()),
        csat.map(|csat| csat.to_bits().cast_signed()),
        Some(i64::from(*reopens)),
    ] {
        fields.number(number);
    }
    for tag in tags {
        fields.text(Some(tag));
    }
    fields.finish()
}

/// The columns of words that `of_words` takes, in its order.
pub(super) const WORDS: &str = "source, id, subject, messages, tags, attributes, url, text";

/// All words of a conversation, as they lie in the row from `from` on.
pub(super) fn of_words(row: &AnyRow, from: usize) -> anyhow::Result<Fingerprint> {
    let mut fields = Fields(Sha256::new());
    for column in from..from + 8 {
        fields.text(get::<Option<&str>>(row, column)?);
    }
    Ok(fields.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconcile::testing::fact;

    #[test]
    fn any_change_of_a_fact_changes_its_fingerprint() {
        let fact = fact(1, Some("Billing"), State::Unassigned);
        let mut others = vec![fact.clone(); 10];
        others[0].key.id.push('x');
        others[1].created_at += chrono::TimeDelta::microseconds(1);
        others[2].closed_at = Some(fact.created_at);
        others[3].stored_at += chrono::TimeDelta::microseconds(1);
        others[4].category = None;
        others[5].customer = Some("another".to_owned());
        others[6].csat = Some(0.0);
        others[7].reopens += 1;
        others[8].state = State::Excluded(Exclusion::Spam);
        others[9].tags.push("vip".to_owned());
        let first = of_fact(&fact, "aa");
        assert_ne!(of_fact(&fact, "ab"), first);
        for other in others {
            assert_ne!(of_fact(&other, "aa"), first, "{other:?}");
        }
    }
}
