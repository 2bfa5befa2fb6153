//! The application without a socket, and a browser that keeps cookies.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use axum::body::Body;
use axum::extract::Request;
use crypto::{PasswordPool, Pending};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::BodyExt as _;
use oidc::catalog::Realm;
use oidc::opaque::Opaque;
use store::Store;
use store::memory::Memory;

use super::{FixedClock, PASSWORD, SeededEntropy};
use crate::app::{App, Peer, Ports};
use crate::backchannel::{PostToken, TokenPoster};
use crate::client_keys::{FetchKeys, KeyFetcher};
use crate::cookies::CookieNames;
use crate::outbound::Outbound;
use crate::snapshot::CatalogHandle;

/// Threads for passwords.
const THREADS: usize = 2;

/// An application over one realm.
pub(crate) struct Server {
    pub(crate) app: App,
    pub(crate) clock: FixedClock,
    pub(crate) catalogs: CatalogHandle,
    pub(crate) store: Arc<dyn Store>,
    /// Dropping it lets the password threads go on.
    held: Mutex<Option<mpsc::Sender<()>>>,
    jobs: Mutex<Vec<Pending<bool>>>,
}

impl Server {
    /// The realm of the unit tests over a store in memory.
    pub(crate) fn new() -> Self {
        Self::of(super::realm())
    }

    /// Another realm.
    pub(crate) fn of(realm: Realm) -> Self {
        let server = Self::build(Arc::new(Memory::new()));
        server.catalogs.publish(super::catalog(vec![realm], "d1"));
        server
    }

    /// Another store.
    pub(crate) fn with_store(store: impl Store) -> Self {
        let server = Self::build(Arc::new(store));
        server.catalogs.publish(super::catalog(vec![super::realm()], "d1"));
        server
    }

    pub(crate) fn without_catalog() -> Self {
        Self::build(Arc::new(Memory::new()))
    }

    /// One whose password threads are all busy, with nobody to wait any more.
    pub(crate) fn with_full_queue() -> Self {
        let server = Self::with_busy_threads();
        while let Ok(pending) = server.app.shared().passwords.submit(|| true) {
            server.jobs.lock().unwrap().push(pending);
        }
        server
    }

    /// One whose password threads are all busy, before an empty queue.
    pub(crate) fn with_busy_threads() -> Self {
        let server = Self::new();
        let (sender, receiver) = mpsc::channel::<()>();
        let receiver = Arc::new(Mutex::new(receiver));
        let begun = Arc::new(AtomicUsize::new(0));
        // Every job waits until the sender is dropped; then all of them end at once.
        for _ in 0..THREADS {
            let (receiver, begun) = (Arc::clone(&receiver), Arc::clone(&begun));
            let job = move || {
                begun.fetch_add(1, Ordering::SeqCst);
                receiver.lock().unwrap().recv().is_err()
            };
            server.jobs.lock().unwrap().push(server.app.shared().passwords.submit(job).unwrap());
        }
        while begun.load(Ordering::SeqCst) < THREADS {
            std::thread::yield_now();
        }
        *server.held.lock().unwrap() = Some(sender);
        server
    }

    /// Lets the password threads work again, and waits until they have caught up.
    pub(crate) fn free_queue(&self) {
        self.held.lock().unwrap().take();
        while self.app.shared().passwords.depth() > 0 {
            std::thread::yield_now();
        }
    }

    fn build(store: Arc<dyn Store>) -> Self {
        Self::calling(store, Outbound::new(&[]))
    }

    /// One whose clients' keys come from elsewhere.
    pub(crate) fn with_keys(realm: Realm, keys: Arc<dyn FetchKeys>) -> Self {
        let server = Self::reaching(Arc::new(Memory::new()), keys, Arc::new(TokenPoster::new(Outbound::new(&[]))));
        server.catalogs.publish(super::catalog(vec![realm], "d1"));
        server
    }

    /// One that calls others so. It has no catalog yet.
    pub(crate) fn calling(store: Arc<dyn Store>, outbound: Outbound) -> Self {
        let poster = Arc::new(TokenPoster::new(outbound.clone()));
        Self::reaching(store, Arc::new(KeyFetcher::new(outbound)), poster)
    }

    fn reaching(store: Arc<dyn Store>, keys: Arc<dyn FetchKeys>, logout_tokens: Arc<dyn PostToken>) -> Self {
        let clock = FixedClock::default();
        let catalogs = CatalogHandle::new();
        let ports = Ports {
            store: Arc::clone(&store),
            clock: Arc::new(clock.clone()),
            entropy: Arc::new(SeededEntropy::default()),
            passwords: Arc::new(PasswordPool::new(THREADS, 16).unwrap()),
            keys,
            logout_tokens,
        };
        let app = App::new(ports, catalogs.clone(), vec!["10.0.0.0/8".parse().unwrap()]);
        Self { app, clock, catalogs, store, held: Mutex::default(), jobs: Mutex::default() }
    }

    pub(crate) async fn send(&self, request: Request) -> (StatusCode, HeaderMap, String) {
        let (parts, body) = self.app.handle(request).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    /// A form from a program.
    pub(crate) async fn post(&self, path: &str, form: &str) -> (StatusCode, HeaderMap, String) {
        let request = http::Request::post(path)
            .header("host", "id.example.com")
            .header("content-type", "application/x-www-form-urlencoded");
        self.send(request.body(Body::from(form.to_owned())).unwrap()).await
    }

    pub(crate) fn browser(&self) -> Browser<'_> {
        Browser {
            server: self,
            cookies: BTreeMap::new(),
            address: "203.0.113.9",
            fetch_site: Some("same-origin"),
            forwarded_for: None,
        }
    }
}

/// A browser at an address of its own.
pub(crate) struct Browser<'s> {
    server: &'s Server,
    pub(crate) cookies: BTreeMap<String, String>,
    pub(crate) address: &'static str,
    /// What it says of where a form came from.
    pub(crate) fetch_site: Option<&'static str>,
    /// What it, or a proxy, says of its address.
    pub(crate) forwarded_for: Option<&'static str>,
}

/// What a browser got.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Browser<'_> {
    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(http::Request::get(path.strip_prefix("https://id.example.com").unwrap_or(path)), String::new()).await
    }

    pub(crate) async fn post(&mut self, path: &str, form: &str) -> Answer {
        let mut request = http::Request::post(path).header("content-type", "application/x-www-form-urlencoded");
        if let Some(site) = self.fetch_site {
            request = request.header("sec-fetch-site", site);
        }
        self.send(request, form.to_owned()).await
    }

    /// Opens an authorization request and fills in the login form.
    pub(crate) async fn log_in(&mut self, url: &str) -> Answer {
        let page = self.get(url).await;
        self.submit_login(&page, "alice", PASSWORD).await
    }

    pub(crate) async fn submit_login(&mut self, page: &Answer, username: &str, password: &str) -> Answer {
        let form = format!("handle={}&username={username}&password={password}", page.handle()).replace(' ', "+");
        self.post("/oidc/interaction/login", &form).await
    }

    pub(crate) async fn submit_consent(&mut self, page: &Answer, decision: &str) -> Answer {
        self.post("/oidc/interaction/consent", &format!("handle={}&decision={decision}", page.handle())).await
    }

    /// Follows a redirect that stays here.
    pub(crate) async fn follow(&mut self, answer: &Answer) -> Answer {
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
        let location = answer.location().to_owned();
        assert!(location.starts_with("https://id.example.com/"), "{location}");
        self.get(&location).await
    }

    /// From an authorization request to a code, whatever pages lie between.
    pub(crate) async fn code(&mut self, url: &str) -> String {
        let mut answer = self.get(url).await;
        for _ in 0..6 {
            if answer.body.contains("id=\"login\"") {
                answer = self.submit_login(&answer, "alice", PASSWORD).await;
            } else if answer.body.contains("id=\"consent\"") {
                answer = self.submit_consent(&answer, "allow").await;
            } else if answer.location().starts_with("https://id.example.com/") {
                answer = self.follow(&answer).await;
            } else {
                return answer.parameter("code").unwrap_or_else(|| panic!("{answer:?}"));
            }
        }
        panic!("going round in circles: {answer:?}")
    }

    pub(crate) fn plant_session(&mut self, value: &Opaque) {
        let names = CookieNames::new(&super::realm().issuer);
        self.keep(&names.set_session(&value.text()));
    }

    fn keep(&mut self, set: &HeaderValue) {
        let (name, value) = set.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
        self.cookies.insert(name.to_owned(), value.to_owned());
    }

    async fn send(&mut self, request: http::request::Builder, body: String) -> Answer {
        let cookies = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
        let mut request = request
            .header("host", "id.example.com")
            .header("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
            .extension(Peer(format!("{}:1", self.address).parse().unwrap()));
        if let Some(address) = self.forwarded_for {
            request = request.header("x-forwarded-for", address);
        }
        if !cookies.is_empty() {
            request = request.header("cookie", cookies);
        }
        let (status, headers, body) = self.server.send(request.body(Body::from(body)).unwrap()).await;
        for set in headers.get_all(header::SET_COOKIE) {
            self.keep(set);
        }
        Answer { status, headers, body }
    }
}

impl Answer {
    /// The sealed request on a page.
    pub(crate) fn handle(&self) -> &str {
        let after = self.body.split("name=\"handle\" value=\"").nth(1).unwrap_or_else(|| panic!("no handle: {self:?}"));
        after.split('"').next().unwrap()
    }

    pub(crate) fn location(&self) -> &str {
        self.headers.get(header::LOCATION).unwrap_or_else(|| panic!("no location: {self:?}")).to_str().unwrap()
    }

    /// A parameter of the redirect.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let url = url::Url::parse(self.location()).unwrap();
        url.query_pairs().find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
    }

    /// The `Set-Cookie` lines.
    pub(crate) fn set_cookies(&self) -> Vec<&str> {
        self.headers.get_all(header::SET_COOKIE).iter().map(|set| set.to_str().unwrap()).collect()
    }
}
