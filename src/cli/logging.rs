//! Logs go to standard error.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::filter::{EnvFilter, ParseError};
use tracing_subscriber::util::SubscriberInitExt as _;

/// How to log.
#[derive(Debug, clap::Args)]
pub(super) struct Logging {
    /// One JSON object per line, or one line of text.
    #[arg(long, env = "PORTCULLIS_LOG_FORMAT", value_enum, default_value_t = Format::Pretty)]
    log_format: Format,

    /// What to log: a level, or levels per module, such as `info,server=debug`.
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
        let failed = |source| LoggingError::Filter { filter: self.log_filter.clone(), source };
        let filter = EnvFilter::builder().parse(&self.log_filter).map_err(failed)?;
        let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
        match self.log_format {
            Format::Json => builder.json().flatten_event(true).finish().try_init()?,
            Format::Pretty => builder.with_ansi(io::stderr().is_terminal()).with_target(false).finish().try_init()?,
        }
        Ok(())
    }
}
