//! WCAG 2.2 §1.4.3: the style sheet of a realm's pages, with its colour in it. Pages may load styles from here and have
//! none inside (`style-src 'self'`), so the colour is served, not inlined.

use bytes::Bytes;
use crypto::{b64, hash};
use oidc::discovery::Endpoint;
use oidc::uri::Issuer;

const SHEET: &str = include_str!("style.css");

/// The colour of a realm that names none that can be read.
const FALLBACK: Rgb = Rgb { red: 0x1f, green: 0x4f, blue: 0xd8 };

/// A realm's style sheet, made once per catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Style {
    css: Bytes,
    version: String,
    href: String,
}

impl Style {
    /// The style sheet with this primary colour, `#rrggbb`.
    pub(crate) fn new(issuer: &Issuer, primary: &str) -> Self {
        // Parsed and printed again: only six digits of colour ever reach the sheet.
        let primary = Rgb::parse(primary).unwrap_or(FALLBACK);
        let css = format!(
            ":root {{ --primary: {}; --on-primary: {}; }}\n\n{SHEET}",
            primary.hex(),
            if primary.prefers_white_text() { "#ffffff" } else { "#000000" }
        );
        let digest = b64::encode(&hash::sha256(css.as_bytes()));
        let version: String = digest.chars().take(16).collect();
        let href = format!("{}{}?v={version}", issuer.path(), Endpoint::Style.path());
        Self { css: css.into(), version, href }
    }

    /// Its URL on the issuer's host: with the content's hash, so that it may be cached for good.
    pub(crate) fn href(&self) -> &str {
        &self.href
    }

    /// The hash in the URL.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// The sheet.
    pub(crate) fn css(&self) -> Bytes {
        self.css.clone()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rgb {
    red: u8,
    green: u8,
    blue: u8,
}

impl Rgb {
    fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#')?;
        if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let number = u32::from_str_radix(digits, 16).ok()?;
        let [_, red, green, blue] = number.to_be_bytes();
        Some(Self { red, green, blue })
    }

    fn hex(self) -> String {
        let Self { red, green, blue } = self;
        format!("#{red:02x}{green:02x}{blue:02x}")
    }

    /// Whether white text on this colour is easier to read than black. The better of the two has a contrast of at least
    /// 4.58 on every colour there is.
    fn prefers_white_text(self) -> bool {
        let luminance = self.luminance();
        1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05
    }

    /// Relative luminance (WCAG 2.2, definition).
    fn luminance(self) -> f64 {
        let linear = |octet: u8| {
            let value = f64::from(octet) / 255.0;
            if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(self.red) + 0.7152 * linear(self.green) + 0.0722 * linear(self.blue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(primary: &str) -> String {
        let issuer = Issuer::parse("https://id.example.com/oidc").unwrap();
        String::from_utf8(Style::new(&issuer, primary).css().to_vec()).unwrap()
    }

    #[test]
    fn the_text_on_the_primary_colour_can_be_read() {
        let check = |primary: &str, expect: &str| {
            let start = format!(":root {{ --primary: {primary}; --on-primary: {expect}; }}");
            assert!(sheet(primary).starts_with(&start), "{primary}");
        };
        check("#000000", "#ffffff");
        check("#ffffff", "#000000");
        check("#0b5fff", "#ffffff");
        check("#ffd400", "#000000");
        check("#757575", "#ffffff");
        check("#777777", "#000000");
    }

    #[test]
    fn contrast_is_never_below_wcag_aa() {
        for grey in 0..=255 {
            for colour in [
                Rgb { red: grey, green: grey, blue: grey },
                Rgb { red: grey, green: 0, blue: 255 - grey },
                Rgb { red: 255 - grey, green: grey, blue: 0 },
            ] {
                let text = if colour.prefers_white_text() { 1.0 } else { 0.0 };
                let (a, b) = (colour.luminance() + 0.05, text + 0.05);
                assert!(a.max(b) / a.min(b) >= 4.5, "{colour:?}");
            }
        }
    }

    #[test]
    fn t_p39_a_colour_is_six_digits_and_nothing_else() {
        for evil in [
            "",
            "red",
            "#fff",
            "#0b5fff; } body { display: none",
            "#0b5ff\u{ff10}",
            "#+b5fff",
            "url(https://evil.example)",
        ] {
            assert!(sheet(evil).starts_with(":root { --primary: #1f4fd8; --on-primary: #ffffff; }\n"), "{evil}");
        }
        assert!(sheet("#0B5FFF").contains("--primary: #0b5fff;"));
    }

    #[test]
    fn another_colour_is_another_url() {
        let issuer = Issuer::parse("https://id.example.com/oidc").unwrap();
        let (one, other) = (Style::new(&issuer, "#000000"), Style::new(&issuer, "#000001"));
        assert_ne!(one.href(), other.href());
        assert_eq!(one.href(), format!("/oidc/interaction/style.css?v={}", one.version()));
    }

    #[test]
    fn the_sheet_loads_nothing() {
        for word in ["url(", "@import", "expression", "http:"] {
            assert!(!SHEET.contains(word), "{word}");
        }
    }
}
