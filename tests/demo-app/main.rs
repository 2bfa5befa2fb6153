//! A small relying party: OpenID Connect Core's code flow with PKCE (RFC 7636), state, nonce and the
//! issuer check of RFC 9207, on a library that shares no code with the provider.
//!
//! ```text
//! /          who is logged in, and what the provider said of them
//! /login     starts a login; further parameters go to the provider as they are
//! /callback  ends it, by GET or by the provider's form_post
//! /logout    forgets the person here; the provider's session stays
//! /logout/everywhere  forgets the person here, and asks the provider to
//! ```

mod answer;
mod credentials;
mod pages;
mod provider;
mod routes;
mod sessions;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Parser;
use tokio::net::TcpListener;

use credentials::Source;
use routes::App;

#[derive(Parser)]
#[command(about = "A relying party for trying a provider out")]
struct Cli {
    /// Where to listen; the redirect URI is http://ADDRESS/callback.
    #[arg(long, env = "DEMO_APP_LISTEN", default_value = "127.0.0.1:8081")]
    listen: SocketAddr,
    /// Where browsers see it, without a path. Absent: at the address where it listens.
    #[arg(long, env = "DEMO_APP_URL")]
    url: Option<String>,
    /// A Kubernetes Secret as YAML with OIDC_CLIENT_ID, OIDC_CLIENT_SECRET and OIDC_ISSUER_URL,
    /// read anew at every login.
    #[arg(long, env = "DEMO_APP_CREDENTIALS", conflicts_with_all = ["issuer", "client_id", "client_secret"])]
    credentials: Option<PathBuf>,
    /// The provider's issuer URL.
    #[arg(long, env = "DEMO_APP_ISSUER", required_unless_present = "credentials")]
    issuer: Option<String>,
    /// The client ID.
    #[arg(long, env = "DEMO_APP_CLIENT_ID", required_unless_present = "credentials")]
    client_id: Option<String>,
    /// The client secret.
    #[arg(long, env = "DEMO_APP_CLIENT_SECRET", required_unless_present = "credentials")]
    client_secret: Option<String>,
    /// The scope to ask for.
    #[arg(long, env = "DEMO_APP_SCOPE", default_value = "openid profile email groups")]
    scope: String,
}

#[tokio::main]
async fn main() -> Result<()> {
    let Cli { listen, url, credentials, issuer, client_id, client_secret, scope } = Cli::parse();
    // Built together with the server, the HTTP client is one that is told its cryptography, and panics where it is not.
    // That somebody else has told it already is as good.
    let _told = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let source = match credentials {
        Some(path) => Source::File(path),
        None => Source::Given {
            issuer: issuer.context("--issuer is missing")?,
            client_id: client_id.context("--client-id is missing")?,
            client_secret: client_secret.context("--client-secret is missing")?,
        },
    };
    let listener = TcpListener::bind(listen).await.with_context(|| format!("listen on {listen}"))?;
    let address = listener.local_addr().context("ask for the address")?;
    let url = url.unwrap_or_else(|| format!("http://{address}"));
    let app = App::new(source, scope, &url)?;
    eprintln!("demo-app: {url}/");
    axum::serve(listener, routes::router(Arc::new(app))).await.context("serve")
}
