use http::HeaderMap;

use super::*;
use crate::testing::{self, Server};

async fn status(server: &Server, method: Method, path: &str) -> (StatusCode, HeaderMap, String) {
    let request = http::Request::builder()
        .method(method)
        .uri(path)
        .header("host", "id.example.com")
        .header("accept", "text/html");
    server.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn before_the_first_catalog_everybody_is_told_to_come_back() {
    let server = Server::without_catalog();
    let (status, headers, body) = status(&server, Method::GET, "/oidc/auth").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(headers.contains_key(header::RETRY_AFTER));
    assert!(body.is_empty());
}

#[tokio::test]
async fn t_p24_an_unknown_host_is_421_and_never_echoed() {
    let server = Server::new();
    let request = http::Request::builder()
        .uri("/oidc/.well-known/openid-configuration")
        .header("host", "evil.example")
        .header("x-forwarded-host", "id.example.com")
        .header("forwarded", "host=id.example.com");
    let (status, headers, body) = server.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(status, StatusCode::MISDIRECTED_REQUEST);
    assert!(body.is_empty());
    assert!(headers.values().all(|value| !value.to_str().unwrap().contains("evil")));
}

#[tokio::test]
async fn every_answer_has_an_id_of_ours() {
    let server = Server::new();
    let request =
        http::Request::builder().uri("/").header("host", "id.example.com").header("x-request-id", "chosen-by-a-client");
    let (status, headers, body) = server.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let id = headers.get("x-request-id").unwrap().to_str().unwrap();
    assert_eq!(uuid::Uuid::parse_str(id).unwrap().get_version_num(), 7);
    let error: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(error["error_id"], id);
    assert_eq!(headers.get(header::X_CONTENT_TYPE_OPTIONS).unwrap(), "nosniff");
    assert_eq!(headers.get(header::CACHE_CONTROL).unwrap(), "no-store");
}

#[tokio::test]
async fn methods_that_an_endpoint_does_not_take() {
    let server = Server::new();
    for (path, allow) in [
        ("/oidc/.well-known/openid-configuration", "GET, HEAD, OPTIONS"),
        ("/oidc/.well-known/jwks.json", "GET, HEAD, OPTIONS"),
        ("/oidc/auth", "GET, POST"),
        ("/oidc/token", "POST, OPTIONS"),
        ("/oidc/me", "GET, POST, OPTIONS"),
        ("/oidc/interaction/login", "POST"),
        ("/oidc/interaction/select-account", "POST"),
        ("/oidc/interaction/consent", "POST"),
        ("/oidc/interaction/style.css", "GET, HEAD"),
    ] {
        let (status, headers, body) = status(&server, Method::DELETE, path).await;
        assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert_eq!(headers.get(header::ALLOW).unwrap(), allow, "{path}");
        assert!(body.contains("id=\"error-title\""), "{path}");
    }
}

/// Two tables, of methods and of handlers: they must say the same.
#[tokio::test]
async fn what_is_allowed_is_routed_and_what_is_routed_is_allowed() {
    for endpoint in Endpoint::ALL.iter().copied() {
        for method in [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::OPTIONS] {
            let server = Server::new();
            let (status, headers, body) = status(&server, method.clone(), &format!("/oidc{}", endpoint.path())).await;
            let allowed = routes::allowed(endpoint);
            let expect = allowed.split(", ").any(|allowed| allowed == method);
            assert_eq!(status != StatusCode::METHOD_NOT_ALLOWED, expect, "{method} {endpoint:?}");
            assert!(
                expect || headers.get(header::ALLOW).is_some_and(|header| header == allowed),
                "{method} {endpoint:?}"
            );
            assert!(method != Method::HEAD || body.is_empty(), "{body}");
        }
    }
}

#[tokio::test]
async fn head_runs_no_handler_but_those_of_documents() {
    let server = Server::new();
    for (path, allowed) in [
        (testing::auth_url("").as_str(), false),
        ("/oidc/me", false),
        ("/oidc/.well-known/openid-configuration", true),
        ("/oidc/.well-known/jwks.json", true),
        ("/oidc/interaction/style.css", true),
    ] {
        let (status, headers, body) = status(&server, Method::HEAD, path).await;
        assert_eq!(status, if allowed { StatusCode::OK } else { StatusCode::METHOD_NOT_ALLOWED }, "{path}");
        assert_eq!(headers.contains_key(header::ALLOW), !allowed, "{path}");
        assert!(!headers.contains_key(header::SET_COOKIE) && body.is_empty(), "{path}: {body}");
    }
}

#[tokio::test]
async fn t_p38_requests_at_work_are_bounded() {
    let server = Server::new();
    let (code, _, _) = status_of_discovery(&server).await;
    assert_eq!(
        (code, server.app.0.requests.available_permits()),
        (StatusCode::OK, MAX_REQUESTS),
        "all were given back"
    );
    let all = server.app.0.requests.try_acquire_many(u32::try_from(MAX_REQUESTS).unwrap()).unwrap();
    let (code, headers, body) = status_of_discovery(&server).await;
    assert_eq!(code, StatusCode::SERVICE_UNAVAILABLE);
    assert!(headers.contains_key(header::RETRY_AFTER) && headers.contains_key("x-request-id") && body.is_empty());
    drop(all);
    assert_eq!(status_of_discovery(&server).await.0, StatusCode::OK);
}

#[tokio::test]
async fn t_p38_an_answer_takes_room_until_it_was_sent() {
    let server = Server::new();
    let request = http::Request::get(testing::auth_url("")).header(header::HOST, "a.test");
    let answer = server.app.handle(request.body(Body::empty()).unwrap()).await;
    assert_eq!(server.app.0.requests.available_permits(), MAX_REQUESTS - 1);
    drop(answer);
    assert_eq!(server.app.0.requests.available_permits(), MAX_REQUESTS);
}

#[tokio::test]
async fn t_p38_no_network_takes_all_the_room_for_requests() {
    let server = Server::new();
    let mut here = server.browser();
    let address = here.address.parse().unwrap();
    let held: Vec<_> = (0..MAX_REQUESTS / 8).map(|_| server.app.admit(address).unwrap()).collect();
    let answer = here.get(&testing::auth_url("")).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.headers.contains_key(header::RETRY_AFTER));
    let mut there = server.browser();
    there.address = "198.51.100.1";
    assert_eq!(there.get(&testing::auth_url("")).await.status, StatusCode::OK, "others are not concerned");
    drop(held);
    assert_eq!(here.get(&testing::auth_url("")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn t_p25_a_proxy_that_nobody_named_is_told_of_once() {
    let server = Server::new();
    let (lines, ()) = testing::captured(async {
        for (address, forwarded_for) in [
            ("192.0.2.7", None),
            ("10.1.2.3", Some("203.0.113.9")),
            ("[::ffff:192.0.2.7]", Some("203.0.113.9")),
            ("192.0.2.8", Some("x")),
        ] {
            let mut browser = server.browser();
            (browser.address, browser.forwarded_for) = (address, forwarded_for);
            browser.get(&testing::auth_url("")).await;
        }
    })
    .await;
    let told: Vec<_> = lines.iter().filter(|line| line.contains("X-Forwarded-For")).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("`--trusted-proxy 192.0.2.7`"), "{told:?}");
}

#[tokio::test]
async fn answers_of_an_https_issuer_bind_browsers_to_https() {
    let server = Server::new();
    let mut browser = server.browser();
    let page = browser.get(&testing::auth_url("")).await;
    let redirect = browser.submit_login(&page, "alice", testing::PASSWORD).await;
    for answer in [page, redirect] {
        assert_eq!(answer.headers.get(header::STRICT_TRANSPORT_SECURITY).unwrap(), "max-age=31536000");
    }
    let here = testing::realm_of("http://localhost:8080", Vec::new(), Vec::new());
    server.catalogs.publish(testing::catalog(vec![here], "loopback"));
    let request = http::Request::get("/auth").header("host", "localhost:8080").body(Body::empty()).unwrap();
    let (_, headers, _) = server.send(request).await;
    assert!(!headers.contains_key(header::STRICT_TRANSPORT_SECURITY));
}

#[tokio::test]
async fn t_p38_a_target_that_is_too_long_is_refused() {
    let server = Server::new();
    let (status, _, _) = status(&server, Method::GET, &format!("/oidc/auth?state={}", "x".repeat(MAX_TARGET))).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_panic_costs_one_request_and_tells_nothing() {
    let server = Server::with_store(testing::Faulty::Panic);
    let (status, headers, body) = server.post("/oidc/token", &testing::token_form(&testing::unknown_code())).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    let error: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(error["error"], "server_error");
    assert!(!body.contains("out of order"), "{body}");
    assert!(headers.contains_key("x-request-id"));
    let (status, _, _) = status_of_discovery(&server).await;
    assert_eq!(status, StatusCode::OK);
}

async fn status_of_discovery(server: &Server) -> (StatusCode, HeaderMap, String) {
    status(server, Method::GET, "/oidc/.well-known/openid-configuration").await
}

#[tokio::test]
async fn a_store_that_is_away_is_a_503_for_programs_and_an_error_for_applications() {
    let server = Server::with_store(testing::Faulty::Error);
    let (status, headers, body) = server.post("/oidc/token", &testing::token_form(&testing::unknown_code())).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(headers.contains_key(header::RETRY_AFTER));
    assert!(body.contains("\"server_error\"") && !body.contains("out of order"), "{body}");

    // Nobody is logged in: no fact is needed, so the page is shown.
    let mut browser = server.browser();
    let page = browser.get(&testing::auth_url("")).await;
    assert_eq!(page.status, StatusCode::OK);
    // A cookie makes it look.
    browser.plant_session(&testing::opaque(1));
    let answer = browser.get(&testing::auth_url("&state=s1")).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.parameter("error").as_deref(), Some("temporarily_unavailable"));
    assert_eq!(answer.parameter("state").as_deref(), Some("s1"));
    assert_eq!(answer.parameter("iss").as_deref(), Some(testing::ISSUER));
}

/// RFC 7009 §2.2: 200 says that the token is revoked.
#[tokio::test]
async fn t_p16_a_revocation_that_cannot_be_written_down_is_no_200() {
    let healthy = Server::new();
    let code = healthy.browser().code(&testing::auth_url("")).await;
    let (status, _, body) = healthy.post("/oidc/token", &testing::token_form(&code)).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let tokens: serde_json::Value = serde_json::from_str(&body).unwrap();
    let client = format!("client_id=team-a.notes&client_secret={}", testing::SECRET_IN_FORM);
    let form = format!("token={}&{client}", tokens["access_token"].as_str().unwrap());
    assert_eq!(healthy.post("/oidc/token/revocation", &form).await.0, StatusCode::OK);
    let server = Server::with_store(testing::Faulty::Error);
    let (status, headers, body) = server.post("/oidc/token/revocation", &form).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{body}");
    assert!(headers.contains_key(header::RETRY_AFTER));
}

#[tokio::test]
async fn metrics_name_the_route_and_not_the_path() {
    let server = Server::new();
    status_of_discovery(&server).await;
    status(&server, Method::GET, "/attacker/chosen").await;
    let text = server.app.shared().metrics.encode(0).unwrap();
    assert!(text.contains(r#"portcullis_http_requests_total{route="discovery",method="GET",code="200"} 1"#), "{text}");
    assert!(text.contains(r#"portcullis_http_requests_total{route="none",method="GET",code="404"} 1"#));
    assert!(!text.contains("attacker"));
}
