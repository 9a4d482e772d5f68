//! How a long text is cut into pieces that the encoder can read. The end of a thread counts as much
//! as its beginning: helpdesk threads often say what it was really about in the last message.

use std::ops::Range;

/// Cuts `length` tokens into at most `pieces_max` ranges of at most `piece_max` tokens. What fits is
/// covered whole, in pieces of nearly equal length; what does not is sampled evenly from start to end.
pub fn cut(length: usize, piece_max: usize, pieces_max: usize) -> Vec<Range<usize>> {
    let needed = length.div_ceil(piece_max);
    let count = needed.min(pieces_max);
    if needed <= pieces_max {
        let edge = |i: usize| i * length / count.max(1);
        return (0..count).map(|i| edge(i)..edge(i + 1)).collect();
    }
    let last_start = length - piece_max;
    let gaps = (count - 1).max(1);
    (0..count)
        .map(|i| i * last_start / gaps)
        .map(|start| start..start + piece_max)
        .collect()
}

/// The first and the last part of a text that is longer than `bytes_max`; bounds the work on monsters.
pub fn ends(text: &str, bytes_max: usize) -> (&str, &str) {
    if text.len() <= bytes_max {
        return (text, "");
    }
    let half = bytes_max / 2;
    let head = text.floor_char_boundary(half);
    let tail = text.ceil_char_boundary(text.len() - half);
    (&text[..head], &text[tail..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_covered_whole_in_nearly_equal_pieces() {
        assert!(cut(0, 10, 4).is_empty());
        assert_eq!(cut(1, 10, 4), vec![0..1]);
        assert_eq!(cut(10, 10, 4), vec![0..10]);
        assert_eq!(cut(11, 10, 4), vec![0..5, 5..11]);
        assert_eq!(cut(40, 10, 4), vec![0..10, 10..20, 20..30, 30..40]);
    }

    #[test]
    fn what_does_not_fit_is_sampled_from_the_first_token_to_the_last() {
        let pieces = cut(1000, 10, 4);
        assert_eq!(pieces, vec![0..10, 330..340, 660..670, 990..1000]);
        assert_eq!(cut(41, 10, 4), vec![0..10, 10..20, 20..30, 31..41]);
        assert_eq!(cut(1000, 10, 1), vec![0..10]);
    }

    proptest::proptest! {
        #[test]
        fn pieces_stay_within_bounds(length in 0usize..3000, piece in 1usize..200, most in 1usize..12) {
            let pieces = cut(length, piece, most);
            assert!(pieces.len() <= most);
            assert_eq!(pieces.is_empty(), length == 0);
            for range in &pieces {
                assert!(!range.is_empty() && range.len() <= piece && range.end <= length);
            }
            assert!(pieces.windows(2).all(|pair| pair[0].end <= pair[1].start));
        }

        #[test]
        fn ends_keep_both_sides_and_never_split_a_character(text in "[aé€🙂]{0,40}", most in 0usize..50) {
            let (head, tail) = ends(&text, most);
            assert!(text.starts_with(head) && text.ends_with(tail));
            assert!(head.len() + tail.len() <= most.max(text.len().min(most)));
            assert!(text.len() > most || head == text);
        }
    }
}
