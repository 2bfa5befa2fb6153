//! Certificates are replaced while they are served: before they expire, by whoever writes their files.
//!
//! The files are read again every few seconds and known by what they hold. A Secret that is mounted changes when a
//! symlink two folders above is swapped: times, inodes and notifications of the files themselves do not tell, or tell of
//! what was there before.

use std::sync::Arc;
use std::time::Duration;

use oidc::time::Time;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_util::sync::CancellationToken;

use super::Tls;
use super::certificate::Certificate;
use super::files::{Contents, Digest, TlsError, TlsFiles};
use super::names::ByName;
use crate::clock::Clock;
use crate::metrics::TlsMetrics;

/// How often to look. What has changed is served after two looks.
pub(crate) const INTERVAL: Duration = Duration::from_secs(2);

/// The certificates that are served, and where they come from.
#[derive(Debug)]
pub(crate) struct Watch {
    tls: Tls,
    provider: Arc<CryptoProvider>,
    pub(super) pairs: Vec<Pair>,
}

pub(super) struct Pair {
    pub(super) files: TlsFiles,
    served: Certificate,
    /// What was last tried: it is tried and complained of once. `None`: what cannot be read.
    tried: Option<Digest>,
    /// What was there at the last look.
    seen: Option<Digest>,
}

impl Watch {
    /// Reads the files. `None` where there are none: then nobody speaks TLS.
    ///
    /// # Errors
    /// One pair cannot be served.
    pub(crate) fn open(files: Vec<TlsFiles>, now: Time) -> Result<Option<Self>, TlsError> {
        if files.is_empty() {
            return Ok(None);
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut pairs = Vec::new();
        for files in files {
            let contents = files.read()?;
            let digest = Some(contents.digest());
            let served = Certificate::new(&files, &contents, &provider)?;
            let pair = Pair { files, served, tried: digest, seen: digest };
            pair.announce(now);
            if pair.served.names.is_empty() && !pairs.is_empty() {
                tracing::warn!("{}", pair.unnamed());
            }
            pairs.push(pair);
        }
        let certificates = ByName::new(pairs.iter().map(|pair| &pair.served));
        let tls = Tls::new(certificates, Arc::clone(&provider)).map_err(TlsError::Protocol)?;
        Ok(Some(Self { tls, provider, pairs }))
    }

    /// What handshakes are made with.
    pub(crate) fn tls(&self) -> Tls {
        self.tls.clone()
    }

    /// Looks again and again, until told to stop.
    pub(crate) async fn run(
        mut self,
        metrics: TlsMetrics,
        clock: &dyn Clock,
        interval: Duration,
        shutdown: &CancellationToken,
    ) {
        metrics.begin();
        for pair in &self.pairs {
            metrics.expires(&pair.files.certificate, pair.served.until);
        }
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = clock.sleep(interval) => {}
            }
            let files: Vec<_> = self.pairs.iter().map(|pair| pair.files.clone()).collect();
            let reading = tokio::task::spawn_blocking(move || files.iter().map(TlsFiles::read).collect::<Vec<_>>());
            // The runtime ends before the server does.
            let Ok(looks) = reading.await else { return };
            self.look(looks, &metrics, clock.now());
        }
    }

    /// One look at all files.
    pub(super) fn look(&mut self, looks: Vec<Result<Contents, TlsError>>, metrics: &TlsMetrics, now: Time) {
        let mut changed = false;
        for (pair, contents) in self.pairs.iter_mut().zip(looks) {
            if !pair.is_news(contents.as_ref().ok().map(Contents::digest)) {
                continue;
            }
            match contents.and_then(|contents| pair.renewed(&contents, &self.provider, now)) {
                Ok(certificate) => {
                    pair.served = certificate;
                    pair.announce(now);
                    metrics.reloaded("success");
                    metrics.expires(&pair.files.certificate, pair.served.until);
                    changed = true;
                }
                Err(error) => {
                    metrics.reloaded("refused");
                    let cause = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::warn!(cause, "a changed certificate is refused, the one before is served on: {error}");
                }
            }
        }
        if changed {
            self.tls.replace(ByName::new(self.pairs.iter().map(|pair| &pair.served)));
        }
    }
}

impl Pair {
    /// Whether there is something to try. What is written right now is not the same at two looks: a certificate without
    /// the key that comes next, or a chain without its end.
    fn is_news(&mut self, look: Option<Digest>) -> bool {
        let settled = self.seen == look;
        self.seen = look;
        let news = settled && self.tried != look;
        if news {
            self.tried = look;
        }
        news
    }

    /// What takes the place of what is served, if it may.
    fn renewed(&self, contents: &Contents, provider: &CryptoProvider, now: Time) -> Result<Certificate, TlsError> {
        let certificate = Certificate::new(&self.files, contents, provider)?;
        // Whoever restores an old Secret by mistake would else end all logins.
        if certificate.has_expired(now) && !self.served.has_expired(now) {
            let until = certificate.until_text;
            return Err(TlsError::Expired { path: self.files.certificate.clone(), until });
        }
        Ok(certificate)
    }

    /// Says what is served, and what clients will say to it.
    fn announce(&self, now: Time) {
        let (file, until, names) =
            (self.files.certificate.display(), &self.served.until_text, self.served.names.join(" "));
        if self.served.has_expired(now) {
            tracing::warn!(names, "the certificate in {file} has expired: {until}. Clients will refuse it");
        } else if self.served.is_early(now) {
            tracing::warn!(names, "the certificate in {file} is not valid yet. Clients will refuse it");
        } else {
            tracing::info!(names, "serves the certificate in {file}, until {until}");
        }
    }

    fn unnamed(&self) -> String {
        let file = self.files.certificate.display();
        format!("the certificate in {file} has no DNS name, and is not the first: nobody will be shown it")
    }
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pair").field("files", &self.files).finish_non_exhaustive()
    }
}
