//! Standard output: what a command was asked for, and nothing else.

use std::io::{self, Write as _};
use std::process::ExitCode;

/// Writes everything.
pub(super) fn write(content: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(content)?;
    stdout.flush()
}

/// The exit status, once the output is written. A reader that has seen enough (`| head`) is no error.
pub(super) fn finish(written: io::Result<()>, status: ExitCode) -> ExitCode {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("error: cannot write to standard output: {error}");
            ExitCode::FAILURE
        }
        Ok(()) | Err(_) => status,
    }
}
