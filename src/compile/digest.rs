//! A hash over all that a catalog holds: replicas with equal digests answer alike.
//!
//! Every field is written out, in an order that is fixed here and framed by its length, so that two catalogs with equal
//! digests are equal. Taking each struct apart makes the compiler ask for a field that is added later. Secrets count by
//! what the server keeps of them.

use std::collections::BTreeMap;

use crypto::{Algorithm, KeyRing, Secret, SecretVerifier, ServerKeys};
use oidc::account::Account;
use oidc::catalog::{Realm, RealmSettings};
use oidc::claims::{ClaimTarget, ExtraClaim, ExtraValue};
use oidc::client::{
    AbsentClaims, AccessTokenFormat, AccessTokenSettings, ApplicationType, AtHash, Client, ClientAuthentication,
    ConsentMode, DefaultAudience, GroupsClaim, IdTokenSettings, OfflineAccess, Pkce, PrivateAddresses, PublishedKeys,
    RefreshTokenIssuance, RefreshTokenSettings, ResourceAccess, ScopeClaims, UserAccess,
};
use oidc::ids::{GroupName, Uid};
use oidc::logout::{BackchannelLogout, FrontchannelLogout};
use oidc::scope::ScopeToken;
use oidc::time::Time;
use oidc::uri::RedirectUri;

/// The digest of a catalog with these realms, as base64url.
pub(crate) fn digest<'r>(provider: &Uid, keys: &ServerKeys, realms: impl IntoIterator<Item = &'r Realm>) -> String {
    let mut writer = Writer::default();
    writer.text("portcullis catalog 1");
    writer.text(provider.as_str());
    writer.text(keys.current_id());
    writer.texts(keys.ids());
    let realms: BTreeMap<&str, Vec<u8>> = realms.into_iter().map(|one| (one.issuer.as_str(), realm(one))).collect();
    writer.count(realms.len());
    for realm in realms.values() {
        writer.bytes(realm);
    }
    crypto::b64::encode(&writer.hash())
}

/// Frames and hashes. Large parts are hashed by themselves, so that memory stays bounded.
#[derive(Debug, Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        self.0.extend_from_slice(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn texts<'t>(&mut self, texts: impl IntoIterator<Item = &'t str>) {
        let texts: Vec<&str> = texts.into_iter().collect();
        self.count(texts.len());
        for text in texts {
            self.text(text);
        }
    }

    fn optional(&mut self, text: Option<&str>) {
        self.texts(text);
    }

    fn count(&mut self, count: usize) {
        self.0.extend_from_slice(&(count as u64).to_be_bytes());
    }

    fn number(&mut self, number: i64) {
        self.0.extend_from_slice(&number.to_be_bytes());
    }

    fn flag(&mut self, flag: bool) {
        self.0.push(u8::from(flag));
    }

    fn hash(&self) -> [u8; 32] {
        crypto::hash::sha256(&self.0)
    }
}

fn realm(realm: &Realm) -> Vec<u8> {
    // The documents follow from the rest.
    let Realm { issuer, display_name, primary_color, keys, settings, clients, accounts, discovery: _, jwks: _ } = realm;
    let RealmSettings { code_seconds, session_seconds, session_idle_seconds, jwks_max_age_seconds, session_management } =
        settings;
    let mut writer = Writer::default();
    writer.text(issuer.as_str());
    writer.text(display_name);
    writer.text(primary_color);
    for number in [code_seconds, session_seconds, session_idle_seconds, jwks_max_age_seconds] {
        writer.number(*number);
    }
    writer.flag(*session_management);
    ring(&mut writer, keys);
    writer.count(clients.len());
    for one in clients.values() {
        writer.bytes(&client(one));
    }
    writer.count(accounts.iter().count());
    for one in accounts.iter() {
        writer.bytes(&account(one));
    }
    writer.hash().to_vec()
}

fn ring(writer: &mut Writer, ring: &KeyRing) {
    let keys: Vec<_> = ring.keys().collect();
    writer.count(keys.len());
    for key in keys {
        writer.text(key.key.kid().as_str());
        writer.text(key.key.algorithm().as_str());
        writer.text(match key.state {
            crypto::KeyState::Pending => "pending",
            crypto::KeyState::Active => "active",
            crypto::KeyState::Retiring => "retiring",
        });
        writer.number(key.since);
    }
}

fn client(client: &Client) -> [u8; 32] {
    let Client {
        id,
        uid,
        namespace,
        name,
        account,
        expires_at,
        resources,
        introspects,
        shared_secrets,
        subject_type,
        sector_key,
        display_name,
        authentication,
        redirect_uris,
        post_logout_redirect_uris,
        frontchannel_logout,
        backchannel_logout,
        application_type,
        grant_types,
        response_types,
        scopes,
        pkce,
        consent,
        user_access,
        groups_claim,
        extra_claims,
        id_token,
        access_token,
        refresh_token,
        userinfo_algorithm,
        default_max_age_seconds,
        require_auth_time,
        policy_uri,
        tos_uri,
    } = client;
    let mut writer = Writer::default();
    for text in [id.as_str(), uid.as_str(), namespace, name, display_name] {
        writer.text(text);
    }
    match authentication {
        ClientAuthentication::Public => writer.text("public"),
        ClientAuthentication::Secret { methods, verifiers, previous_ends } => {
            writer.text("secret");
            writer.texts(methods.iter().map(|method| method.as_str()));
            writer.count(verifiers.len());
            for verifier in verifiers {
                writer.bytes(&verifier_bytes(verifier));
            }
            writer.flag(previous_ends.is_some());
            writer.number(previous_ends.map_or(0, Time::millis));
        }
        ClientAuthentication::Keys(keys) => {
            writer.text("keys");
            // Texts: writing them cannot fail.
            writer.bytes(&serde_json::to_vec(keys.jwks()).unwrap_or_default());
        }
        ClientAuthentication::PublishedKeys(PublishedKeys { uri, private_addresses }) => {
            writer.texts(["published keys", uri.url().as_str()]);
            writer.flag(*private_addresses == PrivateAddresses::Allowed);
        }
    }
    writer.optional(account.as_deref());
    writer.flag(expires_at.is_some());
    writer.number(expires_at.map_or(0, Time::millis));
    writer.count(resources.len());
    for ResourceAccess { audience, scopes, lifetime_seconds } in resources {
        writer.text(audience);
        writer.number(*lifetime_seconds);
        writer.count(scopes.len());
        for (token, description) in scopes {
            writer.text(token.as_str());
            writer.optional(description.as_deref());
        }
    }
    writer.texts(introspects.iter().map(String::as_str));
    writer.texts(shared_secrets.iter().map(|secret| secret.expose().as_str()));
    writer.text(subject_type.as_str());
    writer.optional(sector_key.as_ref().map(|key| key.expose().as_str()));
    writer.texts(redirect_uris.iter().map(RedirectUri::as_str));
    writer.texts(post_logout_redirect_uris.iter().map(RedirectUri::as_str));
    writer.flag(frontchannel_logout.is_some());
    if let Some(FrontchannelLogout { uri, session_required }) = frontchannel_logout {
        writer.text(uri.as_str());
        writer.flag(*session_required);
    }
    writer.flag(backchannel_logout.is_some());
    if let Some(BackchannelLogout { uri, private_addresses, session_required }) = backchannel_logout {
        writer.text(uri.url().as_str());
        writer.flag(*private_addresses == PrivateAddresses::Allowed);
        writer.flag(*session_required);
    }
    writer.text(match application_type {
        ApplicationType::Web => "web",
        ApplicationType::Native => "native",
    });
    writer.texts(grant_types.iter().map(|grant| grant.as_str()));
    writer.texts(response_types.iter().map(|response| response.as_str()));
    writer.texts(scopes.iter().map(ScopeToken::as_str));
    writer.flag(*pkce == Pkce::Required);
    writer.flag(*consent == ConsentMode::Required);
    match user_access {
        UserAccess::AnyUser => writer.text("any"),
        UserAccess::Groups(groups) => {
            writer.text("groups");
            writer.texts(groups.iter().map(GroupName::as_str));
        }
    }
    writer.text(match groups_claim {
        GroupsClaim::None => "none",
        GroupsClaim::Matching => "matching",
        GroupsClaim::All => "all",
    });
    writer.count(extra_claims.len());
    for claim in extra_claims {
        extra_claim(&mut writer, claim);
    }
    let IdTokenSettings { algorithm, lifetime_seconds, scope_claims, absent_claims, at_hash } = id_token;
    writer.text(algorithm.as_str());
    writer.number(*lifetime_seconds);
    writer.flag(*scope_claims == ScopeClaims::IdTokenToo);
    writer.flag(*absent_claims == AbsentClaims::Null);
    writer.flag(*at_hash == AtHash::Always);
    let AccessTokenSettings { format, algorithm, lifetime_seconds, default_audience, type_header } = access_token;
    writer.text(algorithm.as_str());
    writer.number(*lifetime_seconds);
    writer.flag(*default_audience == DefaultAudience::ClientId);
    writer.text(type_header.as_str());
    writer.flag(*format == AccessTokenFormat::Opaque);
    writer.optional(userinfo_algorithm.map(Algorithm::as_str));
    let RefreshTokenSettings { issuance, offline_access, lifetime_seconds, max_lifetime_seconds, reuse_grace_seconds } =
        refresh_token;
    writer.flag(*issuance == RefreshTokenIssuance::PromptConsent);
    writer.flag(*offline_access == OfflineAccess::Consent);
    for seconds in [lifetime_seconds, max_lifetime_seconds, reuse_grace_seconds] {
        writer.number(*seconds);
    }
    writer.flag(default_max_age_seconds.is_some());
    writer.number(default_max_age_seconds.unwrap_or_default());
    writer.flag(*require_auth_time);
    writer.optional(policy_uri.as_deref());
    writer.optional(tos_uri.as_deref());
    writer.hash()
}

fn extra_claim(writer: &mut Writer, claim: &ExtraClaim) {
    let ExtraClaim { name, value, targets } = claim;
    writer.text(name);
    match value {
        ExtraValue::Fixed(value) => writer.texts(["fixed", value]),
        ExtraValue::Attribute(attribute) => writer.texts(["attribute", attribute]),
    }
    writer.texts(targets.iter().map(|target| match target {
        ClaimTarget::IdToken => "id_token",
        ClaimTarget::Userinfo => "userinfo",
        ClaimTarget::AccessToken => "access_token",
    }));
}

/// A verifier's text form; it is a string, so that writing it cannot fail.
fn verifier_bytes(verifier: &SecretVerifier) -> Vec<u8> {
    serde_json::to_vec(verifier).unwrap_or_default()
}

fn account(account: &Account) -> [u8; 32] {
    let Account { subject, uid, login_epoch, username, password, claims, groups, attributes } = account;
    let mut writer = Writer::default();
    for text in [subject.as_str(), uid.as_str(), username.as_str()] {
        writer.text(text);
    }
    writer.text(&login_epoch.number().to_string());
    let password = password.as_ref().map(crypto::PasswordHash::as_secret_str);
    writer.optional(password.as_ref().map(|text: &&Secret<String>| text.expose().as_str()));
    writer.count(claims.len());
    for (claim, value) in claims {
        writer.text(claim.as_str());
        writer.text(&value.to_string());
    }
    writer.texts(groups.iter().map(GroupName::as_str));
    writer.count(attributes.len());
    for (name, value) in attributes {
        writer.texts([name.as_str(), value]);
    }
    writer.hash()
}
