//! Front-Channel Logout: who hears of a logout through the browser, of what, and what the page may load.

use oidc::client::Client;
use oidc::ids::{ClientId, Uid};
use oidc::logout::FrontchannelLogout;
use oidc::testing::{self, AFTER_LOGOUT};
use oidc::uri::RedirectUri;

use crate::harness::{Answer, Browser, GOOD, ISSUER, Provider, alice, changed};

const HEARS: &str = "https://notes.example.com/hear?of=it";

/// The usual client, as `id`; it hears of logouts at [`HEARS`].
fn client(id: &str, session_required: bool) -> Client {
    let logout = FrontchannelLogout { uri: RedirectUri::parse(HEARS).unwrap(), session_required };
    Client {
        id: ClientId::new(id),
        uid: Uid::new(format!("uid of {id}")),
        frontchannel_logout: Some(logout),
        ..testing::client()
    }
}

fn provider() -> Provider {
    Provider::with(vec![client("team-a.notes", true), client("team-a.wiki", false), testing::public_client()])
}

/// What the page loads, with its session named S.
fn frames(answer: &Answer) -> Vec<String> {
    let sources = answer.body.split("<iframe src=\"").skip(1);
    let sources = sources.map(|rest| rest.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&"));
    let sid = |source: String| match source.split_once("sid=") {
        Some((before, sid)) => {
            assert!(sid.len() == 36, "{sid}");
            format!("{before}sid=S")
        }
        None => source,
    };
    sources.map(sid).collect()
}

#[tokio::test]
async fn the_applications_of_the_session_hear_of_it_and_the_browser_goes_on() {
    let provider = provider();
    let mut browser = Browser::new(provider.clone());
    for id in ["team-a.notes", "team-a.wiki", "team-a.notes"] {
        browser.log_in_to(id).await;
    }
    // Long after every token has expired.
    for _ in 0..6 {
        provider.pass(500);
        browser.log_in_to("team-a.wiki").await;
    }
    let pairs = [("client_id", "team-a.notes"), ("post_logout_redirect_uri", AFTER_LOGOUT), ("state", "a&b")];
    let answer = browser.log_out(&pairs).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let told = format!("{HEARS}&iss=https%3A%2F%2Fid.example.com%2Foidc&sid=S");
    assert_eq!(frames(&answer), [told, HEARS.to_owned()]);
    let policy = answer.header("content-security-policy");
    let allowed = policy.split("frame-src ").nth(1).unwrap().split(';').next().unwrap();
    assert!(allowed.split(' ').all(|source| source == "https://notes.example.com/hear"), "{policy}");
    assert_eq!(answer.header("refresh"), format!("3; url={AFTER_LOGOUT}?state=a%26b"));
    assert!(answer.body.contains("id=\"continue\""), "{answer:?}");
    assert!(!answer.body.contains("<script"));
    assert!(browser.cookies.is_empty());
    // It was told once: nobody is logged in any more.
    let again = browser.log_out(&pairs).await;
    assert_eq!((again.status.as_u16(), again.header("location")), (303, "https://notes.example.com/bye?state=a%26b"));
}

#[tokio::test]
async fn who_was_not_logged_in_hears_nothing() {
    let provider = provider();
    let mut other = Browser::new(provider.clone());
    other.log_in_to("team-a.wiki").await;
    let mut browser = Browser::new(provider.clone());
    let nobody = browser.log_out(&[]).await;
    assert!(frames(&nobody).is_empty() && nobody.header("refresh").is_empty(), "{nobody:?}");
    browser.log_in_to("team-a.notes").await;
    let answer = browser.log_out(&[]).await;
    assert_eq!(frames(&answer).len(), 1, "{answer:?}");
    assert!(answer.header("refresh").is_empty() && !answer.body.contains("id=\"continue\""), "it leads nowhere");
    let policy = answer.header("content-security-policy");
    assert!(policy.contains("frame-ancestors 'none'") && policy.contains("frame-src https://notes.example.com/hear"));
}

/// T-K15: the application that has the name now is not the one that was logged in to.
#[tokio::test]
async fn t_k15_who_was_made_anew_or_wants_it_no_more_hears_nothing() {
    for changed in [
        Client { uid: Uid::new("recreated"), ..client("team-a.notes", true) },
        Client { frontchannel_logout: None, ..client("team-a.notes", true) },
        client("team-a.other", true),
    ] {
        let provider = provider();
        let mut browser = Browser::new(provider.clone());
        browser.log_in_to("team-a.notes").await;
        provider.publish(vec![testing::realm_of(ISSUER, vec![changed], vec![alice()])], "edited");
        assert!(frames(&browser.log_out(&[]).await).is_empty());
    }
}

/// The same person proves again who they are: the session gets another row, and what was logged in to before still hears,
/// by the name that it knows the login by.
#[tokio::test]
async fn a_logout_reaches_what_came_before_the_last_password() {
    let provider = provider();
    let mut browser = Browser::new(provider.clone());
    let code = browser.authorize(GOOD).await["code"].clone();
    let redeemed = provider.redeem(&code, &[]).await;
    assert_eq!(redeemed.status, 200, "{redeemed:?}");
    let tokens = redeemed.json();
    let payload = tokens["id_token"].as_str().unwrap().split('.').nth(1).unwrap().to_owned();
    let claims: serde_json::Value = serde_json::from_slice(&crypto::b64::decode(&payload).unwrap()).unwrap();
    provider.pass(60);
    let wiki = changed(GOOD, &[("client_id", "team-a.wiki"), ("prompt", "login")]);
    let page = browser.auth(&wiki).await;
    let consent = browser.log_in(&page).await;
    browser.allow(&consent).await.redirect();
    let answer = browser.log_out(&[]).await;
    assert_eq!(frames(&answer).len(), 2, "{answer:?}");
    assert!(answer.body.contains(&format!("sid={}", claims["sid"].as_str().unwrap())), "{answer:?}");
}

#[tokio::test]
async fn it_is_announced() {
    let discovery = provider().get("/.well-known/openid-configuration").await.json();
    assert_eq!(discovery["frontchannel_logout_supported"], true);
    assert_eq!(discovery["frontchannel_logout_session_supported"], true);
}
