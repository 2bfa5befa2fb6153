//! OpenMetrics 1.0: what is counted. Every label comes from a closed list, so that no caller can grow the series.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use http::Method;
use oidc::client::GrantType;
use oidc::discovery::Endpoint;
use oidc::refusal::{ErrorCode, Why};
use oidc::time::Time;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Upper bounds of the duration histogram, seconds: from a document out of memory to a login that had to wait.
const DURATIONS: [f64; 12] = [0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 5.0, 15.0];

/// All counters of a server.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabel, Histogram, Durations>,
    tokens: Family<TokenLabels, Counter>,
    refusals: Family<RefusalLabels, Counter>,
    logins: Outcomes,
    logouts: Outcomes,
    password_queue: Gauge,
    key_fetches: Outcomes,
    logout_tokens: Outcomes,
    tls: TlsMetrics,
}

/// How something ended, by outcomes of a closed list. Cloning copies a pointer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcomes(Family<OutcomeLabel, Counter>);

impl Outcomes {
    /// One ended so.
    pub(crate) fn count(&self, outcome: &'static str) {
        self.0.get_or_create(&OutcomeLabel { outcome }).inc();
    }

    /// This outcome has not come about yet: what has no series raises no alert when it becomes one.
    fn begin(&self, outcome: &'static str) {
        drop(self.0.get_or_create(&OutcomeLabel { outcome }));
    }
}

/// The certificates of the public port; no series where it has none. Cloning copies a pointer.
#[derive(Clone, Debug, Default)]
pub(crate) struct TlsMetrics {
    expiry: Family<FileLabel, Gauge>,
    reloads: Outcomes,
}

impl TlsMetrics {
    /// Both outcomes, at zero.
    pub(crate) fn begin(&self) {
        for outcome in ["success", "refused"] {
            self.reloads.begin(outcome);
        }
    }

    /// The certificate that is served from a file is one until then.
    pub(crate) fn expires(&self, file: &Path, until: Time) {
        self.expiry.get_or_create(&FileLabel { file: file.display().to_string() }).set(until.secs());
    }

    /// A pair of files has changed; `outcome` is one of those of [`TlsMetrics::begin`].
    pub(crate) fn reloaded(&self, outcome: &'static str) {
        self.reloads.count(outcome);
    }
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// RFC 9068.
    Access,
    /// OIDC Core §2.
    Id,
    /// RFC 6749 §1.5.
    Refresh,
}

/// How a login ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoginOutcome {
    /// The person is logged in.
    Success,
    /// User name or password was wrong.
    Failed,
    /// Too many attempts: the password was not looked at.
    Throttled,
    /// Too many logins at once: the password was not looked at.
    Busy,
}

impl LoginOutcome {
    /// The label.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failed => "failed",
            Self::Throttled => "throttled",
            Self::Busy => "busy",
        }
    }
}

/// How a logout ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogoutOutcome {
    /// The application's hint named the login of this browser.
    Hint,
    /// The person said so on the page.
    Confirmed,
    /// The person stays.
    Declined,
}

impl LogoutOutcome {
    /// The label.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Hint => "hint",
            Self::Confirmed => "confirmed",
            Self::Declined => "declined",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: &'static str,
    method: &'static str,
    code: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabel {
    route: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TokenLabels {
    grant_type: &'static str,
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusalLabels {
    endpoint: &'static str,
    error: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

/// Files are the command line's.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FileLabel {
    file: String,
}

#[derive(Clone, Copy, Debug)]
struct Durations;

impl MetricConstructor<Histogram> for Durations {
    fn new_metric(&self) -> Histogram {
        Histogram::new(DURATIONS)
    }
}

impl Metrics {
    /// Everything at zero.
    pub(crate) fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("portcullis"),
            requests: Family::default(),
            durations: Family::new_with_constructor(Durations),
            tokens: Family::default(),
            refusals: Family::default(),
            logins: Outcomes::default(),
            logouts: Outcomes::default(),
            password_queue: Gauge::default(),
            key_fetches: Outcomes::default(),
            logout_tokens: Outcomes::default(),
            tls: TlsMetrics::default(),
        };
        let Self {
            registry,
            requests,
            durations,
            tokens,
            refusals,
            logins,
            logouts,
            password_queue,
            key_fetches,
            logout_tokens,
            tls,
        } = &mut metrics;
        registry.register("http_requests", "Requests answered", requests.clone());
        registry.register(
            "http_request_duration_seconds",
            "Time from a request's head to its answer",
            durations.clone(),
        );
        registry.register("tokens_issued", "Tokens issued", tokens.clone());
        registry.register("refusals", "Protocol requests refused", refusals.clone());
        registry.register("logins", "Login attempts", logins.0.clone());
        registry.register("logouts", "Logouts that were asked for", logouts.0.clone());
        registry.register("password_queue_depth", "Passwords that wait to be verified", password_queue.clone());
        registry.register("client_key_fetches", "Fetches of keys that clients publish", key_fetches.0.clone());
        registry.register("logout_tokens", "Attempts to tell applications of a logout", logout_tokens.0.clone());
        let expiry = tls.expiry.clone();
        registry.register("tls_certificate_expiry_timestamp_seconds", "When a served certificate expires", expiry);
        registry.register("tls_reloads", "Changed pairs of certificate and key", tls.reloads.0.clone());
        metrics
    }

    /// A request was answered; `route` is `None` where none matched.
    pub(crate) fn request(&self, route: Option<Endpoint>, method: &Method, code: u16, took: Duration) {
        let route = route.map_or("none", route_name);
        self.requests.get_or_create(&RequestLabels { route, method: method_name(method), code }).inc();
        self.durations.get_or_create(&RouteLabel { route }).observe(took.as_secs_f64());
    }

    /// A token was issued.
    pub(crate) fn token(&self, grant: GrantType, kind: TokenKind) {
        let kind = match kind {
            TokenKind::Access => "access_token",
            TokenKind::Id => "id_token",
            TokenKind::Refresh => "refresh_token",
        };
        self.tokens.get_or_create(&TokenLabels { grant_type: grant.as_str(), kind }).inc();
    }

    /// A protocol request was refused.
    pub(crate) fn refusal(&self, endpoint: Endpoint, code: ErrorCode, why: Why) {
        let labels = RefusalLabels { endpoint: route_name(endpoint), error: code.as_str(), reason: why.as_str() };
        self.refusals.get_or_create(&labels).inc();
    }

    /// A login attempt ended.
    pub(crate) fn login(&self, outcome: LoginOutcome) {
        self.logins.count(outcome.as_str());
    }

    /// A logout came to an end.
    pub(crate) fn logout(&self, outcome: LogoutOutcome) {
        self.logouts.count(outcome.as_str());
    }

    /// Where fetches of keys are counted.
    pub(crate) fn key_fetches(&self) -> Outcomes {
        self.key_fetches.clone()
    }

    /// Where attempts to tell applications of a logout are counted.
    pub(crate) fn logout_tokens(&self) -> &Outcomes {
        &self.logout_tokens
    }

    /// Where the public port's certificates are told.
    pub(crate) fn tls(&self) -> TlsMetrics {
        self.tls.clone()
    }

    /// The text form. `password_queue_depth` is read when somebody asks, not kept.
    pub(crate) fn encode(&self, password_queue_depth: usize) -> Result<String, fmt::Error> {
        self.password_queue.set(i64::try_from(password_queue_depth).unwrap_or(i64::MAX));
        let mut out = String::new();
        text::encode(&mut out, &self.registry)?;
        Ok(out)
    }
}

/// The name of an endpoint in metrics and logs.
pub(crate) const fn route_name(endpoint: Endpoint) -> &'static str {
    match endpoint {
        Endpoint::Discovery => "discovery",
        Endpoint::Jwks => "jwks",
        Endpoint::Authorization => "authorize",
        Endpoint::Token => "token",
        Endpoint::Introspection => "introspection",
        Endpoint::Revocation => "revocation",
        Endpoint::Userinfo => "userinfo",
        Endpoint::EndSession => "end_session",
        Endpoint::EndSessionConfirm => "end_session_confirm",
        Endpoint::CheckSession => "check_session",
        Endpoint::Login => "login",
        Endpoint::SelectAccount => "select_account",
        Endpoint::Consent => "consent",
        Endpoint::Account => "account",
        Endpoint::Style => "style",
    }
}

/// A method is a word that the client chooses; those that we do not serve are one.
pub(crate) fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_labels() {
        let metrics = Metrics::new();
        metrics.request(Some(Endpoint::Token), &Method::POST, 200, Duration::from_millis(2));
        metrics.request(None, &Method::from_bytes(b"BREW").unwrap(), 404, Duration::ZERO);
        metrics.token(GrantType::AuthorizationCode, TokenKind::Access);
        metrics.token(GrantType::AuthorizationCode, TokenKind::Id);
        metrics.refusal(Endpoint::Token, ErrorCode::InvalidGrant, Why::CodeExpired);
        metrics.login(LoginOutcome::Throttled);
        metrics.key_fetches().count("success");
        metrics.logout_tokens().count("delivered");
        metrics.tls().begin();
        metrics.tls().reloaded("refused");
        metrics.tls().expires(Path::new("/tls/tls.crt"), Time::from_secs(1_893_456_000));
        let text = metrics.encode(3).unwrap();
        for line in [
            r#"portcullis_http_requests_total{route="token",method="POST",code="200"} 1"#,
            r#"portcullis_http_requests_total{route="none",method="other",code="404"} 1"#,
            r#"portcullis_http_request_duration_seconds_bucket{le="0.0025",route="token"} 1"#,
            r#"portcullis_http_request_duration_seconds_count{route="token"} 1"#,
            r#"portcullis_tokens_issued_total{grant_type="authorization_code",kind="access_token"} 1"#,
            r#"portcullis_tokens_issued_total{grant_type="authorization_code",kind="id_token"} 1"#,
            r#"portcullis_refusals_total{endpoint="token",error="invalid_grant",reason="code_expired"} 1"#,
            r#"portcullis_logins_total{outcome="throttled"} 1"#,
            "portcullis_password_queue_depth 3",
            r#"portcullis_client_key_fetches_total{outcome="success"} 1"#,
            r#"portcullis_logout_tokens_total{outcome="delivered"} 1"#,
            r#"portcullis_tls_certificate_expiry_timestamp_seconds{file="/tls/tls.crt"} 1893456000"#,
            r#"portcullis_tls_reloads_total{outcome="success"} 0"#,
            r#"portcullis_tls_reloads_total{outcome="refused"} 1"#,
            "# EOF",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn t_p38_a_client_cannot_grow_the_series() {
        let metrics = Metrics::new();
        for number in 0..100 {
            let method = Method::from_bytes(format!("M{number}").as_bytes()).unwrap();
            metrics.request(None, &method, 405, Duration::ZERO);
        }
        let text = metrics.encode(0).unwrap();
        assert_eq!(
            text.lines().filter(|line| line.starts_with("portcullis_http_requests_total{")).count(),
            1,
            "{text}"
        );
    }
}
