//! Calls of Talk. One that belongs to a ticket only says that the ticket has something new; one without is a call note
//! of its own, mostly without words, so that calls outside the helpdesk can be counted.

use std::collections::BTreeMap;

use serde_json::Value;

use super::CALL;
use crate::connectors::engine::{Read, Settings, Touched};
use crate::connectors::json;
use crate::model::{Conversation, Kind};

/// Which conversation a call is about.
pub fn touched(row: &Value) -> Result<Option<Touched>, String> {
    let id = json::text(row, "id").ok_or("the call has no id")?;
    let at = json::time(row, "updated_at")
        .ok_or("updated_at of the call is missing or not a date-time")?;
    let ticket = json::text(row, "ticket_id").filter(|ticket| ticket != "0");
    let id = ticket.unwrap_or_else(|| format!("{CALL}{id}"));
    Ok(Some(Touched::new(id, Some(at))))
}

/// A call without a ticket. Talk gives calls in its list only, so one that is asked for by its id is left as it is.
pub fn read(id: &str, row: Option<&Value>, settings: &Settings) -> Read {
    let Some(row) = row else { return Read::Nothing };
    let Some(created_at) = json::time(row, "created_at") else {
        return Read::Broken("created_at of the call is missing or not a date-time".to_owned());
    };
    let key = settings.key(id);
    let mut conversation = Conversation::new(key, created_at);
    conversation.kind = Kind::CallNote;
    conversation.channel = Some("phone".to_owned());
    conversation.updated_at = json::time(row, "updated_at").unwrap_or(created_at);
    conversation.status = json::text(row, "completion_status");
    conversation.requester = json::text(row, "customer_id");
    let names = [
        "direction",
        "duration",
        "wait_time",
        "line",
        "call_group_id",
    ];
    let kept = names
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), json::text(row, name)?)));
    conversation.attributes = kept.collect::<BTreeMap<_, _>>();
    Read::whole(conversation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_call_names_its_ticket_or_stands_for_itself() {
        let call = |ticket: Value| json!({"id": 7, "ticket_id": ticket, "updated_at": "2026-03-02T09:10:00Z", "created_at": "2026-03-02T09:00:00Z"});
        let id = |ticket| touched(&call(ticket)).unwrap().unwrap().id;
        assert_eq!(
            (id(json!(12)), id(json!(null)), id(json!(0))),
            ("12".into(), "call:7".into(), "call:7".into())
        );
        assert!(touched(&json!({"id": 7})).is_err());
    }
}
