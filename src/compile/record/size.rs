//! How much room a payload takes where it is kept.
//!
//! etcd takes no request above 1.5 MiB. A record that is larger can never be written: servers would go on with the one
//! before, whatever its source says by then, and what was revoked would stay served. So nothing is compiled that would
//! not fit, and whoever makes an object too large loses what they had.
//!
//! A payload is JSON, kept as a text in the JSON of its object. Quotes and backslashes are escaped once more there, and
//! the API server writes `<`, `>`, `&` and two line separators in six octets each. Whoever chooses the texts chooses
//! these as well, so each octet counts for what it becomes.

use std::io;

use oidc::account::Account;
use oidc::client::Client;
use serde::Serialize;

/// Octets that the payload of a record may take where it is kept; the rest of the object is small.
pub(crate) const MAX: usize = 1024 * 1024;

/// What is not known before there are keys: verifiers, a client secret or a password hash under seal, the derivation.
const SECRETS: usize = 2048;

/// The keys of an application's own issuer, under seal: some of each algorithm.
pub(crate) const ISSUER: usize = 64 * 1024;

/// Octets that a client takes in its application's record.
pub(crate) fn of_client(client: &Client) -> usize {
    kept(client) + SECRETS
}

/// Octets that an account takes in a person's record.
pub(crate) fn of_account(account: &Account) -> usize {
    let Account { subject, uid: _, login_epoch: _, username, password: _, claims, groups, attributes } = account;
    kept(&(subject, username, claims, groups, attributes)) + SECRETS
}

/// Octets that a part of a payload takes where it is kept.
pub(crate) fn kept<T: Serialize>(part: &T) -> usize {
    let mut count = Count(0);
    match serde_json::to_writer(&mut count, part) {
        Ok(()) => count.0,
        // What cannot be written fits nowhere.
        Err(_) => MAX + 1,
    }
}

struct Count(usize);

impl io::Write for Count {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let room = |octet: &u8| match octet {
            b'"' | b'\\' => 2,
            b'<' | b'>' | b'&' => 6,
            // The first of three, of line separators among others.
            0xe2 => 4,
            _ => 1,
        };
        self.0 += octets.iter().map(room).sum::<usize>();
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// What the API server makes of a text (encoding/json of Go, with its HTML escapes).
    fn as_kept(payload: &str) -> usize {
        let text = serde_json::to_string(payload).unwrap();
        ["<", ">", "&", "\u{2028}", "\u{2029}"].iter().fold(text, |text, c| text.replace(c, "\\u0000")).len() - 2
    }

    #[test]
    fn every_octet_counts_for_what_it_becomes() {
        for part in [
            json!({"a": "b", "c": [1, true, null, "\u{2028}\u{2029}"]}),
            json!(["\"\\<>&".repeat(9)]),
            json!({"\u{1}\n": "é😀"}),
        ] {
            assert_eq!(kept(&part), as_kept(&part.to_string()), "{part}");
        }
        let ellipsis = Value::from("…");
        assert!(kept(&ellipsis) >= as_kept(&ellipsis.to_string()));
    }
}
