use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use oidc::client::{PrivateAddresses, PublishedKeys};
use oidc::testing::KEY;

use super::{published, published_by};
use crate::client_keys::{FetchError, FetchKeys as _, Fetched, KeyFetcher};
use crate::outbound::testing::{Host, NAME, Says, guarded, here, roots, says, seeing, set};
use crate::outbound::{CallError, Guard, Lookup, NotCalled, Outbound, judge};

const PATIENCE: Duration = Duration::from_secs(5);
const JSON: &str = "content-type: application/json\r\n";

async fn fetch(host: &Host) -> Result<Fetched, FetchError> {
    fetcher(PATIENCE).fetch(&published_by(host)).await
}

fn fetcher(patience: Duration) -> KeyFetcher {
    KeyFetcher::new(seeing(patience))
}

/// A fetcher as in the product, but for the name service and the authority.
fn strict(lookup: Lookup, api_server: &[&str]) -> KeyFetcher {
    let api_server: Vec<String> = api_server.iter().map(|host| (*host).to_owned()).collect();
    KeyFetcher::new(Outbound::with(Guard::with(judge, lookup, &api_server), roots(), PATIENCE))
}

fn names(table: &'static [(&str, &[&str])]) -> Lookup {
    Arc::new(move |name: &str| {
        let found = table.iter().find(|(known, _)| *known == name).ok_or(io::ErrorKind::NotFound)?;
        Ok(found.1.iter().map(|address| address.parse().unwrap()).collect())
    })
}

#[tokio::test]
async fn keys_are_fetched_with_how_long_they_hold() {
    let host = Host::that(set(&[&KEY])).await;
    let fetched = fetch(&host).await.unwrap();
    assert_eq!((fetched.keys.jwks(), fetched.max_age), (&[KEY.public_jwk().clone()][..], None));
    let request = host.asked().remove(0).to_ascii_lowercase();
    assert!(request.starts_with("get /path?of=it http/1.1\r\n"), "{request}");
    for line in [format!("host: {NAME}:{}", host.port()), "user-agent: portcullis".to_owned()] {
        assert!(request.contains(&format!("{line}\r\n")), "{request}");
    }
    for line in ["authorization", "cookie", "referer", "accept-encoding"] {
        assert!(!request.contains(&format!("\r\n{line}:")), "{request}");
    }
    let body = serde_json::json!({"keys": []}).to_string();
    host.say(says("200 OK", &format!("{JSON}cache-control: max-age=600\r\n"), body.as_bytes()));
    let fetched = fetch(&host).await.unwrap();
    assert_eq!((fetched.keys.jwks().len(), fetched.max_age), (0, Some(Duration::from_mins(10))));
}

#[tokio::test]
async fn t_p32_no_redirect_is_followed() {
    let elsewhere = Host::that(set(&[&KEY])).await;
    for status in ["301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent"] {
        let host = Host::that(says(status, &format!("location: {}\r\n", elsewhere.uri()), b"")).await;
        assert_eq!(fetch(&host).await.unwrap_err(), FetchError::Redirect, "{status}");
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn t_p32_an_answer_that_is_no_set_of_keys_is_not_taken() {
    let host = Host::that(says("404 Not Found", JSON, b"{\"keys\":[]}")).await;
    assert_eq!(fetch(&host).await.unwrap_err(), FetchError::Status(404));
    host.say(says("200 OK", "content-type: text/html\r\n", b"{\"keys\":[]}"));
    assert_eq!(fetch(&host).await.unwrap_err(), FetchError::Type);
    host.say(says("200 OK", JSON, b"<html>"));
    assert!(matches!(fetch(&host).await, Err(FetchError::Document(_))));
    host.say(Says::Nothing);
    assert!(matches!(fetch(&host).await, Err(FetchError::Call(CallError::Unreachable(_)))));
    // What is not packed as was asked for is not unpacked: a small answer stays small.
    host.say(says("200 OK", &format!("{JSON}content-encoding: gzip\r\n"), b"\x1f\x8b\x08"));
    assert!(matches!(fetch(&host).await, Err(FetchError::Document(_))));
}

#[tokio::test]
async fn t_p32_a_long_answer_is_not_read_to_its_end() {
    let full = format!("{{\"keys\":[]{}}}", " ".repeat(64 * 1024 - 11));
    let host = Host::that(says("200 OK", JSON, full.as_bytes())).await;
    assert_eq!(fetch(&host).await.unwrap().keys.jwks().len(), 0, "as long as may be");
    host.say(says("200 OK", JSON, format!("{full} ").as_bytes()));
    assert_eq!(fetch(&host).await.unwrap_err(), FetchError::TooLarge);
    // It does not say beforehand how long it is, and never ends.
    let mut endless = format!("HTTP/1.1 200 OK\r\n{JSON}\r\n").into_bytes();
    endless.extend(vec![b' '; 64 * 1024 + 1]);
    host.say(Says::Begins(endless));
    assert_eq!(fetch(&host).await.unwrap_err(), FetchError::TooLarge);
}

#[tokio::test]
async fn t_p32_a_slow_answer_is_not_waited_for() {
    let slow = async |says: Says| {
        let host = Host::that(says).await;
        let started = Instant::now();
        let outcome = fetcher(Duration::from_millis(300)).fetch(&published_by(&host)).await;
        assert_eq!(outcome.unwrap_err(), FetchError::Overdue);
        assert!(started.elapsed() < Duration::from_secs(3));
    };
    slow(Says::Begins(Vec::new())).await;
    slow(Says::Begins(format!("HTTP/1.1 200 OK\r\n{JSON}content-length: 11\r\n\r\n{{\"keys\"").into_bytes())).await;
}

#[tokio::test]
async fn t_p32_a_name_that_leads_to_this_machine_is_not_called() {
    let host = Host::that(set(&[&KEY])).await;
    let call = async |fetcher: KeyFetcher, uri: &str, private_addresses| {
        fetcher.fetch(&PublishedKeys { private_addresses, ..published(uri) }).await.unwrap_err()
    };
    for private in [PrivateAddresses::Denied, PrivateAddresses::Allowed] {
        let special = FetchError::Call(CallError::Address(NotCalled::Special));
        let uri = host.uri();
        assert_eq!(call(strict(here(), &[]), &uri, private).await, special);
        // Of several addresses one is enough.
        let mixed: Lookup = names(&[(NAME, &["1.1.1.1", "::ffff:127.0.0.1"])]);
        assert_eq!(call(strict(mixed, &[]), &uri, private).await, special);
        // The system's own names, and addresses, which nobody looks up.
        for literal in ["localhost", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0"] {
            let uri = format!("https://{literal}:{}/", host.port());
            assert_eq!(call(KeyFetcher::new(guarded()), &uri, private).await, special, "{uri}");
        }
    }
    let private: Lookup = names(&[(NAME, &["10.0.0.7"])]);
    assert_eq!(
        call(strict(private, &[]), &host.uri(), PrivateAddresses::Denied).await,
        FetchError::Call(CallError::Address(NotCalled::Private))
    );
    let nowhere = call(strict(names(&[(NAME, &[])]), &[]), &host.uri(), PrivateAddresses::Denied).await;
    assert_eq!(nowhere, FetchError::Call(CallError::Unreachable("its name has no address".to_owned())));
    let unknown = call(strict(names(&[]), &[]), &host.uri(), PrivateAddresses::Denied).await;
    assert!(matches!(unknown, FetchError::Call(CallError::Unreachable(_))), "{unknown:?}");
    assert_eq!(host.connections(), 0, "nobody knocked");
}

/// A name service that says something else each time: what was judged is what is called.
#[tokio::test]
async fn t_p32_a_name_is_looked_up_once_for_each_connection() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let host = Host::that(set(&[&KEY])).await;
    let lookup: Lookup = Arc::new(|_: &str| {
        let first = ASKED.fetch_add(1, Ordering::SeqCst) == 0;
        // 240.0.0.1 is never reached, and passes for good here.
        Ok(vec![if first { "240.0.0.1" } else { "127.0.0.1" }.parse().unwrap()])
    });
    let judge = |address: IpAddr, _| if address.is_loopback() { Err(NotCalled::Special) } else { Ok(()) };
    let fetcher = KeyFetcher::new(Outbound::with(Guard::with(judge, lookup, &[]), roots(), Duration::from_millis(500)));
    let outcome = fetcher.fetch(&published_by(&host)).await.unwrap_err();
    assert!(matches!(outcome, FetchError::Overdue | FetchError::Call(CallError::Unreachable(_))), "{outcome:?}");
    assert_eq!((ASKED.load(Ordering::SeqCst), host.connections()), (1, 0));
    assert_eq!(
        fetcher.fetch(&published_by(&host)).await.unwrap_err(),
        FetchError::Call(CallError::Address(NotCalled::Special))
    );
    assert_eq!(host.connections(), 0);
}

#[tokio::test]
async fn t_k14_the_api_server_is_never_called() {
    let host = Host::that(set(&[&KEY])).await;
    let table = names(&[
        (NAME, &["10.96.0.1"]),
        ("kubernetes.default.svc", &["10.96.0.1"]),
        ("api.example.com", &["1.1.1.1", "1.0.0.1"]),
        ("alias.example.com", &["1.0.0.1"]),
    ]);
    for (api_server, uri) in [
        ("10.96.0.1", host.uri()),
        ("10.96.0.1", "https://[::ffff:10.96.0.1]/".to_owned()),
        ("10.96.0.1", "https://kubernetes.default.svc/".to_owned()),
        ("[::ffff:10.96.0.1]", "https://10.96.0.1/".to_owned()),
        ("API.example.com", "https://api.example.com/".to_owned()),
        ("api.example.com", "https://api.example.com./".to_owned()),
        ("api.example.com", "https://alias.example.com/".to_owned()),
    ] {
        let from = PublishedKeys { private_addresses: PrivateAddresses::Allowed, ..published(&uri) };
        let outcome = strict(Arc::clone(&table), &[api_server]).fetch(&from).await;
        assert_eq!(
            outcome.unwrap_err(),
            FetchError::Call(CallError::Address(NotCalled::ApiServer)),
            "{api_server} {uri}"
        );
    }
}

#[tokio::test]
async fn only_a_certificate_of_that_name_by_a_trusted_authority_counts() {
    let host = Host::that(set(&[&KEY])).await;
    let other = published(&host.uri().replace(NAME, "other.example.com"));
    assert!(matches!(fetcher(PATIENCE).fetch(&other).await, Err(FetchError::Call(CallError::Unreachable(_)))));
    let guard = Guard::with(|_, _| Ok(()), here(), &[]);
    let distrustful = KeyFetcher::new(Outbound::with(guard, rustls::RootCertStore::empty(), PATIENCE));
    assert!(matches!(distrustful.fetch(&published_by(&host)).await, Err(FetchError::Call(CallError::Unreachable(_)))));
    assert_eq!(host.asked(), Vec::<String>::new(), "nothing was asked in either case");
}
