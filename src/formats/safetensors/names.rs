//! The name that a wrong one is nearest to.

use alloc::{string::String, vec::Vec};

/// The candidate name with the smallest edit distance to `name`.
pub(super) fn nearest(name: &str, others: &[&str], could_be: impl Fn(&str) -> bool) -> Option<String> {
    let candidates = others.iter().filter(|other| could_be(other));
    candidates.min_by_key(|other| distance(name, other)).map(|other| (*other).into())
}

/// The edit distance (Levenshtein) of two names: the number of insertions, deletions and replacements.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=a.len()).collect();
    for (i, b) in b.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (a, above) in a.bytes().zip(row.iter_mut().skip(1)) {
            let replaced = diagonal + <usize as From<bool>>::from(a != b);
            diagonal = *above;
            left = replaced.min(left + 1).min(diagonal + 1);
            *above = left;
        }
        row[0] = i + 1;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn a_distance_counts_the_least_changes() {
        for (a, b, changes) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("b", "ab", 1),
            ("a", "ab", 1),
            ("abcd", "bcde", 2),
            ("0.weight", "model.0.weight", 6),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(a, b), changes, "{a} to {b}");
            assert_eq!(distance(b, a), changes, "{b} to {a}");
        }
    }
}
