//! `portcullis hash-password`.

use std::io::{self, IsTerminal as _, Read};
use std::process::ExitCode;

use crypto::{HashError, Secret};

use super::terminal::{self, TerminalError};
use super::{EXIT_USAGE, fail, output};

/// Where the password comes from.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Read the password from standard input, up to its end; one line break at the end is not part of it.
    #[arg(long, env = "PORTCULLIS_STDIN")]
    stdin: bool,
}

/// Why there is no hash.
#[derive(Debug, thiserror::Error)]
enum HashPasswordError {
    #[error("standard input is no terminal: use --stdin to read the password from it")]
    NoTerminal,
    #[error(transparent)]
    Terminal(#[from] TerminalError),
    #[error("the two passwords differ: try again")]
    Differ,
    #[error("cannot read the password")]
    Read(#[source] io::Error),
    #[error("the password is not UTF-8 text")]
    NotText,
    #[error("the password is empty")]
    Empty,
    #[error("the password has a line break or another control character, which nobody can type at the login page")]
    ControlCharacter,
    #[error("the password cannot be hashed")]
    Hash(#[from] HashError),
}

pub(super) fn run(args: &Args) -> ExitCode {
    let password = if args.stdin { from_reader(io::stdin().lock()) } else { from_terminal() };
    match password.and_then(|password| Ok(crypto::password::hash(&password)?)) {
        Ok(hash) => {
            let line = format!("{}\n", hash.as_secret_str().expose());
            output::finish(output::write(line.as_bytes()), ExitCode::SUCCESS)
        }
        Err(error) => fail(&error, EXIT_USAGE),
    }
}

fn from_terminal() -> Result<Secret<String>, HashPasswordError> {
    if !io::stdin().is_terminal() {
        return Err(HashPasswordError::NoTerminal);
    }
    let first = judge(terminal::ask("Password: ")?)?;
    let second = terminal::ask("Once more: ")?;
    if first.verify(second.expose()) { Ok(first) } else { Err(HashPasswordError::Differ) }
}

fn from_reader(reader: impl Read) -> Result<Secret<String>, HashPasswordError> {
    // Longer ones are refused anyway. With room for all of it, no copy is left behind by a growing buffer.
    let most = crypto::password::MAX_PASSWORD_OCTETS + 2;
    let mut octets = Vec::with_capacity(most + 1);
    let limit = u64::try_from(most).unwrap_or(u64::MAX);
    reader.take(limit).read_to_end(&mut octets).map_err(HashPasswordError::Read)?;
    for end in [b'\n', b'\r'] {
        if octets.last() == Some(&end) {
            octets.pop();
        }
    }
    judge(Secret::new(octets))
}

fn judge(octets: Secret<Vec<u8>>) -> Result<Secret<String>, HashPasswordError> {
    let text = std::str::from_utf8(octets.expose()).map_err(|_| HashPasswordError::NotText)?;
    if text.is_empty() {
        return Err(HashPasswordError::Empty);
    }
    if text.contains(char::is_control) {
        return Err(HashPasswordError::ControlCharacter);
    }
    Ok(Secret::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &[u8]) -> Result<String, HashPasswordError> {
        from_reader(input).map(|password| password.expose().clone())
    }

    #[test]
    fn a_password_is_read_up_to_the_end_of_its_line() {
        for input in ["correct horse", "correct horse\n", "correct horse\r\n"] {
            assert_eq!(read(input.as_bytes()).unwrap(), "correct horse");
        }
        assert_eq!(read(" ü ".as_bytes()).unwrap(), " ü ");
    }

    #[test]
    fn what_cannot_be_a_password_is_refused() {
        assert!(matches!(read(b""), Err(HashPasswordError::Empty)));
        assert!(matches!(read(b"\n"), Err(HashPasswordError::Empty)));
        assert!(matches!(read(b"a\nb\n"), Err(HashPasswordError::ControlCharacter)));
        assert!(matches!(read(b"a\n\n"), Err(HashPasswordError::ControlCharacter)));
        assert!(matches!(read(b"a\tb"), Err(HashPasswordError::ControlCharacter)));
        assert!(matches!(read(b"\xff"), Err(HashPasswordError::NotText)));
        let long = read(&[b'x'; 5000]).unwrap();
        assert!(crypto::password::hash(&Secret::new(long)).is_err(), "not a part of it");
    }
}
