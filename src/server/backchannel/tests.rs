use std::net::{Ipv4Addr, Ipv6Addr};

use http::header;
use oidc::catalog::Realm;
use oidc::client::{CalledUri, Client, PrivateAddresses};
use oidc::ids::{ClientId, SessionId, Uid};
use oidc::records::{SessionClient, SessionRecord};
use oidc::testing::{self, ISSUER, NOW, session};
use store::memory::Memory;
use store::sqlite::Sqlite;
use store::{Grant, Store};
use tokio::net::TcpListener;

use super::*;
use crate::outbound::testing::{Host, Says, guarded, says, seeing};
use crate::testing::{SeededEntropy, Server, captured, catalog};

const PATIENCE: Duration = Duration::from_secs(5);

/// The usual client, which hears of logouts there.
fn hearing(uri: &str, private_addresses: PrivateAddresses) -> Client {
    let uri = CalledUri::parse(uri).unwrap();
    let logout = BackchannelLogout { uri, private_addresses, session_required: true };
    Client { backchannel_logout: Some(logout), ..testing::client() }
}

fn realm(uri: &str) -> Realm {
    testing::realm_of(ISSUER, vec![hearing(uri, PrivateAddresses::Denied)], vec![testing::account()])
}

/// A server that calls so, for an application that hears there.
fn server(outbound: Outbound, realm: Realm) -> Server {
    on(Arc::new(Memory::new()), outbound, realm)
}

fn on(store: Arc<dyn Store>, outbound: Outbound, realm: Realm) -> Server {
    let server = Server::calling(store, outbound);
    server.catalogs.publish(catalog(vec![realm], "d1"));
    server
}

/// Alice was logged in to the application, and is no more.
async fn log_out(store: &dyn Store) {
    log_out_of(store, 1, &testing::client()).await;
}

/// The same in the session of this number, of any application.
async fn log_out_of(store: &dyn Store, number: u128, client: &Client) {
    let session = SessionRecord { id: SessionId::new(uuid::Uuid::from_u128(number)), ..session(NOW) };
    store.open_session(&session, None).await.unwrap();
    let joined = SessionClient { application_uid: client.uid.clone(), client: client.id.clone(), sid: session.id };
    let grant = Grant { session: Some(session.id), client: Some(&joined), ..Grant::default() };
    store.grant(grant).await.unwrap();
    store.end_session(session.id, NOW).await.unwrap();
}

fn status(line: &str) -> Says {
    says(line, "", b"")
}

/// What is counted under an outcome.
fn counted(server: &Server, outcome: &str) -> u64 {
    let text = server.app.shared().metrics.encode(0).unwrap();
    let series = format!("portcullis_logout_tokens_total{{outcome=\"{outcome}\"}} ");
    text.lines().find_map(|line| line.strip_prefix(&series)).map_or(0, |count| count.parse().unwrap())
}

/// Whether a token is on its way still, however long one waits.
async fn is_pending(server: &Server) -> bool {
    let far = NOW.plus_secs(1_000_000_000);
    !server.store.take_logouts(far, far, 10).await.unwrap().is_empty()
}

#[tokio::test]
async fn who_was_down_for_a_while_hears_exactly_once_after_it_is_back() {
    let host = Host::that(Says::Nothing).await;
    let server = server(seeing(PATIENCE), realm(&host.uri()));
    log_out(&*server.store).await;
    assert_eq!(server.app.tell_due_logouts().await, 1);
    assert_eq!(server.app.tell_due_logouts().await, 0, "it is not asked again at once");
    for answer in ["503 Service Unavailable", "500 Internal Server Error", "404 Not Found", "429 Too Many Requests"] {
        host.say(status(answer));
        server.clock.advance(LAST_DELAY_SECONDS);
        assert_eq!(server.app.tell_due_logouts().await, 1, "{answer}");
    }
    host.say(status("200 OK"));
    server.clock.advance(LAST_DELAY_SECONDS);
    for expect in [1, 0, 0] {
        assert_eq!(server.app.tell_due_logouts().await, expect);
        server.clock.advance(LAST_DELAY_SECONDS);
    }
    assert_eq!(["delivered", "status", "unreachable"].map(|outcome| counted(&server, outcome)), [1, 4, 1]);
    assert!(!is_pending(&server).await);
    let asked = host.asked();
    let last = asked.last().unwrap();
    assert!(last.starts_with("POST /path?of=it HTTP/1.1\r\n"), "{last}");
    assert!(last.contains("content-type: application/x-www-form-urlencoded\r\n"), "{last}");
    let tokens: std::collections::BTreeSet<&str> =
        asked.iter().map(|request| request.split_once("\r\n\r\nlogout_token=").unwrap().1).collect();
    assert_eq!(tokens.len(), asked.len(), "each attempt has a token of its own");
}

#[tokio::test]
async fn what_the_application_refuses_is_not_sent_again() {
    for (answer, outcome) in [("400 Bad Request", "refused"), ("204 No Content", "delivered"), ("200 OK", "delivered")]
    {
        let host = Host::that(status(answer)).await;
        let server = server(seeing(PATIENCE), realm(&host.uri()));
        log_out(&*server.store).await;
        let (lines, attempts) = captured(server.app.tell_due_logouts()).await;
        assert_eq!((attempts, counted(&server, outcome)), (1, 1), "{answer}");
        let told = |line: &&String| line.contains("event=\"logout_told\"") && line.contains(outcome);
        assert_eq!(lines.iter().filter(told).count(), 1, "{lines:?}");
        assert!(!lines.iter().any(|line| line.contains("logout_token=")), "{lines:?}");
        assert!(!is_pending(&server).await, "{answer}");
    }
}

/// T-P32: whoever writes a manifest names an address of this machine, of the link, or of the cluster.
#[tokio::test]
async fn t_p32_no_connection_is_made_to_what_is_not_called() {
    let v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = v4.local_addr().unwrap().port();
    let v6 = TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await.ok();
    for name in ["localhost", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "127.1", "2130706433"] {
        for private in [PrivateAddresses::Denied, PrivateAddresses::Allowed] {
            let client = hearing(&format!("https://{name}:{port}/out"), private);
            let realm = testing::realm_of(ISSUER, vec![client], vec![testing::account()]);
            let server = server(guarded(), realm);
            log_out(&*server.store).await;
            assert_eq!(server.app.tell_due_logouts().await, 1);
            assert_eq!(counted(&server, "address"), 1, "{name}");
            assert!(is_pending(&server).await, "policies and names change: {name}");
        }
    }
    for listener in [Some(v4), v6].into_iter().flatten() {
        let connected = tokio::time::timeout(Duration::from_millis(100), listener.accept()).await;
        assert!(connected.is_err(), "somebody connected: {connected:?}");
    }
}

#[tokio::test]
async fn t_p32_a_redirect_leads_nowhere_and_no_body_is_read() {
    let host = Host::that(Says::Nothing).await;
    let location = format!("{}: {}\r\n", header::LOCATION, host.uri());
    host.say(says("307 Temporary Redirect", &location, b""));
    let server = server(seeing(PATIENCE), realm(&host.uri()));
    log_out(&*server.store).await;
    assert_eq!(server.app.tell_due_logouts().await, 1);
    assert_eq!((host.connections(), counted(&server, "status")), (1, 1));
    // A body without an end costs nobody anything: an attempt that waited for it would be overdue.
    host.say(Says::Begins(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nx".to_vec()));
    server.clock.advance(LAST_DELAY_SECONDS);
    assert_eq!(server.app.tell_due_logouts().await, 1);
    assert_eq!(counted(&server, "delivered"), 1);
}

#[tokio::test]
async fn t_p32_an_application_that_hangs_is_left_and_asked_again() {
    let host = Host::that(Says::Begins(b"HTTP/1.1 200".to_vec())).await;
    let server = server(seeing(Duration::from_millis(200)), realm(&host.uri()));
    log_out(&*server.store).await;
    let told = tokio::time::timeout(PATIENCE, server.app.tell_due_logouts()).await;
    assert_eq!((told.unwrap(), counted(&server, "unreachable")), (1, 1));
    assert!(is_pending(&server).await);
}

#[tokio::test]
async fn after_a_day_nobody_tries_any_more() {
    let host = Host::that(Says::Nothing).await;
    let server = server(seeing(PATIENCE), realm(&host.uri()));
    log_out(&*server.store).await;
    server.clock.advance(MAX_AGE_SECONDS - 1);
    assert_eq!(server.app.tell_due_logouts().await, 1);
    assert_eq!(host.connections(), 1);
    server.clock.advance(LAST_DELAY_SECONDS);
    let (lines, attempts) = captured(server.app.tell_due_logouts()).await;
    assert_eq!((attempts, host.connections(), counted(&server, "expired")), (1, 1, 1));
    assert!(lines.iter().any(|line| line.contains("outcome=\"expired\"")), "{lines:?}");
    assert!(!is_pending(&server).await);
}

#[tokio::test]
async fn who_wants_to_hear_nothing_is_not_called() {
    let server = server(guarded(), testing::realm_of(ISSUER, vec![testing::client()], vec![testing::account()]));
    log_out(&*server.store).await;
    let (lines, attempts) = captured(server.app.tell_due_logouts()).await;
    assert_eq!((attempts, is_pending(&server).await), (1, false));
    assert!(!lines.iter().any(|line| line.contains("logout_told")), "{lines:?}");
}

/// A manifest that was refused for a while is no reason to leave people logged in.
#[tokio::test]
async fn who_is_not_served_just_now_hears_when_they_are_again() {
    let host = Host::that(status("200 OK")).await;
    let nobody = || testing::realm_of(ISSUER, vec![], vec![testing::account()]);
    let server = server(seeing(PATIENCE), nobody());
    log_out(&*server.store).await;
    assert_eq!(server.app.tell_due_logouts().await, 1);
    server.catalogs.publish(catalog(vec![realm(&host.uri())], "mended"));
    server.clock.advance(LAST_DELAY_SECONDS);
    assert_eq!(server.app.tell_due_logouts().await, 1);
    assert_eq!((host.connections(), counted(&server, "delivered")), (1, 1));

    // One that does not come back is forgotten in the end, and so is one whose name another has.
    server.catalogs.publish(catalog(vec![nobody()], "deleted"));
    server.clock.advance(10);
    log_out_of(&*server.store, 2, &testing::client()).await;
    server.clock.advance(MAX_AGE_SECONDS);
    assert_eq!(server.app.tell_due_logouts().await, 1);
    assert!(!is_pending(&server).await);
}

/// The applications that are well do not wait for the one that hangs, however much it has to hear.
#[tokio::test]
async fn an_application_that_hangs_holds_up_nobody_else() {
    let hanging = Host::that(Says::Begins(b"HTTP/1.1 200".to_vec())).await;
    let well = Host::that(status("200 OK")).await;
    let other = Client {
        id: ClientId::new("team-b.wiki"),
        uid: Uid::new("wiki"),
        ..hearing(&well.uri(), PrivateAddresses::Denied)
    };
    let clients = vec![hearing(&hanging.uri(), PrivateAddresses::Denied), other.clone()];
    let server = server(seeing(PATIENCE), testing::realm_of(ISSUER, clients, vec![testing::account()]));
    for n in 2..202 {
        log_out_of(&*server.store, n, &testing::client()).await;
    }
    log_out_of(&*server.store, 202, &other).await;
    let app = server.app.clone();
    let telling = tokio::spawn(async move { app.tell_due_logouts().await });
    let heard = async {
        while well.connections() == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE / 2, heard).await.unwrap();
    assert_eq!(telling.await.unwrap(), AT_ONCE_EACH + 1);
    assert_eq!((hanging.connections(), well.connections()), (AT_ONCE_EACH, 1));
}

#[test]
fn applications_that_were_silent_leave_half_of_the_places_to_others() {
    let mut lanes = Lanes::default();
    let name = |number: usize| Uid::new(format!("app-{number}"));
    // Nobody knows yet who is silent.
    assert_eq!((0..AT_ONCE).filter(|_| lanes.take(&name(0))).count(), AT_ONCE_EACH);
    for _ in 0..AT_ONCE_EACH {
        lanes.give_back(&name(0), false);
    }
    assert_eq!((0..AT_ONCE).filter(|_| lanes.take(&name(0))).count(), 1, "one at a time");
    lanes.give_back(&name(0), false);
    let all = 1..=2 * AT_ONCE;
    for number in all.clone() {
        assert!(lanes.take(&name(number)));
        lanes.give_back(&name(number), false);
    }
    assert_eq!(all.clone().filter(|number| lanes.take(&name(*number))).count(), AT_ONCE / 2);
    let well = name(1000);
    assert!((0..AT_ONCE_EACH).all(|_| lanes.take(&well)), "who answers waits for none of them");
    lanes.give_back(&name(1), true);
    assert!(lanes.take(&name(1)) && lanes.take(&name(1)), "who answers again is as good as anybody");
}

/// Two servers on one store, both at it at once.
#[tokio::test]
async fn of_two_servers_one_tells() {
    let host = Host::that(status("200 OK")).await;
    let folder = tempfile::tempdir().unwrap();
    let sqlite = Sqlite::open(folder.path().join("store.db")).unwrap();
    let stores: [Arc<dyn Store>; 2] = [Arc::new(Memory::new()), Arc::new(sqlite)];
    for (store, told) in stores.into_iter().zip([20, 40]) {
        for n in 2..22 {
            log_out_of(&*store, n, &testing::client()).await;
        }
        let [one, two] = [1, 2].map(|_| on(Arc::clone(&store), seeing(PATIENCE), realm(&host.uri())));
        // Each tells one application so many things at a time, and puts the others off.
        for _ in 0..20 {
            tokio::join!(one.app.tell_due_logouts(), two.app.tell_due_logouts());
            one.clock.advance(LAST_DELAY_SECONDS);
            two.clock.advance(LAST_DELAY_SECONDS);
        }
        assert_eq!(counted(&one, "delivered") + counted(&two, "delivered"), 20);
        assert_eq!(host.connections(), told, "nothing was told twice");
    }
}

#[tokio::test]
async fn a_restart_keeps_what_is_yet_to_be_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let store = Sqlite::open(&file).unwrap();
    log_out(&store).await;
    store.close().await.unwrap();
    let host = Host::that(status("200 OK")).await;
    let server = on(Arc::new(Sqlite::open(&file).unwrap()), seeing(PATIENCE), realm(&host.uri()));
    assert_eq!(server.app.tell_due_logouts().await, 1);
    assert_eq!((host.connections(), counted(&server, "delivered")), (1, 1));
    assert!(!is_pending(&server).await);
}

#[tokio::test]
async fn nothing_is_taken_up_without_a_catalog_or_after_the_end() {
    let host = Host::that(status("200 OK")).await;
    let server = Server::calling(Arc::new(Memory::new()), seeing(PATIENCE));
    log_out(&*server.store).await;
    assert_eq!(server.app.tell_due_logouts().await, 0, "nobody knows yet who wants to hear");
    server.catalogs.publish(catalog(vec![realm(&host.uri())], "d1"));
    let shutdown = CancellationToken::new();
    shutdown.cancel();
    assert_eq!(tell_due(&server.app, &shutdown).await, 0);
    assert_eq!(server.app.tell_due_logouts().await, 1);
}

#[tokio::test]
async fn a_store_that_fails_is_complained_of() {
    let server = Server::with_store(crate::testing::Faulty::Error);
    let (lines, attempts) = captured(server.app.tell_due_logouts()).await;
    assert_eq!(attempts, 0);
    assert!(lines.iter().any(|line| line.contains("applications hear of logouts later")), "{lines:?}");
}

#[test]
fn attempts_grow_rarer_and_never_come_all_at_once() {
    let entropy = SeededEntropy::default();
    for (since, longest) in [(-1, 4), (0, 4), (4, 4), (5, 5), (60, 60), (599, 599), (601, 600), (86_400, 600)] {
        let ended_at = NOW.plus_secs(-since);
        let delays: std::collections::BTreeSet<i64> =
            (0..50).map(|_| again(&entropy, ended_at, NOW).millis() - NOW.millis()).collect();
        assert!(delays.len() > 25, "{since}: {delays:?}");
        assert!(delays.iter().all(|delay| (longest * 500..=longest * 1000).contains(delay)), "{since}: {delays:?}");
    }
}
