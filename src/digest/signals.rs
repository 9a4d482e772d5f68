//! What words say of a whole topic: how many of its conversations ask how something is done, speak of a promise, wait, and
//! so on. English and German. A conversation counts once for each signal, however often the words stand in it.

use std::sync::LazyLock;

use regex::Regex;

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
}

impl Signal {
    const ALL: [Signal; 5] = [
        Signal::HowTo,
        Signal::Promised,
        Signal::Waiting,
        Signal::NoShow,
        Signal::Update,
    ];

    /// Whether the words give this signal.
    pub fn is_in(self, text: &str) -> bool {
        let pattern: &Regex = match self {
            Signal::HowTo => &HOW_TO,
            Signal::Promised => &PROMISED,
            Signal::Waiting => &WAITING,
            Signal::NoShow => &NO_SHOW,
            Signal::Update => &UPDATE,
        };
        pattern.is_match(text)
    }
}

fn pattern(alternatives: &[&str]) -> Regex {
    Regex::new(&format!("(?i){}", alternatives.join("|"))).expect("a constant that compiles")
}

static HOW_TO: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&[
        r"\bhow (do|can|does|should|would|could|did) (i|we|you|one|he|she|they|the|it|this)\b",
        r"\bhow to\b",
        r"\b(know|explain|show|tell (me|us|him|her)) (how|what|where|which|whether)\b",
        r"\b(explained|talked|walked|guided) (it |cust |him |her |them )?(how|thru|through)\b",
        r"\bwhere (do|can|is|are) (i|we|the|that)\b",
        r"\bwhat (does|do|is) .{0,40}\bmean",
        r"\b(does|do) .{0,40}\bmean\b",
        r"\bis there (a|any) way to\b",
        r"\bis it possible to\b",
        r"\bwie (kann|stelle?|mache|richte|bekomme|lässt|schalte|geht)\b",
        r"\bwo (finde|kann|ist)\b",
        r"\bwas bedeutet\b",
    ])
});

static PROMISED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&[
        r"\bpromis(e|es|ed|ing)\b",
        r"\b(assured|guaranteed) (me|us|him|her|them|that)\b",
        r"\b(orally|verbally) (agreed|promised|offered)\b|\bverbal (offer|agreement|promise)\b",
        r"\b(part of|in) the (deal|offer|package|sale|quote)\b",
        r"\b(included|inclusive|incl\.?|covered) (in|with|by) (the|our|my|your|that) (price|offer|quote|deal|contract|package|sale|purchase|order)\b",
        r"\bsold (to (us|me|him|her) )?as\b",
        r"\b(sales ?(man|woman|person|people|lady)?|rep|representative|seller|consultant|advis[eo]r|fair|showroom|show home|home show|brochure)\b.{0,80}\b(said|says|told|telling|agreed|confirmed|offered|swore|claimed|guaranteed|insisted|includes?)\b",
        r"\b(said|told|agreed|guaranteed|word|offered)\b.{0,40}\b(by|at|from|in|with|of) (the |your |our |a )?(\w+ )?(sales ?(man|woman|person|people|lady)?|rep|representative|seller|showroom|show home|home show|fair)\b",
        r"\b(was|were|been) told\b.{0,60}\b(included|free|part of|covered|take (away|it|care)|remov)",
        r"\bversprochen\b|\bzugesagt\b|\bzugesichert\b",
        r"\bim (preis|angebot) (inbegriffen|enthalten)\b",
        r"\b(verkäufer|vertrieb|berater)\w*\b.{0,60}\b(gesagt|sagte|meinte)\b",
    ])
});

static WAITING: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&[
        r"\bwaiting\b",
        r"\b(for|after|in) (\w+ )?(weeks|months)\b",
        r"\b(\d+|two|three|four|five|six|seven|eight|nine|ten|several|many) ?(weeks|wks|months)\b",
        r"\b(no|any|without|w/o) (a )?(delivery )?(date|eta|news|answer|reply|word)\b",
        r"\bback ?-?order(ed)?\b",
        r"\bchas(e|es|ed|ing)\b",
        r"\bworking day \d+\b",
        r"\b(any|an) (update|news|eta) on\b",
        r"\bseit (\w+ )?(wochen|monaten)\b",
        r"\bwarte(n|t)?\b|\blieferzeit\b",
    ])
});

static NO_SHOW: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&[
        r"\bno[- ]?show(ed)?\b",
        r"\b(did ?n[o'’]?t|did not|never|nobody|no ?one|none of them) (even )?(came|come|turn(ed)? up|show(ed)?( up)?|arrive[d]?|appear(ed)?|rang|knock(ed)?)\b",
        r"\bstood (me|us|him|her) up\b",
        r"\bmissed (the |my |our |his |her |their )?(appointment|appt|slot|visit)\b",
        r"\bwaited (in |at home |from |since |for |\d)",
        r"\b(stayed|sat) (in |at home |home )?(all|the whole) (day|morning|afternoon)\b",
        r"\btook (a|the|half a) day off\b",
        r"\bunannounced\b|\b(no|without) (prior )?notice\b|\b(visit|appt|appointment|cust) (was )?(not|never) (notified|told|announced|informed)\b",
        r"\b(\d+|an|one|two|three) ?(h|hrs?|hours?) late\b",
        r"\bniemand (ist )?(gekommen|kam|erschienen)\b|\bnicht (gekommen|erschienen|aufgetaucht)\b",
    ])
});

static UPDATE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&[
        r"\b(since|after|following|with|from) (the |your |this |last |that |an? |your last )?(\w+['’]?s? ){0,3}(update|upgrade|release|patch|software)\b",
        r"\bfirmware\b",
        r"\b(new|latest) (software|version|release|update)\b",
        r"\b(v|version |update )?\d+\.\d+\.\d+\b",
        r"\bthe (software )?(update|upgrade)\b",
        r"\b(was|been|got|were) updated\b|\bupdated (to|itself)\b",
        r"\b(seit|nach) (dem|der|einem) (\w+ )?(update|aktualisierung)\b",
    ])
});

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
        let place = Signal::ALL
            .iter()
            .position(|other| *other == signal)
            .unwrap();
        signals.counts[place] = count;
        signals
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(signal: Signal, with: &[&str], without: &[&str]) {
        for text in with {
            assert!(signal.is_in(text), "{signal:?} is in: {text}");
        }
        for text in without {
            assert!(!signal.is_in(text), "{signal:?} is not in: {text}");
        }
    }

    #[test]
    fn wording_is_recognised() {
        check(
            Signal::HowTo,
            &[
                "How do I set the heating curve?",
                "cust asks how to set holiday mode",
                "Wie kann ich das ändern?",
            ],
            &["the pump is loud", "I know this one"],
        );
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
            ],
            &["I was told to call back", "compromise", "a fair price"],
        );
        check(
            Signal::Waiting,
            &[
                "Still waiting for the fan motor",
                "it has been three weeks",
                "no date given",
                "chasing the part again",
            ],
            &["weekend", "the part arrived"],
        );
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
            ],
            &["the show room", "he came on time"],
        );
        check(
            Signal::Update,
            &[
                "since the update it stops with E41",
                "after last week's software update",
                "runs 4.2.0 now",
                "new firmware",
            ],
            &["please update me", "any update?", "21.5 degrees"],
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
}
