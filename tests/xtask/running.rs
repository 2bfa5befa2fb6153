//! What the demo and the browser tests ask of programs that they have started.

use std::fmt::Debug;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use url::Url;

use crate::http;
use crate::process::Process;
use crate::quickstart::Addresses;

/// A provider and a relying party, started together. Dropping it stops them.
pub trait Running: Debug {
    /// Whether somebody can log in; an error once a program has ended or the time for it is over.
    fn ready(&mut self) -> Result<bool>;

    /// Fails with the log of a program that has ended.
    fn check(&mut self) -> Result<()>;

    /// Where they listen.
    fn addresses(&self) -> Addresses;

    /// What they have written, when that went to files: for the message of a failed test.
    fn logged(&self) -> String;
}

/// Waits until somebody can log in.
pub fn wait<S: Running>(mut stack: S) -> Result<S> {
    while !stack.ready()? {
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(stack)
}

/// Fails with the log of a program that has ended.
pub fn alive<'a>(processes: impl IntoIterator<Item = &'a mut Process>) -> Result<()> {
    for process in processes {
        if let Some(status) = process.exited()? {
            bail!("{} ended: {status}\n{}", process.name(), process.logged());
        }
    }
    Ok(())
}

/// What processes have written, under their names.
pub fn logged<'a>(processes: impl IntoIterator<Item = &'a Process>) -> String {
    processes.into_iter().map(|process| ["--- ", process.name(), "\n", &process.logged()].concat()).collect()
}

/// Why the provider or the relying party does not answer yet, if so.
pub fn silent(addresses: Addresses) -> Result<Option<String>> {
    for url in [format!("http://{}/readyz", addresses.internal), addresses.app("/")] {
        match http::get(&Url::parse(&url).context("a URL of ours")?) {
            Ok(response) if response.status == 200 => {}
            Ok(response) => return Ok(Some(format!("{url}: status {}", response.status))),
            Err(error) => return Ok(Some(format!("{url}: {error:#}"))),
        }
    }
    Ok(None)
}
