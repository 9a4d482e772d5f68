//! How much of a digest is shown where a target has a limit: what goes first, and what stays to the last.

use crate::model::Digest;

use super::view::LIST_MAX;

/// Lines of a list at the foot where there is little room.
const BRIEF_LINES: usize = 3;

/// How much of a digest is shown.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub items: usize,
    pub quotes: usize,
    pub detail: Detail,
}

/// How much is said beside the items' core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// Nothing.
    None,
    /// What no reader must miss: how much is in no topic, and the notes; one finding to each item.
    Core,
    /// The first lines of all that stands at the foot, one finding to each item.
    Brief,
    /// Everything.
    Whole,
}

impl Detail {
    /// Lines of a list at the foot.
    pub fn lines(self) -> usize {
        match self {
            Detail::None | Detail::Core => 0,
            Detail::Brief => BRIEF_LINES,
            Detail::Whole => LIST_MAX,
        }
    }

    /// Lines of the notes.
    pub fn notes(self) -> usize {
        match self {
            Detail::None => 0,
            Detail::Core | Detail::Brief => BRIEF_LINES,
            Detail::Whole => LIST_MAX,
        }
    }

    /// Findings of an item.
    pub fn findings(self) -> usize {
        if self == Detail::Whole { 4 } else { 1 }
    }
}

impl Size {
    /// Title, totals and a link: fits everywhere.
    pub const LEAST: Size = Size {
        items: 0,
        quotes: 0,
        detail: Detail::None,
    };

    /// From everything to next to nothing. What stands at the foot goes before an item goes: the items are what readers
    /// come for.
    pub fn steps(digest: &Digest) -> Vec<Size> {
        let items = digest.items.len();
        let with = |items, quotes, detail| Size {
            items,
            quotes,
            detail,
        };
        let mut steps = vec![
            with(items, usize::MAX, Detail::Whole),
            with(items, 2, Detail::Whole),
            with(items, 1, Detail::Whole),
        ];
        // Few items with a quote say more than many without.
        let fewer = (1..items.min(20)).rev();
        for fewer in std::iter::once(items).chain(fewer).filter(|_| items > 0) {
            steps.extend([Detail::Brief, Detail::Core].map(|detail| with(fewer, 1, detail)));
        }
        steps.push(with(items.min(1), 0, Detail::Core));
        steps.push(with(items.min(1), 0, Detail::None));
        steps
    }
}
