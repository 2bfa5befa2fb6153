//! A host on this machine that is called over TLS, under an authority of its own; and the eyes that can see it.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use crypto::SigningKey;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::{Guard, Lookup, Outbound};

/// The name on its certificate.
pub(crate) const NAME: &str = "keys.example.com";

/// Certificates of the host, and who vouches for them.
struct Paper {
    root: CertificateDer<'static>,
    chain: Vec<CertificateDer<'static>>,
    key: Vec<u8>,
}

static PAPER: LazyLock<Paper> = LazyLock::new(|| {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let root = authority.self_signed(&authority_key).unwrap().der().clone();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let host = CertificateParams::new(vec![NAME.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    Paper { root, chain: vec![host.der().clone()], key: key.serialize_der() }
});

/// What the host answers.
#[derive(Clone, Debug)]
pub(crate) enum Says {
    /// These octets, and the end.
    Octets(Vec<u8>),
    /// These, and nothing more, for a long time.
    Begins(Vec<u8>),
    /// It hangs up.
    Nothing,
}

/// An answer of this status with these lines and this body.
pub(crate) fn says(status: &str, lines: &str, body: &[u8]) -> Says {
    let mut octets = format!("HTTP/1.1 {status}\r\n{lines}content-length: {}\r\n\r\n", body.len()).into_bytes();
    octets.extend_from_slice(body);
    Says::Octets(octets)
}

/// The set of these keys' public halves.
pub(crate) fn set(keys: &[&SigningKey]) -> Says {
    let set: Value = json!({"keys": keys.iter().map(|key| json!(key.public_jwk())).collect::<Vec<_>>()});
    says("200 OK", "content-type: application/jwk-set+json\r\n", set.to_string().as_bytes())
}

/// The host.
pub(crate) struct Host {
    port: u16,
    says: Arc<Mutex<Says>>,
    connections: Arc<AtomicUsize>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Host {
    pub(crate) async fn that(says: Says) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let host = Self {
            port: listener.local_addr().unwrap().port(),
            says: Arc::new(Mutex::new(says)),
            connections: Arc::default(),
            asked: Arc::default(),
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(PAPER.chain.clone(), PrivateKeyDer::Pkcs8(PAPER.key.clone().into()))
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (says, connections, asked) =
            (Arc::clone(&host.says), Arc::clone(&host.connections), Arc::clone(&host.asked));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.fetch_add(1, Ordering::SeqCst);
                let (acceptor, says, asked) = (acceptor.clone(), Arc::clone(&says), Arc::clone(&asked));
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let request = read(&mut stream).await;
                    asked.lock().unwrap().push(request);
                    let says = says.lock().unwrap().clone();
                    match says {
                        Says::Octets(octets) => {
                            drop(stream.write_all(&octets).await);
                            drop(stream.shutdown().await);
                        }
                        Says::Begins(octets) => {
                            drop(stream.write_all(&octets).await);
                            drop(stream.flush().await);
                            tokio::time::sleep(Duration::from_mins(1)).await;
                        }
                        Says::Nothing => {}
                    }
                });
            }
        });
        host
    }

    /// From now on.
    pub(crate) fn say(&self, says: Says) {
        *self.says.lock().unwrap() = says;
    }

    /// How often somebody connected.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// The requests, head and body.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn uri(&self) -> String {
        format!("https://{NAME}:{}/path?of=it", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

/// A whole request, or as much of one as comes.
async fn read(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let (mut text, mut part) = (String::new(), [0; 4096]);
    loop {
        let length = stream.read(&mut part).await.unwrap_or_default();
        text.push_str(&String::from_utf8_lossy(&part[..length]));
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            if length == 0 {
                return text;
            }
            continue;
        };
        let head = head.to_ascii_lowercase();
        let announced = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
        if length == 0 || body.len() >= announced.unwrap_or(0) {
            return text;
        }
    }
}

/// A name service in which every name stands for this machine.
pub(crate) fn here() -> Lookup {
    Arc::new(|_: &str| Ok(vec![Ipv4Addr::LOCALHOST.into()]))
}

pub(crate) fn roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(PAPER.root.clone()).unwrap();
    roots
}

/// The product's own guard; only the authority is another, so that it is the guard that refuses.
pub(crate) fn guarded() -> Outbound {
    Outbound::with(Guard::new(&[]), roots(), Duration::from_secs(5))
}

/// A client that calls this machine, as nothing in the product does.
pub(crate) fn seeing(patience: Duration) -> Outbound {
    Outbound::with(Guard::with(|_, _| Ok(()), here(), &[]), roots(), patience)
}
