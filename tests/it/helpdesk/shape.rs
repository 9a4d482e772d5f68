//! How the same values may look: vendors write ids as numbers here and as text there, and leave out what is empty.

use serde_json::Value;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// All ids are text.
    TextIds,
    /// All ids that can be are numbers.
    NumberIds,
    /// What is null or empty is left out, except for lists that must be there.
    Sparse,
}

impl Shape {
    /// Gives an answer this shape. `lists` are pointers to what the connector follows.
    pub fn give(self, answer: &mut Value, lists: &[&str]) {
        if self == Self::Sparse {
            let there = lists.iter().filter(|list| answer.pointer(list).is_some());
            let there: Vec<&str> = there.copied().collect();
            thin(answer);
            for list in there.into_iter().filter(|list| !list.is_empty()) {
                put_back(answer, list);
            }
        } else {
            self.rewrite(answer);
        }
    }

    fn rewrite(self, value: &mut Value) {
        match value {
            Value::Array(values) => values.iter_mut().for_each(|value| self.rewrite(value)),
            Value::Object(fields) => {
                for (name, value) in fields {
                    if is_id(name) {
                        self.rewrite_id(value);
                    }
                    self.rewrite(value);
                }
            }
            _ => {}
        }
    }

    fn rewrite_id(self, id: &mut Value) {
        match id {
            Value::Number(number) if self == Self::TextIds => *id = number.to_string().into(),
            Value::String(text) if self == Self::NumberIds => {
                let number = text.parse::<u64>().ok();
                let same = number.filter(|number| number.to_string() == *text);
                if let Some(number) = same {
                    *id = number.into();
                }
            }
            _ => {}
        }
    }
}

fn is_id(name: &str) -> bool {
    name == "id" || name.ends_with("_id") || name.ends_with("Id")
}

fn thin(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(thin),
        Value::Object(fields) => {
            fields.retain(|_, value| {
                !value.is_null() && value.as_array().is_none_or(|all| !all.is_empty())
            });
            fields.iter_mut().for_each(|(_, value)| thin(value));
        }
        _ => {}
    }
}

fn put_back(answer: &mut Value, list: &str) {
    let (parent, name) = list.rsplit_once('/').unwrap();
    if let Some(Value::Object(parent)) = answer.pointer_mut(parent) {
        parent
            .entry(name)
            .or_insert_with(|| Value::Array(Vec::new()));
    }
}
