use http::{HeaderMap, StatusCode, header};
use oidc::client::{Client, ClientAuthentication, GrantType};
use oidc::ids::ClientId;
use oidc::uri::RedirectUri;
use serde_json::Value;

use crate::testing::{self, Server, auth_url, token_form};

const FORM: &str = "application/x-www-form-urlencoded";

/// A token request with these headers.
async fn send(server: &Server, path: &str, headers: &[(&str, &str)], form: &str) -> (StatusCode, HeaderMap, Value) {
    let mut request = http::Request::post(path).header("host", "id.example.com").header("content-type", FORM);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (status, headers, body) = server.send(request.body(form.to_owned().into()).unwrap()).await;
    assert_eq!(headers.get(header::CACHE_CONTROL).unwrap(), "no-store");
    assert_eq!(headers.get(header::VARY).unwrap(), "Origin");
    (status, headers, serde_json::from_str(&body).unwrap())
}

fn basic(id: &str, secret: &str) -> String {
    let plain = crypto::b64::encode(format!("{id}:{secret}").as_bytes()).replace('-', "+").replace('_', "/");
    format!("Basic {plain}{}", "=".repeat((4 - plain.len() % 4) % 4))
}

#[tokio::test]
async fn a_code_is_traded_for_tokens_once() {
    let server = Server::new();
    let code = server.browser().code(&auth_url("&nonce=n1")).await;
    let (status, headers, tokens) = send(&server, "/oidc/token", &[], &token_form(&code)).await;
    assert_eq!(status, StatusCode::OK, "{tokens}");
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["expires_in"], 600);
    assert_eq!(tokens["scope"], "email openid");
    assert_eq!(headers.get(header::CONTENT_TYPE).unwrap(), "application/json");
    assert!(tokens["id_token"].is_string() && tokens["access_token"].is_string());
    let text = server.app.shared().metrics.encode(0).unwrap();
    for kind in ["access_token", "id_token"] {
        assert!(text.contains(&format!(
            "portcullis_tokens_issued_total{{grant_type=\"authorization_code\",kind=\"{kind}\"}} 1"
        )));
    }
}

#[tokio::test]
async fn t_p07_code_replay_revokes_what_the_first_use_gave() {
    let server = Server::new();
    let code = server.browser().code(&auth_url("")).await;
    let (_, _, tokens) = send(&server, "/oidc/token", &[], &token_form(&code)).await;
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    assert_eq!(userinfo(&server, &bearer).await, StatusCode::OK);

    let stranger = token_form(&code).replace(testing::SECRET_IN_FORM, "wrong");
    let (status, _, error) = send(&server, "/oidc/token", &[], &stranger).await;
    assert_eq!((status, &error["error"]), (StatusCode::BAD_REQUEST, &"invalid_client".into()));
    assert_eq!(userinfo(&server, &bearer).await, StatusCode::OK, "a stranger revokes nothing");

    let (status, _, error) = send(&server, "/oidc/token", &[], &token_form(&code)).await;
    assert_eq!((status, &error["error"]), (StatusCode::BAD_REQUEST, &"invalid_grant".into()));
    assert_eq!(userinfo(&server, &bearer).await, StatusCode::UNAUTHORIZED);
}

async fn userinfo(server: &Server, bearer: &str) -> StatusCode {
    let request = http::Request::get("/oidc/me").header("host", "id.example.com").header("authorization", bearer);
    server.send(request.body(axum::body::Body::empty()).unwrap()).await.0
}

#[tokio::test]
async fn t_p07_of_many_at_once_one_wins_and_none_breaks() {
    // A store that really waits: all read the code as good before any has spent it.
    let folder = tempfile::tempdir().unwrap();
    let server = Server::with_store(store::sqlite::Sqlite::open(folder.path().join("state.db")).unwrap());
    let code = server.browser().code(&auth_url("")).await;
    let form = token_form(&code);
    let all = futures::future::join_all((0..20).map(|_| send(&server, "/oidc/token", &[], &form))).await;
    let won = all.iter().filter(|(status, _, _)| *status == StatusCode::OK).count();
    let lost = all
        .iter()
        .filter(|(status, _, body)| *status == StatusCode::BAD_REQUEST && body["error"] == "invalid_grant")
        .count();
    assert_eq!((won, lost), (1, 19));
}

#[tokio::test]
async fn refusals() {
    let server = Server::new();
    let ok = token_form(&testing::unknown_code());
    let basic_ok = basic("team-a.notes", testing::SECRET_IN_FORM);
    let without_client = ok.replace(&format!("&client_id=team-a.notes&client_secret={}", testing::SECRET_IN_FORM), "");
    for (name, headers, form, status, error) in [
        ("unknown code", vec![], ok.clone(), 400, "invalid_grant"),
        ("by basic", vec![("authorization", basic_ok.as_str())], without_client.clone(), 400, "invalid_grant"),
        ("two ways", vec![("authorization", &basic_ok)], ok.clone(), 400, "invalid_request"),
        (
            "two headers",
            vec![("authorization", &basic_ok), ("authorization", &basic_ok)],
            without_client.clone(),
            400,
            "invalid_request",
        ),
        ("nobody", vec![], without_client.clone(), 400, "invalid_client"),
        ("wrong secret", vec![], ok.replace(testing::SECRET_IN_FORM, "x"), 400, "invalid_client"),
        (
            "wrong basic",
            vec![("authorization", &basic("team-a.notes", "x"))],
            without_client.clone(),
            401,
            "invalid_client",
        ),
        ("not basic", vec![("authorization", "Bearer x")], without_client.clone(), 401, "invalid_client"),
        ("no grant", vec![], ok.replace("grant_type=authorization_code&", ""), 400, "invalid_request"),
        ("other grant", vec![], ok.replace("authorization_code", "urn:x"), 400, "unsupported_grant_type"),
        ("twice", vec![], format!("{ok}&code=1"), 400, "invalid_request"),
        ("no form", vec![], "%zz".to_owned(), 400, "invalid_request"),
    ] {
        let (got, headers, body) = send(&server, "/oidc/token", &headers, &form).await;
        assert_eq!((got.as_u16(), body["error"].as_str().unwrap()), (status, error), "{name}: {body}");
        let challenge = headers.get(header::WWW_AUTHENTICATE).map(|value| value.to_str().unwrap());
        assert_eq!(challenge, (status == 401).then_some("Basic realm=\"https://id.example.com/oidc\""), "{name}");
        assert_eq!(body["error_id"], headers.get("x-request-id").unwrap().to_str().unwrap(), "{name}");
        assert!(!body["error_description"].as_str().unwrap().is_empty(), "{name}");
    }
}

#[tokio::test]
async fn t_p37_parameters_in_the_url_are_refused() {
    let server = Server::new();
    let code = server.browser().code(&auth_url("")).await;
    let (status, _, body) = send(&server, &format!("/oidc/token?{}", token_form(&code)), &[], "").await;
    assert_eq!((status, &body["error"]), (StatusCode::BAD_REQUEST, &"invalid_request".into()));
    assert!(body["error_description"].as_str().unwrap().contains("not in the URL"), "{body}");
    let (status, _, _) = send(&server, "/oidc/token?code=x", &[], &token_form(&code)).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let (status, _, _) = send(&server, "/oidc/token", &[], &token_form(&code)).await;
    assert_eq!(status, StatusCode::OK, "nothing was spent");
}

#[tokio::test]
async fn only_a_form_is_read() {
    let server = Server::new();
    let request =
        http::Request::post("/oidc/token").header("host", "id.example.com").header("content-type", "application/json");
    let (status, headers, body) = server.send(request.body("{}".into()).unwrap()).await;
    assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(headers.get(header::CACHE_CONTROL).unwrap(), "no-store");
    assert!(body.contains("application/x-www-form-urlencoded"), "{body}");
}

#[tokio::test]
async fn t_p50_scripts_read_answers_for_their_own_client() {
    let spa = Client {
        id: ClientId::new("team-a.spa"),
        authentication: ClientAuthentication::Public,
        redirect_uris: vec![RedirectUri::parse("https://spa.example/cb").unwrap()],
        ..testing::client()
    };
    let server = Server::of(testing::realm_of(testing::ISSUER, vec![testing::client(), spa], vec![testing::account()]));
    let check = async |client: &str, origin: &str, expect: Option<&str>| {
        let (status, headers, _) =
            send(&server, "/oidc/token", &[("origin", origin)], &format!("client_id={client}&grant_type=x")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        let allowed = headers.get(header::ACCESS_CONTROL_ALLOW_ORIGIN).map(|value| value.to_str().unwrap());
        assert_eq!(allowed, expect, "{client} {origin}");
    };
    check("team-a.spa", "https://spa.example", Some("https://spa.example")).await;
    check("team-a.spa", "https://evil.example", None).await;
    check("team-a.notes", "https://spa.example", None).await;
    check("nobody", "https://spa.example", None).await;
    check("team-a.spa", "null", None).await;

    let preflight = http::Request::options("/oidc/token")
        .header("host", "id.example.com")
        .header("origin", "https://spa.example")
        .header("access-control-request-method", "POST");
    let (status, headers, _) = server.send(preflight.body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(headers.get(header::ACCESS_CONTROL_ALLOW_ORIGIN).unwrap(), "https://spa.example");
}

#[tokio::test]
async fn t_p40_no_secret_stands_in_a_log() {
    let server = Server::new();
    let (lines, secrets) = testing::captured(async {
        let mut browser = server.browser();
        let code = browser.code(&auth_url("")).await;
        let (_, _, tokens) = send(&server, "/oidc/token", &[], &token_form(&code)).await;
        send(&server, "/oidc/token", &[], &token_form(&code)).await;
        let mut secrets: Vec<String> = browser.cookies.into_values().collect();
        secrets.extend(["access_token", "id_token"].map(|name| tokens[name].as_str().unwrap().to_owned()));
        secrets.extend([code, testing::SECRET_IN_FORM.to_owned()]);
        secrets
    })
    .await;
    for event in ["consent", "code_issued", "tokens_issued", "refused", "family_revoked"] {
        let found = lines.iter().filter(|line| line.contains(&format!("event=\"{event}\""))).count();
        assert_eq!(found, 1, "{event}: {lines:#?}");
    }
    for secret in secrets {
        assert!(lines.iter().all(|line| !line.contains(&secret)), "{secret} stands in {lines:#?}");
    }
}

/// The same queue as the login page's, so that neither starves the server.
#[tokio::test]
async fn t_p34_where_every_password_thread_is_busy_the_password_grant_is_asked_to_wait() {
    let server = Server::with_full_queue();
    let client = Client { grant_types: [GrantType::Password].into(), ..testing::client() };
    let realm = testing::realm_of(testing::ISSUER, vec![client], vec![testing::account()]);
    server.catalogs.publish(testing::catalog(vec![realm], "d2"));
    let form = format!(
        "grant_type=password&username=alice&password=x&scope=openid&client_id=team-a.notes&client_secret={}",
        testing::SECRET_IN_FORM
    );
    let (status, headers, body) = send(&server, "/oidc/token", &[], &form).await;
    assert_eq!((status.as_u16(), &body["error"]), (429, &"temporarily_unavailable".into()));
    assert_eq!(headers.get(header::RETRY_AFTER).unwrap(), "2");
    server.free_queue();
    let (status, _, body) = send(&server, "/oidc/token", &[], &form).await;
    assert_eq!((status.as_u16(), &body["error"]), (400, &"invalid_grant".into()));
}
