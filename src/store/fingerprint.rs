//! Fingerprints: SHA-256 of one version of a conversation, of what counting saw and of its words. They prove later that a
//! digest rests on the same data, also of what was erased since.

use sha2::{Digest as _, Sha256};
use sqlx::any::AnyRow;

use super::sql::get;
use crate::digest::Fingerprint;
use crate::model::{Earlier, Exclusion, Fact, State};

/// The fingerprint as 64 hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The inverse of `hex`; none if it is not one.
pub(super) fn from_hex(text: &str) -> Option<Fingerprint> {
    let mut bytes = Fingerprint::default();
    if text.len() != 2 * bytes.len() || !text.is_ascii() {
        return None;
    }
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * place..2 * place + 2], 16).ok()?;
    }
    Some(bytes)
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

/// Who the customer was, how it was tagged and which text it had: what `forget` erases. Nobody who does not have the text can guess what is
/// under it.
pub(super) fn of_identity(fact: &Fact, text_hash: &str) -> Fingerprint {
    let mut fields = Fields(Sha256::new());
    for text in [
        fact.customer.as_deref(),
        fact.account.as_deref(),
        Some(text_hash),
    ] {
        fields.text(text);
    }
    for tag in &fact.tags {
        fields.text(Some(tag));
    }
    fields.finish()
}

/// What counting saw of a conversation, with the fingerprint of its identity.
pub(super) fn of_fact(fact: &Fact, identity: &Fingerprint) -> Fingerprint {
    // Destructured, so that a new field cannot be forgotten here. One that is added after a release is fed only where it
    // has a value, so that older fingerprints stay.
    let Fact {
        key,
        kind,
        created_at,
        closed_at,
        stored_at,
        category,
        customer: _,
        account: _,
        product,
        csat,
        reopens,
        tags: _,
        // `with_earlier` adds them where they are known.
        earlier: _,
        // The words' fingerprint covers them: that is where they are stored.
        attributes: _,
        state,
    } = fact;
    let (state, topic) = match state {
        State::Assigned(topic) => ("assigned", Some(topic.as_str())),
        State::Unassigned => ("unassigned", None),
        State::Excluded(reason) => (Exclusion::as_str(*reason), None),
    };
    let mut fields = Fields(Sha256::new());
    for text in [key.source.as_str(), &key.id, kind.as_str(), state] {
        fields.text(Some(text));
    }
    for text in [topic, category.as_deref(), product.as_deref()] {
        fields.text(text);
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
    fields.0.update(identity);
    fields.finish()
}

/// The fingerprint of a fact with what its source said before.
pub(super) fn with_earlier(fact: &Fact, fingerprint: Fingerprint) -> Fingerprint {
    if fact.earlier.is_empty() {
        return fingerprint;
    }
    let mut fields = Fields(Sha256::new());
    fields.0.update(fingerprint);
    for version in &fact.earlier {
        let Earlier {
            until,
            created_at,
            closed_at,
            category,
            exclusion,
        } = version;
        for at in [Some(until), Some(created_at), closed_at.as_ref()] {
            fields.number(at.map(|at| at.timestamp_micros()));
        }
        fields.text(category.as_deref());
        fields.text(exclusion.map(Exclusion::as_str));
    }
    fields.finish()
}

/// All words of a conversation: the columns source, id, subject, messages, tags, attributes, url and text of a row.
pub(super) fn of_words(row: &AnyRow, columns: [usize; 8]) -> anyhow::Result<Fingerprint> {
    let mut fields = Fields(Sha256::new());
    for column in columns {
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
        let whole = |fact: &Fact, hash: &str| of_fact(fact, &of_identity(fact, hash));
        let first = whole(&fact, "aa");
        assert_ne!(whole(&fact, "ab"), first);
        assert_eq!(from_hex(&hex(&first)), Some(first));
        assert_eq!(from_hex("zz"), None);
        for other in others {
            assert_ne!(whole(&other, "aa"), first, "{other:?}");
        }
    }
}
