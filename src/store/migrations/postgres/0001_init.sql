-- The tables of Groundswell. The same tables and columns stand in the other database's folder.
-- Times are microseconds UTC, flags 0 or 1, lists JSON text, vectors bytes. Text sorts by bytes,
-- as in SQLite, whatever the server's locale.

-- One row: the number of the last change. Every transaction that writes takes it first, so that
-- numbers grow in the order of commits, and raises it last. `texts` has followed up to `last_listed`.
CREATE TABLE feed (
    id BIGINT PRIMARY KEY,
    last_change BIGINT NOT NULL,
    last_listed BIGINT NOT NULL DEFAULT 0
);
INSERT INTO feed (id, last_change) VALUES (1, 0);

CREATE TABLE sources (
    id TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    cursor TEXT COLLATE "C",
    complete_until BIGINT,
    finished_at BIGINT,
    failures BIGINT NOT NULL,
    error TEXT COLLATE "C",
    retry_at BIGINT,
    records BIGINT NOT NULL,
    -- History is read beside the daily pull, which began here and leaves it what is older.
    began_at BIGINT,
    backfill_cursor TEXT COLLATE "C",
    backfill_began_at BIGINT,
    backfilled_to BIGINT,
    backfill_finished_at BIGINT,
    backfill_records BIGINT NOT NULL DEFAULT 0,
    backfill_failures BIGINT NOT NULL DEFAULT 0,
    backfill_error TEXT COLLATE "C",
    backfill_retry_at BIGINT,
    -- The brake on mass deletion: how many deletions it holds back, and whether a person let them go.
    deletions_held BIGINT NOT NULL DEFAULT 0,
    deletions_allowed BIGINT NOT NULL DEFAULT 0,
    -- The vendor said then that something changed; empty once that was pulled.
    hinted_at BIGINT
);

CREATE TABLE skipped (
    source TEXT COLLATE "C" NOT NULL,
    place TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    skipped_at BIGINT NOT NULL,
    PRIMARY KEY (source, place)
);

-- Records that were named but could not be read: each is tried again by itself.
CREATE TABLE parked (
    source TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    attempts BIGINT NOT NULL,
    retry_at BIGINT NOT NULL,
    parked_at BIGINT NOT NULL,
    -- 1: it was missed, or not there when it was named; once looked for in vain it is gone.
    is_missing BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (source, id)
);

-- What was looked for in vain: to be deleted, or deleted not long ago.
CREATE TABLE gone (
    source TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    found_at BIGINT NOT NULL,
    buried_at BIGINT,
    PRIMARY KEY (source, id)
);

-- What a walk over all ids of a source has met so far; empty when none is under way.
CREATE TABLE present (
    source TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    started_at BIGINT NOT NULL,
    -- 1: it must have been read by now.
    is_expected BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (source, id)
);

CREATE TABLE topics (
    id TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    label TEXT COLLATE "C" NOT NULL,
    theme_id TEXT COLLATE "C" NOT NULL,
    theme TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    threshold BIGINT NOT NULL,
    stability DOUBLE PRECISION,
    discovered_at BIGINT NOT NULL,
    centre BYTEA NOT NULL
);

CREATE TABLE terms (
    topic TEXT COLLATE "C" NOT NULL REFERENCES topics (id),
    position BIGINT NOT NULL,
    word TEXT COLLATE "C" NOT NULL,
    weight DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (topic, position)
);

CREATE TABLE exemplars (
    topic TEXT COLLATE "C" NOT NULL REFERENCES topics (id),
    position BIGINT NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    vector BYTEA NOT NULL,
    PRIMARY KEY (topic, position)
);
CREATE INDEX exemplars_by_conversation ON exemplars (source, id);

CREATE TABLE lineage (
    number BIGINT PRIMARY KEY,
    happened_at BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    topic TEXT COLLATE "C" NOT NULL,
    other_topic TEXT COLLATE "C"
);

CREATE TABLE discoveries (
    number BIGINT PRIMARY KEY,
    kind TEXT NOT NULL,
    ran_at BIGINT NOT NULL,
    topics BIGINT NOT NULL,
    assignments BIGINT NOT NULL
);

CREATE TABLE edits (
    number BIGINT PRIMARY KEY,
    made_at BIGINT NOT NULL,
    made_by TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    topic TEXT COLLATE "C" NOT NULL,
    into_topic TEXT COLLATE "C",
    label TEXT COLLATE "C",
    source TEXT COLLATE "C",
    id TEXT COLLATE "C",
    is_undone BIGINT NOT NULL
);

-- What counting needs. `topic` is where a conversation counts: `found_topic`, with people's edits on
-- top. `read_change` is the change as of which the last closing read the words. The words lie in a table of their own, so that counting never reads them
-- and a change of topic never rewrites them. A tombstone of a conversation that was never seen
-- has no created_at and lies in no window.
CREATE TABLE conversations (
    source TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    created_at BIGINT,
    updated_at BIGINT NOT NULL,
    closed_at BIGINT,
    stored_at BIGINT NOT NULL,
    change_number BIGINT NOT NULL,
    exclusion TEXT COLLATE "C",
    is_forgotten BIGINT NOT NULL,
    merged_into TEXT COLLATE "C",
    status TEXT COLLATE "C",
    category TEXT COLLATE "C",
    account TEXT COLLATE "C",
    requester TEXT COLLATE "C",
    channel TEXT COLLATE "C",
    product TEXT COLLATE "C",
    priority TEXT COLLATE "C",
    csat DOUBLE PRECISION,
    reopens BIGINT NOT NULL,
    tags TEXT COLLATE "C" NOT NULL DEFAULT '[]',
    language TEXT COLLATE "C" NOT NULL,
    text_hash TEXT COLLATE "C" NOT NULL,
    content_hash TEXT COLLATE "C" NOT NULL,
    topic TEXT COLLATE "C" REFERENCES topics (id),
    score DOUBLE PRECISION,
    found_topic TEXT COLLATE "C",
    also_topic TEXT COLLATE "C",
    judged_hash TEXT COLLATE "C",
    read_change BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (source, id)
);
CREATE INDEX conversations_by_change ON conversations (change_number);
CREATE INDEX conversations_by_created ON conversations (created_at);
CREATE INDEX conversations_by_closed ON conversations (closed_at) WHERE closed_at IS NOT NULL;
CREATE INDEX conversations_unjudged ON conversations (change_number)
    WHERE exclusion IS NULL AND judged_hash IS DISTINCT FROM text_hash;
CREATE INDEX conversations_by_topic ON conversations (topic, created_at) WHERE topic IS NOT NULL;

CREATE TABLE words (
    source TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    messages TEXT COLLATE "C" NOT NULL,
    tags TEXT COLLATE "C" NOT NULL,
    attributes TEXT COLLATE "C" NOT NULL,
    url TEXT COLLATE "C",
    text TEXT COLLATE "C" NOT NULL,
    change_number BIGINT NOT NULL,
    PRIMARY KEY (source, id),
    FOREIGN KEY (source, id) REFERENCES conversations (source, id)
);

-- Versions that were replaced: what a closed window counted, and what an official report may have
-- counted. Each held from its own change up to, not including, the one that replaced it. A time
-- stands where the source replaced it, none where only its topic changed. `forget` leaves the
-- fingerprint of who and what it erased.
CREATE TABLE conversation_history (
    source TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    from_change BIGINT NOT NULL,
    to_change BIGINT NOT NULL,
    superseded_at BIGINT,
    erased_at BIGINT,
    fingerprint TEXT COLLATE "C",
    kind TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    closed_at BIGINT,
    stored_at BIGINT NOT NULL,
    exclusion TEXT COLLATE "C",
    merged_into TEXT COLLATE "C",
    status TEXT COLLATE "C",
    category TEXT COLLATE "C",
    account TEXT COLLATE "C",
    requester TEXT COLLATE "C",
    channel TEXT COLLATE "C",
    product TEXT COLLATE "C",
    priority TEXT COLLATE "C",
    csat DOUBLE PRECISION,
    reopens BIGINT NOT NULL,
    tags TEXT COLLATE "C" NOT NULL DEFAULT '[]',
    language TEXT COLLATE "C" NOT NULL,
    text_hash TEXT COLLATE "C" NOT NULL,
    topic TEXT COLLATE "C",
    PRIMARY KEY (source, id, from_change)
);
CREATE INDEX conversation_history_by_end ON conversation_history (to_change);

-- The same of words, only where a closing had read them.
CREATE TABLE word_history (
    source TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    from_change BIGINT NOT NULL,
    to_change BIGINT NOT NULL,
    erased_at BIGINT,
    fingerprint TEXT COLLATE "C",
    subject TEXT COLLATE "C",
    messages TEXT COLLATE "C",
    tags TEXT COLLATE "C",
    attributes TEXT COLLATE "C",
    url TEXT COLLATE "C",
    text TEXT COLLATE "C",
    PRIMARY KEY (source, id, from_change)
);

-- Who has a text, of conversations that count. It follows the feed only when it is asked for: hashes
-- come in no order, so a list that is always up to date would cost more than all the rest of saving.
CREATE TABLE texts (
    text_hash TEXT COLLATE "C" NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (text_hash, source, id)
);

-- Approximate ones come from the fast tier and are replaced in the background.
CREATE TABLE vectors (
    text_hash TEXT COLLATE "C" NOT NULL,
    model TEXT COLLATE "C" NOT NULL,
    vector BYTEA NOT NULL,
    is_approximate BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (text_hash, model)
);
CREATE INDEX vectors_approximate ON vectors (text_hash) WHERE is_approximate = 1;

-- Up to this change every text has a vector of the model.
CREATE TABLE embedded (
    model TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    last_change BIGINT NOT NULL
);

-- One row: the encoder that the topics' middles and exemplars come from. With another one configured, topics
-- are renewed once every text has its vector. They are approximate if any of the vectors were, and renewed once more
-- when none is.
CREATE TABLE encoder (
    id BIGINT PRIMARY KEY,
    model TEXT COLLATE "C" NOT NULL,
    is_approximate BIGINT NOT NULL DEFAULT 0
);

-- A corrected report is a new version; a file with several metrics is several reports of one name.
CREATE TABLE reports (
    number BIGINT PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL,
    cadence TEXT COLLATE "C" NOT NULL,
    metric TEXT COLLATE "C" NOT NULL DEFAULT '',
    version BIGINT NOT NULL,
    basis TEXT COLLATE "C" NOT NULL,
    zone TEXT COLLATE "C",
    imported_at BIGINT NOT NULL,
    UNIQUE (name, cadence, metric, version)
);

CREATE TABLE report_rows (
    report BIGINT NOT NULL REFERENCES reports (number),
    position BIGINT NOT NULL,
    window_key TEXT COLLATE "C" NOT NULL,
    category TEXT COLLATE "C",
    conversations BIGINT NOT NULL,
    PRIMARY KEY (report, position)
);

-- How files with these headers are read: what a person chose once is not asked again.
CREATE TABLE report_layouts (
    fingerprint TEXT COLLATE "C" PRIMARY KEY,
    choices TEXT COLLATE "C" NOT NULL,
    chosen_at BIGINT NOT NULL
);

-- What people confirmed that a report counts: only added to; the newest one of a report holds.
CREATE TABLE report_definitions (
    number BIGINT PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL,
    metric TEXT COLLATE "C" NOT NULL,
    definition TEXT COLLATE "C" NOT NULL,
    confirmed_at BIGINT NOT NULL,
    confirmed_by TEXT COLLATE "C" NOT NULL
);

CREATE TABLE digests (
    id TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    cadence TEXT COLLATE "C" NOT NULL,
    window_key TEXT COLLATE "C" NOT NULL,
    starts_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    sha256 TEXT COLLATE "C" NOT NULL,
    content TEXT COLLATE "C" NOT NULL
);

-- What each digest suggested, in its order: a log. `content` is JSON; the suggestion's id is the same as long as it is
-- repeated.
CREATE TABLE suggestions (
    digest TEXT COLLATE "C" NOT NULL REFERENCES digests (id),
    position BIGINT NOT NULL,
    suggestion TEXT COLLATE "C" NOT NULL,
    ends_at BIGINT NOT NULL,
    content TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (digest, position)
);
CREATE INDEX suggestions_by_id ON suggestions (suggestion);
CREATE INDEX suggestions_by_end ON suggestions (ends_at);

-- What people decided of suggestions: a log.
CREATE TABLE decisions (
    number BIGINT PRIMARY KEY,
    decided_at BIGINT NOT NULL,
    decided_by TEXT COLLATE "C" NOT NULL,
    suggestion TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    note TEXT COLLATE "C" NOT NULL
);

-- `as_of` is the last change that was counted. A team with a digest of its own has a row of its own; the whole company's
-- team is empty.
CREATE TABLE windows (
    cadence TEXT COLLATE "C" NOT NULL,
    window_key TEXT COLLATE "C" NOT NULL,
    team TEXT COLLATE "C" NOT NULL,
    closed_at BIGINT NOT NULL,
    conversations BIGINT NOT NULL,
    digest TEXT COLLATE "C" REFERENCES digests (id),
    reason TEXT COLLATE "C" NOT NULL,
    as_of BIGINT NOT NULL,
    PRIMARY KEY (cadence, window_key, team)
);
CREATE INDEX windows_by_as_of ON windows (as_of);

-- What a closed window was computed from: the small inputs as JSON, and hashes of the rest. The seal is a
-- hash of all that the closing wrote.
CREATE TABLE closings (
    cadence TEXT COLLATE "C" NOT NULL,
    window_key TEXT COLLATE "C" NOT NULL,
    team TEXT COLLATE "C" NOT NULL,
    inputs TEXT COLLATE "C" NOT NULL,
    proof TEXT COLLATE "C" NOT NULL,
    seal TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (cadence, window_key, team),
    FOREIGN KEY (cadence, window_key, team) REFERENCES windows (cadence, window_key, team)
);

-- The topic is empty where a state has none.
CREATE TABLE window_counts (
    cadence TEXT COLLATE "C" NOT NULL,
    window_key TEXT COLLATE "C" NOT NULL,
    team TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    topic TEXT COLLATE "C" NOT NULL,
    conversations BIGINT NOT NULL,
    customers BIGINT NOT NULL,
    PRIMARY KEY (cadence, window_key, team, state, topic),
    FOREIGN KEY (cadence, window_key, team) REFERENCES windows (cadence, window_key, team)
);

CREATE TABLE deliveries (
    digest TEXT COLLATE "C" NOT NULL REFERENCES digests (id),
    destination TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    attempts BIGINT NOT NULL,
    next_at BIGINT NOT NULL,
    receipt TEXT COLLATE "C",
    error TEXT COLLATE "C",
    PRIMARY KEY (digest, destination)
);
CREATE INDEX deliveries_waiting ON deliveries (next_at) WHERE state = 'waiting';

-- What readers answered: a log. An answer is taken back by a later entry that names it. The topic, the conversation and
-- the words are filled as its kind needs them; words are redacted.
CREATE TABLE answers (
    number BIGINT PRIMARY KEY,
    answered_at BIGINT NOT NULL,
    answered_by TEXT COLLATE "C" NOT NULL,
    via TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    digest TEXT COLLATE "C",
    topic TEXT COLLATE "C",
    reason TEXT COLLATE "C",
    source TEXT COLLATE "C",
    id TEXT COLLATE "C",
    name TEXT COLLATE "C",
    query TEXT COLLATE "C",
    undoes BIGINT UNIQUE
);

-- Signed links that were used, for an answer or a decision; kept until they would have expired.
CREATE TABLE used_links (
    nonce TEXT COLLATE "C" PRIMARY KEY,
    used_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    answer BIGINT REFERENCES answers (number),
    decision BIGINT REFERENCES decisions (number),
    CHECK ((answer IS NULL) <> (decision IS NULL))
);

-- Topics that readers asked for, counted once for each closed window: a saved search may find more later, what was
-- counted stays. `conversations_found` lists the keys.
CREATE TABLE asked_counts (
    asked BIGINT NOT NULL REFERENCES answers (number),
    cadence TEXT COLLATE "C" NOT NULL,
    window_key TEXT COLLATE "C" NOT NULL,
    counted_at BIGINT NOT NULL,
    conversations BIGINT NOT NULL,
    customers BIGINT NOT NULL,
    conversations_found TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (asked, cadence, window_key)
);
