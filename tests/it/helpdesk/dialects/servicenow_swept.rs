//! ServiceNow for an account that may not read what was deleted: everything is looked through instead.

use std::sync::Arc;

use groundswell::connectors::engine::System;
use groundswell::connectors::servicenow;
use url::Url;

use super::super::dialect::{Asked, Deletions, Dialect, Powers, Reply};
use super::super::tickets::{Expected, Ticket, Tickets};
use super::servicenow::ServiceNow;

pub struct Swept;

impl Dialect for Swept {
    fn name(&self) -> &'static str {
        "servicenow_swept"
    }

    fn system(&self, url: &Url) -> Arc<dyn System> {
        let settings = super::servicenow::settings(url);
        let table = "incident".to_owned();
        Arc::new(servicenow::ServiceNow::new(settings, table, false))
    }

    fn powers(&self) -> Powers {
        Powers {
            deletions: Deletions::Silent,
            ..ServiceNow.powers()
        }
    }

    fn is_allowed(&self, asked: &Asked) -> bool {
        ServiceNow.is_allowed(asked)
    }

    fn id(&self, ticket: &Ticket) -> String {
        ServiceNow.id(ticket)
    }

    fn answer(&self, tickets: &Tickets, asked: &Asked) -> Reply {
        if asked.path.ends_with("/sys_audit_delete") {
            return Reply::Status(403);
        }
        ServiceNow.answer(tickets, asked)
    }

    fn expected(&self, ticket: &Ticket, usual: Expected) -> Expected {
        ServiceNow.expected(ticket, usual)
    }
}
