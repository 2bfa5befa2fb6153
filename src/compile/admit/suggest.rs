//! "Did you mean": the known word nearest to an unknown one.

/// Says that `word` is none of `known`, and which one was probably meant.
pub(super) fn one_of(word: &str, known: &[&str]) -> String {
    let list = known.join(", ");
    match nearest(word, known) {
        Some(near) => format!("`{}` does not exist; did you mean `{near}`? There are: {list}", clip(word)),
        None => format!("`{}` does not exist; there are: {list}", clip(word)),
    }
}

/// Says that there is no such field, and which one was probably meant.
pub(super) fn unknown_field(word: &str, known: &[&str]) -> String {
    match nearest(word, known) {
        Some(near) => format!("there is no such field; did you mean `{near}`?"),
        None if known.is_empty() => "there is no such field".to_owned(),
        None => format!("there is no such field; there are: {}", known.join(", ")),
    }
}

/// A text for a message: its beginning is enough.
pub(super) fn clip(text: &str) -> String {
    const MOST: usize = 80;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// The known word that at most a third of the letters separate from this one.
fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let word: Vec<char> = word.chars().take(64).flat_map(char::to_lowercase).collect();
    known
        .iter()
        .map(|candidate| {
            let letters: Vec<char> = candidate.chars().flat_map(char::to_lowercase).collect();
            (distance(&word, &letters), letters.len(), *candidate)
        })
        .filter(|(distance, length, _)| distance * 3 <= (*length).max(word.len()))
        .min()
        .map(|(_, _, candidate)| candidate)
}

/// Levenshtein's distance: letters to insert, delete or replace.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (y, above) in b.iter().zip(row.iter().skip(1)) {
            let cost = diagonal + usize::from(x != y);
            left = cost.min(above + 1).min(left + 1);
            next.push(left);
            diagonal = *above;
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(word: &str, expect: Option<&str>) {
        let known = ["redirectURIs", "postLogoutRedirectURIs", "scopes", "consent"];
        assert_eq!(nearest(word, &known), expect, "{word}");
    }

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        check("redirectUris", Some("redirectURIs"));
        check("redirectURI", Some("redirectURIs"));
        check("scope", Some("scopes"));
        check("concent", Some("consent"));
        check("colour", None);
        check("", None);
    }

    #[test]
    fn distances() {
        for (a, b, expect) in [("", "", 0), ("kitten", "sitting", 3), ("abc", "", 3), ("", "ab", 2), ("abc", "abc", 0)]
        {
            let [a, b] = [a, b].map(|text| text.chars().collect::<Vec<_>>());
            assert_eq!(distance(&a, &b), expect, "{a:?} {b:?}");
        }
    }

    #[test]
    fn long_texts_are_clipped_between_characters() {
        assert_eq!(clip("short"), "short");
        assert_eq!(clip(&"é".repeat(100)), format!("{}…", "é".repeat(80)));
    }
}
