//! Which column of a CSV file is what: our own names, the exports of common helpdesks, and what the
//! configuration says, which wins. Headers match whatever their case and punctuation.

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    Id,
    CreatedAt,
    UpdatedAt,
    ClosedAt,
    Kind,
    Status,
    Subject,
    Text,
    Note,
    Category,
    Tags,
    Account,
    Requester,
    Channel,
    Product,
    Priority,
    Csat,
    Reopens,
    Url,
    Deleted,
    /// Names and addresses of people: left out at the door.
    Person,
}

/// Our names of the columns.
static OWN: [(&str, Field); 20] = [
    ("id", Field::Id),
    ("created_at", Field::CreatedAt),
    ("updated_at", Field::UpdatedAt),
    ("closed_at", Field::ClosedAt),
    ("kind", Field::Kind),
    ("status", Field::Status),
    ("subject", Field::Subject),
    ("text", Field::Text),
    ("note", Field::Note),
    ("category", Field::Category),
    ("tags", Field::Tags),
    ("account", Field::Account),
    ("requester", Field::Requester),
    ("channel", Field::Channel),
    ("product", Field::Product),
    ("priority", Field::Priority),
    ("csat", Field::Csat),
    ("reopens", Field::Reopens),
    ("url", Field::Url),
    ("deleted", Field::Deleted),
];

/// Zendesk's full export; known by its first column.
static ZENDESK: [(&str, Field); 21] = [
    ("id", Field::Id),
    ("requester", Field::Person),
    ("requester id", Field::Requester),
    ("requester external id", Field::Person),
    ("requester email", Field::Person),
    ("requester domain", Field::Person),
    ("submitter", Field::Person),
    ("assignee", Field::Person),
    ("subject", Field::Subject),
    ("tags", Field::Tags),
    ("status", Field::Status),
    ("priority", Field::Priority),
    ("via", Field::Channel),
    ("created at", Field::CreatedAt),
    ("updated at", Field::UpdatedAt),
    ("solved at", Field::ClosedAt),
    ("organization", Field::Account),
    ("satisfaction score", Field::Csat),
    ("reopens", Field::Reopens),
    ("category", Field::Category),
    ("product", Field::Product),
];

/// Freshdesk's ticket export; its Type is the field that its reports are built on.
static FRESHDESK: [(&str, Field); 25] = [
    ("ticket id", Field::Id),
    ("subject", Field::Subject),
    ("description", Field::Text),
    ("status", Field::Status),
    ("priority", Field::Priority),
    ("source", Field::Channel),
    ("type", Field::Category),
    ("agent", Field::Person),
    ("created time", Field::CreatedAt),
    ("resolved time", Field::ClosedAt),
    ("last update time", Field::UpdatedAt),
    ("tags", Field::Tags),
    ("product", Field::Product),
    ("contact id", Field::Requester),
    ("company name", Field::Account),
    ("company", Field::Account),
    ("full name", Field::Person),
    ("title", Field::Person),
    ("email", Field::Person),
    ("work phone", Field::Person),
    ("mobile phone", Field::Person),
    ("twitter id", Field::Person),
    ("facebook id", Field::Person),
    ("unique external id", Field::Person),
    ("contact name", Field::Person),
];

/// Whether the configuration may name a column for this.
pub fn is_known(name: &str) -> bool {
    OWN.iter().any(|(own, _)| *own == name)
}

/// What the configuration may name.
pub fn names() -> Vec<&'static str> {
    OWN.iter().map(|(name, _)| *name).collect()
}

/// The field with our name.
pub fn field(name: &str) -> Option<Field> {
    find(&OWN, name)
}

/// The known layout of a header, told by columns that no other has.
pub fn layout(headers: &[String]) -> &'static [(&'static str, Field)] {
    let has = |name: &str| headers.iter().any(|header| plain(header) == plain(name));
    if has("summation column") || (has("requester id") && has("ticket type")) {
        &ZENDESK
    } else if has("ticket id") && has("created time") {
        &FRESHDESK
    } else {
        &OWN
    }
}

/// A helpdesk's export of tickets: one row a ticket, where its columns stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// Whose.
    pub helpdesk: &'static str,
    /// The ticket's number.
    pub id: usize,
    /// When it was opened.
    pub opened: usize,
    /// When it was solved.
    pub solved: Option<usize>,
    /// When it was closed for good, where that is another thing.
    pub closed: Option<usize>,
    /// The field that its reports are built on, where the export says which.
    pub category: Option<usize>,
    /// Fields that a report may be built on: lists, the type, the group.
    pub candidates: Vec<usize>,
}

/// The export that a header is of; `None` where its rows are no tickets.
pub fn export(headers: &[String]) -> Option<Export> {
    let layout = layout(headers);
    let place = |wanted: Field| {
        headers
            .iter()
            .position(|name| find(layout, name) == Some(wanted))
    };
    let named = |wanted: &str| headers.iter().position(|name| plain(name) == plain(wanted));
    let helpdesk = match layout {
        _ if std::ptr::eq(layout, &ZENDESK) => "Zendesk",
        _ if std::ptr::eq(layout, &FRESHDESK) => "Freshdesk",
        _ => "a helpdesk",
    };
    let lists = (0..headers.len()).filter(|at| headers[*at].trim_end().ends_with("[list]"));
    let known = ["ticket type", "type", "group", "category"];
    let mut candidates: Vec<usize> = lists.chain(known.into_iter().filter_map(named)).collect();
    candidates.sort_unstable();
    candidates.dedup();
    Some(Export {
        helpdesk,
        id: place(Field::Id)?,
        opened: place(Field::CreatedAt)?,
        solved: place(Field::ClosedAt),
        closed: named("closed time"),
        category: place(Field::Category),
        candidates,
    })
}

/// The field of a header in a layout.
pub fn find(layout: &[(&str, Field)], header: &str) -> Option<Field> {
    let header = plain(header);
    layout
        .iter()
        .find(|(name, _)| plain(name) == header)
        .map(|(_, field)| *field)
}

/// Letters and digits in lower case, without a type suffix such as `[list]`.
pub fn plain(header: &str) -> String {
    let bare = match header.rfind('[') {
        Some(place) if header.trim_end().ends_with(']') && place > 0 => &header[..place],
        _ => header,
    };
    bare.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}
