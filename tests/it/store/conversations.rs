//! Cases: what a page does to what is stored, and erasure.

use groundswell::model::{EditKind, Exclusion, State, Text, TopicId};
use groundswell::store::{CleanPage, Saved, Store, Which};

use super::support::*;

const CASES: &[Case] = cases![
    all_fields_come_back,
    equal_content_changes_nothing,
    a_stale_version_never_replaces,
    no_version_comes_between_two_equal_ones,
    another_text_drops_the_topic,
    a_pinned_conversation_keeps_its_topic,
    a_change_beside_the_text_keeps_the_topic,
    deletion_erases_words_and_keeps_the_row,
    a_deletion_before_the_conversation_holds,
    a_newer_version_restores,
    a_stale_deletion_is_ignored,
    a_version_that_says_deleted_keeps_no_words,
    a_merged_conversation_names_its_target,
    a_page_may_tell_one_conversation_twice,
    pages_may_come_in_any_order,
    large_pages_are_stored_whole,
    zero_characters_do_no_harm,
    several_are_read_in_the_asked_order,
    facts_are_opened_or_closed_in_the_range,
    a_topic_lists_its_conversations_newest_first,
    a_forgotten_conversation_stays_forgotten,
    a_requester_is_forgotten_everywhere,
];

#[test]
fn conversations_keep_the_contract() {
    run_all(CASES);
}

fn counts(new: u64, changed: u64, unchanged: u64, removed: u64) -> Saved {
    Saved {
        new,
        changed,
        unchanged,
        removed,
    }
}

async fn all_fields_come_back(store: Store) {
    let mut full = ticket("a/b c", "Ünïcode ☂ 'quotes' \"too\"", minute(1));
    let conversation = &mut full.conversation;
    conversation.kind = groundswell::model::Kind::CallNote;
    conversation.updated_at = minute(2);
    conversation.closed_at = Some(minute(3));
    conversation.status = Some("open".to_owned());
    conversation.category = Some("Billing".to_owned());
    conversation.tags = vec!["b".to_owned(), "a".to_owned()];
    conversation.account = Some("ACME".to_owned());
    conversation.channel = Some("mail".to_owned());
    conversation.product = Some("HP-3".to_owned());
    conversation.priority = Some("high".to_owned());
    conversation.csat = Some(0.1 + 0.2);
    conversation.reopens = 3;
    conversation.url = Some("https://desk.example/1".to_owned());
    conversation
        .attributes
        .insert("site".to_owned(), "Bonn".to_owned());
    conversation.exclusion = Some(Exclusion::Automatic);
    let mut note = conversation.messages[0].clone();
    note.at = None;
    note.author = groundswell::model::Author::Agent;
    note.visibility = groundswell::model::Visibility::Internal;
    conversation.messages.push(note);
    let bare = ticket("2", "bare", minute(4));

    assert_eq!(save(&store, &[full.clone(), bare.clone()]).await.new, 2);
    let read = store.conversation(&full.conversation.key).await.unwrap();
    assert_eq!(read, Some(full));
    assert_eq!(store.conversation(&key("2")).await.unwrap(), Some(bare));
    assert_eq!(store.conversation(&key("3")).await.unwrap(), None);
}

async fn equal_content_changes_nothing(store: Store) {
    let one = ticket("1", "loud", minute(1));
    assert_eq!(
        save(&store, std::slice::from_ref(&one)).await,
        counts(1, 0, 0, 0)
    );
    let before = store.last_change().await.unwrap();
    assert_eq!(save(&store, &[one]).await, counts(0, 0, 1, 0));
    assert_eq!(store.last_change().await.unwrap(), before);
}

async fn a_stale_version_never_replaces(store: Store) {
    let old = ticket("1", "old", minute(1));
    let new = changed(&old, "new", minute(9));
    save(&store, std::slice::from_ref(&new)).await;
    assert_eq!(save(&store, &[old]).await, counts(0, 0, 1, 0));
    assert_eq!(store.conversation(&key("1")).await.unwrap(), Some(new));
}

async fn no_version_comes_between_two_equal_ones(store: Store) {
    let first = ticket("1", "same", minute(1));
    let mut later = first.clone();
    later.conversation.updated_at = minute(9);
    let between = changed(&first, "other", minute(5));
    save(&store, &[first]).await;
    assert_eq!(
        save(&store, std::slice::from_ref(&later)).await,
        counts(0, 0, 1, 0)
    );
    assert_eq!(save(&store, &[between]).await, counts(0, 0, 1, 0));
    assert_eq!(store.conversation(&key("1")).await.unwrap(), Some(later));
}

async fn another_text_drops_the_topic(store: Store) {
    let one = ticket("1", "loud", minute(1));
    save(&store, std::slice::from_ref(&one)).await;
    assign(&store, "t", &["1"]).await;
    let state = all_facts(&store).await[0].state.clone();
    assert_eq!(state, State::Assigned(TopicId::from("t")));
    let other = changed(&one, "quiet", minute(2));
    assert_eq!(save(&store, &[other]).await, counts(0, 1, 0, 0));
    assert_eq!(all_facts(&store).await[0].state, State::Unassigned);
    embed(&store).await;
    let new = store.documents(&model(), Which::New, None).await.unwrap();
    assert_eq!(new.len(), 1, "the new text was never looked at");
}

async fn a_pinned_conversation_keeps_its_topic(store: Store) {
    let one = ticket("1", "loud", minute(1));
    save(&store, std::slice::from_ref(&one)).await;
    assign(&store, "t", &["1"]).await;
    let (key, topic) = (key("1"), TopicId::from("t"));
    let pin = EditKind::Pin { key, topic };
    let number = store.add_edit(&pin, "Ada", minute(30)).await.unwrap();
    let other = changed(&one, "quiet", minute(2));
    save(&store, std::slice::from_ref(&other)).await;
    let state = all_facts(&store).await[0].state.clone();
    assert_eq!(state, State::Assigned(TopicId::from("t")));

    assert!(store.undo_edit(number).await.unwrap());
    save(&store, &[changed(&other, "off", minute(3))]).await;
    assert_eq!(all_facts(&store).await[0].state, State::Unassigned);
}

async fn a_change_beside_the_text_keeps_the_topic(store: Store) {
    let mut one = ticket("1", "loud", minute(1));
    save(&store, std::slice::from_ref(&one)).await;
    assign(&store, "t", &["1"]).await;
    one.conversation.category = Some("Other".to_owned());
    one.conversation.updated_at = minute(2);
    assert_eq!(save(&store, &[one]).await, counts(0, 1, 0, 0));
    let fact = all_facts(&store).await.remove(0);
    assert_eq!(fact.state, State::Assigned(TopicId::from("t")));
    assert_eq!(fact.category.as_deref(), Some("Other"));
    assert_eq!(fact.stored_at, minute(1000), "first stored stays");
}

async fn deletion_erases_words_and_keeps_the_row(store: Store) {
    let mut one = ticket("1", "my secret", minute(1));
    one.conversation.account = Some("ACME".to_owned());
    one.conversation.url = Some("https://desk.example/1".to_owned());
    one.conversation.tags = vec!["vip".to_owned()];
    one.conversation.category = Some("Billing".to_owned());
    one.conversation
        .attributes
        .insert("site".to_owned(), "Bonn".to_owned());
    save(&store, &[one, ticket("2", "other", minute(2))]).await;
    embed(&store).await;
    assign(&store, "t", &["1", "2"]).await;
    let before = store.last_change().await.unwrap();

    let deletion = deletion("1", minute(5));
    assert_eq!(save_any(&store, &deletion).await, counts(0, 0, 0, 1));
    assert_eq!(save_any(&store, &deletion).await, counts(0, 0, 1, 0));

    let left = store.conversation(&key("1")).await.unwrap().unwrap();
    let mut expected = groundswell::model::Conversation::new(key("1"), minute(1));
    expected.updated_at = minute(5);
    expected.category = Some("Billing".to_owned());
    expected.exclusion = Some(Exclusion::Deleted);
    assert_eq!(left.conversation, expected);
    assert_eq!(
        (left.text, left.text_hash),
        (Text::default(), String::new())
    );
    let facts = all_facts(&store).await;
    assert_eq!(facts[0].state, State::Excluded(Exclusion::Deleted));
    assert_eq!(facts[0].customer, None);
    let feed = store.changes_after(before, 10).await.unwrap();
    assert_eq!(feed.len(), 1);
    assert_eq!(feed[0].stored.conversation.key, key("1"));
    assert_eq!(feed[0].topic, None);
    let exemplars = &store.topics().await.unwrap()[0].exemplars;
    assert!(exemplars.is_empty(), "its vector stands for no topic");
}

async fn a_deletion_before_the_conversation_holds(store: Store) {
    let saved = save_any(&store, &deletion("1", minute(5))).await;
    assert_eq!(saved, counts(0, 0, 0, 1));
    assert_eq!(
        all_facts(&store).await,
        vec![],
        "nobody knows when it was opened"
    );
    assert_eq!(store.span().await.unwrap(), None);
    for late in [3, 5] {
        let mut version = ticket("1", "late", minute(1));
        version.conversation.updated_at = minute(late);
        assert_eq!(save(&store, &[version]).await, counts(0, 0, 1, 0));
    }
    let left = store.conversation(&key("1")).await.unwrap().unwrap();
    assert_eq!(left.conversation.exclusion, Some(Exclusion::Deleted));
    assert!(left.conversation.messages.is_empty());
}

async fn a_newer_version_restores(store: Store) {
    let one = ticket("1", "loud", minute(1));
    save(&store, std::slice::from_ref(&one)).await;
    save_any(&store, &deletion("1", minute(5))).await;
    let back = changed(&one, "loud", minute(6));
    assert_eq!(
        save(&store, std::slice::from_ref(&back)).await,
        counts(0, 1, 0, 0)
    );
    assert_eq!(store.conversation(&key("1")).await.unwrap(), Some(back));
    // A tombstone that was never seen alive is new when it comes to life.
    save_any(&store, &deletion("2", minute(5))).await;
    let mut second = ticket("2", "hello", minute(1));
    second.conversation.updated_at = minute(6);
    let page = page(&[second]);
    let saved = store.save_page(&source(), &page, minute(2000)).await;
    assert_eq!(saved.unwrap(), counts(1, 0, 0, 0));
    assert_eq!(all_facts(&store).await[1].stored_at, minute(2000));
}

async fn a_stale_deletion_is_ignored(store: Store) {
    let mut one = ticket("1", "restored in the helpdesk", minute(1));
    one.conversation.updated_at = minute(9);
    save(&store, std::slice::from_ref(&one)).await;
    let saved = save_any(&store, &deletion("1", minute(5))).await;
    assert_eq!(saved, counts(0, 0, 1, 0));
    assert_eq!(store.conversation(&key("1")).await.unwrap(), Some(one));
}

async fn a_version_that_says_deleted_keeps_no_words(store: Store) {
    let mut one = ticket("1", "my secret", minute(1));
    one.conversation.exclusion = Some(Exclusion::Deleted);
    one.conversation.closed_at = Some(minute(4));
    save(&store, std::slice::from_ref(&one)).await;
    let left = store.conversation(&key("1")).await.unwrap().unwrap();
    assert!(left.text.is_blank() && left.conversation.subject.is_blank());
    assert!(left.conversation.messages.is_empty());
    assert_eq!(left.conversation.requester, None);
    assert_eq!(left.conversation.closed_at, Some(minute(4)));
    let state = &all_facts(&store).await[0].state;
    assert_eq!(*state, State::Excluded(Exclusion::Deleted));
    assert_eq!(save(&store, &[one]).await, counts(0, 0, 1, 0));
}

async fn a_merged_conversation_names_its_target(store: Store) {
    let one = ticket("1", "same as 2", minute(1));
    save(&store, &[one, ticket("2", "target", minute(1))]).await;
    let merge = CleanPage {
        merged: vec![(key("1"), "2".to_owned(), minute(5))],
        ..CleanPage::default()
    };
    assert_eq!(save_any(&store, &merge).await, counts(0, 0, 0, 1));
    assert_eq!(save_any(&store, &merge).await, counts(0, 0, 1, 0));
    let left = store.conversation(&key("1")).await.unwrap().unwrap();
    assert_eq!(left.conversation.exclusion, Some(Exclusion::Merged));
    let attributes = &left.conversation.attributes;
    assert_eq!(attributes.get("merged_into").map(String::as_str), Some("2"));
    assert!(left.conversation.messages.is_empty());
    // Deleted later: the other reason, and no target any more.
    assert_eq!(
        save_any(&store, &deletion("1", minute(6))).await,
        counts(0, 0, 0, 1)
    );
    let left = store.conversation(&key("1")).await.unwrap().unwrap();
    assert_eq!(left.conversation.exclusion, Some(Exclusion::Deleted));
    assert!(left.conversation.attributes.is_empty());
}

async fn a_page_may_tell_one_conversation_twice(store: Store) {
    let first = ticket("1", "first", minute(1));
    let second = changed(&first, "second", minute(2));
    let twice = [second.clone(), first.clone(), second.clone()];
    assert_eq!(save(&store, &twice).await, counts(1, 1, 1, 0));
    assert_eq!(
        store.conversation(&key("1")).await.unwrap(),
        Some(second.clone())
    );
    // Of two versions with the same time, the later one stays.
    let third = changed(&first, "third", minute(2));
    assert_eq!(
        save(&store, &[second, third.clone()]).await,
        counts(0, 1, 1, 0)
    );
    let read = store.conversation(&key("1")).await.unwrap();
    assert_eq!(read.as_ref(), Some(&third));
    let mut page = page(&[first, third]);
    page.deleted = vec![(key("1"), minute(3))];
    assert_eq!(save_any(&store, &page).await, counts(0, 0, 2, 1));
    let left = store.conversation(&key("1")).await.unwrap().unwrap();
    assert_eq!(left.conversation.exclusion, Some(Exclusion::Deleted));
    assert_eq!(left.conversation.created_at, minute(1));
}

/// Versions from minutes 1, 2 and 4 and a deletion at minute 3, each a page of its own, in all 24 orders.
async fn pages_may_come_in_any_order(store: Store) {
    let orders = (0..24_usize).map(|number| {
        let mut left: Vec<i64> = vec![1, 2, 3, 4];
        [6, 2, 1, 1].map(|divisor| left.remove(number / divisor % left.len()))
    });
    for (number, order) in orders.enumerate() {
        let id = format!("{number}");
        let first = ticket(&id, "text 1", minute(1));
        for at in order {
            let page = match at {
                3 => deletion(&id, minute(3)),
                _ => page(&[changed(&first, &format!("text {at}"), minute(at))]),
            };
            save_any(&store, &page).await;
        }
        let read = store.conversation(&key(&id)).await.unwrap();
        let last = changed(&first, "text 4", minute(4));
        assert_eq!(read, Some(last), "{order:?}");
    }
}

async fn large_pages_are_stored_whole(store: Store) {
    let many: Vec<_> = (0..1103)
        .map(|n| ticket(&format!("{n:04}"), &format!("text {n}"), minute(n)))
        .collect();
    assert_eq!(save(&store, &many).await, counts(1103, 0, 0, 0));
    assert_eq!(save(&store, &many).await, counts(0, 0, 1103, 0));
    let facts = all_facts(&store).await;
    assert_eq!(facts.len(), 1103);
    assert!(facts.is_sorted_by_key(|fact| fact.key.clone()));
    assert_eq!(store.span().await.unwrap(), Some((minute(0), minute(1102))));
    for one in [&many[0], &many[127], &many[128], &many[1102]] {
        let read = store.conversation(&one.conversation.key).await.unwrap();
        assert_eq!(read.as_ref(), Some(one));
    }
}

async fn zero_characters_do_no_harm(store: Store) {
    let mut one = ticket("1\0", "be\0fore", minute(1));
    one.conversation.tags = vec!["ta\0g".to_owned()];
    one.conversation.category = Some("Bil\0ling".to_owned());
    save(&store, &[one]).await;
    let left = store.conversation(&key("1")).await.unwrap().unwrap();
    assert_eq!(left.text.as_str(), "before");
    assert_eq!(left.conversation.category.as_deref(), Some("Billing"));
    let same = store.conversation(&key("1\0")).await.unwrap();
    assert_eq!(same, Some(left));
}

async fn several_are_read_in_the_asked_order(store: Store) {
    let many: Vec<_> = ["1", "2", "3"].map(|id| ticket(id, id, minute(1))).to_vec();
    save(&store, &many).await;
    let keys = [key("3"), key("none"), key("1"), key("3")];
    let read = store.conversations(&keys).await.unwrap();
    let ids: Vec<&str> = read
        .iter()
        .map(|stored| stored.conversation.key.id.as_str())
        .collect();
    assert_eq!(ids, ["3", "1", "3"]);
    assert!(store.conversations(&[]).await.unwrap().is_empty());
}

async fn facts_are_opened_or_closed_in_the_range(store: Store) {
    let mut early = ticket("1", "early", minute(1));
    early.conversation.closed_at = Some(minute(50));
    let mut long = ticket("2", "long", minute(10));
    long.conversation.closed_at = Some(minute(15));
    long.conversation.requester = None;
    long.conversation.account = Some("ACME".to_owned());
    let spam = {
        let mut spam = ticket("3", "spam", minute(19));
        spam.conversation.exclusion = Some(Exclusion::Spam);
        spam
    };
    let outside = ticket("4", "outside", minute(20));
    save(&store, &[early, long, spam, outside]).await;
    let ids = |facts: Vec<groundswell::model::Fact>| -> Vec<String> {
        facts.into_iter().map(|fact| fact.key.id).collect()
    };
    let facts = store.facts(minute(10), minute(20)).await.unwrap();
    assert_eq!(
        facts[0].customer.as_deref(),
        Some("ACME"),
        "no requester: the account"
    );
    assert_eq!(facts[1].state, State::Excluded(Exclusion::Spam));
    assert_eq!(ids(facts), ["2", "3"]);
    let facts = store.facts(minute(50), minute(51)).await.unwrap();
    assert_eq!(ids(facts), ["1"], "closed there, opened before");
    let facts = store.facts(minute(15), minute(15)).await.unwrap();
    assert!(facts.is_empty(), "the range is half open");
}

async fn a_topic_lists_its_conversations_newest_first(store: Store) {
    let mut spam = ticket("4", "spam", minute(2));
    spam.conversation.exclusion = Some(Exclusion::Spam);
    let some = [
        ticket("1", "a", minute(1)),
        ticket("2", "b", minute(3)),
        ticket("3", "c", minute(3)),
        spam,
    ];
    save(&store, &some).await;
    assign(&store, "t", &["1", "2", "3", "4"]).await;
    let topic = TopicId::from("t");
    let ids = async |from, to, limit| -> Vec<String> {
        let keys = store.topic_keys(&topic, minute(from), minute(to), limit);
        keys.await.unwrap().into_iter().map(|key| key.id).collect()
    };
    assert_eq!(ids(0, 10, 10).await, ["2", "3", "1"]);
    assert_eq!(ids(0, 10, 2).await, ["2", "3"]);
    assert_eq!(ids(1, 3, 10).await, ["1"]);
}

async fn a_forgotten_conversation_stays_forgotten(store: Store) {
    let one = ticket("1", "my secret", minute(1));
    save(&store, std::slice::from_ref(&one)).await;
    embed(&store).await;
    let before = store.last_change().await.unwrap();
    assert!(
        store
            .forget_conversation(&key("1"), minute(3000))
            .await
            .unwrap()
    );
    assert!(
        !store
            .forget_conversation(&key("1"), minute(3000))
            .await
            .unwrap()
    );
    assert!(
        !store
            .forget_conversation(&key("none"), minute(3000))
            .await
            .unwrap()
    );
    let feed = store.changes_after(before, 10).await.unwrap();
    assert_eq!(feed.len(), 1);
    assert!(feed[0].stored.text.is_blank());
    let later = changed(&one, "again", minute(9));
    assert_eq!(save(&store, &[later]).await, counts(0, 0, 1, 0));
    let left = store.conversation(&key("1")).await.unwrap().unwrap();
    assert!(left.text.is_blank());
    assert_eq!(left.conversation.created_at, minute(1), "it still counts");
}

async fn a_requester_is_forgotten_everywhere(store: Store) {
    let mut some = [
        ticket("1", "a", minute(1)),
        ticket("2", "b", minute(2)),
        ticket("3", "c", minute(3)),
    ];
    for one in &mut some[..2] {
        one.conversation.requester = Some("p-17".to_owned());
    }
    save(&store, &some).await;
    assert_eq!(
        store.forget_requester("p-17", minute(3000)).await.unwrap(),
        2
    );
    assert_eq!(
        store.forget_requester("p-17", minute(3000)).await.unwrap(),
        0
    );
    let states: Vec<State> = all_facts(&store)
        .await
        .into_iter()
        .map(|fact| fact.state)
        .collect();
    let gone = State::Excluded(Exclusion::Deleted);
    assert_eq!(states, [gone.clone(), gone, State::Unassigned]);
}
