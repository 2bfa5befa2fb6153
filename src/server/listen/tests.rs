use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::*;

/// Answers at once, or, at `/wait`, when told to.
#[derive(Clone, Default)]
struct Echo(Arc<Notify>);

impl Service<Request> for Echo {
    type Response = Response;
    type Error = Infallible;
    type Future = futures::future::BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let told = Arc::clone(&self.0);
        Box::pin(async move {
            if request.uri().path() == "/wait" {
                told.notified().await;
            }
            let peer = request.extensions().get::<Peer>().unwrap().0.ip();
            Ok(Response::new(Body::from(format!("{peer} {}", request.uri().path()))))
        })
    }
}

struct Running {
    address: SocketAddr,
    echo: Echo,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

async fn start(connections: usize, drain: Duration) -> Running {
    start_within(Bounds { connections, each: Each::Network(connections), proxies: Vec::new(), drain }).await
}

async fn start_within(bounds: Bounds) -> Running {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (echo, shutdown) = (Echo::default(), CancellationToken::new());
    let task = tokio::spawn(accept(listener, None, echo.clone(), bounds, shutdown.clone()));
    Running { address, echo, shutdown, task }
}

async fn connect(running: &Running, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

/// Reads up to and with this text.
async fn read_to(stream: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    let mut octet = [0];
    while !text.ends_with(end) {
        stream.read_exact(&mut octet).await.unwrap();
        text.push(char::from(octet[0]));
    }
    text
}

/// Shorter than any time after which the server would hang up anyway.
const HANG: Duration = Duration::from_secs(5);

const DRAIN: Duration = Duration::from_secs(5);

#[tokio::test]
async fn requests_are_answered_on_a_connection_that_stays() {
    let running = start(8, DRAIN).await;
    let mut stream = connect(&running, "GET /one HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(read_to(&mut stream, "/one").await.starts_with("HTTP/1.1 200 OK\r\n"));
    stream.write_all(b"GET /two HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    assert!(read_to(&mut stream, "127.0.0.1 /two").await.contains("200 OK"));
}

#[tokio::test]
async fn http2_is_spoken_too() {
    let running = start(8, DRAIN).await;
    // The preface and an empty SETTINGS frame (RFC 9113 §3.4); the answer begins with a SETTINGS frame.
    let mut stream = connect(&running, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0").await;
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(head[3], 4, "{head:?}");
}

#[tokio::test]
async fn t_p38_a_head_that_is_too_large_is_refused() {
    let running = start(8, DRAIN).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let head = format!("GET / HTTP/1.1\r\nhost: a\r\ncookie: {}\r\n\r\n", "x".repeat(2 * MAX_HEAD));
    // The server may hang up before all of it was sent.
    drop(stream.write_all(head.as_bytes()).await);
    let mut text = Vec::new();
    drop(stream.read_to_end(&mut text).await);
    let text = String::from_utf8(text).unwrap();
    assert!(text.is_empty() || text.starts_with("HTTP/1.1 431"), "{text}");
    assert!(!text.contains("200 OK"));
}

#[tokio::test(start_paused = true)]
async fn f55_a_head_that_trickles_ends_the_connection() {
    let running = start(8, DRAIN).await;
    for partial in ["", "P", "GET / HTTP/1.1\r\nhost:"] {
        let mut stream = connect(&running, partial).await;
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        assert!(text.is_empty(), "{partial:?}: {text}");
    }
}

/// Types of frames (RFC 9113 §6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PING: u8 = 6;
const GOAWAY: u8 = 7;

/// `GET http://a/one` on stream 1, with its end (RFC 9113 §6.2, RFC 7541 §6).
const GET_ONE: &[u8] = b"\0\0\x0b\x01\x05\0\0\0\x01\x82\x86\x04\x04/one\x01\x01a";

/// The next frame: its type and what it carries.
async fn frame(stream: &mut TcpStream) -> io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await?;
    let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
    stream.read_exact(&mut payload).await?;
    Ok((head[3], payload))
}

#[tokio::test(start_paused = true)]
async fn f55_an_http2_peer_that_fetches_no_answer_is_cut_off() {
    // SETTINGS_INITIAL_WINDOW_SIZE: none, one octet, all but one of the answer.
    for window in [0, 1, 13] {
        let running = start(8, DRAIN).await;
        let mut stream = connect(&running, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
        stream.write_all(&[&[0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, window], GET_ONE].concat()).await.unwrap();
        let begun = tokio::time::Instant::now();
        let (mut fetched, mut stream_id) = (0, 1);
        while let Ok((kind, payload)) = frame(&mut stream).await {
            if kind == DATA {
                fetched += payload.len();
            } else if kind == PING {
                // It is polite, and asks for more: neither buys the answer time.
                drop(stream.write_all(&[&[0, 0, 8, PING, 1, 0, 0, 0, 0], &payload[..]].concat()).await);
                stream_id += 2;
                drop(stream.write_all(&[&GET_ONE[..8], &[stream_id], &GET_ONE[9..]].concat()).await);
            }
        }
        assert!(fetched % usize::from(window).max(1) == 0 && fetched < 14 * 3, "{window}: {fetched}");
        let took = begun.elapsed().as_secs();
        assert!((30..=40).contains(&took), "{window}: {took} s");
    }
}

#[tokio::test(start_paused = true)]
async fn f55_an_http2_peer_that_only_answers_pings_is_idle() {
    for polite in [true, false] {
        let running = start(8, DRAIN).await;
        let mut stream = connect(&running, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0").await;
        stream.write_all(GET_ONE).await.unwrap();
        let begun = tokio::time::Instant::now();
        let (mut answered, mut pings, mut farewell) = (false, 0, None);
        while let Ok((kind, payload)) = frame(&mut stream).await {
            answered |= kind == HEADERS;
            assert!(begun.elapsed() < Duration::from_mins(5), "kept for ever");
            if kind == GOAWAY {
                farewell.get_or_insert(begun.elapsed());
            }
            if kind == PING && (polite || farewell.is_none()) {
                pings += 1;
                drop(stream.write_all(&[&[0, 0, 8, PING, 1, 0, 0, 0, 0], &payload[..]].concat()).await);
            }
        }
        assert!(answered && pings >= 2, "{answered} {pings}");
        assert_eq!(farewell.unwrap().as_secs(), 75, "pings are answered, and buy no time");
        assert!(
            begun.elapsed() <= Duration::from_secs(75) + FAREWELL + Duration::from_secs(1),
            "{:?}",
            begun.elapsed()
        );
    }
}

#[tokio::test]
async fn f55_connections_are_bounded_and_the_next_one_waits() {
    let running = start(1, DRAIN).await;
    let mut first = connect(&running, "GET /one HTTP/1.1\r\nhost: a\r\n\r\n").await;
    read_to(&mut first, "/one").await;
    let mut second = connect(&running, "GET /two HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let too_early = tokio::time::timeout(Duration::from_millis(100), read_to(&mut second, "/two")).await;
    assert!(too_early.is_err(), "there is one place, and it is taken");
    drop(first);
    read_to(&mut second, "/two").await;
}

#[tokio::test]
async fn f55_one_network_gets_a_share_of_the_connections() {
    let running =
        start_within(Bounds { connections: 8, each: Each::Network(1), proxies: Vec::new(), drain: DRAIN }).await;
    let mut first = connect(&running, "GET /one HTTP/1.1\r\nhost: a\r\n\r\n").await;
    read_to(&mut first, "/one").await;
    let mut second = TcpStream::connect(running.address).await.unwrap();
    let refused = tokio::time::timeout(HANG, second.read(&mut [0])).await.expect("hung up on at once");
    assert!(!matches!(refused, Ok(1..)), "hung up on without a word: {refused:?}");
    drop(first);
    // The place is given back when the server has noticed.
    let again = async {
        loop {
            let mut stream = connect(&running, "GET /two HTTP/1.1\r\nhost: a\r\n\r\n").await;
            if stream.read_exact(&mut [0]).await.is_ok() {
                return;
            }
        }
    };
    tokio::time::timeout(HANG, again).await.unwrap();
}

#[tokio::test]
async fn f55_through_a_proxy_everybody_may_come() {
    let proxies = vec!["127.0.0.0/8".parse().unwrap()];
    let running = start_within(Bounds { connections: 8, each: Each::Network(1), proxies, drain: DRAIN }).await;
    let mut streams = Vec::new();
    for _ in 0..8 {
        let mut stream = connect(&running, "GET /one HTTP/1.1\r\nhost: a\r\n\r\n").await;
        read_to(&mut stream, "/one").await;
        streams.push(stream);
    }
}

#[tokio::test]
async fn what_has_begun_is_finished_when_the_server_stops() {
    let running = start(8, DRAIN).await;
    let mut idle = connect(&running, "GET /one HTTP/1.1\r\nhost: a\r\n\r\n").await;
    read_to(&mut idle, "/one").await;
    let mut busy = connect(&running, "GET /wait HTTP/1.1\r\nhost: a\r\n\r\n").await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    running.shutdown.cancel();
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
    assert!(rest.is_empty(), "an idle connection is closed at once");
    assert!(!running.task.is_finished());
    assert!(TcpStream::connect(running.address).await.is_err(), "nobody is accepted any more");
    running.echo.0.notify_one();
    let answer = read_to(&mut busy, "/wait").await;
    assert!(answer.contains("connection: close"), "{answer}");
    running.task.await.unwrap();
}

#[tokio::test]
async fn what_does_not_finish_in_time_is_cut_off() {
    let running = start(8, Duration::from_millis(50)).await;
    let mut busy = connect(&running, "GET /wait HTTP/1.1\r\nhost: a\r\n\r\n").await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    running.shutdown.cancel();
    tokio::time::timeout(Duration::from_secs(5), running.task).await.unwrap().unwrap();
    let mut rest = Vec::new();
    drop(busy.read_to_end(&mut rest).await);
    assert!(rest.is_empty());
}
