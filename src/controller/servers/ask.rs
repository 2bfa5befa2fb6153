//! `GET /loaded?nonce=N`: one question, on a connection of its own.
//!
//! Addresses come out of EndpointSlices of the provider's namespace, or from the command line: whoever may write those
//! decides already who gets the traffic of the issuer. What comes back counts only under the server key.

use std::time::Duration;

use api::ObjectKey;
use bytes::Bytes;
use crypto::{ServerKeys, b64};
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::rt::TokioIo;
use oidc::acknowledge::{Acknowledgement, MAC_HEADER, believe};
use tokio::net::TcpStream;

use super::endpoints::Endpoint;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Octets of an answer at the most: a hundred unreadable records with their reasons, and room to spare.
const MAX_BODY: usize = 256 * 1024;

/// Why nothing was heard.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Silent {
    /// No answer in time.
    #[error("no answer within {} ms", TIMEOUT.as_millis())]
    TimedOut,
    /// The connection failed.
    #[error("{0}")]
    Connection(String),
    /// Another status than 200.
    #[error("status {0}")]
    Status(u16),
    /// Nobody who knows a server key of ours.
    #[error("the answer is not authentic")]
    NotAuthentic,
    /// An authentic answer of another Pod: the address has changed hands.
    #[error("another replica answers there")]
    AnotherInstance,
}

/// Asks a server. `keys`: the server keys of the providers that it may serve.
pub(crate) async fn ask(
    endpoint: &Endpoint,
    keys: &[(ObjectKey, ServerKeys)],
) -> Result<(ObjectKey, Acknowledgement), Silent> {
    let nonce = b64::encode(&crypto::random::bytes::<16>());
    let (body, mac) =
        tokio::time::timeout(TIMEOUT, fetch(endpoint.url(), &nonce)).await.map_err(|_| Silent::TimedOut)??;
    let believed =
        keys.iter().find_map(|(provider, keys)| Some((provider.clone(), believe(keys, &nonce, &body, &mac).ok()?)));
    let (provider, word) = believed.ok_or(Silent::NotAuthentic)?;
    match endpoint.instance() {
        Some(instance) if instance != word.instance => Err(Silent::AnotherInstance),
        Some(_) | None => Ok((provider, word)),
    }
}

/// RFC 6761 §6.3: every name under `localhost` is this machine, whatever a resolver would say.
fn resolvable(host: &str) -> &str {
    let local = host == "localhost" || host.ends_with(".localhost");
    if local { "127.0.0.1" } else { host }
}

async fn fetch(url: &str, nonce: &str) -> Result<(Bytes, String), Silent> {
    let failed = |error: &dyn std::error::Error| Silent::Connection(error.to_string());
    let uri: Uri =
        format!("{url}/loaded?nonce={nonce}").parse().map_err(|error: http::uri::InvalidUri| failed(&error))?;
    let authority = uri.authority().cloned().ok_or_else(|| Silent::Connection(format!("`{url}` names no host")))?;
    let host = resolvable(authority.host().trim_start_matches('[').trim_end_matches(']'));
    let stream =
        TcpStream::connect((host, authority.port_u16().unwrap_or(80))).await.map_err(|error| failed(&error))?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| failed(&error))?;
    let target = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let request = Request::get(target).header(header::HOST, authority.as_str()).body(Empty::<Bytes>::new());
    let request = request.map_err(|error| failed(&error))?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(|error| failed(&error))?;
        if response.status() != StatusCode::OK {
            return Err(Silent::Status(response.status().as_u16()));
        }
        let mac = response.headers().get(MAC_HEADER).and_then(|mac| mac.to_str().ok()).unwrap_or_default().to_owned();
        let body = Limited::new(response.into_body(), MAX_BODY).collect().await;
        let body = body.map_err(|error| Silent::Connection(error.to_string()))?.to_bytes();
        Ok((body, mac))
    };
    // The connection is driven for as long as the exchange lasts, and dropped with it.
    tokio::select! {
        answer = exchange => answer,
        ended = connection => Err(match ended {
            Ok(()) => Silent::Connection("the connection was closed".to_owned()),
            Err(error) => failed(&error),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_under_localhost_are_this_machine() {
        for (host, expect) in [
            ("localhost", "127.0.0.1"),
            ("server-1.localhost", "127.0.0.1"),
            ("notlocalhost", "notlocalhost"),
            ("localhost.example.com", "localhost.example.com"),
            ("fd00::1", "fd00::1"),
        ] {
            assert_eq!(resolvable(host), expect);
        }
    }
}
