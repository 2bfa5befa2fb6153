//! One small realm for tests: literal values, a fixed time.
#![expect(clippy::unwrap_used, reason = "literals that are known to be good")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use crypto::{Algorithm, KeyRing, KeyState, RingKey, Secret, SecretVerifier, ServerKeys, SigningKey};
use serde_json::json;
use uuid::Uuid;

use crate::account::{Account, Accounts};
use crate::catalog::{Realm, RealmParts, RealmSettings};
use crate::claims::{ClaimsRequest, StandardClaim};
use crate::client::{
    AbsentClaims, AccessTokenFormat, AccessTokenSettings, ApplicationType, AtHash, Client, ClientAuthMethod,
    ClientAuthentication, ConsentMode, DefaultAudience, GrantType, GroupsClaim, IdTokenSettings, OfflineAccess, Pkce,
    RefreshTokenIssuance, RefreshTokenSettings, ResourceAccess, ResponseType, ScopeClaims, TypeHeader, UserAccess,
};
use crate::form::Form;
use crate::ids::{ClientId, CodeId, FamilyId, GroupName, LoginEpoch, SessionId, Subject, Uid, Username};
use crate::opaque::Opaque;
use crate::permission::{Permission, Permissions};
use crate::pkce::Challenge;
use crate::records::{Authorization, CodeRecord, FamilyRecord, SessionRecord};
use crate::scope::{ScopeSet, ScopeToken};
use crate::subject::SubjectType;
use crate::time::Time;
use crate::uri::{Issuer, RedirectUri};

/// The time of every test.
pub const NOW: Time = Time::from_secs(1_800_000_000);
/// The issuer.
pub const ISSUER: &str = "https://id.example.com/oidc";
/// The redirect URI of [`client`].
pub const CALLBACK: &str = "https://notes.example.com/cb";
/// The post-logout redirect URI of [`client`].
pub const AFTER_LOGOUT: &str = "https://notes.example.com/bye";
/// The secret of [`client`]; every character that an encoding could lose.
pub const SECRET: &str = "s3cret+with special%characters";
/// The secret of [`symmetric_client`].
pub const LONG_SECRET: &str = "a client secret of more than thirty-two octets";
/// RFC 7636 appendix B.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// RFC 7636 appendix B.
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// What is issued for [`code`] belongs to this.
pub const FAMILY: FamilyId = FamilyId::new(Uuid::from_u128(7));

/// A good authorization request of [`client`].
pub const GOOD: &[(&str, &str)] = &[
    ("client_id", "team-a.notes"),
    ("redirect_uri", CALLBACK),
    ("response_type", "code"),
    ("scope", "openid email"),
    ("state", "s1"),
    ("nonce", "n1"),
    ("code_challenge", CHALLENGE),
    ("code_challenge_method", "S256"),
];

/// `good` with some pairs replaced, added or (value `-`) left out.
pub fn changed<'a>(good: &[(&'a str, &'a str)], changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let kept = good.iter().filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    kept.chain(changes.iter().filter(|(_, value)| *value != "-")).copied().collect()
}

/// The signing key of every realm.
pub static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Algorithm::ES256).unwrap());
/// Seals and MACs.
pub static SERVER_KEYS: LazyLock<ServerKeys> = LazyLock::new(|| {
    ServerKeys::new(BTreeMap::from([("k1".to_owned(), Secret::new([7; 32]))]), "k1".to_owned()).unwrap()
});

/// A scope set.
pub fn scope(text: &str) -> ScopeSet {
    ScopeSet::parse(text).unwrap()
}

/// Permissions for scopes that are no API's.
pub fn permissions(text: &str) -> Permissions {
    scope(text).iter().map(|scope| Permission { scope: scope.clone(), audience: None }).collect()
}

/// A confidential client.
pub fn client() -> Client {
    let id = ClientId::new("team-a.notes");
    let verifier = SecretVerifier::new(&SERVER_KEYS, id.as_str(), &Secret::new(SECRET.to_owned()));
    Client {
        id,
        uid: Uid::new("app-1"),
        namespace: "team-a".to_owned(),
        name: "notes".to_owned(),
        account: None,
        expires_at: None,
        display_name: "Notes".to_owned(),
        authentication: ClientAuthentication::Secret {
            methods: BTreeSet::from([ClientAuthMethod::ClientSecretBasic, ClientAuthMethod::ClientSecretPost]),
            verifiers: vec![verifier],
            previous_ends: None,
        },
        shared_secrets: Vec::new(),
        subject_type: SubjectType::Public,
        sector_key: None,
        redirect_uris: vec![RedirectUri::parse(CALLBACK).unwrap()],
        post_logout_redirect_uris: vec![RedirectUri::parse(AFTER_LOGOUT).unwrap()],
        frontchannel_logout: None,
        backchannel_logout: None,
        application_type: ApplicationType::Web,
        grant_types: BTreeSet::from([GrantType::AuthorizationCode]),
        response_types: BTreeSet::from([ResponseType::Code]),
        scopes: scope("openid profile email"),
        resources: Vec::new(),
        introspects: BTreeSet::new(),
        pkce: Pkce::Required,
        consent: ConsentMode::Required,
        user_access: UserAccess::AnyUser,
        groups_claim: GroupsClaim::None,
        extra_claims: Vec::new(),
        id_token: IdTokenSettings {
            algorithm: Algorithm::ES256,
            lifetime_seconds: 3600,
            scope_claims: ScopeClaims::UserinfoOnly,
            absent_claims: AbsentClaims::Omit,
            at_hash: AtHash::Always,
        },
        refresh_token: RefreshTokenSettings {
            issuance: RefreshTokenIssuance::PromptConsent,
            offline_access: OfflineAccess::Consent,
            lifetime_seconds: 3600,
            max_lifetime_seconds: 7200,
            reuse_grace_seconds: 10,
        },
        access_token: AccessTokenSettings {
            format: AccessTokenFormat::Jwt,
            algorithm: Algorithm::ES256,
            lifetime_seconds: 600,
            default_audience: DefaultAudience::Issuer,
            type_header: TypeHeader::AtJwt,
        },
        userinfo_algorithm: None,
        default_max_age_seconds: None,
        require_auth_time: false,
        policy_uri: None,
        tos_uri: None,
    }
}

/// The client with id_tokens under its secret.
pub fn symmetric_client() -> Client {
    let client = client();
    let id_token = IdTokenSettings { algorithm: Algorithm::HS256, ..client.id_token };
    // RFC 7518 §3.2: no shorter than the hash.
    let secret = Secret::new(LONG_SECRET.to_owned());
    let verifier = SecretVerifier::new(&SERVER_KEYS, client.id.as_str(), &secret);
    let ClientAuthentication::Secret { methods, .. } = client.authentication else { unreachable!("it has a secret") };
    let authentication = ClientAuthentication::Secret { methods, verifiers: vec![verifier], previous_ends: None };
    Client { authentication, shared_secrets: vec![secret], id_token, ..self::client() }
}

/// The client secret before [`LONG_SECRET`].
pub const LONG_SECRET_BEFORE: &str = "the client secret before, of more than thirty-two octets";

/// The symmetric client while its secret is rotated: [`LONG_SECRET`] is the newest, the one before ends at `previous_ends`.
pub fn rotating_client(previous_ends: Option<Time>) -> Client {
    let mut client = symmetric_client();
    let before = Secret::new(LONG_SECRET_BEFORE.to_owned());
    let verifier = SecretVerifier::new(&SERVER_KEYS, client.id.as_str(), &before);
    let ClientAuthentication::Secret { methods, mut verifiers, .. } = client.authentication else {
        unreachable!("it has a secret")
    };
    verifiers.push(verifier);
    client.shared_secrets.push(before);
    client.authentication = ClientAuthentication::Secret { methods, verifiers, previous_ends };
    client
}

/// The client with refresh tokens, and `offline_access` among its scopes.
pub fn offline_client() -> Client {
    Client {
        grant_types: BTreeSet::from([GrantType::AuthorizationCode, GrantType::RefreshToken]),
        scopes: scope("openid profile email offline_access"),
        ..client()
    }
}

/// An API of this audience with these scopes, as a client that may call it knows it.
pub fn api(audience: &str, scopes: &str) -> ResourceAccess {
    let described = |token: &ScopeToken| (token.clone(), Some(format!("May {}", token.as_str())));
    ResourceAccess {
        audience: audience.to_owned(),
        scopes: scope(scopes).iter().map(described).collect(),
        lifetime_seconds: 300,
    }
}

/// The audience of the first API of [`service`].
pub const ORDERS: &str = "https://orders.example.com";
/// The audience of the second API of [`service`].
pub const STOCK: &str = "https://stock.example.com";

/// A programmatic access account of the notes application, with the secret of [`client`].
pub fn service() -> Client {
    let id = ClientId::new("team-a.notes.worker");
    let verifier = SecretVerifier::new(&SERVER_KEYS, id.as_str(), &Secret::new(SECRET.to_owned()));
    Client {
        id,
        uid: Uid::new("app-1/worker"),
        account: Some("worker".to_owned()),
        authentication: ClientAuthentication::Secret {
            methods: BTreeSet::from([ClientAuthMethod::ClientSecretBasic, ClientAuthMethod::ClientSecretPost]),
            verifiers: vec![verifier],
            previous_ends: None,
        },
        redirect_uris: Vec::new(),
        grant_types: BTreeSet::from([GrantType::ClientCredentials]),
        response_types: BTreeSet::new(),
        scopes: ScopeSet::default(),
        resources: vec![api(ORDERS, "orders.read orders.write"), api(STOCK, "stock.read")],
        ..client()
    }
}

/// A client that keeps no secret, on a person's device.
pub fn public_client() -> Client {
    Client {
        id: ClientId::new("team-a.cli"),
        uid: Uid::new("app-2"),
        authentication: ClientAuthentication::Public,
        application_type: ApplicationType::Native,
        redirect_uris: vec![
            RedirectUri::parse("http://127.0.0.1/cb").unwrap(),
            RedirectUri::parse("com.example.app:/cb").unwrap(),
        ],
        ..client()
    }
}

/// Alice.
pub fn account() -> Account {
    Account {
        subject: Subject::new("alice-subject"),
        uid: Uid::new("user-1"),
        login_epoch: LoginEpoch::new(1),
        username: Username::new("alice"),
        password: None,
        claims: BTreeMap::from([
            (StandardClaim::Name, json!("Alice")),
            (StandardClaim::Email, json!("alice@example.com")),
            (StandardClaim::EmailVerified, json!(true)),
        ]),
        groups: BTreeSet::from([GroupName::new("dev"), GroupName::new("sre")]),
        attributes: BTreeMap::from([("department".to_owned(), "R&D".to_owned())]),
    }
}

/// A family of what was granted for [`code`], issued now and without a refresh token.
pub fn family_record() -> FamilyRecord {
    FamilyRecord {
        id: FAMILY,
        authorization: code_record().authorization,
        created_at: NOW,
        expires_at: NOW.plus_secs(3600),
        refresh: None,
        revoked_at: None,
    }
}

/// A realm with these clients and people.
pub fn realm_of(issuer: &str, clients: Vec<Client>, accounts: Vec<Account>) -> Realm {
    Realm::new(RealmParts {
        issuer: Issuer::parse(issuer).unwrap(),
        display_name: "Example".to_owned(),
        primary_color: "#0b5fff".to_owned(),
        keys: KeyRing::new(vec![RingKey {
            key: KEY.clone(),
            state: KeyState::Active,
            since: 0,
            trigger: String::new(),
        }])
        .unwrap(),
        settings: RealmSettings {
            code_seconds: 60,
            session_seconds: 3600,
            session_idle_seconds: 600,
            jwks_max_age_seconds: 3600,
            session_management: false,
        },
        clients: clients.into_iter().map(Arc::new).collect(),
        accounts: Arc::new(Accounts::new(accounts)),
    })
}

/// The realm with both clients and Alice.
pub fn realm() -> Realm {
    realm_of(ISSUER, vec![client(), public_client()], vec![account()])
}

/// The same, with a login that applications may watch in a frame.
pub fn watched(realm: Realm) -> Realm {
    let Realm { issuer, display_name, primary_color, keys, settings, clients, accounts, discovery: _, jwks: _ } = realm;
    Realm::new(RealmParts {
        issuer,
        display_name,
        primary_color,
        keys,
        settings: RealmSettings { session_management: true, ..settings },
        clients: clients.into_values().collect(),
        accounts,
    })
}

/// Alice's session since `auth_time`.
pub fn session(auth_time: Time) -> SessionRecord {
    SessionRecord {
        id: SessionId::new(Uuid::from_u128(1)),
        proof: Opaque::new(Uuid::from_u128(1), [1; 32]).hash(),
        issuer: ISSUER.to_owned(),
        subject: account().subject,
        user_uid: account().uid,
        login_epoch: account().login_epoch,
        auth_time,
        amr: vec!["pwd".to_owned()],
        last_seen_at: auth_time,
        expires_at: auth_time.plus_secs(3600),
    }
}

/// A form with these parameters.
pub fn form(pairs: &[(&str, &str)]) -> Form {
    let text: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    Form::parse(text.as_bytes()).unwrap()
}

/// A code.
pub fn code() -> Opaque {
    Opaque::new(Uuid::from_u128(42), [5; 32])
}

/// What was granted for [`code`].
pub fn code_record() -> CodeRecord {
    CodeRecord {
        id: CodeId::new(code().row()),
        proof: code().hash(),
        redirect_uri: CALLBACK.to_owned(),
        challenge: Challenge::parse(CHALLENGE),
        authorization: Authorization {
            issuer: ISSUER.to_owned(),
            client: client().id,
            application_uid: client().uid,
            subject: account().subject,
            user_uid: account().uid,
            login_epoch: account().login_epoch,
            permissions: permissions("openid email"),
            nonce: Some("n1".to_owned()),
            auth_time: NOW.plus_secs(-30),
            auth_time_requested: false,
            amr: vec!["pwd".to_owned()],
            acr: None,
            claims: ClaimsRequest::default(),
            session: Some(SessionId::new(Uuid::from_u128(1))),
            resource: None,
        },
        family: FAMILY,
        expires_at: NOW.plus_secs(60),
    }
}
