-- The tables of Groundswell. The same tables and columns stand in the other database's folder.
-- Times are microseconds UTC, flags 0 or 1, lists JSON text, vectors bytes.

-- One row: the number of the last change. Every transaction that writes takes it first, so that
-- numbers grow in the order of commits, and raises it last. `texts` has followed up to `last_listed`.
CREATE TABLE feed (
    id INTEGER PRIMARY KEY,
    last_change INTEGER NOT NULL,
    last_listed INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO feed (id, last_change) VALUES (1, 0);

CREATE TABLE sources (
    id TEXT PRIMARY KEY NOT NULL,
    cursor TEXT,
    complete_until INTEGER,
    finished_at INTEGER,
    failures INTEGER NOT NULL,
    error TEXT,
    retry_at INTEGER,
    records INTEGER NOT NULL,
    -- History is read beside the daily pull, which began here and leaves it what is older.
    began_at INTEGER,
    backfill_cursor TEXT,
    backfill_began_at INTEGER,
    backfilled_to INTEGER,
    backfill_finished_at INTEGER,
    backfill_records INTEGER NOT NULL DEFAULT 0,
    backfill_failures INTEGER NOT NULL DEFAULT 0,
    backfill_error TEXT,
    backfill_retry_at INTEGER,
    -- The brake on mass deletion: how many deletions it holds back, and whether a person let them go.
    deletions_held INTEGER NOT NULL DEFAULT 0,
    deletions_allowed INTEGER NOT NULL DEFAULT 0,
    -- The vendor said then that something changed; empty once that was pulled.
    hinted_at INTEGER
) STRICT;

CREATE TABLE skipped (
    source TEXT NOT NULL,
    place TEXT NOT NULL,
    reason TEXT NOT NULL,
    skipped_at INTEGER NOT NULL,
    PRIMARY KEY (source, place)
) STRICT;

-- Records that were named but could not be read: each is tried again by itself.
CREATE TABLE parked (
    source TEXT NOT NULL,
    id TEXT NOT NULL,
    reason TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    retry_at INTEGER NOT NULL,
    parked_at INTEGER NOT NULL,
    -- 1: it was missed, or not there when it was named; once looked for in vain it is gone.
    is_missing INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (source, id)
) STRICT, WITHOUT ROWID;

-- What was looked for in vain: to be deleted, or deleted not long ago.
CREATE TABLE gone (
    source TEXT NOT NULL,
    id TEXT NOT NULL,
    found_at INTEGER NOT NULL,
    buried_at INTEGER,
    PRIMARY KEY (source, id)
) STRICT, WITHOUT ROWID;

-- What a walk over all ids of a source has met so far; empty when none is under way.
CREATE TABLE present (
    source TEXT NOT NULL,
    id TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    -- 1: it must have been read by now.
    is_expected INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (source, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE topics (
    id TEXT PRIMARY KEY NOT NULL,
    label TEXT NOT NULL,
    theme_id TEXT NOT NULL,
    theme TEXT NOT NULL,
    status TEXT NOT NULL,
    threshold INTEGER NOT NULL,
    stability REAL,
    discovered_at INTEGER NOT NULL,
    centre BLOB NOT NULL
) STRICT;

CREATE TABLE terms (
    topic TEXT NOT NULL REFERENCES topics (id),
    position INTEGER NOT NULL,
    word TEXT NOT NULL,
    weight REAL NOT NULL,
    PRIMARY KEY (topic, position)
) STRICT;

CREATE TABLE exemplars (
    topic TEXT NOT NULL REFERENCES topics (id),
    position INTEGER NOT NULL,
    source TEXT NOT NULL,
    id TEXT NOT NULL,
    vector BLOB NOT NULL,
    PRIMARY KEY (topic, position)
) STRICT;
CREATE INDEX exemplars_by_conversation ON exemplars (source, id);

CREATE TABLE lineage (
    number INTEGER PRIMARY KEY,
    happened_at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    topic TEXT NOT NULL,
    other_topic TEXT
) STRICT;

CREATE TABLE discoveries (
    number INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    ran_at INTEGER NOT NULL,
    topics INTEGER NOT NULL,
    assignments INTEGER NOT NULL
) STRICT;

CREATE TABLE edits (
    number INTEGER PRIMARY KEY,
    made_at INTEGER NOT NULL,
    made_by TEXT NOT NULL,
    kind TEXT NOT NULL,
    topic TEXT NOT NULL,
    into_topic TEXT,
    label TEXT,
    source TEXT,
    id TEXT,
    is_undone INTEGER NOT NULL
) STRICT;

-- What counting needs. `topic` is where a conversation counts: `found_topic`, with people's edits on
-- top. `read_change` is the change as of which the last closing read the words. The words lie in a table of their own, so that counting never reads them
-- and a change of topic never rewrites them. A tombstone of a conversation that was never seen
-- has no created_at and lies in no window.
CREATE TABLE conversations (
    source TEXT NOT NULL,
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    created_at INTEGER,
    updated_at INTEGER NOT NULL,
    closed_at INTEGER,
    stored_at INTEGER NOT NULL,
    change_number INTEGER NOT NULL,
    exclusion TEXT,
    is_forgotten INTEGER NOT NULL,
    merged_into TEXT,
    status TEXT,
    category TEXT,
    account TEXT,
    requester TEXT,
    channel TEXT,
    product TEXT,
    priority TEXT,
    csat REAL,
    reopens INTEGER NOT NULL,
    tags TEXT NOT NULL DEFAULT '[]',
    language TEXT NOT NULL,
    text_hash TEXT NOT NULL,
    content_hash TEXT NOT NULL,
    topic TEXT REFERENCES topics (id),
    score REAL,
    found_topic TEXT,
    also_topic TEXT,
    judged_hash TEXT,
    read_change INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (source, id)
) STRICT;
CREATE INDEX conversations_by_change ON conversations (change_number);
CREATE INDEX conversations_by_created ON conversations (created_at);
CREATE INDEX conversations_by_closed ON conversations (closed_at) WHERE closed_at IS NOT NULL;
CREATE INDEX conversations_unjudged ON conversations (change_number)
    WHERE exclusion IS NULL AND judged_hash IS DISTINCT FROM text_hash;
CREATE INDEX conversations_by_topic ON conversations (topic, created_at) WHERE topic IS NOT NULL;

CREATE TABLE words (
    source TEXT NOT NULL,
    id TEXT NOT NULL,
    subject TEXT NOT NULL,
    messages TEXT NOT NULL,
    tags TEXT NOT NULL,
    attributes TEXT NOT NULL,
    url TEXT,
    text TEXT NOT NULL,
    change_number INTEGER NOT NULL,
    PRIMARY KEY (source, id),
    FOREIGN KEY (source, id) REFERENCES conversations (source, id)
) STRICT;

-- Versions that were replaced: what a closed window counted, and what an official report may have
-- counted. Each held from its own change up to, not including, the one that replaced it. A time
-- stands where the source replaced it, none where only its topic changed. `forget` leaves the
-- fingerprint of who and what it erased.
CREATE TABLE conversation_history (
    source TEXT NOT NULL,
    id TEXT NOT NULL,
    from_change INTEGER NOT NULL,
    to_change INTEGER NOT NULL,
    superseded_at INTEGER,
    erased_at INTEGER,
    fingerprint TEXT,
    kind TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    closed_at INTEGER,
    stored_at INTEGER NOT NULL,
    exclusion TEXT,
    merged_into TEXT,
    status TEXT,
    category TEXT,
    account TEXT,
    requester TEXT,
    channel TEXT,
    product TEXT,
    priority TEXT,
    csat REAL,
    reopens INTEGER NOT NULL,
    tags TEXT NOT NULL DEFAULT '[]',
    language TEXT NOT NULL,
    text_hash TEXT NOT NULL,
    topic TEXT,
    PRIMARY KEY (source, id, from_change)
) STRICT, WITHOUT ROWID;
CREATE INDEX conversation_history_by_end ON conversation_history (to_change);

-- The same of words, only where a closing had read them.
CREATE TABLE word_history (
    source TEXT NOT NULL,
    id TEXT NOT NULL,
    from_change INTEGER NOT NULL,
    to_change INTEGER NOT NULL,
    erased_at INTEGER,
    fingerprint TEXT,
    subject TEXT,
    messages TEXT,
    tags TEXT,
    attributes TEXT,
    url TEXT,
    text TEXT,
    PRIMARY KEY (source, id, from_change)
) STRICT, WITHOUT ROWID;

-- Who has a text, of conversations that count. It follows the feed only when it is asked for: hashes
-- come in no order, so a list that is always up to date would cost more than all the rest of saving.
CREATE TABLE texts (
    text_hash TEXT NOT NULL,
    source TEXT NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (text_hash, source, id)
) STRICT, WITHOUT ROWID;

-- Approximate ones come from the fast tier and are replaced in the background.
CREATE TABLE vectors (
    text_hash TEXT NOT NULL,
    model TEXT NOT NULL,
    vector BLOB NOT NULL,
    is_approximate INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (text_hash, model)
) STRICT, WITHOUT ROWID;
CREATE INDEX vectors_approximate ON vectors (text_hash) WHERE is_approximate = 1;

-- Up to this change every text has a vector of the model.
CREATE TABLE embedded (
    model TEXT PRIMARY KEY NOT NULL,
    last_change INTEGER NOT NULL
) STRICT;

-- One row: the encoder that the topics' middles and exemplars come from. With another one configured, topics
-- are renewed once every text has its vector. They are approximate if any of the vectors were, and renewed once more
-- when none is.
CREATE TABLE encoder (
    id INTEGER PRIMARY KEY,
    model TEXT NOT NULL,
    is_approximate INTEGER NOT NULL DEFAULT 0
) STRICT;

-- A corrected report is a new version; a file with several metrics is several reports of one name.
CREATE TABLE reports (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    cadence TEXT NOT NULL,
    metric TEXT NOT NULL DEFAULT '',
    version INTEGER NOT NULL,
    basis TEXT NOT NULL,
    zone TEXT,
    imported_at INTEGER NOT NULL,
    UNIQUE (name, cadence, metric, version)
) STRICT;

CREATE TABLE report_rows (
    report INTEGER NOT NULL REFERENCES reports (number),
    position INTEGER NOT NULL,
    window_key TEXT NOT NULL,
    category TEXT,
    conversations INTEGER NOT NULL,
    PRIMARY KEY (report, position)
) STRICT;

-- How files with these headers are read: what a person chose once is not asked again.
CREATE TABLE report_layouts (
    fingerprint TEXT PRIMARY KEY NOT NULL,
    choices TEXT NOT NULL,
    chosen_at INTEGER NOT NULL
) STRICT;

-- What people confirmed that a report counts: only added to; the newest one of a report holds.
CREATE TABLE report_definitions (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    metric TEXT NOT NULL,
    definition TEXT NOT NULL,
    confirmed_at INTEGER NOT NULL,
    confirmed_by TEXT NOT NULL
) STRICT;

CREATE TABLE digests (
    id TEXT PRIMARY KEY NOT NULL,
    cadence TEXT NOT NULL,
    window_key TEXT NOT NULL,
    starts_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    content TEXT NOT NULL
) STRICT;

-- What each digest suggested, in its order: a log. `content` is JSON; the suggestion's id is the same as long as it is
-- repeated.
CREATE TABLE suggestions (
    digest TEXT NOT NULL REFERENCES digests (id),
    position INTEGER NOT NULL,
    suggestion TEXT NOT NULL,
    ends_at INTEGER NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (digest, position)
) STRICT;
CREATE INDEX suggestions_by_id ON suggestions (suggestion);
CREATE INDEX suggestions_by_end ON suggestions (ends_at);

-- What people decided of suggestions: a log.
CREATE TABLE decisions (
    number INTEGER PRIMARY KEY,
    decided_at INTEGER NOT NULL,
    decided_by TEXT NOT NULL,
    suggestion TEXT NOT NULL,
    state TEXT NOT NULL,
    note TEXT NOT NULL
) STRICT;

-- `as_of` is the last change that was counted. A team with a digest of its own has a row of its own; the whole company's
-- team is empty.
CREATE TABLE windows (
    cadence TEXT NOT NULL,
    window_key TEXT NOT NULL,
    team TEXT NOT NULL,
    closed_at INTEGER NOT NULL,
    conversations INTEGER NOT NULL,
    digest TEXT REFERENCES digests (id),
    reason TEXT NOT NULL,
    as_of INTEGER NOT NULL,
    PRIMARY KEY (cadence, window_key, team)
) STRICT;
CREATE INDEX windows_by_as_of ON windows (as_of);

-- What a closed window was computed from: the small inputs as JSON, and hashes of the rest. The seal is a
-- hash of all that the closing wrote.
CREATE TABLE closings (
    cadence TEXT NOT NULL,
    window_key TEXT NOT NULL,
    team TEXT NOT NULL,
    inputs TEXT NOT NULL,
    proof TEXT NOT NULL,
    seal TEXT NOT NULL,
    PRIMARY KEY (cadence, window_key, team),
    FOREIGN KEY (cadence, window_key, team) REFERENCES windows (cadence, window_key, team)
) STRICT;

-- The topic is empty where a state has none.
CREATE TABLE window_counts (
    cadence TEXT NOT NULL,
    window_key TEXT NOT NULL,
    team TEXT NOT NULL,
    state TEXT NOT NULL,
    topic TEXT NOT NULL,
    conversations INTEGER NOT NULL,
    customers INTEGER NOT NULL,
    PRIMARY KEY (cadence, window_key, team, state, topic),
    FOREIGN KEY (cadence, window_key, team) REFERENCES windows (cadence, window_key, team)
) STRICT;

CREATE TABLE deliveries (
    digest TEXT NOT NULL REFERENCES digests (id),
    destination TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    next_at INTEGER NOT NULL,
    receipt TEXT,
    error TEXT,
    PRIMARY KEY (digest, destination)
) STRICT;
CREATE INDEX deliveries_waiting ON deliveries (next_at) WHERE state = 'waiting';

-- What readers answered: a log. An answer is taken back by a later entry that names it. The topic, the conversation and
-- the words are filled as its kind needs them; words are redacted.
CREATE TABLE answers (
    number INTEGER PRIMARY KEY,
    answered_at INTEGER NOT NULL,
    answered_by TEXT NOT NULL,
    via TEXT NOT NULL,
    kind TEXT NOT NULL,
    digest TEXT,
    topic TEXT,
    reason TEXT,
    source TEXT,
    id TEXT,
    name TEXT,
    query TEXT,
    undoes INTEGER UNIQUE
) STRICT;

-- Signed links that were used, for an answer or a decision; kept until they would have expired.
CREATE TABLE used_links (
    nonce TEXT PRIMARY KEY NOT NULL,
    used_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    answer INTEGER REFERENCES answers (number),
    decision INTEGER REFERENCES decisions (number),
    CHECK ((answer IS NULL) <> (decision IS NULL))
) STRICT;

-- Topics that readers asked for, counted once for each closed window: a saved search may find more later, what was
-- counted stays. `conversations_found` lists the keys.
CREATE TABLE asked_counts (
    asked INTEGER NOT NULL REFERENCES answers (number),
    cadence TEXT NOT NULL,
    window_key TEXT NOT NULL,
    counted_at INTEGER NOT NULL,
    conversations INTEGER NOT NULL,
    customers INTEGER NOT NULL,
    conversations_found TEXT NOT NULL,
    PRIMARY KEY (asked, cadence, window_key)
) STRICT;
