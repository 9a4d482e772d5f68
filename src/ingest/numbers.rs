//! Numbers with check digits: bank accounts and cards. Pure.

/// Lengths by country, so that what follows the number is left alone.
const IBAN_LENGTHS: [(&str, usize); 38] = [
    ("AD", 24),
    ("AT", 20),
    ("BE", 16),
    ("BG", 22),
    ("CH", 21),
    ("CY", 28),
    ("CZ", 24),
    ("DE", 22),
    ("DK", 18),
    ("EE", 20),
    ("ES", 24),
    ("FI", 18),
    ("FR", 27),
    ("GB", 22),
    ("GI", 23),
    ("GR", 27),
    ("HR", 21),
    ("HU", 28),
    ("IE", 22),
    ("IS", 26),
    ("IT", 27),
    ("LI", 21),
    ("LT", 20),
    ("LU", 20),
    ("LV", 21),
    ("MC", 27),
    ("MT", 31),
    ("NL", 18),
    ("NO", 15),
    ("PL", 28),
    ("PT", 25),
    ("RO", 24),
    ("SE", 24),
    ("SI", 19),
    ("SK", 24),
    ("SM", 27),
    ("TR", 26),
    ("UA", 29),
];

/// Where the bank account number at the start of a text ends, if there is one whose check digits fit.
pub fn iban_end(text: &str) -> Option<usize> {
    let country = text.get(..2)?.to_ascii_uppercase();
    let &(_, length) = IBAN_LENGTHS.iter().find(|(code, _)| *code == country)?;
    let letters = text
        .char_indices()
        .filter(|(_, c)| c.is_ascii_alphanumeric());
    let end = letters.map(|(place, _)| place + 1).nth(length - 1)?;
    let goes_on = text[end..].starts_with(|c: char| c.is_ascii_alphanumeric());
    (!goes_on && is_iban(&text[..end])).then_some(end)
}

fn is_iban(number: &str) -> bool {
    let compact: Vec<u32> = number.chars().filter_map(|c| c.to_digit(36)).collect();
    let rotated = compact[4..].iter().chain(&compact[..4]);
    let remainder = rotated.fold(0, |sum, &digit| {
        if digit < 10 {
            (sum * 10 + digit) % 97
        } else {
            (sum * 100 + digit) % 97
        }
    });
    remainder == 1
}

/// Whether digits are those of a payment card: a known issuer, a known length, and the check digit.
pub fn is_card(digits: &[u32]) -> bool {
    let start = |count: usize| {
        digits[..count]
            .iter()
            .fold(0, |sum, digit| sum * 10 + digit)
    };
    let is_known = match digits.len() {
        13 | 19 => digits[0] == 4 || start(2) == 62,
        14 => matches!(start(2), 30 | 36 | 38 | 39),
        15 => matches!(start(2), 34 | 37),
        16 => {
            digits[0] == 4
                || matches!(start(2), 51..=55 | 60 | 62 | 64 | 65)
                || matches!(start(4), 2221..=2720 | 3528..=3589)
        }
        _ => false,
    };
    is_known && luhn(digits)
}

fn luhn(digits: &[u32]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, &digit)| match place % 2 {
            0 => digit,
            _ if digit > 4 => digit * 2 - 9,
            _ => digit * 2,
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_ends_where_its_country_says() {
        assert_eq!(iban_end("DE89 3704 0044 0532 0130 00 thanks"), Some(27));
        assert_eq!(iban_end("GB29NWBK60161331926819"), Some(22));
        for text in [
            "DE89 3704 0044 0532 0130 01",
            "DE89370400440532013000X",
            "XX00",
            "",
            "ß",
        ] {
            assert_eq!(iban_end(text), None, "{text}");
        }
    }

    #[test]
    fn a_card_has_an_issuer_a_length_and_a_check_digit() {
        let card = |text: &str| {
            is_card(
                &text
                    .chars()
                    .filter_map(|c| c.to_digit(10))
                    .collect::<Vec<_>>(),
            )
        };
        assert!(card("4111111111111111") && card("378282246310005") && card("5500000000000004"));
        assert!(!card("4111111111111112") && !card("9111111111111111") && !card("41111111"));
    }
}
