//! The mistakes that people who connect an application make most: what they are told, and what the log says, joined by the
//! error ID.

use std::fmt::Write as _;

use axum::body::Body;
use http::{HeaderMap, StatusCode};
use oidc::client::{Client, ResponseType};

use crate::testing::{self, Server, auth_url, captured, token_form};

const FORM: &str = "application/x-www-form-urlencoded";

/// What came of it.
struct Outcome {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Outcome {
    /// What the developer sees: the page, the parameters of the redirect, or the object.
    fn seen(&self) -> String {
        if let Some(location) = self.headers.get("location") {
            let url = url::Url::parse(location.to_str().unwrap()).unwrap();
            let fields = url.query().or(url.fragment()).unwrap_or_default();
            let fields: Vec<String> = url::form_urlencoded::parse(fields.as_bytes())
                .filter(|(name, _)| name.starts_with("error"))
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            return format!("{} to the redirect URI: {}", self.status.as_u16(), fields.join("; "));
        }
        let between = |from: &str| self.body.split(from).nth(1).and_then(|rest| rest.split('<').next());
        let status = self.status.as_u16();
        if let Some((code, text)) = between("id=\"error-code\">").zip(between("class=\"lead\">")) {
            return format!("{status} page: {code}: {text}");
        }
        let json: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        let text = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
        match json.get("error") {
            Some(_) => format!("{status} {}: {}", text("error"), text("error_description")),
            None => format!("{status} scope={}", text("scope")),
        }
    }

    fn id(&self) -> &str {
        self.headers.get("x-request-id").unwrap().to_str().unwrap()
    }
}

/// The notes application as most write it at first: it has refresh tokens.
fn server() -> Server {
    let client = Client { response_types: [ResponseType::Code].into(), ..oidc::testing::offline_client() };
    Server::of(testing::realm_of(testing::ISSUER, vec![client], vec![testing::account()]))
}

async fn open(server: &Server, query: &str) -> Outcome {
    let answer = server.browser().get(query).await;
    Outcome { status: answer.status, headers: answer.headers, body: answer.body }
}

async fn post(server: &Server, path: &str, headers: &[(&str, &str)], body: String) -> Outcome {
    let mut request = http::Request::post(path).header("host", "id.example.com");
    if !headers.iter().any(|(name, _)| *name == "content-type") {
        request = request.header("content-type", FORM);
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (status, headers, body) = server.send(request.body(Body::from(body)).unwrap()).await;
    Outcome { status, headers, body }
}

/// The line of the audit log of this request, without what differs from run to run.
fn logged(lines: &[String], outcome: &Outcome) -> String {
    let line = lines.iter().rfind(|line| line.starts_with("audit ") && line.contains(outcome.id()));
    let line = line.unwrap_or_else(|| panic!("nothing with {} in {lines:#?}", outcome.id()));
    let kept = ["event=", "endpoint=", "error=", "reason=", "client.id=", "scope=", "offline_access.dropped="];
    let words = line.split(' ').filter(|word| kept.iter().any(|start| word.starts_with(start)));
    let mut text = words.collect::<Vec<_>>().join(" ");
    if let Some((_, dropped)) = line.split_once("offline_access.dropped=") {
        text = format!("event=\"code_issued\" offline_access.dropped={dropped}");
    }
    text
}

#[tokio::test]
async fn what_developers_are_told_of_their_mistakes() {
    let server = server();
    let mut report = String::new();
    let mut note = |title: &str, lines: &[String], outcome: &Outcome| {
        let seen = outcome.seen().replace(outcome.id(), "…");
        writeln!(report, "{title}\n  seen:   {seen}\n  logged: {}", logged(lines, outcome)).unwrap();
    };
    let url = auth_url("");
    for (title, from, to) in [
        ("a redirect URI that is not registered", "notes.example.com/cb", "notes.example.com/cb/"),
        ("a client ID that nobody has", "client_id=team-a.notes", "client_id=notes"),
        ("no PKCE", "code_challenge", "x"),
        ("PKCE by plain", "code_challenge_method=S256", "code_challenge_method=plain"),
        ("a response type that the application has not", "response_type=code", "response_type=id_token"),
        ("a scope that the application may not have", "scope=openid", "scope=groups+openid"),
        (
            "an API that the application may not call",
            "response_type=code",
            "response_type=code&resource=https%3A%2F%2Fapi",
        ),
    ] {
        assert!(url.contains(from), "{url} has no {from}");
        let (lines, outcome) = captured(open(&server, &url.replace(from, to))).await;
        note(title, &lines, &outcome);
    }

    let bye = "post_logout_redirect_uri=https%3A%2F%2Fnotes.example.com%2Fbye";
    for (title, query) in [
        ("a way back from a logout, and no word of whose it is", bye.to_owned()),
        ("a way back from a logout that is not registered", format!("client_id=team-a.notes&{bye}%2F")),
        (
            "an id_token of another application as the hint of a logout",
            format!("client_id=team-a.notes&{bye}&id_token_hint=a.b.c"),
        ),
    ] {
        let (lines, outcome) = captured(open(&server, &format!("/oidc/session/end?{query}"))).await;
        note(title, &lines, &outcome);
    }

    let code = server.browser().code(&auth_url("")).await;
    let good = token_form(&code);
    let secret = testing::SECRET_IN_FORM;
    let basic = [("authorization", "Basic dGVhbS1hLm5vdGVzOng=")];
    for (title, path, headers, form) in [
        ("a wrong client secret", "/oidc/token", &[][..], good.replace(secret, "wrong")),
        ("a client secret twice", "/oidc/token", &basic, good.clone()),
        (
            "a code_verifier of another request",
            "/oidc/token",
            &[],
            good.replace("code_verifier=", "code_verifier=other-"),
        ),
        ("another redirect URI than before", "/oidc/token", &[], good.replace("/cb", "/other")),
        (
            "a grant type that the application has not",
            "/oidc/token",
            &[],
            good.replace("authorization_code", "client_credentials"),
        ),
        ("parameters in the URL", "/oidc/token?code=x", &[], good.clone()),
    ] {
        let (lines, outcome) = captured(post(&server, path, headers, form)).await;
        note(title, &lines, &outcome);
    }
    post(&server, "/oidc/token", &[], good.clone()).await;
    let (lines, outcome) = captured(post(&server, "/oidc/token", &[], good)).await;
    let refused: Vec<String> = lines.into_iter().filter(|line| line.contains("refused")).collect();
    note("a code twice", &refused, &outcome);

    // The answer is a success: only its scope and the log tell.
    let mut browser = server.browser();
    browser.code(&auth_url("")).await;
    let offline = auth_url("").replace("scope=openid", "scope=offline_access+openid");
    let (lines, answer) = captured(browser.get(&offline)).await;
    let outcome = Outcome { status: answer.status, headers: answer.headers.clone(), body: String::new() };
    let told = logged(&lines, &outcome);
    let tokens = post(&server, "/oidc/token", &[], token_form(&answer.parameter("code").unwrap())).await;
    writeln!(report, "offline_access without prompt=consent\n  seen:   {}\n  logged: {told}", tokens.seen()).unwrap();
    insta::assert_snapshot!("mistakes", report);
}
