//! The public port over TLS, with a certificate from a Secret as the kubelet mounts it.

use std::ffi::OsString;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;
use tempfile::TempDir;
use url::Url;
use xtask::quickstart::Addresses;

use crate::harness::Provider;

const NAME: &str = "id.example.com";

/// Vouches for certificates.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    client: Arc<ClientConfig>,
}

/// A certificate and its key.
struct Paper {
    certificate: String,
    key: String,
    der: CertificateDer<'static>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(params.self_signed(&key).unwrap().der().clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let client = Arc::new(builder.with_root_certificates(roots).with_no_client_auth());
        Self { issuer: Issuer::new(params, key), client }
    }

    fn paper(&self) -> Paper {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![NAME.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Paper { certificate: certificate.pem(), key: key.serialize_pem(), der: certificate.der().clone() }
    }
}

/// A mounted Secret: names that lead through `..data` into a folder, which is swapped as a whole.
struct Mount(TempDir);

impl Mount {
    fn new(paper: &Paper) -> Self {
        let mount = Self(tempfile::tempdir().unwrap());
        mount.swap("..first", &paper.certificate, &paper.key);
        for name in ["tls.crt", "tls.key"] {
            symlink(PathBuf::from("..data").join(name), mount.0.path().join(name)).unwrap();
        }
        mount
    }

    fn swap(&self, folder: &str, certificate: &str, key: &str) {
        let path = |name: &str| self.0.path().join(name);
        let before = fs::read_link(path("..data"));
        fs::create_dir(path(folder)).unwrap();
        fs::write(path(folder).join("tls.crt"), certificate).unwrap();
        fs::write(path(folder).join("tls.key"), key).unwrap();
        symlink(folder, path("..data_tmp")).unwrap();
        fs::rename(path("..data_tmp"), path("..data")).unwrap();
        if let Ok(before) = before {
            fs::remove_dir_all(self.0.path().join(before)).unwrap();
        }
    }

    fn flags(&self) -> Vec<OsString> {
        let path = |name: &str| self.0.path().join(name).into_os_string();
        vec!["--tls-cert-file".into(), path("tls.crt"), "--tls-key-file".into(), path("tls.key")]
    }
}

/// A connection that stays.
struct Connection(StreamOwned<ClientConnection, TcpStream>);

impl Connection {
    fn open(provider: &Provider, authority: &Authority) -> Self {
        let stream = TcpStream::connect(provider.addresses.provider).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let client = ClientConnection::new(Arc::clone(&authority.client), NAME.try_into().unwrap()).unwrap();
        Self(StreamOwned::new(client, stream))
    }

    /// Head and body of an answer.
    fn get(&mut self, url: &Url) -> (String, String) {
        let target = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        let request = format!("GET {target} HTTP/1.1\r\nhost: {}\r\n\r\n", url.authority());
        self.0.write_all(request.as_bytes()).unwrap();
        let mut head = String::new();
        let mut octet = [0];
        while !head.ends_with("\r\n\r\n") {
            self.0.read_exact(&mut octet).unwrap();
            head.push(char::from(octet[0]));
        }
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
        let mut body = vec![0; length.parse().unwrap()];
        self.0.read_exact(&mut body).unwrap();
        (head, String::from_utf8(body).unwrap())
    }

    fn shown(&self) -> CertificateDer<'static> {
        self.0.conn.peer_certificates().unwrap().first().unwrap().clone().into_owned()
    }
}

/// A provider whose issuer is `https://id.example.com:<port>/oidc`, and that issuer.
fn start(mount: &Mount) -> (Provider, String) {
    let addresses = Addresses::free().unwrap();
    let issuer = format!("https://{NAME}:{}/oidc", addresses.provider.port());
    let provider = Provider::start_as(addresses, mount.flags(), |manifests| {
        let file = manifests.join("provider.yaml");
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(&addresses.issuer()), "{text}");
        fs::write(&file, text.replace(&addresses.issuer(), &issuer)).unwrap();
    });
    (provider, issuer)
}

#[test]
fn an_https_issuer_is_served_and_its_mounted_secret_renewed() {
    let authority = Authority::new();
    let (old, new) = (authority.paper(), authority.paper());
    let mount = Mount::new(&old);
    let (provider, issuer) = start(&mount);
    let url = |path: &str| Url::parse(&format!("{issuer}{path}")).unwrap();
    let discovery = url("/.well-known/openid-configuration");

    let mut kept = Connection::open(&provider, &authority);
    let (head, body) = kept.get(&discovery);
    assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("strict-transport-security: "), "{head}");
    let document: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(document["issuer"], issuer.as_str());
    let mut page = url("/auth");
    page.query_pairs_mut()
        .append_pair("client_id", "team-a.notes")
        .append_pair("redirect_uri", &provider.callback())
        .append_pair("response_type", "code")
        .append_pair("scope", "openid")
        .append_pair("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
        .append_pair("code_challenge_method", "S256");
    let (head, body) = kept.get(&page);
    assert!(head.starts_with("HTTP/1.1 200 ") && body.contains("password"), "{head}\n{body}");
    assert!(kept.shown() == old.der);
    let plain = Url::parse(&discovery.as_str().replace("https:", "http:")).unwrap();
    let open = xtask::http::send_to(&[provider.addresses.provider], &plain, "GET", &[], "");
    assert!(open.is_err(), "nothing is said in the open");

    mount.swap("..second", &new.certificate, &new.key);
    let shown = || {
        let mut fresh = Connection::open(&provider, &authority);
        assert!(fresh.get(&discovery).0.starts_with("HTTP/1.1 200 "), "at no moment is there no certificate");
        fresh.shown()
    };
    provider.soon("the renewal", || (shown() == new.der).then_some(()));
    assert!(kept.get(&discovery).0.starts_with("HTTP/1.1 200 "), "a connection that stands goes on");

    mount.swap("..third", &new.certificate, &old.key);
    provider.soon("the complaint", || provider.log().contains("does not belong to the certificate").then_some(()));
    assert!(shown() == new.der);
    let metrics = Url::parse(&format!("http://{}/metrics", provider.addresses.internal)).unwrap();
    let metrics = xtask::http::get(&metrics).unwrap().body;
    for line in [
        "portcullis_tls_reloads_total{outcome=\"success\"} 1\n",
        "portcullis_tls_reloads_total{outcome=\"refused\"} 1\n",
        "portcullis_tls_certificate_expiry_timestamp_seconds{file=\"",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}

#[test]
fn what_cannot_be_served_is_refused_at_the_start() {
    let authority = Authority::new();
    let (paper, other) = (authority.paper(), authority.paper());
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("a.crt"), &paper.certificate).unwrap();
    fs::write(path("a.key"), &paper.key).unwrap();
    fs::write(path("b.key"), &other.key).unwrap();
    xtask::quickstart::copy(&path("manifests"), Addresses::free().unwrap()).unwrap();
    let check = |certificates: &[&str], keys: &[&str], says: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command.args(["standalone", "--listen", "127.0.0.1:0", "--internal-listen", "127.0.0.1:0"]);
        command.arg("--manifests").arg(path("manifests")).arg("--state").arg(path("state"));
        for certificate in certificates {
            command.arg("--tls-cert-file").arg(path(certificate));
        }
        for key in keys {
            command.arg("--tls-key-file").arg(path(key));
        }
        let output = command.output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(says), "{says}: {error}");
        assert!(!error.contains(paper.key.lines().nth(1).unwrap()), "{error}");
    };
    check(&["a.crt"], &[], "`--tls-cert-file` and `--tls-key-file` are given 1 and 0 times");
    check(&["a.crt", "a.crt"], &["a.key"], "are given 2 and 1 times");
    check(&["a.crt"], &["b.key"], "b.key does not belong to the certificate in ");
    check(&["a.crt"], &["c.key"], "c.key: No such file");
    check(&["a.key"], &["a.key"], "a.key holds no certificate");
    check(&["a.crt", "a.crt"], &["a.key", "b.key"], "b.key does not belong");
}
