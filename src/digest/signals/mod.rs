//! What words say of a whole topic: how many of its conversations ask how something is done, speak of a promise, wait, and
//! so on. English and German. A conversation counts once for each signal, however often the words stand in it; what is
//! taken back in the same clause ("nothing was promised") does not count.

mod english;
mod german;

use std::sync::LazyLock;

use regex::Regex;

/// A clause is searched so far before and after a wording.
const CLAUSE_BYTES_MAX: usize = 80;

/// What wording may tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signal {
    /// Asks how something is done.
    HowTo,
    /// Says that something was promised.
    Promised,
    /// Waits, without a date.
    Waiting,
    /// Somebody did not come.
    NoShow,
    /// Names an update or a version.
    Update,
    /// Cancels, or goes elsewhere.
    Leaving,
    /// Praises.
    Praise,
    /// Misses a manual, or finds it silent or wrong.
    NoManual,
    /// Begins: a new customer, a first use, a set-up.
    Beginning,
}

impl Signal {
    /// All of them.
    pub const ALL: [Signal; 9] = [
        Signal::HowTo,
        Signal::Promised,
        Signal::Waiting,
        Signal::NoShow,
        Signal::Update,
        Signal::Leaving,
        Signal::Praise,
        Signal::NoManual,
        Signal::Beginning,
    ];

    fn lists(self) -> [&'static [&'static str]; 2] {
        match self {
            Signal::HowTo => [english::HOW_TO, german::HOW_TO],
            Signal::Promised => [english::PROMISED, german::PROMISED],
            Signal::Waiting => [english::WAITING, german::WAITING],
            Signal::NoShow => [english::NO_SHOW, german::NO_SHOW],
            Signal::Update => [english::UPDATE, german::UPDATE],
            Signal::Leaving => [english::LEAVING, german::LEAVING],
            Signal::Praise => [english::PRAISE, german::PRAISE],
            Signal::NoManual => [english::NO_MANUAL, german::NO_MANUAL],
            Signal::Beginning => [english::BEGINNING, german::BEGINNING],
        }
    }

    /// Whether the words give this signal, and do not take it back.
    pub fn is_in(self, text: &str) -> bool {
        let place = Signal::ALL.iter().position(|other| *other == self);
        let pattern = &WORDINGS[place.expect("every signal is in the list of all")];
        let mut found = pattern.find_iter(text);
        found.any(|words| !is_taken_back(&text[..words.start()], &text[words.end()..]))
    }
}

fn pattern(lists: [&[&str]; 2]) -> Regex {
    Regex::new(&format!("(?i){}", lists.concat().join("|"))).expect("a constant that compiles")
}

static WORDINGS: LazyLock<Vec<Regex>> =
    LazyLock::new(|| Signal::ALL.map(|signal| pattern(signal.lists())).into());
static CLAUSE_END: LazyLock<Regex> =
    LazyLock::new(|| pattern([english::CLAUSE_END, german::CLAUSE_END]));
static NEGATION_BEFORE: LazyLock<Regex> =
    LazyLock::new(|| pattern([english::NEGATION_BEFORE, german::NEGATION_BEFORE]));
static NEGATION_AFTER: LazyLock<Regex> =
    LazyLock::new(|| pattern([english::NEGATION_AFTER, german::NEGATION_AFTER]));
static UPHELD: LazyLock<Regex> = LazyLock::new(|| pattern([english::UPHELD, german::UPHELD]));

/// Whether what stands around a wording, in its own clause, takes it back.
fn is_taken_back(before: &str, after: &str) -> bool {
    let mut from = before.len().saturating_sub(CLAUSE_BYTES_MAX);
    while !before.is_char_boundary(from) {
        from += 1;
    }
    let before = &before[from..];
    let begins = CLAUSE_END.find_iter(before).last();
    let before = &before[begins.map_or(0, |end| end.end())..];
    let mut to = after.len().min(CLAUSE_BYTES_MAX);
    while !after.is_char_boundary(to) {
        to -= 1;
    }
    let after = &after[..to];
    let after = &after[..CLAUSE_END.find(after).map_or(to, |end| end.start())];
    let is_negated = NEGATION_BEFORE.is_match(before) && !UPHELD.is_match(before);
    is_negated || NEGATION_AFTER.is_match(after)
}

/// How many of the conversations read give which signal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signals {
    /// Conversations whose words were read.
    pub read: u64,
    counts: [u64; Signal::ALL.len()],
}

impl Signals {
    /// Reads one conversation's words.
    pub fn add(&mut self, text: &str) {
        self.read += 1;
        for (signal, count) in Signal::ALL.into_iter().zip(&mut self.counts) {
            *count += u64::from(signal.is_in(text));
        }
    }

    /// These and those.
    pub fn plus(&self, other: &Self) -> Self {
        let mut sum = self.clone();
        sum.read += other.read;
        for (count, more) in sum.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
        sum
    }

    /// These without those, which are among them.
    pub fn without(&self, part: &Self) -> Self {
        let mut rest = self.clone();
        rest.read -= part.read;
        for (count, less) in rest.counts.iter_mut().zip(part.counts) {
            *count -= less;
        }
        rest
    }

    /// How many gave this signal.
    pub fn of(&self, signal: Signal) -> u64 {
        let place = Signal::ALL.iter().position(|other| *other == signal);
        place.map_or(0, |place| self.counts[place])
    }

    /// With these counts; for the tests of rules.
    #[cfg(test)]
    pub fn with(read: u64, signal: Signal, count: u64) -> Self {
        let mut signals = Self {
            read,
            ..Self::default()
        };
        signals.set(signal, count);
        signals
    }

    /// With this count; for the tests of rules.
    #[cfg(test)]
    pub fn set(&mut self, signal: Signal, count: u64) {
        let place = Signal::ALL.iter().position(|other| *other == signal);
        self.counts[place.unwrap()] = count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(signal: Signal, with: &[&str], without: &[&str]) {
        for text in with {
            assert!(signal.is_in(text), "{signal:?} is in: {text}");
        }
        for text in without {
            assert!(!signal.is_in(text), "{signal:?} is not in: {text}");
        }
    }

    #[test]
    fn questions_are_recognised() {
        check(
            Signal::HowTo,
            &[
                "How do I set the heating curve?",
                "cust asks how to set holiday mode",
                "Wie kann ich das ändern?",
                "Was bedeutet die blaue Lampe?",
            ],
            &[
                "the pump is loud",
                "I know this one",
                "Wie gesagt, er kommt morgen",
            ],
        );
    }

    #[test]
    fn promises_are_recognised() {
        check(
            Signal::Promised,
            &[
                "Your sales rep told us the old tank goes",
                "it was PART OF THE DEAL",
                "the man at the fair said you remove it",
                "we were told removal is included",
                "sold as incl. boiler removal",
                "orally agreed with your salesman",
                "asks if the word of the rep still holds",
                "Der Verkäufer hat gesagt, das sei dabei",
                "Die Abholung wurde uns zugesagt",
            ],
            &[
                "I was told to call back",
                "compromise",
                "a fair price",
                "Zum Anlassen",
            ],
        );
    }

    #[test]
    fn what_is_taken_back_does_not_count() {
        check(
            Signal::Promised,
            &[
                "It was not delivered as promised",
                "nobody came, though you promised it",
                "I was not at home but your rep said it is included",
                "You promised and nothing happened",
                "Nicht geliefert wie versprochen",
                "Es wurde versprochen, aber nicht gehalten",
            ],
            &[
                "Nothing was promised.",
                "nobody ever promised that",
                "we didn't promise it",
                "No, we never promised him a date",
                "He promised us nothing",
                "Nichts wurde zugesagt",
                "Das hat niemand versprochen",
                "versprochen wurde uns nichts",
            ],
        );
        check(
            Signal::Leaving,
            &["I do not like it, so I will cancel my contract"],
            &[
                "I don't want to cancel my contract",
                "Wir wollen nicht kündigen",
            ],
        );
        check(
            Signal::Praise,
            &["not cheap, but I am very happy with it"],
            &["I am not very happy", "Ich bin nicht sehr zufrieden"],
        );
    }

    #[test]
    fn waiting_is_recognised() {
        check(
            Signal::Waiting,
            &[
                "Still waiting for the fan motor",
                "it has been three weeks",
                "no date given",
                "chasing the part again",
                "Wir warten noch immer",
                "Seit drei Wochen keine Antwort",
            ],
            &[
                "weekend",
                "the part arrived",
                "we are not waiting any more",
                "die Wartung",
            ],
        );
    }

    #[test]
    fn missed_visits_are_recognised() {
        check(
            Signal::NoShow,
            &[
                "tech didn't turn up",
                "Nobody came on Tuesday",
                "I took a day off for this",
                "engineer no-show again",
                "tech came unannounced",
                "we waited from 8 to 5",
                "two hours late, nobody called",
                "Es ist niemand gekommen",
                "Der Monteur ist nicht erschienen",
            ],
            &["the show room", "he came on time", "Er ist gekommen"],
        );
    }

    #[test]
    fn updates_are_recognised() {
        check(
            Signal::Update,
            &[
                "since the update it stops with E41",
                "after last week's software update",
                "runs 4.2.0 now",
                "new firmware",
                "Seit dem letzten Update geht nichts",
            ],
            &[
                "please update me",
                "any update?",
                "21.5 degrees",
                "no firmware installed",
            ],
        );
    }

    #[test]
    fn leaving_and_praise_are_recognised() {
        check(
            Signal::Leaving,
            &[
                "I want to cancel my subscription",
                "we are switching to another provider",
                "please close my account",
                "we take our business elsewhere",
                "Hiermit kündige ich",
                "Wir wechseln zu einem anderen Anbieter",
            ],
            &[
                "please cancel my appointment",
                "we changed the filter",
                "er ist kündig",
            ],
        );
        check(
            Signal::Praise,
            &[
                "Great service, thank you!",
                "your technician was very friendly",
                "cust praised the fitter",
                "Wir sind sehr zufrieden",
                "Ein großes Lob an Ihr Team",
            ],
            &["thank you", "the service is bad", "vielen Dank"],
        );
    }

    #[test]
    fn missing_manuals_and_beginnings_are_recognised() {
        check(
            Signal::NoManual,
            &[
                "it is not explained in the manual",
                "The manual does not say what E17 means",
                "there were no instructions in the box",
                "Das steht nicht in der Anleitung",
                "In der Bedienungsanleitung finde ich nichts",
            ],
            &[
                "I read the manual",
                "as the manual says",
                "laut Anleitung geht das",
            ],
        );
        check(
            Signal::Beginning,
            &[
                "We have just moved in",
                "I am a new customer",
                "my first invoice",
                "help with setting up the app",
                "Wir sind neue Kunden",
                "Fragen zur Inbetriebnahme",
            ],
            &["for the first time it froze", "it is new", "a new pump"],
        );
    }

    #[test]
    fn a_conversation_counts_once_for_each_signal() {
        let mut signals = Signals::default();
        signals.add("how do i, how do i, how to");
        signals.add("nothing");
        assert_eq!(
            (
                signals.read,
                signals.of(Signal::HowTo),
                signals.of(Signal::NoShow)
            ),
            (2, 1, 0)
        );
    }

    proptest! {
        #[test]
        fn any_words_can_be_read(text in any::<String>()) {
            let cut = format!("{text}promised{text}how to{text}");
            for signal in Signal::ALL {
                signal.is_in(&cut);
            }
        }
    }
}
