//! What customers thought of the service, as a share from 0 to 1, out of the scales and words that vendors use. Pure.

use serde_json::Value;

use super::engine::FieldPath;
use super::json;
use crate::section::Section;

/// A number of a scale. What is not on it says nothing.
pub fn scaled(value: f64, least: f64, most: f64) -> Option<f64> {
    (least..=most)
        .contains(&value)
        .then(|| (value - least) / (most - least))
}

/// One to five, as a number or as text.
pub fn stars(value: &Value) -> Option<f64> {
    scaled(number(value)?, 1.0, 5.0)
}

/// A word that says how it was; most vendors have three.
pub fn word(text: &str) -> Option<f64> {
    let lower = text.trim().to_lowercase().replace(['_', '-'], " ");
    match lower.trim_end_matches(" with comment") {
        "great" | "good" | "happy" | "positive" | "promoter" => Some(1.0),
        "okay" | "ok" | "neutral" | "passive" => Some(0.5),
        "bad" | "not good" | "unhappy" | "negative" | "detractor" => Some(0.0),
        _ => None,
    }
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| json::plain(value)?.parse().ok())
}

/// A field of the customer's own that holds the rating, for systems that have no fixed place for it.
#[derive(Clone, Debug, PartialEq)]
pub struct RatingField {
    /// Where it is.
    pub field: FieldPath,
    /// The worst answer.
    pub least: f64,
    /// The best answer.
    pub most: f64,
}

impl RatingField {
    /// One to five in a field.
    pub fn new(field: FieldPath) -> Self {
        let (least, most) = (1.0, 5.0);
        Self { field, least, most }
    }

    /// Reads `csat_field`, `csat_min` and `csat_max`.
    pub fn read(section: &mut Section<'_>) -> Option<Self> {
        let least = section.number("csat_min", 1, -1_000..=1_000);
        let most = section.number("csat_max", 5, -1_000..=1_000);
        if most <= least {
            let message = format!("the best answer is {most}, the worst {least}");
            let hint = "give the ends of the scale, such as csat_min = 1 and csat_max = 5";
            section.problem("csat_max", message, hint);
        }
        let field = FieldPath::read(section, "csat_field")?;
        let (least, most) = (least as f64, most as f64);
        Some(Self { field, least, most })
    }

    /// The rating of a record.
    pub fn of(&self, record: &Value) -> Option<f64> {
        let text = self.field.value(record)?;
        match text.parse() {
            Ok(number) => scaled(number, self.least, self.most),
            Err(_) => word(&text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn scales_and_words_become_shares() {
        assert_eq!(
            [json!(1), json!(4), json!("5"), json!(3.0)].map(|value| stars(&value)),
            [Some(0.0), Some(0.75), Some(1.0), Some(0.5)]
        );
        assert_eq!(
            [json!(0), json!(6), json!("five"), json!(null)].map(|value| stars(&value)),
            [None; 4]
        );
        assert_eq!(
            [
                "Great",
                "not_good",
                "NOT-GOOD",
                "good_with_comment",
                "OK",
                "offered",
                ""
            ]
            .map(word),
            [
                Some(1.0),
                Some(0.0),
                Some(0.0),
                Some(1.0),
                Some(0.5),
                None,
                None
            ]
        );
    }

    #[test]
    fn a_field_of_ones_own_has_a_scale_of_ones_own() {
        let mut field = RatingField::new(FieldPath::new("fields.score"));
        let of = |field: &RatingField, value: Value| field.of(&json!({"fields": {"score": value}}));
        assert_eq!(of(&field, json!("4.0")), Some(0.75));
        (field.least, field.most) = (0.0, 10.0);
        assert_eq!(of(&field, json!(9)), Some(0.9));
        assert_eq!(of(&field, json!(11)), None);
        assert_eq!(of(&field, json!("good")), Some(1.0));
        assert_eq!(of(&field, json!("no words for it")), None);
    }
}
