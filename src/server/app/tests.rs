use http::{HeaderMap, Method};

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
        ("/oidc/.well-known/openid-configuration", "GET,HEAD,OPTIONS"),
        ("/oidc/.well-known/jwks.json", "GET,HEAD,OPTIONS"),
        ("/oidc/auth", "GET,HEAD,POST"),
        ("/oidc/token", "POST,OPTIONS"),
        ("/oidc/me", "GET,HEAD,POST,OPTIONS"),
        ("/oidc/interaction/login", "POST"),
        ("/oidc/interaction/select-account", "POST"),
        ("/oidc/interaction/consent", "POST"),
        ("/oidc/interaction/style.css", "GET,HEAD"),
    ] {
        let (status, headers, body) = status(&server, Method::DELETE, path).await;
        assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert_eq!(headers.get(header::ALLOW).unwrap(), allow, "{path}");
        assert!(body.contains("id=\"error-title\""), "{path}");
    }
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
