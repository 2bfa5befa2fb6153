//! Logs go to standard error.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::filter::{EnvFilter, ParseError};
use tracing_subscriber::util::SubscriberInitExt as _;

/// Whoever connects can bring about warnings of the TLS library, a line each, of text that they choose. A filter that names
/// the library gets them.
const QUIET: &str = "rustls=error";

/// How to log.
#[derive(Debug, clap::Args)]
pub(super) struct Logging {
    /// One JSON object per line, or one line of text.
    #[arg(long, env = "PORTCULLIS_LOG_FORMAT", value_enum, default_value_t = Format::Pretty)]
    log_format: Format,

    /// What to log: a level, or levels per module, such as `info,server=debug`. Of the TLS library only errors, unless
    /// `rustls` has a level of its own.
    #[arg(long, value_name = "DIRECTIVES", env = "PORTCULLIS_LOG_FILTER", default_value = "info")]
    log_filter: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Json,
    Pretty,
}

/// Why nothing can be logged.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoggingError {
    /// The filter.
    #[error("--log-filter `{filter}` is not understood: write a level such as `info`, or `info,server=debug`")]
    Filter {
        /// As it was given.
        filter: String,
        /// What is wrong with it.
        source: ParseError,
    },
    /// Somebody else logs already.
    #[error("logging cannot be set up")]
    SetUp(#[from] tracing_subscriber::util::TryInitError),
}

impl Logging {
    /// Logs from now on.
    pub(super) fn set_up(&self) -> Result<(), LoggingError> {
        let builder = tracing_subscriber::fmt().with_env_filter(self.filter()?).with_writer(io::stderr);
        match self.log_format {
            Format::Json => builder.json().flatten_event(true).finish().try_init()?,
            Format::Pretty => builder.with_ansi(io::stderr().is_terminal()).with_target(false).finish().try_init()?,
        }
        Ok(())
    }

    fn filter(&self) -> Result<EnvFilter, LoggingError> {
        let failed = |source| LoggingError::Filter { filter: self.log_filter.clone(), source };
        EnvFilter::builder().parse(format!("{QUIET},{}", self.log_filter)).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(octets)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_tls_library_is_heard_where_it_is_named() {
        let check = |filter: &str, expect: [bool; 3]| {
            let logging = Logging { log_format: Format::Pretty, log_filter: filter.to_owned() };
            let lines = Lines::default();
            let writer = lines.clone();
            let builder = tracing_subscriber::fmt().with_env_filter(logging.filter().unwrap());
            let subscriber = builder.with_writer(move || writer.clone()).finish();
            tracing::subscriber::with_default(subscriber, || {
                tracing::info!(target: "server::serve", "own");
                tracing::warn!(target: "rustls::msgs::handshake", "warning");
                tracing::error!(target: "rustls::common_state", "error");
            });
            let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
            assert_eq!(["own", "warning", "error"].map(|word| text.contains(word)), expect, "{filter}: {text}");
        };
        check("info", [true, false, true]);
        check("debug,server=warn", [false, false, true]);
        check("info,rustls=warn", [true, true, true]);
        check("rustls=off", [false, false, false]);
    }

    #[test]
    fn a_filter_that_is_not_understood_is_named() {
        let logging = Logging { log_format: Format::Json, log_filter: "server=loud".to_owned() };
        let error = logging.filter().unwrap_err().to_string();
        assert!(error.starts_with("--log-filter `server=loud` is not understood"), "{error}");
    }
}
