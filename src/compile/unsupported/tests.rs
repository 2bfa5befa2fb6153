use serde_json::{Value, json};

use api::ClientSecretMethod;

use super::*;

fn paths(found: &[Diagnostic]) -> Vec<&str> {
    assert!(found.iter().all(|one| one.reason == Reason::UnsupportedValue), "{found:?}");
    found.iter().map(|one| one.path.as_str()).collect()
}

/// An application with these fields is refused at these paths.
fn check(fields: Value, expect: &[&str]) {
    let spec: OidcApplicationSpec = serde_json::from_value(fields.clone()).unwrap();
    assert_eq!(paths(&application(&spec)), expect, "{fields}");
}

fn check_provider(fields: Value, expect: &[&str]) {
    let mut spec = json!({"issuer": "https://id.example.com"});
    spec.as_object_mut().unwrap().extend(fields.as_object().cloned().unwrap_or_default());
    let spec: OidcProviderSpec = serde_json::from_value(spec).unwrap();
    assert_eq!(paths(&provider(&spec)), expect, "{fields}");
}

#[test]
fn nothing_of_an_application_is_passed_over() {
    check(json!({}), &[]);
    check(json!({"issuer": {"host": "a.example"}}), &[]);
    check(json!({"postLogoutRedirectURIs": ["https://a.example"]}), &[]);
    check(json!({"grantTypes": ["authorization_code", "implicit"], "responseTypes": ["code", "id_token"]}), &[]);
    for grant in ["urn:ietf:params:oauth:grant-type:device_code", "urn:ietf:params:oauth:grant-type:token-exchange"] {
        check(json!({"grantTypes": [grant]}), &["spec.grantTypes[0]"]);
    }
    check(json!({"grantTypes": ["authorization_code", "refresh_token"], "scopes": ["openid", "offline_access"]}), &[]);
    check(json!({"subjectType": "Pairwise"}), &[]);
    check(json!({"idToken": {"signingAlgorithm": "HS256"}}), &[]);
    check(json!({"accessToken": {"format": "Opaque"}, "userinfo": {"signingAlgorithm": "ES256"}}), &[]);
    check(json!({"initiateLoginURI": "https://a.example"}), &["spec.initiateLoginURI"]);
    check(json!({"logoURI": "https://a.example"}), &["spec.logoURI"]);
    let authentication = |fields: Value| json!({"clientAuthentication": fields});
    check(
        authentication(
            json!({"type": "ServiceAccountToken", "serviceAccountToken": {"serviceAccounts": [{"name": "a"}]}}),
        ),
        &["spec.clientAuthentication.type"],
    );
    check(authentication(json!({"type": "PrivateKeyJwt", "privateKeyJwt": {"keys": []}})), &[]);
    check(
        authentication(json!({"type": "PrivateKeyJwt", "privateKeyJwt": {"jwksURI": "https://a.example/jwks"}})),
        &[],
    );
    check(authentication(json!({"type": "None"})), &[]);
    let secret = |fields: Value| authentication(json!({"clientSecret": fields}));
    check(secret(json!({"methods": ["client_secret_post", "client_secret_jwt"]})), &[]);
    check(secret(json!({"rotation": {"periodSeconds": 864_000, "overlapSeconds": 60, "trigger": "now"}})), &[]);
    check(
        json!({"programmaticAccess": [{"name": "a"}, {"name": "b", "clientAuthentication": {"type": "ServiceAccountToken"}},
            {"name": "c", "clientAuthentication": {"clientSecret": {"rotation": {"trigger": "now"}}}}]}),
        &["spec.programmaticAccess[1].clientAuthentication.type"],
    );
    check(json!({"backchannelLogout": {"uri": "https://a.example"}}), &[]);
    check(json!({"frontchannelLogout": {"uri": "https://a.example"}}), &[]);
}

#[test]
fn what_is_built_is_accepted() {
    check(
        json!({
            "idToken": {"signingAlgorithm": "EdDSA", "lifetimeSeconds": 60, "scopeClaims": "IdTokenToo", "absentClaims": "Null", "atHash": "AuthorizationEndpoint"},
            "accessToken": {"signingAlgorithm": "ES384", "defaultAudience": "ClientID", "typeHeader": "JWT"},
            "claims": [{"name": "KEY", "value": "VALUE"}],
            "userAccess": {"type": "Groups", "groups": ["a"]}, "groupsClaim": "Matching",
            "defaultMaxAgeSeconds": 1, "requireAuthTime": true, "policyURI": "https://a.example", "tosURI": "https://a.example",
            "consent": "Skip", "pkce": "Optional", "applicationType": "Native", "clientID": "x",
            "clientAuthentication": {"clientSecret": {"source": "Reference", "reference": {"name": "a"}, "target": {"name": "b", "deletionPolicy": "Retain"}}},
        }),
        &[],
    );
}

#[test]
fn nothing_of_a_provider_is_passed_over() {
    check_provider(json!({}), &[]);
    check_provider(json!({"signing": {"rotationPeriodSeconds": 0}}), &[]);
    check_provider(
        json!({"signing": {"rotationPeriodSeconds": 864_000, "trigger": "now", "revokedKeyIDs": ["a"]}}),
        &[],
    );
    check_provider(json!({"sessionManagement": "Enabled"}), &[]);
    check_provider(json!({"login": {"identifiers": ["Email", "Username"]}}), &["spec.login.identifiers[0]"]);
    check_provider(json!({"login": {"supportedLocales": ["en"]}}), &[]);
    check_provider(
        json!({"login": {"supportedLocales": ["zh-CN"]}}),
        &["spec.login.supportedLocales[0]", "spec.login.supportedLocales"],
    );
    check_provider(json!({"login": {"supportedLocales": ["en", "fr"]}}), &["spec.login.supportedLocales[1]"]);
    check_provider(
        json!({"login": {"branding": {"logoURL": "https://a.example/l.png"}}}),
        &["spec.login.branding.logoURL"],
    );
}

/// What the server speaks, by its own tables, is what is not refused here.
#[test]
fn the_tables_of_the_server_and_this_list_agree() {
    for grant in GrantType::ALL {
        let spec: OidcApplicationSpec = serde_json::from_value(json!({"grantTypes": [grant.as_str()]})).unwrap();
        let spoken = oidc::client::GrantType::from_wire(grant.as_str()).is_some();
        assert_eq!(application(&spec).is_empty(), spoken, "{grant}");
    }
    for response in api::ResponseType::ALL {
        let spec: OidcApplicationSpec = serde_json::from_value(json!({"responseTypes": [response.as_str()]})).unwrap();
        let spoken = oidc::client::ResponseType::from_wire(response.as_str()).is_some();
        assert_eq!(application(&spec).is_empty(), spoken, "{response}");
    }
    for method in ClientSecretMethod::ALL {
        let methods = json!({"clientAuthentication": {"clientSecret": {"methods": [method.as_str()]}}});
        let spec: OidcApplicationSpec = serde_json::from_value(methods).unwrap();
        let spoken = oidc::client::ClientAuthMethod::from_wire(method.as_str()).is_some();
        assert_eq!(application(&spec).is_empty(), spoken, "{method}");
    }
}
