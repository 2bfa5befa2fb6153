use proptest::prelude::*;

use super::*;
use crate::testing::*;

fn parse(text: &str) -> ClaimsParameter {
    ClaimsParameter::parse(text).unwrap()
}

#[test]
fn claims_are_known_by_name_and_place() {
    let read = parse(
        r#"{"id_token": {"email": null, "auth_time": {"essential": true}, "made_up": null, "acr": null},
            "userinfo": {"name": {"essential": true}, "email": {"value": "mallory@example.com"}}, "other": 7}"#,
    );
    assert_eq!(read.about.id_token, [StandardClaim::Email].into());
    assert_eq!(read.about.userinfo, [StandardClaim::Name, StandardClaim::Email].into());
    assert_eq!((read.auth_time, read.acr, read.subject), (true, true, None));
    assert_eq!(parse("{}"), ClaimsParameter::default());
    assert_eq!(parse(r#"{"id_token": null}"#), ClaimsParameter::default());
    assert!(!parse(r#"{"userinfo": {"auth_time": null, "acr": null}}"#).acr, "they are claims of the id_token");
}

#[test]
fn who_must_be_logged_in_is_said_once() {
    let subject = |text: &str| ClaimsParameter::parse(text).map(|read| read.subject.map(|sub| sub.to_string()));
    assert_eq!(subject(r#"{"id_token": {"sub": {"value": "a"}}}"#), Ok(Some("a".to_owned())));
    assert_eq!(
        subject(r#"{"id_token": {"sub": {"value": "a"}}, "userinfo": {"sub": {"value": "a"}}}"#),
        Ok(Some("a".to_owned()))
    );
    assert_eq!(
        subject(r#"{"id_token": {"sub": {"value": "a"}}, "userinfo": {"sub": {"value": "b"}}}"#),
        Err(Malformed)
    );
    assert_eq!(subject(r#"{"id_token": {"sub": null}}"#), Ok(None));
}

#[test]
fn a_class_that_is_demanded_is_reached_or_not() {
    let met = |wish: &str| parse(&format!(r#"{{"id_token": {{"acr": {wish}}}}}"#)).acr_can_be_met();
    assert!(met("null") && met(r#"{"essential": true}"#));
    assert!(met(r#"{"values": ["urn:example:gold"]}"#), "it is a wish");
    assert!(met(r#"{"essential": true, "values": ["urn:example:gold", "urn:portcullis:acr:1fa"]}"#));
    assert!(!met(r#"{"essential": true, "values": ["urn:example:gold"]}"#));
    assert!(!met(r#"{"essential": true, "value": "urn:example:gold"}"#));
}

#[test]
fn t_p38_what_is_no_such_object_is_refused() {
    let deep = format!("{}{}", "[".repeat(4000), "]".repeat(4000));
    for bad in [
        "",
        "null",
        "[]",
        "\"openid\"",
        "{",
        r#"{"id_token": []}"#,
        r#"{"userinfo": "email"}"#,
        r#"{"userinfo": {"email": true}}"#,
        r#"{"userinfo": {"email": ["a"]}}"#,
        r#"{"id_token": {"sub": {"value": 7}}}"#,
        r#"{"id_token": {"acr": {"essential": true, "values": [1]}}}"#,
        &deep,
    ] {
        assert_eq!(ClaimsParameter::parse(bad), Err(Malformed), "{bad}");
    }
}

#[test]
fn t_p12_a_claim_of_a_scope_that_the_client_may_not_have_is_not_asked_for() {
    let asked = parse(r#"{"userinfo": {"email": null, "phone_number": null, "address": null}}"#).about.of(&client());
    assert_eq!(asked.userinfo, [StandardClaim::Email].into());
    assert_eq!(asked.permissions(), permissions("email"));
}

proptest! {
    #[test]
    fn reading_never_panics(text in "\\PC{0,80}") {
        drop(ClaimsParameter::parse(&text));
    }
}
