use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rustls::HandshakeKind;
use tokio_util::sync::CancellationToken;

use super::place::{Authority, Mount, Paper, Port, ask, leaf, now, opened};
use crate::clock::SystemClock;
use crate::metrics::{Metrics, TlsMetrics};
use crate::testing::captured;
use crate::tls::Watch;

const NAME: &str = "id.example.com";

/// As often as a test wants to wait.
const OFTEN: Duration = Duration::from_millis(5);

const PATIENCE: Duration = Duration::from_secs(20);

/// One look, at once.
fn look(watch: &mut Watch, metrics: &TlsMetrics) {
    let looks = watch.pairs.iter().map(|pair| pair.files.read()).collect();
    watch.look(looks, metrics, now());
}

/// What is counted: successes and refusals.
fn counted(metrics: &Metrics) -> [u64; 2] {
    let text = metrics.encode(0).unwrap();
    ["success", "refused"].map(|outcome| {
        let series = format!("portcullis_tls_reloads_total{{outcome=\"{outcome}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&series)).map_or(0, |count| count.parse().unwrap())
    })
}

/// Looks again and again, as a server does.
fn keep_looking(watch: Watch, metrics: TlsMetrics) -> CancellationToken {
    let shutdown = CancellationToken::new();
    let ends = shutdown.clone();
    tokio::spawn(async move { watch.run(metrics, &SystemClock::new(), OFTEN, &ends).await });
    shutdown
}

async fn until_shown(port: &Port, authority: &Authority, paper: &Paper) {
    let shown = async {
        while port.shown(NAME, &authority.client()).await != paper.der {
            tokio::time::sleep(OFTEN).await;
        }
    };
    tokio::time::timeout(PATIENCE, shown).await.unwrap();
}

#[tokio::test]
async fn a_swapped_secret_is_served_and_connections_go_on() {
    let authority = Authority::new();
    let [old, new] = [authority.paper(&[NAME]), authority.paper(&[NAME])];
    let (watch, mounts) = opened(&[&old]);
    let (port, metrics) = (Port::open(watch.tls()).await, Metrics::new());
    let looking = keep_looking(watch, metrics.tls());
    let mut before = port.connect(NAME, &authority.client()).await.unwrap();
    ask(&mut before, "/one").await.unwrap();

    mounts[0].put(&new);
    until_shown(&port, &authority, &new).await;
    assert!(leaf(&before) == old.der);
    ask(&mut before, "/two").await.expect("a connection that stands goes on");
    assert_eq!(counted(&metrics), [1, 0]);
    let text = metrics.encode(0).unwrap();
    let file = mounts[0].path("tls.crt");
    let expiry =
        format!("portcullis_tls_certificate_expiry_timestamp_seconds{{file=\"{}\"}} 2208988800\n", file.display());
    assert!(text.contains(&expiry), "{text}");
    looking.cancel();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_notices_renewals_under_load() {
    let authority = Arc::new(Authority::new());
    let (watch, mounts) = opened(&[&authority.paper(&[NAME])]);
    let (port, metrics) = (Arc::new(Port::open(watch.tls()).await), Metrics::new());
    let looking = keep_looking(watch, metrics.tls());
    let (done, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..8)
        .map(|number| {
            let (authority, port) = (Arc::clone(&authority), Arc::clone(&port));
            let (done, asked) = (Arc::clone(&done), Arc::clone(&asked));
            tokio::spawn(async move {
                let config = authority.client();
                let mut kept = port.connect(NAME, &config).await.unwrap();
                while !done.load(Ordering::SeqCst) {
                    ask(&mut kept, "/kept").await.unwrap();
                    // Half of the clients resume sessions, the others have nothing to resume.
                    let config = if number % 2 == 0 { config.clone() } else { authority.client() };
                    ask(&mut port.connect(NAME, &config).await.unwrap(), "/new").await.unwrap();
                    asked.fetch_add(2, Ordering::SeqCst);
                }
            })
        })
        .collect();
    for _ in 0..10 {
        let paper = authority.paper(&[NAME]);
        mounts[0].put(&paper);
        until_shown(&port, &authority, &paper).await;
    }
    done.store(true, Ordering::SeqCst);
    for client in clients {
        client.await.expect("no request has failed");
    }
    assert_eq!(counted(&metrics), [10, 0]);
    assert!(asked.load(Ordering::SeqCst) > 20);
    looking.cancel();
}

#[tokio::test]
async fn what_is_bad_is_refused_once_and_the_old_is_served_on() {
    let authority = Authority::new();
    let [old, new] = [authority.paper(&[NAME]), authority.paper(&[NAME])];
    let (mut watch, mounts) = opened(&[&old]);
    let (port, metrics) = (Port::open(watch.tls()).await, Metrics::new());
    let expired = authority.paper_of(&rcgen::PKCS_ECDSA_P256_SHA256, &[NAME], 2001..2002);
    let mut refusals = 0;
    for (certificate, key, says) in [
        (new.certificate.as_str(), old.key.as_str(), "does not belong"),
        ("", new.key.as_str(), "holds no certificate"),
        (new.certificate.as_str(), "", "holds no private key"),
        (expired.certificate.as_str(), expired.key.as_str(), "has expired"),
    ] {
        let (lines, ()) = captured(async {
            mounts[0].swap(certificate, key);
            for _ in 0..5 {
                look(&mut watch, &metrics.tls());
            }
        })
        .await;
        refusals += 1;
        let complaints: Vec<_> = lines.iter().filter(|line| line.contains("is refused")).collect();
        assert!(complaints.len() == 1 && complaints[0].contains(says), "{lines:?}");
        assert_eq!(counted(&metrics), [0, refusals]);
        assert!(port.shown(NAME, &authority.client()).await == old.der);
    }
    mounts[0].put(&new);
    for _ in 0..5 {
        look(&mut watch, &metrics.tls());
    }
    assert_eq!(counted(&metrics), [1, refusals]);
    assert!(port.shown(NAME, &authority.client()).await == new.der);
}

#[tokio::test]
async fn files_that_go_and_come_back() {
    let authority = Authority::new();
    let [old, new] = [authority.paper(&[NAME]), authority.paper(&[NAME])];
    let (mut watch, mounts) = opened(&[&old]);
    let (port, metrics) = (Port::open(watch.tls()).await, Metrics::new());
    let (data, away) = (mounts[0].path("..data"), mounts[0].path("away"));
    fs::rename(&data, &away).unwrap();
    let (lines, ()) = captured(async {
        for _ in 0..5 {
            look(&mut watch, &metrics.tls());
        }
    })
    .await;
    let complaints: Vec<_> = lines.iter().filter(|line| line.contains("cannot read")).collect();
    assert!(complaints.len() == 1 && complaints[0].contains("No such file"), "{lines:?}");
    assert!(port.shown(NAME, &authority.client()).await == old.der);
    fs::rename(&away, &data).unwrap();
    mounts[0].put(&new);
    look(&mut watch, &metrics.tls());
    look(&mut watch, &metrics.tls());
    assert!(port.shown(NAME, &authority.client()).await == new.der);
    assert_eq!(counted(&metrics), [1, 1]);
}

#[tokio::test]
async fn what_is_being_written_is_left_alone() {
    let authority = Authority::new();
    let [old, new] = [authority.paper(&[NAME]), authority.paper(&[NAME])];
    let (mut watch, mounts) = opened(&[&old]);
    let (port, metrics) = (Port::open(watch.tls()).await, Metrics::new());
    let (half, _) = new.certificate.split_at(300);
    for (certificate, key) in
        [(half, old.key.as_str()), (new.certificate.as_str(), old.key.as_str()), (&new.certificate, &new.key)]
    {
        mounts[0].swap(certificate, key);
        look(&mut watch, &metrics.tls());
        assert!(port.shown(NAME, &authority.client()).await == old.der);
    }
    look(&mut watch, &metrics.tls());
    assert!(port.shown(NAME, &authority.client()).await == new.der);
    assert_eq!(counted(&metrics), [1, 0], "nobody complained");
}

#[tokio::test]
async fn one_bad_pair_holds_up_no_other() {
    let authority = Authority::new();
    let papers = [authority.paper(&["a.example.com"]), authority.paper(&["b.example.com"])];
    let (mut watch, mounts) = opened(&papers.each_ref());
    let (port, metrics) = (Port::open(watch.tls()).await, Metrics::new());
    let new = authority.paper(&["b.example.com", "c.example.com"]);
    mounts[0].swap("", "");
    mounts[1].put(&new);
    look(&mut watch, &metrics.tls());
    look(&mut watch, &metrics.tls());
    assert_eq!(counted(&metrics), [1, 1]);
    for (name, paper) in [("a.example.com", &papers[0]), ("b.example.com", &new), ("c.example.com", &new)] {
        assert!(port.shown(name, &authority.client()).await == paper.der, "{name}");
    }
}

#[tokio::test]
async fn an_expired_one_is_replaced_by_whatever_comes() {
    let authority = Authority::new();
    let expired = |year| authority.paper_of(&rcgen::PKCS_ECDSA_P256_SHA256, &[NAME], 2000..year);
    let (mut watch, mounts) = opened(&[&expired(2001)]);
    let metrics = Metrics::new();
    mounts[0].put(&expired(2002));
    look(&mut watch, &metrics.tls());
    look(&mut watch, &metrics.tls());
    assert_eq!(counted(&metrics), [1, 0]);
}

#[tokio::test]
async fn sessions_end_with_the_certificate_that_began_them() {
    let authority = Authority::new();
    let [old, new] = [authority.paper(&[NAME]), authority.paper(&[NAME])];
    let (mut watch, mounts): (Watch, Vec<Mount>) = opened(&[&old]);
    let (port, metrics) = (Port::open(watch.tls()).await, Metrics::new());
    let config = authority.client();
    let kind = async || {
        let mut stream = port.connect(NAME, &config).await.unwrap();
        // The answer brings what the next handshake resumes.
        ask(&mut stream, "/one").await.unwrap();
        (stream.get_ref().1.handshake_kind().unwrap(), leaf(&stream))
    };
    let full = |kind: HandshakeKind| matches!(kind, HandshakeKind::Full | HandshakeKind::FullWithHelloRetryRequest);
    assert!(full(kind().await.0));
    assert_eq!(kind().await.0, HandshakeKind::Resumed);
    mounts[0].put(&new);
    look(&mut watch, &metrics.tls());
    look(&mut watch, &metrics.tls());
    let (again, shown) = kind().await;
    assert!(full(again) && shown == new.der);
}
