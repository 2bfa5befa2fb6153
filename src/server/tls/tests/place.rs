//! An authority, certificates in files, a port that speaks TLS with them, and clients.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use axum::Router;
use axum::extract::Request;
use oidc::time::Time;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SignatureAlgorithm};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme, SupportedProtocolVersion};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

use crate::app::Peer;
use crate::clock::{Clock as _, SystemClock};
use crate::listen::{self, Bounds, Each};
use crate::tls::{Tls, TlsFiles, Watch};

/// A certificate and its key, as PEM.
#[derive(Clone)]
pub(super) struct Paper {
    pub(super) certificate: String,
    pub(super) key: String,
    pub(super) der: CertificateDer<'static>,
}

/// Vouches for certificates.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    root: CertificateDer<'static>,
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let root = params.self_signed(&key).unwrap().der().clone();
        Self { issuer: Issuer::new(params, key), root }
    }

    /// A certificate for these names.
    pub(super) fn paper(&self, names: &[&str]) -> Paper {
        self.paper_of(&rcgen::PKCS_ECDSA_P256_SHA256, names, 2020..2040)
    }

    /// One with a key of this kind, for some years.
    pub(super) fn paper_of(
        &self,
        kind: &'static SignatureAlgorithm,
        names: &[&str],
        years: std::ops::Range<i32>,
    ) -> Paper {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = rcgen::date_time_ymd(years.start, 1, 1);
        params.not_after = rcgen::date_time_ymd(years.end, 1, 1);
        let key = KeyPair::generate_for(kind).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Paper { certificate: certificate.pem(), key: key.serialize_pem(), der: certificate.der().clone() }
    }

    /// A client that knows this authority and nobody else.
    pub(super) fn client(&self) -> ClientConfig {
        self.client_of(rustls::DEFAULT_VERSIONS)
    }

    /// One that speaks only these versions.
    pub(super) fn client_of(&self, versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(provider()).with_protocol_versions(versions).unwrap();
        builder.with_root_certificates(roots).with_no_client_auth()
    }
}

pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// Now, by the machine's clock: certificates are compared with it.
pub(super) fn now() -> Time {
    SystemClock::new().now()
}

/// A Secret as the kubelet mounts it: names that lead through `..data` into a folder, which is swapped as a whole.
pub(super) struct Mount {
    folder: TempDir,
    swaps: std::cell::Cell<u32>,
}

impl Mount {
    pub(super) fn new(paper: &Paper) -> Self {
        let mount = Self { folder: tempfile::tempdir().unwrap(), swaps: std::cell::Cell::new(0) };
        mount.swap(&paper.certificate, &paper.key);
        for name in ["tls.crt", "tls.key"] {
            std::os::unix::fs::symlink(Path::new("..data").join(name), mount.path(name)).unwrap();
        }
        mount
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn files(&self) -> TlsFiles {
        TlsFiles { certificate: self.path("tls.crt"), key: self.path("tls.key") }
    }

    pub(super) fn put(&self, paper: &Paper) {
        self.swap(&paper.certificate, &paper.key);
    }

    /// What it held before is gone, as it is with the kubelet.
    pub(super) fn swap(&self, certificate: &str, key: &str) {
        let number = self.swaps.get();
        self.swaps.set(number + 1);
        let fresh = self.path(&format!("..{number}"));
        fs::create_dir(&fresh).unwrap();
        fs::write(fresh.join("tls.crt"), certificate).unwrap();
        fs::write(fresh.join("tls.key"), key).unwrap();
        std::os::unix::fs::symlink(&fresh, self.path("..data_tmp")).unwrap();
        fs::rename(self.path("..data_tmp"), self.path("..data")).unwrap();
        if let Some(before) = number.checked_sub(1) {
            fs::remove_dir_all(self.path(&format!("..{before}"))).unwrap();
        }
    }
}

/// Something that serves these certificates, and the files that it has read.
pub(super) fn opened(papers: &[&Paper]) -> (Watch, Vec<Mount>) {
    let mounts: Vec<_> = papers.iter().map(|paper| Mount::new(paper)).collect();
    let watch = Watch::open(mounts.iter().map(Mount::files).collect(), now()).unwrap().unwrap();
    (watch, mounts)
}

/// A port that answers with the peer's address and the path.
pub(super) struct Port {
    pub(super) address: SocketAddr,
    pub(super) shutdown: CancellationToken,
}

impl Port {
    pub(super) async fn open(tls: Tls) -> Self {
        Self::within(
            tls,
            Bounds { connections: 64, each: Each::Network(64), proxies: Vec::new(), drain: Duration::from_secs(5) },
        )
        .await
    }

    pub(super) async fn within(tls: Tls, bounds: Bounds) -> Self {
        let echo = async |request: Request| {
            let peer = request.extensions().get::<Peer>().unwrap().0.ip();
            format!("{peer} {}", request.uri().path())
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let (address, shutdown) = (listener.local_addr().unwrap(), CancellationToken::new());
        let router: Router = Router::new().fallback(echo);
        tokio::spawn(listen::accept(listener, Some(tls), router, bounds, shutdown.clone()));
        Self { address, shutdown }
    }

    /// A handshake in which the client asks for this name.
    pub(super) async fn connect(&self, name: &str, config: &ClientConfig) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from(name.to_owned()).unwrap();
        TlsConnector::from(Arc::new(config.clone())).connect(name, stream).await
    }

    /// The certificate that a client is shown.
    pub(super) async fn shown(&self, name: &str, config: &ClientConfig) -> CertificateDer<'static> {
        leaf(&self.connect(name, config).await.unwrap())
    }
}

pub(super) fn leaf(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}

/// One request on a connection that stays.
pub(super) async fn ask(stream: &mut TlsStream<TcpStream>, path: &str) -> io::Result<String> {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n").as_bytes()).await?;
    let (mut text, mut octets) = (String::new(), [0; 1024]);
    while !text.ends_with(path) {
        let length = stream.read(&mut octets).await?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        text.push_str(&String::from_utf8_lossy(&octets[..length]));
    }
    Ok(text)
}

/// A client that takes every certificate that can sign with one of these schemes, and all schemes where there are none.
pub(super) fn credulous(schemes: &[SignatureScheme]) -> ClientConfig {
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
    let verifier = Arc::new(Credulous(schemes.to_vec()));
    builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()
}

#[derive(Debug)]
struct Credulous(Vec<SignatureScheme>);

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        if self.0.is_empty() {
            provider().signature_verification_algorithms.supported_schemes()
        } else {
            self.0.clone()
        }
    }
}
