//! Each file of `tests/compile/cases` is a world; its snapshot says what is served, written and reported.
//!
//! A first document of kind `Case` may say: `mode`, `keys` (algorithms of each provider; null for no material at all),
//! `epochs` (and rotations, with those of `accounts`) and `claimsChanged` by UID, `seedGenerations`; `issuerKeys`, of which
//! applications' own issuers there are keys.

use std::collections::{BTreeMap, BTreeSet};

use api::{Condition, Kind, Reason};
use compile::status::{Observed, application_status, group_status, provider_status, resource_status, user_status};
use compile::{Compiled, Inputs, Mode, ObjectRef, OwnIssuer, Synced, Verdict, compile};
use crypto::{Algorithm, Secret, Seeds};
use oidc::client::{Client, ClientAuthentication, GrantType, PublishedKeys, ResourceAccess};
use oidc::ids::Uid;
use serde_json::{Map, Value, json};

use crate::support;

#[test]
fn cases() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(support::folder("snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for (name, text) in support::files("cases") {
        let report = report(&text);
        settings.bind(|| insta::assert_snapshot!(name.clone(), report));
    }
}

/// What manifests alone cannot show, a case shows.
#[test]
fn reasons_that_need_keys_have_a_case() {
    let mut given = BTreeSet::new();
    for text in support::files("cases").values() {
        let compiled = compile(&Synced::after_first_list(inputs(text)));
        given.extend(compiled.verdicts.into_values().flat_map(|verdict| verdict.diagnostics).map(|one| one.reason));
    }
    for reason in
        [Reason::SeedMissing, Reason::NoActiveKey, Reason::KeySecretMissing, Reason::NoServers, Reason::Pending]
    {
        assert!(given.contains(&reason), "{reason}");
    }
}

fn report(text: &str) -> String {
    let inputs = inputs(text);
    let compiled = compile(&Synced::after_first_list(inputs));
    let Compiled { catalogs, verdicts, credentials, issuers, names: _ } = &compiled;
    let mut report = Map::new();
    let objects = verdicts.iter().map(|(object, verdict)| (object.to_string(), status(object, verdict)));
    report.insert("status".to_owned(), objects.collect());
    let served = catalogs.iter().map(|(key, catalog)| {
        let realms = catalog.realms().map(|realm| {
            let clients: Map<_, _> = realm.clients.values().map(|one| (one.id.to_string(), client(one))).collect();
            let accounts: Vec<Value> = realm.accounts.iter().map(account).collect();
            let settings = format!("{:?}", realm.settings);
            let name = &realm.display_name;
            (
                realm.issuer.as_str().to_owned(),
                json!({
                    "displayName": name, "settings": settings, "clients": clients, "accounts": accounts,
                }),
            )
        });
        (key.to_string(), realms.collect::<Value>())
    });
    report.insert("catalogs".to_owned(), served.collect());
    let written = credentials.iter().map(|(key, secret)| {
        let data: Map<_, _> =
            secret.data.iter().map(|(key, value)| (key.clone(), value.expose().as_str().into())).collect();
        (
            key.to_string(),
            json!({
                "application": secret.application.to_string(),
                "labels": secret.labels,
                "annotations": secret.annotations,
                "deletionPolicy": secret.deletion_policy,
                "data": data,
            }),
        )
    });
    report.insert("credentials".to_owned(), written.collect());
    let held = issuers.iter().map(|(uid, OwnIssuer { application: _, provider, issuer, accepted })| {
        (uid.to_string(), json!(format!("{} at {provider}, accepted: {accepted}", issuer.as_str())))
    });
    report.insert("issuers".to_owned(), held.collect());
    let mut report = without_empty(Value::Object(report));
    // The order of members depends on what else of the workspace is built beside this.
    report.sort_all_objects();
    serde_yaml::to_string(&report).unwrap()
}

fn inputs(text: &str) -> Inputs {
    let mut documents = support::documents(text);
    let case = match documents.first() {
        Some(first) if first["kind"] == "Case" => documents.remove(0),
        _ => json!({}),
    };
    let mode = match case["mode"].as_str() {
        None | Some("Standalone") => Mode::Standalone,
        Some("Cluster") => Mode::Cluster,
        Some("Check") => Mode::Check,
        Some(other) => panic!("mode {other}"),
    };
    let mut inputs = support::empty(mode);
    for (position, document) in documents.iter().enumerate() {
        support::add(&mut inputs, document, position);
    }
    match &case["keys"] {
        Value::Object(keys) => {
            for (provider, algorithms) in keys {
                let (namespace, name) = provider.split_once('/').unwrap();
                let algorithms = algorithms.as_array().into_iter().flatten();
                let algorithms: Vec<Algorithm> = algorithms.map(|one| one.as_str().unwrap().parse().unwrap()).collect();
                inputs.materials.insert(support::key(namespace, name), support::material(&algorithms));
            }
        }
        Value::Null if case.get("keys").is_some() => {}
        Value::Null => support::equip(&mut inputs),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => panic!("keys: {}", case["keys"]),
    }
    if let Some(generations) = case["seedGenerations"].as_array() {
        let seeds: BTreeMap<_, _> = generations
            .iter()
            .map(|generation| u8::try_from(generation.as_u64().unwrap()).unwrap())
            .map(|generation| (u32::from(generation), Secret::new([generation; 32])))
            .collect();
        for material in inputs.materials.values_mut() {
            material.seeds = Seeds::new(seeds.clone()).unwrap();
        }
    }
    for (uid, own) in case["epochs"].as_object().into_iter().flatten() {
        let mut own = own.clone();
        let accounts = own.as_object_mut().unwrap().remove("accounts");
        let rotations = json!({"own": own, "accounts": accounts.unwrap_or_else(|| json!({}))});
        inputs.rotations.insert(Uid::new(uid.clone()), serde_json::from_value(rotations).unwrap());
    }
    for uid in case["issuerKeys"].as_array().into_iter().flatten() {
        let ring = support::material(&[Algorithm::RS256, Algorithm::ES256]).signing;
        inputs.issuer_keys.insert(Uid::new(uid.as_str().unwrap()), ring);
    }
    for (uid, seconds) in case["claimsChanged"].as_object().into_iter().flatten() {
        inputs.claims_changed.insert(Uid::new(uid.clone()), seconds.as_i64().unwrap());
    }
    inputs
}

/// The status, each condition on a line. Key IDs are random.
fn status(object: &ObjectRef, verdict: &Verdict) -> Value {
    let observed = Observed { servers: None, previous: &[], now: "2026-01-02T03:04:05Z".to_owned() };
    let (mut status, conditions) = match object.kind {
        Kind::OidcProvider => {
            let mut status = provider_status(verdict, &observed);
            status.keys.iter_mut().for_each(|key| "…".clone_into(&mut key.key_id));
            (serde_json::to_value(&status).unwrap(), status.conditions)
        }
        Kind::OidcApplication => {
            let status = application_status(verdict, &observed);
            (serde_json::to_value(&status).unwrap(), status.conditions)
        }
        Kind::OidcUser => {
            let status = user_status(verdict, &observed);
            (serde_json::to_value(&status).unwrap(), status.conditions)
        }
        Kind::OidcGroup => {
            let status = group_status(verdict, &observed);
            (serde_json::to_value(&status).unwrap(), status.conditions)
        }
        Kind::OidcResource => {
            let status = resource_status(verdict, &observed);
            (serde_json::to_value(&status).unwrap(), status.conditions)
        }
    };
    status["conditions"] = conditions.iter().map(condition).collect();
    status
}

fn condition(condition: &Condition) -> Value {
    let Condition { type_, status, reason, message, .. } = condition;
    // One that holds says the same everywhere.
    let holds = *status == api::ConditionStatus::True && type_.affirmative().is_some();
    let message = if holds { String::new() } else { format!(": {message}") };
    format!("{type_}={status} {reason}{message}").into()
}

fn client(client: &Client) -> Value {
    let authentication = match &client.authentication {
        ClientAuthentication::Public => "public".to_owned(),
        ClientAuthentication::Keys(keys) => format!("{} key(s)", keys.jwks().len()),
        ClientAuthentication::PublishedKeys(PublishedKeys { uri, private_addresses }) => {
            format!("keys at {uri}, private addresses {private_addresses:?}")
        }
        ClientAuthentication::Secret { methods, verifiers, previous_ends } => {
            let methods: Vec<&str> = methods.iter().map(|method| method.as_str()).collect();
            let ends = previous_ends.map(|end| format!(", the older one until {}", end.secs())).unwrap_or_default();
            format!("{} with {} secret(s){ends}", methods.join(" "), verifiers.len())
        }
    };
    json!({
        "authentication": authentication,
        "redirectURIs": client.redirect_uris,
        "postLogoutRedirectURIs": client.post_logout_redirect_uris,
        "frontchannelLogout": client.frontchannel_logout,
        "backchannelLogout": client.backchannel_logout,
        "scopes": client.scopes.to_string(),
        "settings": format!(
            "{} {:?} pkce {:?} consent {:?} access {:?} groups {:?}",
            client.display_name, client.application_type, client.pkce, client.consent, client.user_access, client.groups_claim
        ),
        "idToken": format!("{:?}", client.id_token),
        "accessToken": format!("{:?}", client.access_token),
        "extraClaims": client.extra_claims,
        "links": [client.policy_uri, client.tos_uri],
        "account": client.account,
        "sharedSecret": (!client.shared_secrets.is_empty())
            .then(|| client.shared_secrets.iter().map(|secret| secret.expose().as_str()).collect::<Vec<_>>().join(", then ")),
        "sectorKey": client.sector_key.as_ref().map(|key| key.expose().as_str()),
        "expiresAt": client.expires_at.map(oidc::time::Time::secs),
        "grantTypes": client.grant_types.iter().map(|grant| grant.as_str()).collect::<Vec<_>>().join(" "),
        "refreshToken": client
            .grant_types
            .contains(&GrantType::RefreshToken)
            .then(|| format!("{:?}", client.refresh_token)),
        "resources": client.resources.iter().map(resource).collect::<Map<_, _>>(),
        "introspects": client.introspects,
        "maxAge": client.default_max_age_seconds,
        "requireAuthTime": client.require_auth_time,
    })
}

fn resource(resource: &ResourceAccess) -> (String, Value) {
    let scopes: Map<_, _> = resource
        .scopes
        .iter()
        .map(|(scope, words)| (scope.as_str().to_owned(), json!(words.clone().unwrap_or_default())))
        .collect();
    (resource.audience.clone(), json!({"scopes": scopes, "lifetimeSeconds": resource.lifetime_seconds}))
}

fn account(account: &oidc::account::Account) -> Value {
    let claims: Map<_, _> =
        account.claims.iter().map(|(claim, value)| (claim.as_str().to_owned(), value.clone())).collect();
    json!({
        "subject": account.subject,
        "username": account.username,
        "password": account.password.is_some(),
        "claims": claims,
        "groups": account.groups,
        "attributes": account.attributes,
    })
}

/// Without what says nothing.
fn without_empty(value: Value) -> Value {
    let empty = |value: &Value| match value {
        Value::Null => true,
        Value::Array(items) => items.iter().all(Value::is_null),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    };
    match value {
        Value::Object(members) => {
            let members = members.into_iter().map(|(name, member)| (name, without_empty(member)));
            members.filter(|(_, member)| !empty(member)).collect()
        }
        Value::Array(items) => items.into_iter().map(without_empty).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}
