//! The index from outside its parts: what is found, counted, shown, kept and rebuilt.

use std::fs;
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use super::*;
use crate::model::{
    Author, Conversation, ConversationKey, Exclusion, Kind, Message, Stored, Text, TopicId,
    Visibility,
};
use crate::store::Changed;

fn start() -> DateTime<Utc> {
    "2026-03-01T08:00:00Z".parse().unwrap()
}

/// A ticket that the tests bend to what they need. Number n is opened n hours after the start.
fn ticket(number: i64, language: &str, subject: &str, body: &str) -> Changed {
    let opened = start() + TimeDelta::hours(number);
    let key = ConversationKey::new("desk", number.to_string());
    let mut conversation = Conversation::new(key, opened);
    conversation.subject = Text::from(subject);
    conversation.messages.push(Message {
        at: None,
        author: Author::Customer,
        visibility: Visibility::Public,
        text: Text::from(body),
    });
    Changed {
        number,
        stored: Stored {
            conversation,
            text: Text::from(format!("{subject}\n{body}")),
            text_hash: String::new(),
            language: language.to_owned(),
        },
        topic: None,
    }
}

fn in_memory(changes: &[Changed]) -> SearchIndex {
    let index = SearchIndex::in_memory().unwrap();
    index.apply(changes).unwrap();
    index
}

/// The ids of the hits, in their order.
fn ids(index: &SearchIndex, text: &str) -> String {
    let found = index.search(&SearchRequest::new(text)).unwrap();
    let ids: Vec<&str> = found.hits.iter().map(|hit| hit.key.id.as_str()).collect();
    ids.join(" ")
}

/// The same, sorted by id.
fn id_set(index: &SearchIndex, text: &str) -> String {
    let found = ids(index, text);
    let mut ids: Vec<&str> = found.split_whitespace().collect();
    ids.sort_unstable();
    ids.join(" ")
}

fn corpus() -> Vec<Changed> {
    let mut changes = vec![
        ticket(
            1,
            "de",
            "Rechnungen doppelt",
            "Ich habe zwei Rechnungen für die Wartung bekommen.",
        ),
        ticket(
            2,
            "en",
            "Leaking valve",
            "Water leaks at the three-way valve, error E17 on the display.",
        ),
        ticket(
            3,
            "fr",
            "Chaudière",
            "Les chaudières ne chauffent plus depuis la mise à jour 4.2.0.",
        ),
        ticket(
            4,
            "en",
            "Update",
            "Since v4.2.0 the unit does not come out of defrost. Error E170.",
        ),
        ticket(
            5,
            "de",
            "",
            "Kunde meldet: Heizkörper im Bad bleibt kalt, Rechnung ist bezahlt.",
        ),
        ticket(6, "", "E17", "leaks"),
    ];
    let categories = [
        "Billing",
        "Hot water",
        "Hot water",
        "Other",
        "Billing",
        "other",
    ];
    for (change, category) in changes.iter_mut().zip(categories) {
        change.stored.conversation.category = Some(category.to_owned());
    }
    changes[4].stored.conversation.kind = Kind::CallNote;
    changes[4].stored.conversation.account = Some("Müller GmbH".to_owned());
    changes[3].topic = Some(TopicId::from("t-defrost"));
    changes[3].stored.conversation.tags = vec!["VIP".to_owned(), "winter".to_owned()];
    changes
}

#[test]
fn forms_of_a_word_are_found_in_their_language() {
    let index = in_memory(&corpus());
    assert_eq!(id_set(&index, "Rechnung"), "1 5");
    assert_eq!(id_set(&index, "leak"), "2 6");
    assert_eq!(id_set(&index, "chaudiere"), "3");
    assert_eq!(id_set(&index, "heizkoerper"), "5");
    assert_eq!(id_set(&index, "display valves"), "2");
}

#[test]
fn the_typed_word_comes_before_its_forms() {
    let plain = ticket(1, "en", "", "the valve leaks badly in the utility room");
    let typed = ticket(2, "en", "", "the valve leaking badly in the utility room");
    assert_eq!(ids(&in_memory(&[plain, typed]), "leaking"), "2 1");
}

#[test]
fn codes_are_found_exactly() {
    let index = in_memory(&corpus());
    assert_eq!(id_set(&index, "E17"), "2 6");
    assert_eq!(id_set(&index, "e17*"), "2 4 6");
    assert_eq!(id_set(&index, "4.2.0"), "3 4");
    assert_eq!(id_set(&index, "v4.2.0"), "3 4");
    assert_eq!(id_set(&index, "4.2"), "");
    assert_eq!(id_set(&index, "4.2*"), "3 4");
}

#[test]
fn phrases_keep_their_order_and_forms() {
    let index = in_memory(&corpus());
    assert_eq!(id_set(&index, "\"three-way valve\""), "2");
    assert_eq!(id_set(&index, "\"valve three-way\""), "");
    assert_eq!(id_set(&index, "\"Rechnung\""), "5");
    assert_eq!(id_set(&index, "three-way"), "2");
}

#[test]
fn words_combine() {
    let index = in_memory(&corpus());
    assert_eq!(id_set(&index, "Rechnung -Wartung"), "5");
    assert_eq!(id_set(&index, "Wartung OR defrost"), "1 4");
    assert_eq!(id_set(&index, "error -E17"), "4");
    assert_eq!(id_set(&index, "-error"), "1 3 5 6");
    assert_eq!(id_set(&index, "-\"error E17\" error"), "4");
    assert_eq!(id_set(&index, "-\"not there\""), "1 2 3 4 5 6");
    assert_eq!(id_set(&index, "the unit is not in defrost"), "4");
    assert_eq!(id_set(&index, ""), "1 2 3 4 5 6");
}

#[test]
fn typed_filters_do_not_mind_case() {
    let index = in_memory(&corpus());
    assert_eq!(id_set(&index, "category:\"hot water\""), "2 3");
    assert_eq!(id_set(&index, "category:OTHER"), "4 6");
    assert_eq!(id_set(&index, "category:hot*"), "2 3");
    assert_eq!(id_set(&index, "kind:call account:\"müller gmbh\""), "5");
    assert_eq!(id_set(&index, "topic:t-defrost tag:vip"), "4");
    assert_eq!(id_set(&index, "-topic:* -account:*"), "1 2 3 6");
    assert_eq!(id_set(&index, "language:de OR language:fr"), "1 3 5");
    assert_eq!(id_set(&index, "state:assigned"), "4");
    assert_eq!(id_set(&index, "id:3"), "3");
    assert_eq!(id_set(&index, "winter"), "4");
}

#[test]
fn times_are_half_open() {
    let index = in_memory(&corpus());
    assert_eq!(
        id_set(
            &index,
            "after:2026-03-01T10:00:00Z before:2026-03-01T12:00:00Z"
        ),
        "2 3"
    );
    assert_eq!(id_set(&index, "during:2026-03"), "1 2 3 4 5 6");
    assert_eq!(id_set(&index, "before:2026-03-01"), "");
    let mut request = SearchRequest::new("");
    request.filters.from = Some(start() + TimeDelta::hours(2));
    request.filters.to = Some(start() + TimeDelta::hours(4));
    assert_eq!(index.search(&request).unwrap().total, 2);
}

#[test]
fn facets_add_up_and_each_count_can_be_opened() {
    let index = in_memory(&corpus());
    for text in ["", "leak", "Rechnung OR error"] {
        let all = index.search(&SearchRequest::new(text)).unwrap();
        assert_eq!(all.facets.len(), 6);
        for facet in &all.facets {
            let listed: u64 = facet.values.iter().map(|value| value.count).sum();
            assert_eq!(
                listed + facet.others + facet.without,
                all.total,
                "{}",
                facet.field
            );
            for value in &facet.values {
                let found = index
                    .search(&filtered(text, facet.field, &value.value))
                    .unwrap();
                assert_eq!(found.total, value.count, "{} {}", facet.field, value.value);
            }
        }
    }
}

fn filtered(text: &str, field: &str, value: &str) -> SearchRequest {
    let mut request = SearchRequest::new(text);
    let filters = &mut request.filters;
    match field {
        "category" => filters.category = Some(value.to_owned()),
        "topic" => filters.topic = Some(value.into()),
        "kind" => filters.kind = Kind::parse(value),
        "source" => filters.source = Some(value.into()),
        "product" => filters.product = Some(value.to_owned()),
        "account" => filters.account = Some(value.to_owned()),
        other => panic!("unknown facet {other}"),
    }
    request
}

#[test]
fn facets_list_the_most_frequent_values_first() {
    let changes: Vec<Changed> = (1..=78)
        .map(|number| {
            let mut change = ticket(number, "en", "pump", "");
            // Value k stands at k conversations, for k = 1 to 12.
            let value = (1..=12).find(|k| number <= k * (k + 1) / 2).unwrap();
            change.stored.conversation.product = Some(format!("model {value:02}"));
            change
        })
        .collect();
    let found = in_memory(&changes)
        .search(&SearchRequest::new("pump"))
        .unwrap();
    let products = found
        .facets
        .iter()
        .find(|facet| facet.field == "product")
        .unwrap();
    assert_eq!(products.values.len(), 10);
    assert_eq!(products.values[0].value, "model 12");
    assert_eq!(products.values[0].count, 12);
    assert_eq!(products.others, 3);
    assert_eq!(products.without, 0);
}

#[test]
fn hits_carry_what_a_page_shows() {
    let mut changes = corpus();
    changes[3].stored.conversation.url = Some("https://desk.example/4".to_owned());
    let index = in_memory(&changes);
    let found = index.search(&SearchRequest::new("defrosting")).unwrap();
    let hit = &found.hits[0];
    assert_eq!(hit.key, ConversationKey::new("desk", "4"));
    assert_eq!(hit.subject, "Update");
    assert_eq!(hit.created_at, start() + TimeDelta::hours(4));
    assert_eq!(hit.topic, Some(TopicId::from("t-defrost")));
    assert_eq!(hit.category.as_deref(), Some("Other"));
    assert_eq!(hit.state, "assigned");
    assert_eq!(hit.url.as_deref(), Some("https://desk.example/4"));
    assert!(hit.score > 0.0);
    let marked: Vec<String> = hit
        .snippet
        .pieces()
        .into_iter()
        .filter_map(|(text, is_found)| is_found.then_some(text))
        .collect();
    assert_eq!(marked, ["defrost"]);
    let json = serde_json::to_value(&found).unwrap();
    assert_eq!(json["hits"][0]["kind"], "ticket");
    assert_eq!(json["hits"][0]["created_at"], "2026-03-01T12:00:00Z");
}

#[test]
fn pages_follow_each_other() {
    let changes: Vec<Changed> = (1..=30)
        .map(|n| ticket(n, "en", "pump", "same words"))
        .collect();
    let index = in_memory(&changes);
    let mut request = SearchRequest::new("pump");
    request.limit = 7;
    let mut seen = Vec::new();
    for offset in (0..35).step_by(7) {
        request.offset = offset;
        let found = index.search(&request).unwrap();
        assert_eq!(found.total, 30);
        seen.extend(found.hits.into_iter().map(|hit| hit.key.to_string()));
    }
    let mut sorted: Vec<String> = (1..=30).map(|n| format!("desk/{n}")).collect();
    sorted.sort();
    assert_eq!(seen, sorted, "equals come by key");
    request.limit = 0;
    assert_eq!(index.search(&request).unwrap().hits.len(), 0);
    request.limit = usize::MAX;
    request.offset = usize::MAX;
    assert!(index.search(&request).unwrap().notes[0].contains("paged"));
}

#[test]
fn newest_first_when_asked_or_when_there_are_no_words() {
    let index = in_memory(&corpus());
    assert_eq!(ids(&index, ""), "6 5 4 3 2 1");
    let mut request = SearchRequest::new("error");
    request.sort = Sort::Newest;
    let found = index.search(&request).unwrap();
    let ids: Vec<&str> = found.hits.iter().map(|hit| hit.key.id.as_str()).collect();
    assert_eq!(ids, ["4", "2"]);
}

#[test]
fn an_excluded_conversation_is_found_with_its_state_but_a_deleted_one_is_not() {
    let mut changes = corpus();
    changes[0].stored.conversation.exclusion = Some(Exclusion::Spam);
    changes[1].stored.conversation.exclusion = Some(Exclusion::Deleted);
    let index = in_memory(&changes);
    assert_eq!(id_set(&index, "Rechnung"), "1 5");
    assert_eq!(id_set(&index, "state:spam"), "1");
    assert_eq!(id_set(&index, "Rechnung state:counts"), "5");
    assert_eq!(id_set(&index, "leak"), "6");
}

#[test]
fn erased_words_disappear_from_hits_and_from_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let (index, _) = SearchIndex::open(folder.path()).unwrap();
    let mut changes = corpus();
    changes[2].stored.conversation.subject = Text::from("zwetschgenkuchen zwetschgenkuchen");
    index.apply(&changes).unwrap();
    assert_eq!(id_set(&index, "zwetschgenkuchen"), "3");
    assert!(files_contain(folder.path(), b"zwetschgenkuchen"));

    let mut erased = changes[2].clone();
    erased.number = 7;
    erased.stored.text = Text::default();
    erased.stored.conversation.subject = Text::default();
    erased.stored.conversation.messages.clear();
    index.apply(&[erased]).unwrap();
    assert_eq!(id_set(&index, "zwetschgenkuchen"), "");
    assert_eq!(index.count(), 5);
    assert!(!files_contain(folder.path(), b"zwetschgenkuchen"));
    assert_eq!(index.position().unwrap(), 7);
}

fn files_contain(dir: &Path, needle: &[u8]) -> bool {
    files_under(dir).iter().any(|file| {
        let bytes = fs::read(file).unwrap();
        bytes.windows(needle.len()).any(|window| window == needle)
    })
}

fn files_under(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_under(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

#[test]
fn a_changed_conversation_replaces_its_old_words() {
    let index = in_memory(&corpus());
    let mut changed = ticket(2, "en", "Solved", "nothing drips any more");
    changed.number = 9;
    index.apply(&[changed]).unwrap();
    assert_eq!(id_set(&index, "leak"), "6");
    assert_eq!(id_set(&index, "drip"), "2");
    assert_eq!(index.count(), 6);
}

#[test]
fn applying_again_changes_nothing() {
    let once = in_memory(&corpus());
    let twice = in_memory(&corpus());
    twice.apply(&corpus()).unwrap();
    twice.apply(&corpus()[2..4]).unwrap();
    assert_eq!(twice.count(), 6);
    for text in ["", "Rechnung", "error", "leak OR valve"] {
        assert_eq!(id_set(&once, text), id_set(&twice, text), "{text}");
    }
}

#[test]
fn greek_words_that_break_the_stemmer_do_not_lose_the_batch() {
    let mut changes = corpus();
    changes.push(ticket(7, "el", "ισαισα", "ισα ισαισα βλάβη"));
    changes.push(ticket(8, "en", "after it", "still indexed"));
    let index = in_memory(&changes);
    assert_eq!(id_set(&index, "ισαισα"), "7");
    assert_eq!(id_set(&index, "ισα"), "7");
    assert_eq!(id_set(&index, "indexing"), "8");
    assert_eq!(index.position().unwrap(), 8);
}

#[test]
fn one_process_writes_and_others_read() {
    let folder = tempfile::tempdir().unwrap();
    assert!(SearchIndex::open_reader(folder.path()).is_err());
    let (index, state) = SearchIndex::open(folder.path()).unwrap();
    assert_eq!(
        state,
        State {
            position: 0,
            discarded: None
        }
    );
    index.apply(&corpus()).unwrap();
    let second = SearchIndex::open(folder.path()).err().unwrap().to_string();
    assert!(
        second.contains("another groundswell is writing it"),
        "{second}"
    );
    let reader = SearchIndex::open_reader(folder.path()).unwrap();
    assert_eq!(id_set(&reader, "Rechnung"), "1 5");
    assert!(reader.apply(&corpus()).is_err());
}

#[test]
fn work_that_was_not_committed_is_done_again_from_the_committed_position() {
    let folder = tempfile::tempdir().unwrap();
    let changes = corpus();
    let (index, _) = SearchIndex::open(folder.path()).unwrap();
    index.apply(&changes[..3]).unwrap();
    index.write(&changes[3..]).unwrap();
    drop(index);
    let (index, state) = SearchIndex::open(folder.path()).unwrap();
    assert_eq!(state.position, 3);
    assert_eq!(index.count(), 3);
    index.apply(&changes[3..]).unwrap();
    assert_eq!(id_set(&index, ""), "1 2 3 4 5 6");
}

#[test]
fn a_purge_that_a_crash_cut_off_is_done_later() {
    let folder = tempfile::tempdir().unwrap();
    let (index, _) = SearchIndex::open(folder.path()).unwrap();
    let mut changes = corpus();
    changes[1].stored.conversation.subject = Text::from("zwetschgenkuchen");
    index.apply(&changes).unwrap();
    let mut deleted = changes.remove(1);
    deleted.number = 7;
    deleted.stored.conversation.exclusion = Some(Exclusion::Deleted);
    assert!(index.write(&[deleted]).unwrap());
    let progress = index::Progress {
        position: 7,
        is_purge_due: true,
    };
    index.commit(progress).unwrap();
    assert!(files_contain(folder.path(), b"zwetschgenkuchen"));
    drop(index);
    let (index, _) = SearchIndex::open(folder.path()).unwrap();
    index.apply(&[ticket(8, "en", "next", "")]).unwrap();
    assert!(!files_contain(folder.path(), b"zwetschgenkuchen"));
}

#[test]
fn a_damaged_index_is_built_again() {
    let damages: [fn(&Path); 5] = [
        |file| fs::write(file, b"").unwrap(),
        |file| fs::write(file, b"{ not json").unwrap(),
        |file| fs::remove_file(file).unwrap(),
        |file| {
            let mut bytes = fs::read(file).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 0xff;
            fs::write(file, bytes).unwrap();
        },
        |file| {
            let bytes = fs::read(file).unwrap();
            fs::write(file, &bytes[..bytes.len() / 2]).unwrap();
        },
    ];
    let whole = tempfile::tempdir().unwrap();
    build_on_disk(whole.path());
    let files = files_under(whole.path());
    let is_lock = |file: &&PathBuf| {
        file.extension()
            .is_some_and(|extension| extension == "lock")
    };
    assert!(files.len() > 8, "{files:?}");
    for damage in damages {
        for file in files.iter().filter(|file| !is_lock(file)) {
            let folder = tempfile::tempdir().unwrap();
            for file in &files {
                let copy = folder.path().join(file.strip_prefix(whole.path()).unwrap());
                fs::create_dir_all(copy.parent().unwrap()).unwrap();
                fs::copy(file, copy).unwrap();
            }
            let name = file.strip_prefix(whole.path()).unwrap();
            damage(&folder.path().join(name));
            let (index, state) = SearchIndex::open(folder.path())
                .unwrap_or_else(|error| panic!("{}: {error:#}", name.display()));
            // Whole or empty, never in between.
            match state.position {
                0 => assert_eq!(index.count(), 0, "{}", name.display()),
                6 => assert_eq!(id_set(&index, "Rechnung"), "1 5", "{}", name.display()),
                other => panic!("{}: at {other}", name.display()),
            }
            index.apply(&corpus()).unwrap();
            assert_eq!(index.count(), 6, "{}", name.display());
        }
    }
}

#[test]
fn random_damage_never_panics() {
    let whole = tempfile::tempdir().unwrap();
    build_on_disk(whole.path());
    let mut state = 88172645463325252_u64;
    for _ in 0..40 {
        let mut draw = |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % below as u64) as usize
        };
        let folder = tempfile::tempdir().unwrap();
        for file in files_under(whole.path()) {
            let copy = folder.path().join(file.strip_prefix(whole.path()).unwrap());
            fs::create_dir_all(copy.parent().unwrap()).unwrap();
            fs::copy(file, copy).unwrap();
        }
        let files = files_under(folder.path());
        let file = &files[draw(files.len())];
        let mut bytes = fs::read(file).unwrap();
        if bytes.is_empty() {
            continue;
        }
        let at = draw(bytes.len());
        bytes[at] = draw(256) as u8;
        fs::write(file, bytes).unwrap();
        let (index, _) = SearchIndex::open(folder.path()).unwrap();
        index.search(&SearchRequest::new("Rechnung error")).unwrap();
    }
}

fn build_on_disk(dir: &Path) {
    let (index, _) = SearchIndex::open(dir).unwrap();
    index.apply(&corpus()).unwrap();
}

#[test]
fn a_foreign_index_in_our_folder_is_discarded_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    build_on_disk(folder.path());
    let ours = fs::read_dir(folder.path())
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    fs::remove_dir_all(&ours).unwrap();
    fs::create_dir_all(&ours).unwrap();
    let mut builder = tantivy::schema::Schema::builder();
    builder.add_text_field("title", tantivy::schema::TEXT);
    tantivy::Index::create_in_dir(&ours, builder.build()).unwrap();
    let (index, state) = SearchIndex::open(folder.path()).unwrap();
    assert_eq!(state.position, 0);
    assert_eq!(state.discarded.as_deref(), Some("its fields are not ours"));
    index.apply(&corpus()).unwrap();
    assert_eq!(index.count(), 6);
}

#[test]
fn clearing_starts_from_nothing() {
    let index = in_memory(&corpus());
    index
        .write(&[ticket(9, "en", "never", "committed")])
        .unwrap();
    index.clear().unwrap();
    assert_eq!(index.count(), 0);
    assert_eq!(index.position().unwrap(), 0);
    index.apply(&corpus()).unwrap();
    assert_eq!(index.count(), 6);
}

#[test]
fn the_order_of_arrival_does_not_change_the_hits() {
    let mut changes: Vec<Changed> = (1..=40)
        .map(|n| {
            let body = format!("pump noise at night {}", "again ".repeat((n % 7) as usize));
            ticket(n, if n % 2 == 0 { "en" } else { "" }, "Pump", &body)
        })
        .collect();
    let forwards = in_memory(&changes);
    changes.reverse();
    let backwards = SearchIndex::in_memory().unwrap();
    for few in changes.chunks(7) {
        backwards.apply(few).unwrap();
    }
    for text in [
        "pump",
        "again night",
        "pumps OR noises",
        "noise*",
        "\"at night\"",
    ] {
        assert_eq!(ids(&forwards, text), ids(&backwards, text), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_query_gets_an_answer(text in "\\PC{0,60}") {
        shared_index().search(&SearchRequest::new(text)).unwrap();
    }

    #[test]
    fn any_mix_of_operators_gets_an_answer(
        parts in proptest::collection::vec(
            prop_oneof![
                Just("*the"),
                Just("\""), Just("-"), Just(" OR "), Just("NOT "), Just("*"), Just(":"), Just(" "),
                Just("kind:call"), Just("category:"), Just("after:2026"), Just("the"), Just("E17"), Just("4.2"),
                Just("Rechnung"), Just("valve"), Just("熱水"), Just("ισαισα"), Just("tag:*"), Just("e-mail"),
                Just("\u{300}"), Just("'"), Just("("), Just("\0"), Just("\n"),
            ],
            0..24,
        )
    ) {
        let found = shared_index().search(&SearchRequest::new(parts.concat())).unwrap();
        prop_assert!(found.total <= 6);
        prop_assert_eq!(found.hits.len() as u64, found.total);
    }

}

proptest! {
    // Each case builds an index.
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn every_word_of_a_text_finds_it(
        words in proptest::collection::vec("[A-Za-zäöüßéèçА-я0-9]{1,12}([.-][a-z0-9]{1,3}){0,2}", 1..8),
        language in prop_oneof![Just("de"), Just("en"), Just("fr"), Just("ru"), Just("el"), Just("pl"), Just("")],
    ) {
        let index = in_memory(&[ticket(1, language, "", &words.join(" "))]);
        for word in &words {
            let text = format!("{word} \"{word}\" {word}*");
            prop_assert_eq!(ids(&index, &text), "1", "{}", text);
        }
    }
}

/// One index for many queries; building one costs more than asking it.
fn shared_index() -> &'static SearchIndex {
    static INDEX: std::sync::OnceLock<SearchIndex> = std::sync::OnceLock::new();
    INDEX.get_or_init(|| in_memory(&corpus()))
}
