//! For mail: a subject, plain text, and HTML that also old mail readers show: tables, inline styles, nothing to load from
//! elsewhere. The courses are pictures that the mail carries with it; where they are not shown, their numbers are.

use crate::model::{Cadence, Digest};

use super::answered::Ways;
use super::html::fill_with;
use super::picture::Picture;
use super::view::View;
use super::words::plain;
use super::{Rendered, fit, text};

/// Longer subjects are cut by readers, and longer lines are folded (<https://www.rfc-editor.org/rfc/rfc5322#section-2.1.1>).
pub const SUBJECT_MAX: usize = 78;
/// Gmail shows "message clipped" above 102 KB of HTML.
pub const HTML_MAX: usize = 100_000;

/// Lays a digest out as a mail.
pub fn mail(digest: &Digest, ways: Ways<'_>) -> Rendered {
    let lay_out = |view: &View| {
        let pictures: Vec<Option<Picture>> = view.items.iter().map(Picture::of).collect();
        Rendered::Mail {
            subject: subject(digest, view),
            text: text::lay_out(view),
            html: fill_with("mail.html", view, &pictures),
            pictures: pictures.into_iter().flatten().collect(),
        }
    };
    fit(digest, ways, lay_out, |mail| match mail {
        Rendered::Mail { html, .. } => html.len() <= HTML_MAX,
        _ => true,
    })
}

fn subject(digest: &Digest, view: &View) -> String {
    let noun = match digest.cadence {
        Cadence::Daily => "Day",
        Cadence::Weekly => "Week",
        Cadence::Monthly => "Month",
    };
    let mut window = format!("{noun} {}", plain(&digest.window, 20));
    if let Some(team) = &digest.team {
        window = format!("{window} {}", plain(&team.name, 20));
    }
    let more = match digest.items.len() {
        0 | 1 => String::new(),
        items => format!(" and {} more", items - 1),
    };
    let first = view
        .items
        .first()
        .map_or("what customers said", |item| item.label.as_str());
    let room = SUBJECT_MAX.saturating_sub(window.chars().count() + 2 + more.chars().count());
    plain(
        &format!("{window}: {}{more}", plain(first, room)),
        SUBJECT_MAX + 1,
    )
}
