//! A provider without sockets, and those who call it: a browser, a client, a stranger.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use crypto::{Algorithm, Audience, Expect, Expired, PasswordHash, PasswordPool, Secret};
use futures::future::BoxFuture;
use http::{HeaderMap, Method, StatusCode, header};
use http_body_util::BodyExt as _;
use oidc::account::Account;
use oidc::catalog::{Catalog, Realm};
use oidc::client::Client;
use oidc::ids::Uid;
use oidc::testing;
use oidc::time::Time;
use server::{App, CatalogHandle, Clock, Entropy, KeyFetcher, Outbound, Peer, Ports, PostToken, TokenPoster};
use store::Store;
use store::memory::Memory;
use url::Url;
use xtask::html::Form;

use crate::log;

pub(crate) use oidc::testing::{CALLBACK, GOOD, ISSUER, NOW, SECRET, VERIFIER, changed};

pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// A clock that moves when it is told to.
pub(crate) struct Still(AtomicI64);

impl Clock for Still {
    fn now(&self) -> Time {
        Time::from_millis(self.0.load(Ordering::SeqCst))
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst).unsigned_abs())
    }

    fn sleep(&self, _duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }
}

/// Octets that differ and repeat from run to run.
struct Counted(AtomicU64);

impl Entropy for Counted {
    fn fill(&self, buf: &mut [u8]) {
        for chunk in buf.chunks_mut(8) {
            let drawn = self.0.fetch_add(1, Ordering::SeqCst).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            chunk.copy_from_slice(&drawn.to_le_bytes()[..chunk.len()]);
        }
    }
}

/// What 64 tasks at once get.
pub(crate) async fn at_once<T: Send + 'static, F: Future<Output = T> + Send + 'static>(ask: impl Fn() -> F) -> Vec<T> {
    let tasks: Vec<_> = (0..64).map(|_| tokio::spawn(ask())).collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

/// The provider.
#[derive(Clone)]
pub(crate) struct Provider {
    pub(crate) app: App,
    pub(crate) clock: Arc<Still>,
    pub(crate) catalogs: CatalogHandle,
}

/// Alice, who has a password. The hash is as cheap as hashes may be: its strength is not the matter here.
pub(crate) fn alice() -> Account {
    // Argon2id of PASSWORD with m=8 KiB, t=1; made once by the same library.
    static HASH: std::sync::LazyLock<PasswordHash> =
        std::sync::LazyLock::new(|| crypto::password::hash(&Secret::new(PASSWORD.to_owned())).unwrap());
    Account { password: Some(HASH.clone()), ..testing::account() }
}

impl Provider {
    /// The usual realm.
    pub(crate) fn new() -> Self {
        Self::with(vec![testing::client(), testing::public_client()])
    }

    pub(crate) fn with(clients: Vec<Client>) -> Self {
        Self::on(Arc::new(Memory::new()), clients)
    }

    pub(crate) fn on(store: Arc<dyn Store>, clients: Vec<Client>) -> Self {
        Self::telling(Arc::new(TokenPoster::new(Outbound::new(&[]))), store, clients)
    }

    /// One whose logout tokens go elsewhere.
    pub(crate) fn telling(logout_tokens: Arc<dyn PostToken>, store: Arc<dyn Store>, clients: Vec<Client>) -> Self {
        log::listen();
        let clock = Arc::new(Still(AtomicI64::new(NOW.millis())));
        let catalogs = CatalogHandle::new();
        let ports = Ports {
            store,
            clock: clock.clone(),
            entropy: Arc::new(Counted(AtomicU64::new(1))),
            passwords: Arc::new(PasswordPool::new(2, 64).unwrap()),
            keys: Arc::new(KeyFetcher::new(Outbound::new(&[]))),
            logout_tokens,
        };
        let app = App::new(ports, catalogs.clone(), Vec::new());
        let provider = Self { app, clock, catalogs };
        provider.publish(vec![testing::realm_of(ISSUER, clients, vec![alice()])], "first");
        provider
    }

    /// The usual realm, where applications may watch the login in a frame.
    pub(crate) fn watched() -> Self {
        let provider = Self::new();
        let clients = vec![testing::client(), testing::public_client()];
        provider.publish(vec![testing::watched(testing::realm_of(ISSUER, clients, vec![alice()]))], "watched");
        provider
    }

    pub(crate) fn publish(&self, realms: Vec<Realm>, digest: &str) {
        let catalog = Catalog::new(Uid::new("provider-1"), testing::SERVER_KEYS.clone(), realms, digest.to_owned());
        self.catalogs.publish(Arc::new(catalog));
    }

    pub(crate) fn pass(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    /// Sends a request as it is.
    pub(crate) async fn send(&self, method: Method, target: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        log::sent(target, headers, body);
        let url = Url::parse(ISSUER).unwrap();
        let path = if target.starts_with('/') { format!("{}{target}", url.path()) } else { target.to_owned() };
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header(header::HOST, url.host_str().unwrap());
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::from(body.to_owned())).unwrap();
        request.extensions_mut().insert(Peer(SocketAddr::from(([192, 0, 2, 1], 4711))));
        let (parts, body) = self.app.handle(request).await.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = String::from_utf8(bytes.to_vec()).unwrap();
        log::received(&parts.headers, &body);
        log::holds_no_secret();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) async fn get(&self, target: &str) -> Answer {
        self.send(Method::GET, target, &[], "").await
    }

    /// A form posted by a program.
    pub(crate) async fn post(&self, target: &str, headers: &[(&str, &str)], pairs: &[(&str, &str)]) -> Answer {
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let headers: Vec<_> = form.iter().chain(headers).copied().collect();
        self.send(Method::POST, target, &headers, &encode(pairs)).await
    }

    /// A code that alice got for the usual client.
    pub(crate) async fn code(&self) -> String {
        let mut browser = Browser::new(self.clone());
        browser.authorize(GOOD).await["code"].clone()
    }

    /// Redeems a code as the usual client; `changes` replace, add or (value `-`) remove parameters.
    pub(crate) async fn redeem(&self, code: &str, changes: &[(&str, &str)]) -> Answer {
        let good = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
            ("client_id", "team-a.notes"),
            ("client_secret", SECRET),
        ];
        self.post("/token", &[], &changed(&good, changes)).await
    }
}

/// What somebody wants of a token of the usual issuer.
pub(crate) fn expected<'a>(
    typ: &'a [&'a str],
    algorithms: &'a [Algorithm],
    audience: &'a [&'a str],
    now: Time,
) -> Expect<'a> {
    Expect {
        typ,
        algorithms,
        issuer: ISSUER,
        audience: Audience::AnyOf(audience),
        now: now.secs(),
        leeway: 0,
        expired: Expired::Refuse,
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Status and error code of a refusal in JSON.
    pub(crate) fn refusal(&self) -> (u16, String) {
        (self.status.as_u16(), self.json()["error"].as_str().unwrap_or_default().to_owned())
    }

    /// The parameters of a redirect to the application.
    pub(crate) fn redirect(&self) -> BTreeMap<String, String> {
        let location = self.header("location");
        assert!(location.starts_with(CALLBACK), "{self:?}");
        let url = Url::parse(location).unwrap();
        let fields = url.query().or(url.fragment()).unwrap_or_default();
        url::form_urlencoded::parse(fields.as_bytes()).into_owned().collect()
    }
}

pub(crate) fn encode(pairs: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// A person's browser: it keeps cookies, follows redirects of the provider and posts forms.
pub(crate) struct Browser {
    pub(crate) provider: Provider,
    pub(crate) issuer: &'static str,
    pub(crate) cookies: BTreeMap<String, String>,
}

impl Browser {
    pub(crate) fn new(provider: Provider) -> Self {
        Self::at(provider, ISSUER)
    }

    /// At another issuer than the usual one.
    pub(crate) fn at(provider: Provider, issuer: &'static str) -> Self {
        Self { provider, issuer, cookies: BTreeMap::new() }
    }

    pub(crate) async fn send(&mut self, method: Method, target: &str, more: &[(&str, &str)], body: &str) -> Answer {
        let cookies = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
        let issuer = Url::parse(self.issuer).unwrap();
        let host = issuer.host_str().unwrap();
        let mut headers = vec![("accept", "text/html,*/*;q=0.8"), ("cookie", cookies.as_str()), ("host", host)];
        headers.extend(more);
        let answer = self.provider.send(method, target, &headers, body).await;
        for set in answer.headers.get_all(header::SET_COOKIE) {
            let set = set.to_str().unwrap();
            let (name, value) = set.split(';').next().unwrap().split_once('=').unwrap();
            if set.ends_with("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    /// Opens a page of the provider, following its own redirects.
    pub(crate) async fn open(&mut self, target: &str) -> Answer {
        let mut answer = self.send(Method::GET, target, &[], "").await;
        while let Some(path) = answer.header("location").strip_prefix(self.issuer).map(str::to_owned) {
            answer = self.send(Method::GET, &path, &[], "").await;
        }
        answer
    }

    pub(crate) async fn auth(&mut self, pairs: &[(&str, &str)]) -> Answer {
        self.open(&format!("/auth?{}", encode(pairs))).await
    }

    /// Posts a form of a page, as a browser on that page does.
    pub(crate) async fn submit(&mut self, page: &Answer, id: &str, fields: &[(&str, &str)]) -> Answer {
        let form = Form::find(&page.body, id).unwrap_or_else(|| panic!("no form {id}: {page:?}"));
        let mut form = form.clone();
        for (name, value) in fields {
            form.set(name, value);
        }
        let pairs: Vec<(&str, &str)> =
            form.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let origin = Url::parse(self.issuer).unwrap().origin().ascii_serialization();
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("origin", origin.as_str()),
            ("sec-fetch-site", "same-origin"),
        ];
        let target = form.action.strip_prefix(Url::parse(ISSUER).unwrap().path()).unwrap().to_owned();
        let mut answer = self.send(Method::POST, &target, &headers, &encode(&pairs)).await;
        while let Some(path) = answer.header("location").strip_prefix(self.issuer).map(str::to_owned) {
            answer = self.send(Method::GET, &path, &[], "").await;
        }
        answer
    }

    pub(crate) async fn log_in(&mut self, page: &Answer) -> Answer {
        self.submit(page, "login", &[("username", "alice"), ("password", PASSWORD)]).await
    }

    /// Goes through every page as that client, with alice's yes.
    pub(crate) async fn log_in_to(&mut self, id: &str) {
        let fields = self.authorize(&changed(GOOD, &[("client_id", id)])).await;
        assert!(fields.contains_key("code"), "{fields:?}");
    }

    /// Says yes to the page that asks about a logout.
    pub(crate) async fn log_out(&mut self, pairs: &[(&str, &str)]) -> Answer {
        let page = self.open(&format!("/session/end?{}", encode(pairs))).await;
        self.submit(&page, "logout", &[("decision", "leave")]).await
    }

    pub(crate) async fn allow(&mut self, page: &Answer) -> Answer {
        self.submit(page, "consent", &[("decision", "allow")]).await
    }

    /// Goes through every page with alice's yes.
    pub(crate) async fn authorize(&mut self, pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let mut answer = self.auth(pairs).await;
        if Form::find(&answer.body, "login").is_some() {
            answer = self.log_in(&answer).await;
        }
        if Form::find(&answer.body, "consent").is_some() {
            answer = self.allow(&answer).await;
        }
        answer.redirect()
    }
}
