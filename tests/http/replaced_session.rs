//! A login over a session that is there: of the same person, who goes on, and of another, who inherits nothing.

use std::sync::{Arc, Mutex};

use crypto::Secret;
use futures::future::BoxFuture;
use http::{Method, StatusCode};
use oidc::account::Account;
use oidc::client::{CalledUri, Client, PrivateAddresses};
use oidc::ids::{Subject, Uid, Username};
use oidc::logout::BackchannelLogout;
use oidc::testing;
use serde_json::Value;
use server::{CallError, PostToken};
use store::Store;
use store::memory::Memory;
use store::sqlite::Sqlite;

use crate::harness::{Answer, Browser, GOOD, ISSUER, PASSWORD, Provider, alice, changed};

/// What the notes application was told: the payload of each token.
#[derive(Default)]
struct Told(Mutex<Vec<Value>>);

impl PostToken for Told {
    fn post(&self, _: &BackchannelLogout, form: Secret<String>) -> BoxFuture<'static, Result<StatusCode, CallError>> {
        self.0.lock().unwrap().push(payload(form.expose().strip_prefix("logout_token=").unwrap()));
        Box::pin(async { Ok(StatusCode::NO_CONTENT) })
    }
}

impl Told {
    /// Of what, since somebody last asked.
    async fn now(&self, provider: &Provider) -> Vec<Value> {
        provider.app.tell_due_logouts().await;
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

fn payload(token: &str) -> Value {
    serde_json::from_slice(&crypto::b64::decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

fn bob() -> Account {
    Account { subject: Subject::new("bob-subject"), uid: Uid::new("user-2"), username: Username::new("bob"), ..alice() }
}

/// Alice and bob, and the notes application, which hears of logouts.
fn provider(store: Arc<dyn Store>) -> (Provider, Arc<Told>) {
    let logout = BackchannelLogout {
        uri: CalledUri::parse("https://notes.example.com/out").unwrap(),
        private_addresses: PrivateAddresses::Denied,
        session_required: true,
    };
    let notes = Client { backchannel_logout: Some(logout), ..testing::client() };
    let told = Arc::new(Told::default());
    let provider = Provider::telling(told.clone(), store, vec![notes.clone()]);
    provider.publish(vec![testing::realm_of(ISSUER, vec![notes], vec![alice(), bob()])], "two people");
    (provider, told)
}

async fn tokens(provider: &Provider, code: &str) -> Value {
    let answer = provider.redeem(code, &[]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// Whether the access token still opens userinfo.
async fn alive(provider: &Provider, tokens: &Value) -> bool {
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let me = provider.send(Method::GET, "/me", &[("authorization", &bearer)], "").await;
    assert!(me.status == 200 || me.status == 401, "{me:?}");
    me.status == 200
}

/// This person types their password in a browser in which somebody is logged in; answers with their code.
async fn log_in_anew(browser: &mut Browser, username: &str) -> String {
    let page = browser.auth(&changed(GOOD, &[("prompt", "login")])).await;
    let consent = browser.submit(&page, "login", &[("username", username), ("password", PASSWORD)]).await;
    let answer: Answer = if consent.body.contains("id=\"consent\"") { browser.allow(&consent).await } else { consent };
    answer.redirect()["code"].clone()
}

async fn log_out(browser: &mut Browser) {
    let page = browser.open("/session/end").await;
    browser.submit(&page, "logout", &[("decision", "leave")]).await;
}

fn stores() -> (tempfile::TempDir, [Arc<dyn Store>; 2]) {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = Sqlite::open(folder.path().join("state.db")).unwrap();
    (folder, [Arc::new(Memory::new()), Arc::new(sqlite)])
}

/// They prove once more who they are: it is one login, and all of it ends with the session that goes on.
#[tokio::test]
async fn what_the_same_person_granted_before_goes_on_and_ends_with_the_new_session() {
    let (_folder, stores) = stores();
    for store in stores {
        let (provider, told) = provider(store);
        let mut browser = Browser::new(provider.clone());
        let first = tokens(&provider, &browser.authorize(GOOD).await["code"]).await;
        let pending = browser.authorize(GOOD).await["code"].clone();
        let never = browser.authorize(GOOD).await["code"].clone();
        provider.pass(5);
        let second = tokens(&provider, &log_in_anew(&mut browser, "alice").await).await;
        let late = tokens(&provider, &pending).await;
        for tokens in [&first, &second, &late] {
            assert!(alive(&provider, tokens).await);
        }
        let sid = |tokens: &Value| payload(tokens["id_token"].as_str().unwrap())["sid"].clone();
        assert!(sid(&first) == sid(&late) && sid(&first) != sid(&second), "each as it was told the first time");
        assert!(told.now(&provider).await.is_empty(), "nobody has left");

        log_out(&mut browser).await;
        for tokens in [&first, &second, &late] {
            assert!(!alive(&provider, tokens).await);
        }
        assert_eq!(provider.redeem(&never, &[]).await.refusal(), (400, "invalid_grant".to_owned()));
        let heard = told.now(&provider).await;
        assert_eq!(heard.len(), 1, "{heard:?}");
        assert_eq!(heard[0]["sid"], sid(&second), "the application knows the login by what it was told last");
    }
}

/// T-P26: a browser that is handed over without a logout.
#[tokio::test]
async fn t_p26_when_another_person_logs_in_the_first_is_logged_out_with_all_that_follows() {
    let (_folder, stores) = stores();
    for store in stores {
        let (provider, told) = provider(store);
        let mut browser = Browser::new(provider.clone());
        let hers = tokens(&provider, &browser.authorize(GOOD).await["code"]).await;
        let pending = browser.authorize(GOOD).await["code"].clone();
        let elsewhere = tokens(&provider, &provider.code().await).await;
        provider.pass(5);
        let his = tokens(&provider, &log_in_anew(&mut browser, "bob").await).await;
        assert!(!alive(&provider, &hers).await);
        assert_eq!(provider.redeem(&pending, &[]).await.refusal(), (400, "invalid_grant".to_owned()));
        assert!(alive(&provider, &his).await && alive(&provider, &elsewhere).await, "of nobody else, nowhere else");
        let heard = told.now(&provider).await;
        let id_token = payload(hers["id_token"].as_str().unwrap());
        assert_eq!(heard.len(), 1, "{heard:?}");
        assert_eq!((&heard[0]["sub"], &heard[0]["sid"]), (&id_token["sub"], &id_token["sid"]));
    }
}
