//! Rows under a header. The delimiter is told from the header; cells that start with `=` are text.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::FilesConfig;
use super::columns::{self, Field};
use super::cursor::Place;
use super::jsonl::{only_message, split_tags};
use super::lines::{End, Lines, decode};
use crate::connectors::date::{self, DateOrder};
use crate::connectors::rating;
use crate::model::{
    Author, Conversation, ConversationKey, Kind, Message, Record, SourceId, Text, Visibility,
};

/// A header is found within this many bytes.
pub const HEADER_BYTES_MAX: u64 = 256 * 1024;

/// What the columns of a file are.
pub struct Header {
    pub delimiter: u8,
    /// How many bytes it takes, with what is before it.
    pub bytes: usize,
    names: Vec<String>,
    fields: Vec<Option<Field>>,
    zone: Tz,
    order: Option<DateOrder>,
}

impl Header {
    /// Reads the first row. `None`: it has no end yet.
    pub fn read(start: &[u8], config: &FilesConfig, zone: Tz) -> Result<Option<Self>, String> {
        let (mut skipped, mut declared) = (0, None);
        loop {
            let rest = &start[skipped..];
            let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
                let is_huge = start.len() as u64 >= HEADER_BYTES_MAX;
                return if is_huge {
                    Err("has no header line".to_owned())
                } else {
                    Ok(None)
                };
            };
            let line = rest[..end].trim_ascii();
            // Excel writes its delimiter into a line of its own.
            if let Some(delimiter) = line.strip_prefix(b"sep=").and_then(|rest| rest.first()) {
                declared = Some(*delimiter);
            } else if !line.is_empty() {
                break;
            }
            skipped += end + 1;
        }
        let delimiter = declared.unwrap_or_else(|| delimiter(&start[skipped..]));
        let mut lines = Lines::new(
            std::io::Cursor::new(&start[skipped..]),
            Place::default(),
            HEADER_BYTES_MAX as usize,
        )
        .map_err(|_| "has no header line")?;
        let unit = lines
            .next(Some(delimiter))
            .ok()
            .flatten()
            .ok_or("has no header line")?;
        if unit.end != End::Newline {
            return Err("has a header with a quote that is never closed".to_owned());
        }
        let names = cells(&decode(&unit.bytes).0, delimiter)?;
        let bytes =
            skipped + usize::try_from(unit.after.offset).map_err(|_| "has a huge header")?;
        let fields = assign(&names, config)?;
        let order = config.date_order;
        Ok(Some(Self {
            delimiter,
            bytes,
            names,
            fields,
            zone,
            order,
        }))
    }

    /// A row as a record, or why it is none.
    pub fn record(&self, line: &str, source: &SourceId) -> Result<Record, String> {
        let mut row = Row {
            header: self,
            cells: cells(line, self.delimiter)?,
        };
        if row.cells.len() > self.names.len() {
            return Err(format!(
                "has {} cells under {} columns",
                row.cells.len(),
                self.names.len()
            ));
        }
        let id = row.take(Field::Id).ok_or("has no id")?;
        let key = ConversationKey {
            source: source.clone(),
            id,
        };
        let updated_at = row.time(Field::UpdatedAt)?;
        let created_at = row.time(Field::CreatedAt)?;
        let deleted = row.take(Field::Deleted).unwrap_or_default().to_lowercase();
        if ["true", "1", "yes"].contains(&deleted.as_str()) {
            let at = updated_at
                .or(created_at)
                .ok_or("is deleted, but has no date")?;
            return Ok(Record::Deleted { key, at });
        }
        let created_at =
            created_at.ok_or_else(|| format!("{} is empty", self.name(Field::CreatedAt)))?;
        let mut conversation = Conversation::new(key, created_at);
        conversation.updated_at = updated_at.unwrap_or(created_at);
        row.fill(&mut conversation)?;
        Ok(Record::Conversation(Box::new(conversation)))
    }

    fn name(&self, field: Field) -> &str {
        let place = self.fields.iter().position(|found| *found == Some(field));
        place.map_or("a column", |place| self.names[place].as_str())
    }
}

/// Which column is what. The configuration wins over the known layouts.
fn assign(names: &[String], config: &FilesConfig) -> Result<Vec<Option<Field>>, String> {
    let layout = columns::layout(names);
    let mut fields: Vec<Option<Field>> = names
        .iter()
        .map(|name| columns::find(layout, name))
        .collect();
    let columns = || {
        names
            .iter()
            .map(|name| name.trim())
            .collect::<Vec<_>>()
            .join(", ")
    };
    for (own, header) in &config.columns {
        let Some(field) = columns::field(own) else {
            continue;
        };
        let place = names
            .iter()
            .position(|name| columns::plain(name) == columns::plain(header));
        let place = place.ok_or_else(|| {
            format!(
                "has no column \"{header}\", which columns.{own} names; it has: {}",
                columns()
            )
        })?;
        for other in fields.iter_mut().filter(|found| **found == Some(field)) {
            *other = None;
        }
        fields[place] = Some(field);
    }
    // The first of two columns for the same field is it; the other is an attribute.
    for place in 0..fields.len() {
        let field = fields[place];
        if field != Some(Field::Person) && field.is_some() && fields[..place].contains(&field) {
            fields[place] = None;
        }
    }
    let has = |field| fields.contains(&Some(field));
    let missing = [
        (has(Field::Id), "id"),
        (has(Field::CreatedAt), "created_at"),
        (
            has(Field::Text) || has(Field::Subject) || has(Field::Note),
            "text",
        ),
    ];
    match missing.iter().find(|(is_there, _)| !is_there) {
        Some((_, name)) => Err(format!(
            "no column is known to be the {name}: name it, such as columns = {{ {name} = \"…\" }}; it has: {}",
            columns()
        )),
        None => Ok(fields),
    }
}

/// The delimiter that the first line has most of, outside quotes.
fn delimiter(start: &[u8]) -> u8 {
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0), (b'|', 0)];
    let mut is_quoted = false;
    for &byte in start {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b'\n' if !is_quoted => break,
            _ if is_quoted => {}
            _ => counts
                .iter_mut()
                .filter(|(mark, _)| *mark == byte)
                .for_each(|(_, n)| *n += 1),
        }
    }
    // The comma wins a tie, because it is first.
    let most = counts.iter().map(|(_, count)| *count).max().unwrap_or(0);
    counts
        .iter()
        .find(|(_, count)| *count == most)
        .map_or(b',', |(mark, _)| *mark)
}

fn cells(line: &str, delimiter: u8) -> Result<Vec<String>, String> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .buffer_capacity(line.len().max(16))
        .from_reader(line.as_bytes());
    let mut record = csv::StringRecord::new();
    reader
        .read_record(&mut record)
        .map_err(|_| "is not a CSV row")?;
    Ok(record.iter().map(cell).collect())
}

/// `="00123"` is how spreadsheets keep a number as text.
fn cell(text: &str) -> String {
    let inner = text
        .strip_prefix("=\"")
        .and_then(|rest| rest.strip_suffix('"'));
    inner.unwrap_or(text).trim().to_owned()
}

/// One row while its cells are taken out.
struct Row<'a> {
    header: &'a Header,
    cells: Vec<String>,
}

impl Row<'_> {
    fn take(&mut self, field: Field) -> Option<String> {
        let place = self
            .header
            .fields
            .iter()
            .position(|found| *found == Some(field))?;
        let text = std::mem::take(self.cells.get_mut(place)?);
        let is_nothing = text.is_empty() || text == "-";
        (!is_nothing).then_some(text)
    }

    fn time(&mut self, field: Field) -> Result<Option<DateTime<Utc>>, String> {
        let Some(text) = self.take(field) else {
            return Ok(None);
        };
        let instant = date::parse(&text, self.header.zone, self.header.order);
        instant
            .map(Some)
            .map_err(|reason| format!("{} {reason}", self.header.name(field)))
    }

    fn fill(mut self, conversation: &mut Conversation) -> Result<(), String> {
        conversation.closed_at = self.time(Field::ClosedAt)?;
        conversation.channel = self.take(Field::Channel);
        let named = self.take(Field::Kind);
        conversation.kind = kind(named.as_deref(), conversation.channel.as_deref());
        conversation.status = self.take(Field::Status);
        conversation.subject = Text::new(self.take(Field::Subject).unwrap_or_default());
        if let Some(text) = self.take(Field::Text) {
            conversation
                .messages
                .push(only_message(conversation.kind, text));
        }
        if let Some(note) = self.take(Field::Note) {
            let (author, visibility) = (Author::Agent, Visibility::Internal);
            conversation.messages.push(Message {
                at: None,
                author,
                visibility,
                text: note.into(),
            });
        }
        conversation.category = self.take(Field::Category);
        conversation.tags = self
            .take(Field::Tags)
            .map(|tags| split_tags(&tags))
            .unwrap_or_default();
        conversation.account = self.take(Field::Account);
        conversation.requester = self.take(Field::Requester);
        conversation.product = self.take(Field::Product);
        conversation.priority = self.take(Field::Priority);
        conversation.csat = self.take(Field::Csat).and_then(|score| csat(&score));
        let reopens = self.take(Field::Reopens);
        conversation.reopens = reopens.and_then(|count| count.parse().ok()).unwrap_or(0);
        conversation.url = self.take(Field::Url);
        conversation.attributes = self.attributes();
        Ok(())
    }

    fn attributes(self) -> BTreeMap<String, String> {
        let columns = self
            .header
            .names
            .iter()
            .zip(&self.header.fields)
            .zip(self.cells);
        columns
            .filter(|((name, field), cell)| field.is_none() && !name.is_empty() && !cell.is_empty())
            .map(|((name, _), cell)| (name.clone(), cell))
            .collect()
    }
}

fn kind(named: Option<&str>, channel: Option<&str>) -> Kind {
    let is_call = |text: &str| {
        let text = columns::plain(text);
        ["callnote", "call", "phone", "voice", "telefon", "anruf"]
            .iter()
            .any(|start| text.starts_with(start))
    };
    let told = named.or(channel).unwrap_or_default();
    if is_call(told) {
        Kind::CallNote
    } else {
        Kind::Ticket
    }
}

/// A share, a percentage, or Zendesk's words.
fn csat(score: &str) -> Option<f64> {
    let share = || {
        let lower = score.trim();
        let percent = lower
            .strip_suffix('%')
            .and_then(|number| number.trim().parse::<f64>().ok());
        let share = percent.map(|number| number / 100.0);
        let share = share.or_else(|| lower.parse().ok());
        share.filter(|share| (0.0..=1.0).contains(share))
    };
    rating::word(score).or_else(share)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str, config: &FilesConfig) -> Result<Vec<Result<Record, String>>, String> {
        let header = Header::read(text.as_bytes(), config, Tz::UTC)?.expect("a whole header");
        let rest = &text.as_bytes()[header.bytes..];
        let mut lines = Lines::new(std::io::Cursor::new(rest), Place::default(), 10_000).unwrap();
        let mut found = Vec::new();
        while let Some(unit) = lines.next(Some(header.delimiter)).unwrap() {
            found.push(header.record(decode(&unit.bytes).0.trim_end(), &SourceId::from("desk")));
            lines.accept(&unit);
        }
        Ok(found)
    }

    fn first(text: &str, config: &FilesConfig) -> Conversation {
        match rows(text, config).unwrap().remove(0).unwrap() {
            Record::Conversation(conversation) => *conversation,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn our_own_names_are_read_with_any_delimiter_and_case() {
        for text in [
            "ID,Created_At,Text,Tags,Color\n1,2026-03-02 09:12,\"it leaks,\nbadly\",\"a,b\",red\n",
            "id;created at;TEXT;tags;Color\r\n=\"1\";02.03.2026 09:12;\"it leaks,\nbadly\";a,b;red\r\n",
            "sep=;\nid;created at;TEXT;tags;Color\n1;2026-03-02T09:12:00Z;\"it leaks,\nbadly\";a|b;red\n",
            "\"id\"\t\"created-at\"\t\"text\"\t\"tags\"\t\"Color\"\n1\t2026-03-02 09:12\t\"it leaks,\nbadly\"\ta, b\tred\n",
        ] {
            let found = first(text, &FilesConfig::default());
            assert_eq!(found.key.id, "1", "{text}");
            assert_eq!(found.created_at.to_rfc3339(), "2026-03-02T09:12:00+00:00");
            assert_eq!(found.messages[0].text.as_str(), "it leaks,\nbadly");
            assert_eq!(found.tags, ["a", "b"]);
            assert_eq!(found.attributes["Color"], "red");
        }
    }

    #[test]
    fn zendesk_exports_are_known() {
        let text = "Summation column,Id,Requester,Requester id,Requester email,Assignee,Subject,Tags,Status,Priority,Via,Ticket type,Created at,Updated at,Solved at,Organization,Satisfaction Score,Reopens,Category [list]\n\
            1,4711,Anna Müller,99,anna@example.com,Tom,It leaks,a b,Closed,Urgent,Phone call (inbound),Problem,2026-03-02 09:12,2026-03-03 09:12,2026-03-03 08:00,Nord,Good,2,Heating\n";
        let found = first(text, &FilesConfig::default());
        assert_eq!(
            (found.key.id.as_str(), found.kind),
            ("4711", Kind::CallNote)
        );
        assert_eq!(found.subject.as_str(), "It leaks");
        assert_eq!(
            (found.requester.as_deref(), found.account.as_deref()),
            (Some("99"), Some("Nord"))
        );
        assert_eq!((found.csat, found.reopens), (Some(1.0), 2));
        assert_eq!(found.category.as_deref(), Some("Heating"));
        assert!(found.closed_at.is_some());
        let names: Vec<_> = found.attributes.keys().map(String::as_str).collect();
        assert_eq!(names, ["Summation column", "Ticket type"]);
    }

    #[test]
    fn freshdesk_exports_are_known() {
        let text = "Ticket ID,Subject,Status,Priority,Source,Type,Agent,Group,Created time,Due by Time,Resolved time,Closed time,Last update time,Tags,Product,Full name,Contact ID\n\
            12,No heat,Open,Low,Email,Heating,Tom,Service,2026-03-02 09:12:00,,,,2026-03-02 10:00:00,\"a,b\",Aura 9,Anna,77\n";
        let found = first(text, &FilesConfig::default());
        assert_eq!(found.category.as_deref(), Some("Heating"));
        assert_eq!(found.product.as_deref(), Some("Aura 9"));
        assert_eq!(found.requester.as_deref(), Some("77"));
        assert!(
            !found
                .attributes
                .values()
                .any(|value| value == "Anna" || value == "Tom")
        );
    }

    #[test]
    fn configured_columns_win() {
        let columns = [
            ("id", "Case No."),
            ("created_at", "Opened"),
            ("text", "What happened"),
        ];
        let columns = columns.map(|(own, header)| (own.to_owned(), header.to_owned()));
        let config = FilesConfig {
            columns: columns.into(),
            ..FilesConfig::default()
        };
        let found = first(
            "id,case no,opened,what happened\nx,7,2026-03-02,leak\n",
            &config,
        );
        assert_eq!(found.key.id, "7");
        assert_eq!(found.attributes["id"], "x");
        let error = rows("a,b\n", &config).unwrap_err();
        assert!(
            error.contains("no column \"Opened\"") && error.contains("a, b"),
            "{error}"
        );
    }

    #[test]
    fn an_unknown_header_says_what_to_do() {
        let error = rows("number,when,words\n1,2,3\n", &FilesConfig::default()).unwrap_err();
        assert!(
            error.contains("columns = { id") && error.contains("number, when, words"),
            "{error}"
        );
    }

    #[test]
    fn wrong_rows_say_what_is_wrong_and_totals_rows_are_no_tickets() {
        let text = "id,created_at,text\n1,03/04/2026,private\n,2026-03-02,total 17\n2,private,x\n3,2026-03-02,a,b,c\n4,2026-03-02,=1+1\n";
        let found = rows(text, &FilesConfig::default()).unwrap();
        let reason = |place: usize| found[place].clone().unwrap_err();
        assert!(reason(0).contains("date_order"), "{}", reason(0));
        assert_eq!(reason(1), "has no id");
        assert_eq!(reason(2), "created_at is not a date-time");
        assert_eq!(reason(3), "has 5 cells under 3 columns");
        assert!(found[4].is_ok());
    }
}
