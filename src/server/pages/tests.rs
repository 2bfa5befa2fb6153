//! Every page with every sample: what each must have, and that no text becomes markup.

use http::header;
use oidc::authorize::Login;
use oidc::client::Client;
use oidc::ids::{SessionId, Uid};
use oidc::permission::{Permission, Permissions};
use oidc::records::{ConsentRecord, SessionRecord};

use super::*;
use crate::testing;

/// Text that tries everything; it may stand on a page only as text.
const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;\u{202e}{{7*7}}</title></main>";

/// A page, by its name and its markup.
struct Sample {
    name: &'static str,
    html: String,
}

fn frame(provider: &str) -> Frame<'_> {
    Frame::new(provider, "/oidc/interaction/style.css?v=abc")
}

/// Every page in every state, with this text wherever text of others can stand.
fn samples(text: &str) -> Vec<Sample> {
    let client = Client {
        display_name: text.to_owned(),
        namespace: text.to_owned(),
        policy_uri: Some(format!("https://notes.example.com/{text}")),
        tos_uri: Some("javascript:alert(1)".to_owned()),
        ..testing::client_named(text)
    };
    let card = || ClientCard::from(&client);
    let person = || Person { name: text, username: text };
    let permissions = oidc::testing::permissions("openid email notes:read");
    let fields = [("code", text.to_owned()), ("state", text.to_owned())];
    let mut samples = Vec::new();
    let mut add = |name: &'static str, html: askama::Result<String>| samples.push(Sample { name, html: html.unwrap() });
    for (name, problem, username) in [
        ("login", None, ""),
        ("login with hint", None, text),
        ("login wrong", Some(LoginProblem::Wrong), text),
        ("login too many", Some(LoginProblem::TooMany { seconds: 30 }), text),
        ("login busy", Some(LoginProblem::Busy), ""),
    ] {
        let page = LoginPage {
            frame: frame(text),
            client: Some(card()),
            action: "/oidc/interaction/login",
            handle: "h",
            username,
            problem,
        };
        add(name, page.render());
    }
    let page = SelectAccountPage { frame: frame(text), client: card(), person: person(), action: "/a", handle: "h" };
    add("select account", page.render());
    add("consent", ConsentPage::new(frame(text), &client, person(), &permissions, ("/account", "/a"), "h").render());
    let bare = Client { policy_uri: None, tos_uri: None, ..client.clone() };
    add(
        "consent without links",
        ConsentPage::new(frame(text), &bare, person(), &permissions, ("/account", "/a"), "h").render(),
    );
    let page = LoginPage { frame: frame(text), client: None, action: "/a", handle: "h", username: "", problem: None };
    add("login to the account page", page.render());
    add("account", Ok(account_page(text, &client, false)));
    add("account of nothing", Ok(account_page(text, &client, true)));
    for (name, client, person) in [
        ("logout", None, None),
        ("logout for an application", Some(card()), None),
        ("logout of a person", Some(card()), Some(person())),
    ] {
        let page = LogoutPage { frame: frame(text), client, person, action: "/oidc/session/end/confirm", handle: "h" };
        add(name, page.render());
    }
    let url = format!("https://notes.example.com/{text}");
    let frames = [oidc::logout::Frame { url: url.clone(), source: String::new() }];
    for (name, frames, location) in [
        ("signed out", &[][..], None),
        ("signed out with frames", &frames, None),
        ("signed out with frames and a way on", &frames, Some(url.as_str())),
    ] {
        add(name, SignedOutPage { frame: frame(text), frames, location }.render());
    }
    add("not signed out", StayedPage { frame: frame(text) }.render());
    for (name, advice) in [("error", None), ("error with advice", Some("Go back."))] {
        let page = ErrorPage {
            frame: frame(text),
            title: "No",
            description: text,
            advice,
            code: "invalid_request",
            error_id: "id",
        };
        add(name, page.render());
    }
    add("form post", FormPostPage::new(frame(text), &format!("https://notes.example.com/{text}"), &fields).render());
    samples
}

/// The account page of somebody with two sessions and three grants, one of them to an application that is gone; or with one
/// session, no grant and a form that was not taken.
fn account_page(text: &str, client: &Client, empty: bool) -> String {
    let account = Account {
        username: oidc::ids::Username::new(text),
        claims: [(StandardClaim::Name, text.into())].into(),
        ..testing::account()
    };
    let realm = testing::realm_of(testing::ISSUER, vec![client.clone()], vec![account.clone()]);
    let own = oidc::testing::session(testing::NOW);
    let other =
        SessionRecord { id: SessionId::new(uuid::Uuid::from_u128(2)), amr: vec![text.to_owned()], ..own.clone() };
    let of = |application: &Uid, permissions: Permissions| ConsentRecord {
        issuer: testing::ISSUER.to_owned(),
        user_uid: account.uid.clone(),
        application_uid: application.clone(),
        client: client.id.clone(),
        permissions,
        granted_at: testing::NOW,
    };
    let of_api = Permission { audience: Some(text.to_owned()), ..Permission::parse("read").unwrap() };
    let consents = [
        of(&client.uid, oidc::testing::permissions("openid email notes:read")),
        of(&Uid::new("gone"), [of_api].into_iter().collect()),
        of(&Uid::new("also gone"), Permissions::default()),
    ];
    let sessions = [own.clone(), other];
    let (sessions, consents) = if empty { (&sessions[..1], &consents[..0]) } else { (&sessions[..], &consents[..]) };
    let facts = AccountFacts {
        realm: &realm,
        login: Login { session: &own, account: &account },
        sessions,
        more_sessions: !empty,
        consents,
        more_consents: !empty,
        stale: empty,
    };
    AccountPage::new(frame(text), "/a", &facts, |_| "h".to_owned()).render().unwrap()
}

fn count(html: &str, needle: &str) -> usize {
    html.matches(needle).count()
}

#[test]
fn every_page_has_what_a_screen_reader_needs() {
    for Sample { name, html } in samples("Example") {
        assert!(html.starts_with("<!DOCTYPE html>\n<html lang=\"en\">"), "{name}");
        for once in ["<main ", "</main>", "<h1", "<title>", "name=\"viewport\"", "<link rel=\"stylesheet\""] {
            assert_eq!(count(&html, once), 1, "{name}: {once}\n{html}");
        }
        let title = html.split("<title>").nth(1).unwrap().split("</title>").next().unwrap();
        assert!(title.ends_with(" – Example") && title.len() > " – Example".len(), "{name}: {title}");
        for field in html.split("<input ").skip(1).filter(|field| !field.contains("type=\"hidden\"")) {
            let id = field.split("id=\"").nth(1).unwrap().split('"').next().unwrap();
            assert_eq!(count(&html, &format!("<label for=\"{id}\">")), 1, "{name}: {id}");
        }
        let mut ids: Vec<_> = html.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        ids.sort_unstable();
        assert!(ids.windows(2).all(|pair| pair[0] != pair[1]), "{name}: {ids:?}");
    }
}

#[test]
fn no_page_has_inline_style_or_an_event_handler() {
    for Sample { name, html } in samples("Example") {
        for forbidden in [" style=", "<style", " onclick", " onload", "javascript:"] {
            assert_eq!(count(&html, forbidden), 0, "{name}: {forbidden}\n{html}");
        }
        let scripts = usize::from(name == "form post");
        assert_eq!(count(&html, "<script"), scripts, "{name}");
    }
}

#[test]
fn t_p39_text_never_becomes_markup() {
    // Where text is escaped, a hostile page has exactly the tags of a harmless one.
    let tags = |html: &str| {
        html.split('<')
            .skip(1)
            .map(|rest| rest.split(['>', ' ', '\n']).next().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    for (harmless, hostile) in samples("Example").into_iter().zip(samples(HOSTILE)) {
        assert_eq!(tags(&hostile.html), tags(&harmless.html), "{}\n{}", hostile.name, hostile.html);
        assert_eq!(count(&hostile.html, "\""), count(&harmless.html, "\""), "{}: no quote gets out", hostile.name);
        assert_eq!(count(&hostile.html, "{{7*7}}") + count(&hostile.html, "{{"), 2 * count(&hostile.html, "{{7*7}}"));
        assert!(!hostile.html.contains("49"), "{}: text is not a template", hostile.name);
    }
}

#[test]
fn t_p05_parameters_in_the_self_submitting_page_are_data() {
    let fields = [("state", "\"></form><script>alert(1)</script>".to_owned())];
    let action = "https://notes.example.com/cb?a=\"onsubmit=alert(1)";
    let html = FormPostPage::new(frame("Example"), action, &fields).render().unwrap();
    assert_eq!(count(&html, "<script>"), 1);
    assert_eq!(count(&html, "</form>"), 1);
    assert!(html.contains("action=\"https://notes.example.com/cb?a=&#34;onsubmit=alert(1)\""), "{html}");
    assert!(html.contains("<script>document.getElementById(\"form-post\").submit()</script>"), "{html}");
}

#[test]
fn t_k19_consent_shows_client_id_and_namespace_beside_the_name() {
    let client = Client { display_name: "Your Bank".to_owned(), ..testing::client() };
    let permissions = oidc::testing::permissions("email openid notes:read");
    let account = testing::account();
    let html = ConsentPage::new(frame("Example"), &client, (&account).into(), &permissions, ("/account", "/a"), "h")
        .render()
        .unwrap();
    assert!(html.contains("<code id=\"client-id\">team-a.notes</code>"), "{html}");
    assert!(html.contains("<code id=\"client-namespace\">team-a</code>"));
    assert!(html.contains("<bdi>Your Bank</bdi>"));
    let (openid, rest) = (html.find("Confirm who you are").unwrap(), html.find("Your email address").unwrap());
    assert!(openid < rest, "in the order of the table, not of the request");
    assert!(html.contains("Access to <code>notes:read</code>"));
    assert!(html.contains("<bdi>Alice</bdi> (<bdi>alice</bdi>)"));
}

#[test]
fn links_are_https_and_do_not_let_go_of_this_page() {
    let client = |policy: &str| Client { policy_uri: Some(policy.to_owned()), ..testing::client() };
    let permissions = Permissions::default();
    let account = testing::account();
    let check = |policy: &str, expect: bool| {
        let client = client(policy);
        let html =
            ConsentPage::new(frame("Example"), &client, (&account).into(), &permissions, ("/account", "/a"), "h")
                .render()
                .unwrap();
        assert_eq!(html.contains("Privacy policy"), expect, "{policy}");
        // The other is our own, to the person's page.
        let links = ["rel=\"noopener noreferrer\"", "target=\"_blank\""].map(|what| html.matches(what).count());
        assert_eq!(links, [1 + usize::from(expect); 2], "{policy}");
    };
    check("https://notes.example.com/privacy", true);
    check("http://notes.example.com/privacy", false);
    check("javascript:alert(1)//https://x", false);
    check("data:text/html,x", false);
    check("//evil.example", false);
}

#[test]
fn elements_that_others_rely_on() {
    let samples = samples("Example");
    let check = |name: &str, needles: &[&str]| {
        let html = &samples.iter().find(|sample| sample.name == name).unwrap().html;
        for needle in needles {
            assert_eq!(count(html, needle), 1, "{name}: {needle}\n{html}");
        }
    };
    check(
        "login",
        &[
            "<form id=\"login\" method=\"post\"",
            "name=\"username\"",
            "name=\"password\"",
            "<button id=\"login-submit\"",
        ],
    );
    check("login", &["autocomplete=\"username\"", "autocomplete=\"current-password\""]);
    check(
        "login wrong",
        &["<p id=\"login-error\" class=\"alert\" role=\"alert\">The username or password is not correct.</p>"],
    );
    check(
        "select account",
        &["<form id=\"select-account\"", "name=\"choice\" value=\"continue\"", "name=\"choice\" value=\"other\""],
    );
    check(
        "consent",
        &["<form id=\"consent\"", "name=\"decision\" value=\"allow\"", "name=\"decision\" value=\"deny\""],
    );
    check(
        "account",
        &[
            "id=\"this-browser\"",
            "<form id=\"end-session-0\"",
            "<form id=\"end-session-1\"",
            "<form id=\"end-other-sessions\"",
            "<form id=\"end-all-sessions\"",
            "<form id=\"withdraw-2\"",
            "id=\"more-sessions\"",
            "id=\"more-grants\"",
        ],
    );
    check("account of nothing", &["id=\"no-grants\"", "<p id=\"account-stale\" class=\"alert\" role=\"alert\">"]);
    check("login to the account page", &["<form id=\"login\" method=\"post\"", ">to see your account<"]);
    check(
        "logout",
        &[
            "<form id=\"logout\" method=\"post\"",
            "name=\"decision\" value=\"leave\"",
            "name=\"decision\" value=\"stay\"",
        ],
    );
    check("signed out", &["id=\"signed-out\""]);
    check(
        "signed out with frames and a way on",
        &[
            "<iframe src=\"https://notes.example.com/Example\"",
            "<a id=\"continue\" href=\"https://notes.example.com/Example\">",
        ],
    );
    check("not signed out", &["id=\"not-signed-out\""]);
    check("error", &["id=\"error-title\"", "id=\"error-description\"", "<code id=\"error-id\">id</code>"]);
}

#[test]
fn a_page_is_answered_with_its_headers() {
    let page =
        ErrorPage { frame: frame("Example"), title: "No", description: "d", advice: None, code: "c", error_id: "i" };
    let response = respond(StatusCode::BAD_REQUEST, &page, PagePolicy::Plain);
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert!(response.headers().contains_key(header::CONTENT_SECURITY_POLICY));
}
