//! RFC 9110 §9.3.1: one GET, through the guard that stands before all that others tell this server to call.

use futures::future::BoxFuture;
use oidc::client::PublishedKeys;

use super::document::{self, MAX_BODY};
use super::{FetchError, FetchKeys, Fetched};
use crate::outbound::{Ask, Outbound};

/// Fetches keys from where clients publish them. Cloning copies a pointer.
#[derive(Clone, Debug)]
pub struct KeyFetcher(Outbound);

impl KeyFetcher {
    /// A fetcher that calls hosts so.
    pub fn new(outbound: Outbound) -> Self {
        Self(outbound)
    }
}

impl FetchKeys for KeyFetcher {
    fn fetch(&self, from: &PublishedKeys) -> BoxFuture<'static, Result<Fetched, FetchError>> {
        let (outbound, from) = (self.0.clone(), from.clone());
        Box::pin(async move {
            let fetched = tokio::time::timeout(outbound.patience(), fetch(&outbound, &from)).await;
            fetched.unwrap_or(Err(FetchError::Overdue))
        })
    }
}

async fn fetch(outbound: &Outbound, from: &PublishedKeys) -> Result<Fetched, FetchError> {
    let ask = Ask::Get { accept: "application/jwk-set+json, application/json" };
    let mut answer = outbound.call(&from.uri, from.private_addresses, ask).await?;
    let max_age = document::head(answer.status(), answer.headers())?;
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        let chunk = chunk.as_ref();
        if body.len() + chunk.len() > MAX_BODY {
            return Err(FetchError::TooLarge);
        }
        body.extend_from_slice(chunk);
    }
    Ok(Fetched { keys: document::keys(&body)?, max_age })
}
