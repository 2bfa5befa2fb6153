//! Texts that people read and trust.

/// Why a name could pass for another one; `None` if it cannot. Control characters, and those that reorder text or take
/// no space, are invisible on a consent page. The schema refuses them too, but a stored object may be older than it.
pub(crate) fn disguise(text: &str) -> Option<&'static str> {
    let invisible = |letter: char| {
        letter.is_control()
            || matches!(letter,
                '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
    };
    text.chars().any(invisible).then_some(
        "must not contain control, bidi or zero-width characters: they can disguise a name on the consent page",
    )
}

/// Whether a text has the form of a derived client ID: two or more labels joined by dots.
pub(crate) fn looks_derived(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.contains('.') && text.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t_k19_names_with_invisible_characters_are_refused() {
        for text in ["Bank\u{202e}", "a\u{200b}b", "a\nb", "\u{feff}x", "x\u{2066}y", "\u{7f}", "\u{e0041}"] {
            assert!(disguise(text).is_some(), "{text:?}");
        }
        for text in ["Web Note Project", "笔记", "Müller & Söhne", "موقع"] {
            assert!(disguise(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn t_k05_derived_shapes_are_recognised() {
        for (text, expect) in [
            ("team-b.portal", true),
            ("Team-B.Portal", true),
            ("a.b.c", true),
            ("legacy-portal", false),
            ("a..b", false),
            (".a", false),
            ("a.b-", false),
            ("a.b_c", false),
            ("https://a.b", false),
        ] {
            assert_eq!(looks_derived(text), expect, "{text}");
        }
    }
}
