//! Texts that are nothing but what is said around every subject: greetings, thanks, wishes, names and addresses below a
//! mail, notices of confidentiality, automatic answers, requests to be called back.
//!
//! Such texts resemble each other, so they would make a topic; but nobody can act on it. A text is judged sentence by
//! sentence: one that says anything else is enough to keep it.

use std::collections::BTreeSet;
use std::sync::LazyLock;

type Words = LazyLock<BTreeSet<&'static str>>;

/// Words of greetings, thanks and wishes, and the small words between them.
static COURTEOUS: Words = LazyLock::new(|| {
    "hi hello hey dear greetings good morning afternoon evening night day days weekend week thanks thank thx ty \
    you very much many so please regards best kind warm kindest cheers sincerely yours faithfully truly bye \
    goodbye ok okay yes no sorry sir madam or mr mrs ms team all everyone everybody there folks have a an the \
    nice great lovely wonderful for your help support time and in advance again to from me us we i am are is it \
    that this wish wishes wishing appreciate appreciated kindly looking look forward hearing hear reply answer \
    soon with merry christmas happy new year holidays welcome problem worries perfect hallo guten tag morgen \
    abend danke vielen dank bitte schönes wochenende gruß grüße grüßen freundliche freundlichen mit viele liebe \
    lieben beste besten mfg sehr geehrte geehrter damen herren herr frau im voraus für ihre eure die hilfe \
    schönen noch und einen ein bonjour merci cordialement madame monsieur bien beaucoup d avance salut hola \
    gracias muchas saludos buenos días ciao grazie saluti cordiali groeten bedankt met vriendelijke hoi olá \
    obrigado obrigada lot lots"
    .split(' ').collect()
});
/// After one of these comes a name.
static BEFORE_NAMES: Words = LazyLock::new(|| {
    "dear mr mrs ms herr frau madame monsieur hi hello hallo regards thanks thank you cheers sincerely grüße \
    grüßen gruß mfg danke dank cordialement saludos wishes best all weekend day help much"
    .split(' ').collect()
});
/// What ends a mail: below it stand names and addresses.
static CLOSINGS: Words = LazyLock::new(|| {
    "regards sincerely faithfully truly wishes grüße grüßen gruß mfg cordialement saludos saluti groeten"
    .split(' ').collect()
});
/// What is said at the end; a name may stand below it.
static PARTINGS: Words = LazyLock::new(|| {
    "thanks thank cheers weekend day wishes regards bye help danke dank merci gracias grazie bedankt"
        .split(' ')
        .collect()
});
/// Words of a request to be called back.
static CALLS: Words = LazyLock::new(|| {
    "call called callback calling ring phone phoned recall rückruf zurückrufen anrufen anruf rappeler llamar \
    terugbellen"
    .split(' ').collect()
});
/// What else such a request may have in it.
static AROUND_CALLS: Words = LazyLock::new(|| {
    "back can could would like likes want wants someone somebody anyone him her them he she they be asap urgent \
    urgently possible as when if return returned my our give get request requests requested requesting ask asks \
    asked customer client caller need needs today tomorrow later now noon lunch before after between until at \
    on by of number monday tuesday wednesday thursday friday am pm clock o free available convenience earliest \
    ist um ich mich ihn sie heute kunde kundin bittet wünscht erbeten dringend gewünscht zurück möchte rufen \
    unter nummer message left voicemail tried reach missed pls plz"
    .split(' ').collect()
});
/// Phrases of sentences that programs and lawyers write.
static NOTICES: LazyLock<Vec<&str>> = LazyLock::new(|| {
    "confidential|intended recipient|the addressee|privileged information|received it in error|\
    received it by mistake|received this|notify the sender|delete it at once|please delete it|\
    environment before printing|disclosure, copying|named person|views expressed|free of viruses|vertraulich|\
    irrtümlich erhalten|umwelt, bevor|out of the office|out of office|automatic reply|auto-reply|\
    on holiday until|on vacation until|on leave until|on parental leave|in urgent cases|no access to my mails|\
    no access to my e|will answer when i am back|limited access to e|your message could not be delivered|\
    delivery has failed|mail delivery|one or more recipients|we have received your|we received your|\
    your request has been received|your ticket number|your case number|your reference number is|get back to you|\
    will be in touch|do not reply to this|abwesenheit|nicht im büro|nicht im haus|automatische antwort|\
    konnte nicht zugestellt werden|ihre anfrage erhalten|ihre nachricht erhalten|melden uns schnellstmöglich|\
    sent from my|gesendet von|von meinem|you may contact|in my absence|your patience"
    .split('|').collect()
});
/// Marks of a line with an address or a number.
static CONTACTS: Words = LazyLock::new(|| {
    "tel telephone telefon phone fax mobile mobil www http https mail email e-mail"
        .split(' ')
        .collect()
});
/// Longest line below a mail, in words.
const SIGNATURE_WORDS_MAX: usize = 6;
/// Longest name, in words.
const NAME_WORDS_MAX: usize = 3;

/// Whether a text is boilerplate and nothing else.
pub fn is_only(text: &str) -> bool {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    if lines.is_empty() {
        return false;
    }
    let has_contact = lines.iter().any(|line| is_contact(line));
    let (mut is_closed, mut is_parted) = (false, false);
    lines.iter().all(|line| {
        if is_contact(line) || (is_closed || has_contact && is_card(line)) && is_short(line) {
            return true;
        }
        let mut sentences = line.split(['.', '!', '?', ';', ':']).map(str::trim);
        sentences.by_ref().all(|sentence| {
            let is_name = is_closed && is_short(sentence) || is_parted && is_name(sentence);
            is_closed |= words(sentence).any(|word| has(&CLOSINGS, &word));
            is_parted |= words(sentence).any(|word| has(&PARTINGS, &word));
            is_name || is_notice(sentence) || is_courtesy(sentence) || is_call(sentence)
        })
    })
}

/// Up to three words, each with a capital.
fn is_name(sentence: &str) -> bool {
    let is_capital = |word: &str| word.starts_with(char::is_uppercase);
    sentence.split_whitespace().count() <= NAME_WORDS_MAX
        && sentence.split_whitespace().all(is_capital)
}

fn words(sentence: &str) -> impl Iterator<Item = String> + '_ {
    let is_end = |letter: char| !letter.is_alphanumeric();
    let words = sentence.split(is_end).filter(|word| !word.is_empty());
    words.map(str::to_lowercase)
}

fn has(list: &BTreeSet<&str>, word: &str) -> bool {
    list.contains(word)
}

fn is_number(word: &str) -> bool {
    word.starts_with(|letter: char| letter.is_ascii_digit())
}

fn is_short(line: &str) -> bool {
    line.split_whitespace().count() <= SIGNATURE_WORDS_MAX
}

/// A line with a number or an address and hardly anything else.
fn is_contact(line: &str) -> bool {
    let is_marked = line.contains('@') || words(line).any(|word| has(&CONTACTS, &word));
    let other = words(line).filter(|word| !is_number(word) && !has(&CONTACTS, word));
    let is_placeholder = line.starts_with('[') && line.ends_with(']');
    is_placeholder
        || is_marked
            && line.contains(|c: char| c.is_ascii_digit() || "@.[".contains(c))
            && other.count() <= 3
}

/// A line of a card: a name, a title; every long word with a capital.
fn is_card(line: &str) -> bool {
    let mut long = line
        .split_whitespace()
        .filter(|word| word.chars().count() > 3);
    long.all(|word| word.starts_with(|letter: char| !letter.is_lowercase()))
}

fn is_notice(sentence: &str) -> bool {
    let lower = sentence.to_lowercase();
    NOTICES.iter().any(|phrase| lower.contains(phrase))
}

/// Greetings, thanks and wishes, with the names that follow them.
fn is_courtesy(sentence: &str) -> bool {
    let mut may_be_name = false;
    sentence
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .all(|word| {
            let lower = word.to_lowercase();
            let is_name = may_be_name && word.starts_with(char::is_uppercase);
            may_be_name = has(&BEFORE_NAMES, &lower) || is_name;
            is_name || has(&COURTEOUS, &lower) || is_number(word)
        })
}

/// A request to be called back, without a word about what.
fn is_call(sentence: &str) -> bool {
    let is_call = |word: &String| has(&CALLS, word);
    let is_around =
        |word: &String| has(&AROUND_CALLS, word) || has(&COURTEOUS, word) || is_number(word);
    words(sentence).any(|word| is_call(&word))
        && words(sentence).all(|word| is_call(&word) || is_around(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_around_every_subject_is_nothing() {
        for text in [
            "Good afternoon, many thanks and have a lovely weekend. Best wishes, Clara Novak",
            "Hi all,\nthank you so much!\n\nKind regards\nJonas Brandt\nHead of Facilities\nPhone 0171 555 01",
            "Erika Sommer\nOffice Manager\nTel. +49 30 1234567\nwww.example.org",
            "Could you please ring me back tomorrow before 10?",
            "Customer wants a callback today, urgent.",
            "Bitte um Rückruf, danke",
            "Dear Sir or Madam,\n\nThis message is confidential. If you are not the intended recipient, please delete it.",
            "I am out of the office until 12 March. In urgent cases write to the desk.",
            "Vielen Dank und schönes Wochenende\nMit freundlichen Grüßen\nUte Lang",
        ] {
            assert!(is_only(text), "{text}");
        }
    }

    #[test]
    fn one_sentence_about_anything_is_enough() {
        for text in [
            "",
            "Hello, the boiler is cold again. Thanks",
            "Please call me back about the invoice",
            "Thanks\nprinter broken",
            "The delivery was promised for Monday and did not come.",
            "My card was declined",
            "Hallo, die Heizung ist kalt",
            "Phone does not ring any more",
            "Good morning, cannot log in",
            "Kind regards is what your app prints at the end of each invoice, please change that",
        ] {
            assert!(!is_only(text), "{text}");
        }
    }
}
