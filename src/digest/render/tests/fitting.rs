//! What goes and what stays where a digest is larger than its target.

use super::super::Format;
use super::any::hostile;
use super::json_of;

#[test]
fn what_does_not_fit_is_left_out_as_a_whole_and_said() {
    let mut digest = hostile(&"many words ".repeat(60));
    digest.items = vec![digest.items[0].clone(); 20];
    let message = json_of(&digest, Format::Slack);
    let shown = message.to_string();
    let items = shown.matches("Wrong if: ").count();
    assert!((1..20).contains(&items), "{items} items");
    assert!(
        shown.contains(&format!("Shortened: {} more items", 20 - items)),
        "{shown}"
    );
}

#[test]
fn the_foot_goes_before_an_item_goes_and_what_must_be_known_stays() {
    let mut digest = hostile("words");
    digest.items = vec![digest.items[0].clone(); 4];
    digest.notes = vec!["The source phone is not complete.".to_owned()];
    digest.rules = vec!["A rule of counting, told at some length. ".repeat(12); 12];
    let shown = json_of(&digest, Format::Slack).to_string();
    assert_eq!(shown.matches("Wrong if: ").count(), 4, "{shown}");
    assert!(!shown.contains("A rule of counting"), "{shown}");
    for words in [
        "The source phone is not complete.",
        "In no topic",
        "Shortened: ",
        "what stands at the foot",
    ] {
        assert!(shown.contains(words), "no {words}: {shown}");
    }
}
