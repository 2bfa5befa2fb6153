use axum::body::Body;
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

use crate::testing::{Server, auth_url, token_form};

async fn token(server: &Server) -> String {
    let code = server.browser().code(&auth_url("")).await;
    let (_, _, body) = server.post("/oidc/token", &token_form(&code)).await;
    serde_json::from_str::<Value>(&body).unwrap()["access_token"].as_str().unwrap().to_owned()
}

async fn send(server: &Server, request: http::request::Builder, body: &str) -> (StatusCode, HeaderMap, Value) {
    let request = request.header("host", "id.example.com").body(Body::from(body.to_owned())).unwrap();
    let (status, headers, body) = server.send(request).await;
    assert_eq!(headers.get(header::CACHE_CONTROL).unwrap(), "no-store");
    (status, headers, serde_json::from_str(&body).unwrap())
}

#[tokio::test]
async fn claims_are_given_to_whoever_holds_the_token() {
    let server = Server::new();
    let token = token(&server).await;
    let bearer = format!("Bearer {token}");
    let form = "application/x-www-form-urlencoded";
    for (request, body) in [
        (http::Request::get("/oidc/me").header("authorization", &bearer), String::new()),
        (http::Request::post("/oidc/me").header("authorization", &bearer), String::new()),
        (http::Request::post("/oidc/me").header("content-type", form), format!("access_token={token}")),
    ] {
        let (status, _, claims) = send(&server, request, &body).await;
        assert_eq!(status, StatusCode::OK, "{claims}");
        assert_eq!(claims, json!({"sub": "alice-subject", "email": "alice@example.com", "email_verified": true}));
    }
}

#[tokio::test]
async fn refusals_name_the_scheme() {
    let server = Server::new();
    let token = token(&server).await;
    let get = || http::Request::get("/oidc/me");
    let bearer = format!("Bearer {token}");
    for (name, request, status, challenge) in [
        ("nothing", get(), 401, "Bearer realm=\"https://id.example.com/oidc\""),
        ("garbage", get().header("authorization", "Bearer x"), 401, "error=\"invalid_token\""),
        ("not bearer", get().header("authorization", "Basic eDp5"), 400, "error=\"invalid_request\""),
        (
            "twice",
            get().header("authorization", &bearer).header("authorization", &bearer),
            400,
            "error=\"invalid_request\"",
        ),
        ("in the URL", http::Request::get(format!("/oidc/me?access_token={token}")), 400, "error=\"invalid_request\""),
    ] {
        let (got, headers, body) = send(&server, request, "").await;
        assert_eq!(got.as_u16(), status, "{name}: {body}");
        let found = headers.get(header::WWW_AUTHENTICATE).unwrap().to_str().unwrap();
        assert!(found.contains(challenge), "{name}: {found}");
        assert_eq!(found.contains("error"), name != "nothing", "{name}: {found}");
        assert_eq!(body["error_id"], headers.get("x-request-id").unwrap().to_str().unwrap());
    }
}

#[tokio::test]
async fn t_p11_a_token_ends_with_its_person() {
    let server = Server::new();
    let bearer = format!("Bearer {}", token(&server).await);
    let realm = crate::testing::realm_of(crate::testing::ISSUER, vec![crate::testing::client()], Vec::new());
    server.catalogs.publish(crate::testing::catalog(vec![realm], "without-alice"));
    let (status, _, body) = send(&server, http::Request::get("/oidc/me").header("authorization", &bearer), "").await;
    assert_eq!((status, &body["error"]), (StatusCode::UNAUTHORIZED, &json!("invalid_token")));
}

#[tokio::test]
async fn t_p50_a_script_is_told_that_its_token_has_expired() {
    let (client, account) = (crate::testing::client(), crate::testing::account());
    let spa = oidc::client::Client {
        redirect_uris: vec![oidc::uri::RedirectUri::parse("https://spa.example/cb").unwrap()],
        authentication: oidc::client::ClientAuthentication::Public,
        ..crate::testing::client_named("team-a.spa")
    };
    let server = Server::of(crate::testing::realm_of(crate::testing::ISSUER, vec![client, spa], vec![account]));
    let bearer = format!("Bearer {}", token(&server).await);
    server.clock.advance(24 * 3600);
    for (origin, expect) in [(Some("https://spa.example"), true), (Some("https://evil.example"), false), (None, false)]
    {
        let mut request = http::Request::get("/oidc/me").header("authorization", &bearer);
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        let (status, headers, body) = send(&server, request, "").await;
        assert_eq!((status, &body["error"]), (StatusCode::UNAUTHORIZED, &json!("invalid_token")));
        assert_eq!(headers.get(header::VARY).unwrap(), "Origin");
        let allowed = headers.get(header::ACCESS_CONTROL_ALLOW_ORIGIN).map(|value| value.to_str().unwrap());
        assert_eq!(allowed, origin.filter(|_| expect));
        assert_eq!(headers.contains_key(header::ACCESS_CONTROL_EXPOSE_HEADERS), expect);
    }
}
