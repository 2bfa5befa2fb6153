//! The pages' addresses.

use std::sync::Arc;

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::{DefaultBodyLimit, RawQuery, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use openidconnect::RedirectUrl;
use url::form_urlencoded;

use crate::answer::{Parameters, Refusal};
use crate::credentials::Source;
use crate::pages;
use crate::provider::{Http, Provider};
use crate::sessions::{self, Sessions};

/// Names the browser in which a login was started.
const BROWSER: &str = "demo_browser";
/// Names the person who is logged in.
const SESSION: &str = "demo_session";

/// What every request needs.
pub(crate) struct App {
    source: Source,
    scope: String,
    redirect: RedirectUrl,
    http: Http,
    sessions: Sessions,
}

impl App {
    /// `base` is the application's own URL without a path.
    pub(crate) fn new(source: Source, scope: String, base: &str) -> Result<Self> {
        let redirect = RedirectUrl::new(format!("{base}/callback")).context("our own redirect URI")?;
        let http = Http::new().context("make an HTTP client")?;
        Ok(Self { source, scope, redirect, http, sessions: Sessions::default() })
    }
}

pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(home))
        .route("/login", get(login))
        .route("/callback", get(callback).post(form_post))
        .route("/logout", post(logout))
        .route("/logout/everywhere", post(logout_everywhere))
        .route("/logged-out", get(logged_out))
        .route("/style.css", get(style))
        .layer(DefaultBodyLimit::max(64 * 1024))
        .with_state(app)
}

async fn home(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let person = cookie(&headers, SESSION).and_then(|cookie| app.sessions.person(cookie));
    let leads_to =
        person.as_ref().and_then(|person| person.leave.as_ref()).map(|url| url.origin().ascii_serialization());
    page_that_leads_to(StatusCode::OK, pages::home(person.as_ref()), leads_to.as_deref())
}

async fn style() -> Response {
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], pages::STYLE).into_response()
}

async fn login(State(app): State<Arc<App>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let browser = cookie(&headers, BROWSER).map_or_else(sessions::random, str::to_owned);
    let cookie = format!("{BROWSER}={browser}; Path=/; HttpOnly; SameSite=Lax");
    match start(&app, &query.unwrap_or_default(), browser).await {
        Ok(location) => (StatusCode::SEE_OTHER, [(LOCATION, location), (SET_COOKIE, cookie)]).into_response(),
        Err(refusal) => refuse(&refusal),
    }
}

async fn start(app: &App, query: &str, browser: String) -> Result<String, Refusal> {
    let wanted = Parameters::parse(query)?;
    let credentials = app.source.read().map_err(|error| Refusal::Failed(format!("credentials: {error:#}")))?;
    let provider = Provider::discover(app.http.clone(), credentials, app.redirect.clone()).await?;
    let state = sessions::random();
    let (url, proof) = provider.authorize(&state, &app.scope, &wanted);
    app.sessions.start(state, browser, provider, proof);
    Ok(url.into())
}

async fn callback(State(app): State<Arc<App>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    match finish(&app, &query.unwrap_or_default(), cookie(&headers, BROWSER)).await {
        Ok(session) => {
            let cookie = format!("{SESSION}={session}; Path=/; HttpOnly; SameSite=Lax");
            (StatusCode::SEE_OTHER, [(LOCATION, "/".to_owned()), (SET_COOKIE, cookie)]).into_response()
        }
        Err(refusal) => refuse(&refusal),
    }
}

async fn finish(app: &App, query: &str, browser: Option<&str>) -> Result<String, Refusal> {
    let answer = Parameters::parse(query)?;
    let state = answer.get("state").ok_or(Refusal::UnknownState)?;
    let (login, posted) = app.sessions.finish(state, browser)?;
    let code = posted.as_ref().unwrap_or(&answer).code(login.provider.issuer())?;
    let person = login.provider.redeem(code, login.proof).await?;
    Ok(app.sessions.log_in(person))
}

/// A POST from another site comes without our Lax cookie. So the answer is kept, and the browser is
/// sent to the same path by GET, where the cookie proves that it is the one that started the login.
async fn form_post(State(app): State<Arc<App>>, body: String) -> Response {
    let parked = Parameters::parse(&body).and_then(|answer| {
        let state = answer.get("state").ok_or(Refusal::UnknownState)?.to_owned();
        app.sessions.park(&state, answer)?;
        Ok(state)
    });
    match parked {
        Ok(state) => {
            let query = form_urlencoded::Serializer::new(String::new()).append_pair("state", &state).finish();
            (StatusCode::SEE_OTHER, [(LOCATION, format!("/callback?{query}"))]).into_response()
        }
        Err(refusal) => refuse(&refusal),
    }
}

async fn logout(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, "/".to_owned()), (SET_COOKIE, end(&app, &headers))]).into_response()
}

/// RP-Initiated Logout §2: the id_token says who asks, and whose session it is about.
async fn logout_everywhere(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let person = cookie(&headers, SESSION).and_then(|cookie| app.sessions.person(cookie));
    let location = person.and_then(|person| person.leave).map_or_else(|| "/".to_owned(), Into::into);
    (StatusCode::SEE_OTHER, [(LOCATION, location), (SET_COOKIE, end(&app, &headers))]).into_response()
}

/// Front-Channel Logout §2: the provider's page loads this in a frame. The cookie comes along only where both are on one
/// site; on another, `sid` says which session it is.
async fn logged_out(State(app): State<Arc<App>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    if let Ok(said) = Parameters::parse(&query.unwrap_or_default())
        && let Some(sid) = said.get("sid")
    {
        app.sessions.log_out_of(sid);
    }
    ([(CACHE_CONTROL, "no-store".to_owned()), (SET_COOKIE, end(&app, &headers))]).into_response()
}

/// Logs the person out; the header that takes the cookie away.
fn end(app: &App, headers: &HeaderMap) -> String {
    if let Some(cookie) = cookie(headers, SESSION) {
        app.sessions.log_out(cookie);
    }
    format!("{SESSION}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax")
}

fn refuse(refusal: &Refusal) -> Response {
    page(StatusCode::BAD_REQUEST, pages::refused(refusal))
}

fn page(status: StatusCode, html: String) -> Response {
    page_that_leads_to(status, html, None)
}

/// A page whose forms lead to another origin by a redirect.
fn page_that_leads_to(status: StatusCode, html: String, origin: Option<&str>) -> Response {
    let origin = origin.map_or_else(String::new, |origin| format!(" {origin}"));
    let policy = format!(
        "default-src 'none'; style-src 'self'; form-action 'self'{origin}; base-uri 'none'; frame-ancestors 'none'"
    );
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (CONTENT_SECURITY_POLICY, policy),
        (CACHE_CONTROL, "no-store".to_owned()),
    ];
    (status, headers, html).into_response()
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let pairs =
        headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
    pairs.filter_map(|pair| pair.trim().split_once('=')).find(|(known, _)| *known == name).map(|(_, value)| value)
}
