use std::time::Duration;

use rustls::SignatureScheme;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::place::{Authority, Port, ask, credulous, leaf, opened};
use crate::listen::{Bounds, Each};

/// Shorter than any time after which the server would hang up anyway.
const HANG: Duration = Duration::from_secs(5);

/// The time until the first head, handshake included.
const HEAD: u64 = 10;

const NAME: &str = "id.example.com";

async fn open() -> (Port, Authority) {
    let authority = Authority::new();
    let (watch, _mounts) = opened(&[&authority.paper(&[NAME])]);
    (Port::open(watch.tls()).await, authority)
}

async fn open_within(per_network: usize, proxies: &[&str]) -> (Port, Authority) {
    let authority = Authority::new();
    let (watch, _mounts) = opened(&[&authority.paper(&[NAME])]);
    let proxies = proxies.iter().map(|range| range.parse().unwrap()).collect();
    let bounds = Bounds { connections: 8, each: Each::Network(per_network), proxies, drain: HANG };
    (Port::within(watch.tls(), bounds).await, authority)
}

#[tokio::test]
async fn the_name_that_a_client_asks_for_chooses_the_certificate() {
    let authority = Authority::new();
    let papers = [
        authority.paper(&["first.example.com"]),
        authority.paper(&["id.example.com"]),
        authority.paper(&["*.id.example.com"]),
    ];
    let (watch, _mounts) = opened(&papers.each_ref());
    let port = Port::open(watch.tls()).await;
    let check = async |name: &str, expect: usize| {
        assert!(port.shown(name, &credulous(&[])).await == papers[expect].der, "{name}");
    };
    check("first.example.com", 0).await;
    check("id.example.com", 1).await;
    check("notes.id.example.com", 2).await;
    check("a.notes.id.example.com", 0).await;
    check("unknown.example.org", 0).await;
    // An address is no name, and is not asked for.
    check("127.0.0.1", 0).await;
    for name in ["first.example.com", "id.example.com", "notes.id.example.com"] {
        port.connect(name, &authority.client()).await.unwrap();
    }
    let mut silent = credulous(&[]);
    silent.enable_sni = false;
    assert!(port.shown("id.example.com", &silent).await == papers[0].der);
}

#[tokio::test]
async fn of_two_certificates_for_one_name_a_client_is_shown_what_it_can_verify() {
    let authority = Authority::new();
    let ecdsa = authority.paper(&[NAME]);
    let rsa = authority.paper_of(&rcgen::PKCS_RSA_SHA256, &[NAME], 2020..2040);
    let (watch, _mounts) = opened(&[&ecdsa, &rsa]);
    let port = Port::open(watch.tls()).await;
    let old = credulous(&[SignatureScheme::RSA_PSS_SHA256, SignatureScheme::RSA_PKCS1_SHA256]);
    assert!(port.shown(NAME, &old).await == rsa.der);
    assert!(port.shown(NAME, &credulous(&[])).await == ecdsa.der);
}

#[tokio::test]
async fn both_versions_are_spoken_and_the_peer_is_who_connected() {
    let (port, authority) = open().await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut stream = port.connect(NAME, &authority.client_of(&[version])).await.unwrap();
        assert_eq!(stream.get_ref().1.protocol_version(), Some(version.version));
        assert!(ask(&mut stream, "/one").await.unwrap().ends_with("127.0.0.1 /one"));
        assert!(ask(&mut stream, "/two").await.unwrap().starts_with("HTTP/1.1 200 OK\r\n"));
    }
}

#[tokio::test]
async fn a_client_chooses_among_the_protocols() {
    let (port, authority) = open().await;
    let check = async |offered: &[&str], expect: Option<&str>| {
        let mut config = authority.client();
        config.alpn_protocols = offered.iter().map(|name| name.as_bytes().to_vec()).collect();
        let stream = port.connect(NAME, &config).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), expect.map(str::as_bytes), "{offered:?}");
        stream
    };
    let mut one = check(&["http/1.1"], Some("http/1.1")).await;
    assert!(ask(&mut one, "/one").await.unwrap().starts_with("HTTP/1.1 200 OK\r\n"));
    check(&["http/1.1", "h2"], Some("h2")).await;
    let mut none = check(&[], None).await;
    assert!(ask(&mut none, "/one").await.unwrap().starts_with("HTTP/1.1 200 OK\r\n"));

    let mut two = check(&["h2", "http/1.1"], Some("h2")).await;
    // The preface, an empty SETTINGS frame, and GET https://a/one on stream 1 (RFC 9113 §3.4, §6.2; RFC 7541 §6).
    two.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    two.write_all(b"\0\0\x0b\x01\x05\0\0\0\x01\x82\x87\x04\x04/one\x01\x01a").await.unwrap();
    let body = async {
        let mut text = Vec::new();
        loop {
            let mut head = [0; 9];
            two.read_exact(&mut head).await.unwrap();
            let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
            two.read_exact(&mut payload).await.unwrap();
            if head[3] == 0 {
                text.extend(payload);
                if head[4] & 1 == 1 {
                    return String::from_utf8(text).unwrap();
                }
            }
        }
    };
    assert_eq!(tokio::time::timeout(HANG, body).await.unwrap(), "127.0.0.1 /one");

    let mut other = authority.client();
    other.alpn_protocols = vec![b"acme-tls/1".to_vec()];
    let error = port.connect(NAME, &other).await.unwrap_err().to_string();
    assert!(error.contains("NoApplicationProtocol"), "{error}");
}

/// What comes back until the end.
async fn answer(port: &Port, octets: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(port.address).await.unwrap();
    stream.write_all(octets).await.unwrap();
    let mut back = Vec::new();
    tokio::time::timeout(HANG, stream.read_to_end(&mut back)).await.expect("hung up on at once").unwrap();
    back
}

/// RFC 8446 §6: the type of an alert, its level, and what it says.
fn alert(record: &[u8]) -> (u8, u8, u8) {
    (record[0], record[5], record[6])
}

/// RFC 5246 §7.4.1.2: a ClientHello of SSL 3 (0), TLS 1.0 (1), 1.1 (2) or 1.2 (3), that is otherwise to our taste.
fn hello(minor: u8) -> Vec<u8> {
    let mut hello = vec![3, minor];
    hello.extend([7; 32]);
    // No session; ECDHE-ECDSA with AES-128-GCM, with SHA-256 or as in TLS 1.0; no compression.
    hello.extend([0, 0, 4, 0xc0, 0x2b, 0xc0, 0x09, 1, 0]);
    let groups: &[u8] = &[0, 10, 0, 4, 0, 2, 0, 23];
    let points: &[u8] = &[0, 11, 0, 2, 1, 0];
    let signatures: &[u8] = &[0, 13, 0, 4, 0, 2, 4, 3];
    let extensions = [groups, points, signatures].concat();
    hello.extend([0, u8::try_from(extensions.len()).unwrap()]);
    hello.extend(extensions);
    let length = u8::try_from(hello.len()).unwrap();
    [&[22, 3, 1, 0, length + 4, 1, 0, 0, length], &hello[..]].concat()
}

#[tokio::test]
async fn old_versions_are_refused() {
    let (port, _) = open().await;
    for minor in 0..3 {
        let back = answer(&port, &hello(minor)).await;
        assert_eq!(alert(&back), (21, 2, 70), "protocol_version: {back:?}");
    }
    let mut stream = TcpStream::connect(port.address).await.unwrap();
    stream.write_all(&hello(3)).await.unwrap();
    let mut head = [0; 6];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!((head[0], head[5]), (22, 2), "TLS 1.2 is answered with a ServerHello: {head:?}");
}

#[tokio::test]
async fn plain_http_is_hung_up_on() {
    let (port, authority) = open().await;
    for request in
        ["GET / HTTP/1.1\r\nhost: id.example.com\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "SSH-2.0-x\r\n"]
    {
        let back = answer(&port, request.as_bytes()).await;
        assert!(back.len() == 7 && alert(&back).0 == 21, "an alert and nothing of HTTP: {back:?}");
    }
    port.connect(NAME, &authority.client()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn f55_a_handshake_that_trickles_ends_the_connection() {
    let (port, _) = open().await;
    // Nothing; the begin of a record; a record that says that there is more.
    for partial in [&[][..], &[22, 3], &[22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 7, 7]] {
        let begun = Instant::now();
        let mut stream = TcpStream::connect(port.address).await.unwrap();
        stream.write_all(partial).await.unwrap();
        let mut back = Vec::new();
        stream.read_to_end(&mut back).await.unwrap();
        assert!(back.is_empty(), "{partial:?}: {back:?}");
        assert_eq!(begun.elapsed().as_secs(), HEAD, "{partial:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn f55_a_handshake_buys_no_time() {
    let (port, authority) = open().await;
    let begun = Instant::now();
    let stream = TcpStream::connect(port.address).await.unwrap();
    tokio::time::sleep(Duration::from_secs(HEAD - 2)).await;
    let name = NAME.try_into().unwrap();
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(authority.client()));
    let mut stream = connector.connect(name, stream).await.unwrap();
    drop(stream.read(&mut [0]).await);
    assert_eq!(begun.elapsed().as_secs(), HEAD, "until the first head it is one time for both");
}

#[tokio::test]
async fn f55_handshakes_count_as_connections() {
    let (port, authority) = open_within(2, &[]).await;
    let _silent = [TcpStream::connect(port.address).await.unwrap(), TcpStream::connect(port.address).await.unwrap()];
    let refused = port.connect(NAME, &authority.client()).await;
    assert!(refused.is_err(), "the network has its share");
    let (port, authority) = open_within(2, &["127.0.0.0/8"]).await;
    let _silent = [TcpStream::connect(port.address).await.unwrap(), TcpStream::connect(port.address).await.unwrap()];
    port.connect(NAME, &authority.client()).await.expect("through a proxy everybody may come");
}

#[tokio::test]
async fn a_handshake_is_not_waited_for_when_the_server_stops() {
    let (port, authority) = open().await;
    let mut silent = TcpStream::connect(port.address).await.unwrap();
    let mut idle = port.connect(NAME, &authority.client()).await.unwrap();
    ask(&mut idle, "/one").await.unwrap();
    port.shutdown.cancel();
    let mut rest = Vec::new();
    tokio::time::timeout(HANG, silent.read_to_end(&mut rest)).await.unwrap().unwrap();
    tokio::time::timeout(HANG, idle.read_to_end(&mut rest)).await.unwrap().expect("close_notify, and not cut off");
    assert!(rest.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_ends_with_a_word() {
    let (port, authority) = open().await;
    let mut stream = port.connect(NAME, &authority.client()).await.unwrap();
    ask(&mut stream, "/one").await.unwrap();
    let begun = Instant::now();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.expect("close_notify, and not cut off");
    assert!(rest.is_empty());
    assert_eq!(begun.elapsed().as_secs(), 75);
    assert!(leaf(&stream).len() > 100);
}
