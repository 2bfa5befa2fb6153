use serde_json::json;

use super::*;
use crate::testing::*;

fn released(change: impl FnOnce(&mut Client), scopes: &str, target: ClaimTarget) -> Value {
    let mut client = client();
    change(&mut client);
    Value::Object(release(&client, &account(), &scope(scopes), &ClaimsRequest::default(), target))
}

#[test]
fn claims_asked_for_by_scope_go_to_userinfo() {
    assert_eq!(released(|_| {}, "openid profile", ClaimTarget::Userinfo), json!({"name": "Alice"}));
    assert_eq!(released(|_| {}, "openid", ClaimTarget::Userinfo), json!({}));
    assert_eq!(released(|_| {}, "openid profile", ClaimTarget::IdToken), json!({}));
    assert_eq!(released(|_| {}, "openid profile", ClaimTarget::AccessToken), json!({}));
}

#[test]
fn groups_go_to_both_and_only_as_far_as_the_application_may_see() {
    let named = || UserAccess::Groups(["sre", "ops"].map(crate::ids::GroupName::new).into());
    for target in [ClaimTarget::IdToken, ClaimTarget::Userinfo] {
        let seen = |groups_claim, user_access| {
            released(
                |client| (client.groups_claim, client.user_access) = (groups_claim, user_access),
                "openid groups",
                target,
            )
        };
        assert_eq!(seen(GroupsClaim::None, named()), json!({}));
        assert_eq!(seen(GroupsClaim::All, UserAccess::AnyUser), json!({"groups": ["dev", "sre"]}));
        assert_eq!(seen(GroupsClaim::Matching, named()), json!({"groups": ["sre"]}));
        assert_eq!(seen(GroupsClaim::Matching, UserAccess::AnyUser), json!({"groups": []}));
    }
    assert_eq!(released(|client| client.groups_claim = GroupsClaim::All, "openid", ClaimTarget::Userinfo), json!({}));
}

#[test]
fn extra_claims_go_to_their_targets() {
    let extra = |client: &mut Client| {
        client.extra_claims = vec![
            ExtraClaim {
                name: "KEY".to_owned(),
                value: ExtraValue::Fixed("VALUE".to_owned()),
                targets: [ClaimTarget::IdToken, ClaimTarget::AccessToken].into(),
            },
            ExtraClaim {
                name: "dept".to_owned(),
                value: ExtraValue::Attribute("department".to_owned()),
                targets: [ClaimTarget::Userinfo].into(),
            },
            ExtraClaim {
                name: "absent".to_owned(),
                value: ExtraValue::Attribute("none".to_owned()),
                targets: [ClaimTarget::Userinfo].into(),
            },
        ];
    };
    assert_eq!(released(extra, "openid", ClaimTarget::IdToken), json!({"KEY": "VALUE"}));
    assert_eq!(released(extra, "openid", ClaimTarget::AccessToken), json!({"KEY": "VALUE"}));
    assert_eq!(released(extra, "openid", ClaimTarget::Userinfo), json!({"dept": "R&D"}));
}

#[test]
fn absent_claims_are_null_where_the_application_wants_that() {
    let null =
        released(|client| client.id_token.absent_claims = AbsentClaims::Null, "openid email", ClaimTarget::Userinfo);
    assert_eq!(null, json!({"email": "alice@example.com", "email_verified": true}));
    let null =
        released(|client| client.id_token.absent_claims = AbsentClaims::Null, "openid phone", ClaimTarget::Userinfo);
    assert_eq!(null, json!({"phone_number": null, "phone_number_verified": null}));
}
