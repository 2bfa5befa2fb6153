//! POSIX.1-2024 §11: a line typed at the terminal without being shown.

use std::io::{self, BufRead, Stdin, Write as _};

use crypto::Secret;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// Why nothing was typed.
#[derive(Debug, thiserror::Error)]
pub(super) enum TerminalError {
    /// `Ctrl-C`, or the end of the input.
    #[error("cancelled")]
    Cancelled,
    /// More than any password has.
    #[error("the password is longer than {0} bytes")]
    TooLong(usize),
    /// The terminal.
    #[error("cannot read from the terminal")]
    Io(#[from] io::Error),
}

/// Asks for a secret line.
pub(super) fn ask(prompt: &str) -> Result<Secret<Vec<u8>>, TerminalError> {
    let stdin = io::stdin();
    let mut stderr = io::stderr();
    write!(stderr, "{prompt}")?;
    stderr.flush()?;
    let typed = {
        let _hidden = Hidden::new(&stdin)?;
        line(stdin.lock())
    };
    writeln!(stderr)?;
    typed
}

/// The terminal shows nothing and hands over every key at once, `Ctrl-C` among them: so nothing ends the process
/// before the terminal is as it was.
struct Hidden<'a> {
    stdin: &'a Stdin,
    before: Termios,
}

impl<'a> Hidden<'a> {
    fn new(stdin: &'a Stdin) -> io::Result<Self> {
        let before = tcgetattr(stdin)?;
        let mut modes = before.clone();
        modes.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        tcsetattr(stdin, OptionalActions::Flush, &modes)?;
        Ok(Self { stdin, before })
    }
}

impl Drop for Hidden<'_> {
    fn drop(&mut self) {
        if tcsetattr(self.stdin, OptionalActions::Flush, &self.before).is_err() {
            eprintln!("the terminal does not show what is typed: `stty sane` mends it");
        }
    }
}

/// Reads keys up to the end of the line, with the usual means to correct it.
fn line(keys: impl BufRead) -> Result<Secret<Vec<u8>>, TerminalError> {
    const MOST: usize = crypto::password::MAX_PASSWORD_OCTETS;
    // With room for all of it, no copy is left behind by a growing buffer.
    let mut typed = Vec::with_capacity(MOST);
    for key in keys.bytes() {
        match key? {
            0x03 => break,
            0x04 if typed.is_empty() => break,
            b'\n' | b'\r' | 0x04 => return Ok(Secret::new(typed)),
            0x08 | 0x7f => {
                // A character may have several octets, of which all but the first start with the bits 10.
                while typed.pop().is_some_and(|octet: u8| octet & 0b1100_0000 == 0b1000_0000) {}
            }
            0x15 => typed.clear(),
            octet if typed.len() < MOST => typed.push(octet),
            _ => return Err(TerminalError::TooLong(MOST)),
        }
    }
    drop(Secret::new(typed));
    Err(TerminalError::Cancelled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_can_be_corrected_and_given_up() {
        let check = |keys: &[u8], expect: Option<&str>| {
            let typed = line(keys).map(|typed| String::from_utf8(typed.expose().clone()).unwrap());
            assert_eq!(typed.ok().as_deref(), expect, "{keys:?}");
        };
        check(b"secret\n", Some("secret"));
        check(b"secret\r more", Some("secret"));
        check(b"secret\x04", Some("secret"));
        check(b"\n", Some(""));
        check(b"secrez\x7ft\n", Some("secret"));
        check(b"\x08\x08a\n", Some("a"));
        check("aü€\x7f\x7fb\n".as_bytes(), Some("ab"));
        check(b"wrong\x15right\n", Some("right"));
        check(b"secret\x03\n", None);
        check(b"\x04", None);
        check(b"secret", None);
    }

    #[test]
    fn a_line_that_no_password_is_as_long_as_is_refused() {
        let most = crypto::password::MAX_PASSWORD_OCTETS;
        let typed = |length: usize| line([vec![b'x'; length], vec![b'\n']].concat().as_slice());
        assert_eq!(typed(most).unwrap().expose().len(), most);
        assert!(matches!(typed(most + 1), Err(TerminalError::TooLong(_))));
    }
}
