//! From an application that is accepted to the client that is served.

use std::collections::BTreeSet;

use api::{OidcApplicationSpec, UserAccessType};
use crypto::{Secret, SecretVerifier};
use oidc::claims::{ClaimTarget, ExtraClaim, ExtraValue};
use oidc::client::{
    AbsentClaims, AccessTokenFormat, AccessTokenSettings, ApplicationType, AtHash, Client, ClientAuthMethod,
    ClientAuthentication, ConsentMode, DefaultAudience, GrantType, GroupsClaim, IdTokenSettings, Pkce,
    RefreshTokenIssuance, RefreshTokenSettings, ResponseType, ScopeClaims, TypeHeader, UserAccess,
};
use oidc::ids::{ClientId, Uid};
use oidc::scope::ScopeSet;
use oidc::subject::SubjectType;
use oidc::time::Time;

use super::{Application, Attached, Credentials, Principal, id_token_algorithm, userinfo_algorithm};
use crate::provider::algorithm_of;

/// The client. Settings that are not built yet were refused before, so that what is left has a counterpart.
pub(crate) fn client(
    application: &Application<'_>,
    attached: &Attached<'_>,
    uid: &Uid,
    credentials: Credentials,
    sector_key: Option<Secret<String>>,
) -> Client {
    let Credentials { verifiers, previous_ends, shared, secret: _ } = credentials;
    let spec = &application.object.spec;
    let OidcApplicationSpec { id_token, access_token, refresh_token, .. } = spec;
    let authentication = authentication(&application.own, verifiers, previous_ends);
    let application_type = match spec.application_type {
        api::ApplicationType::Web => ApplicationType::Web,
        api::ApplicationType::Native => ApplicationType::Native,
    };
    Client {
        id: ClientId::new(application.own.client_id.clone()),
        uid: uid.clone(),
        namespace: application.key.namespace.clone(),
        name: application.key.name.clone(),
        account: None,
        expires_at: None,
        display_name: spec.display_name.as_ref().map_or_else(|| application.own.client_id.clone(), ToString::to_string),
        resources: application.own.resources.clone(),
        introspects: application.introspects.clone(),
        // A public client has nothing but PKCE, and a native one can be posed as (RFC 8252 §8.6): the schema says so,
        // and what is served does not rest on it.
        pkce: match (spec.pkce, &authentication) {
            (
                api::Pkce::Optional,
                ClientAuthentication::Secret { .. }
                | ClientAuthentication::Keys(_)
                | ClientAuthentication::PublishedKeys(_),
            ) => Pkce::Optional,
            (api::Pkce::Optional | api::Pkce::Required, _) => Pkce::Required,
        },
        consent: match (spec.consent, application_type) {
            (api::ConsentMode::Skip, ApplicationType::Web) => ConsentMode::Skip,
            (api::ConsentMode::Skip | api::ConsentMode::Required, _) => ConsentMode::Required,
        },
        authentication,
        shared_secrets: shared,
        subject_type: match spec.subject_type {
            api::SubjectType::Public => SubjectType::Public,
            api::SubjectType::Pairwise => SubjectType::Pairwise,
        },
        sector_key,
        redirect_uris: application.redirect_uris.clone(),
        post_logout_redirect_uris: application.post_logout_redirect_uris.clone(),
        frontchannel_logout: application.frontchannel_logout.clone(),
        backchannel_logout: application.backchannel_logout.clone(),
        application_type,
        grant_types: spec.grant_types.iter().filter_map(|grant| GrantType::from_wire(grant.as_str())).collect(),
        response_types: spec
            .effective_response_types()
            .iter()
            .filter_map(|response| ResponseType::from_wire(response.as_str()))
            .collect(),
        scopes: application.scopes.clone(),
        user_access: match spec.user_access.type_ {
            UserAccessType::AnyUser => UserAccess::AnyUser,
            UserAccessType::Groups => UserAccess::Groups(attached.groups.iter().cloned().collect()),
        },
        groups_claim: match spec.groups_claim {
            api::GroupsClaim::None => GroupsClaim::None,
            api::GroupsClaim::Matching => GroupsClaim::Matching,
            api::GroupsClaim::All => GroupsClaim::All,
        },
        extra_claims: spec.claims.iter().filter_map(extra_claim).collect(),
        id_token: IdTokenSettings {
            algorithm: id_token_algorithm(id_token.signing_algorithm),
            lifetime_seconds: attached.id_token_seconds,
            scope_claims: match id_token.scope_claims {
                api::ScopeClaims::UserinfoOnly => ScopeClaims::UserinfoOnly,
                api::ScopeClaims::IdTokenToo => ScopeClaims::IdTokenToo,
            },
            absent_claims: match id_token.absent_claims {
                api::AbsentClaims::Omit => AbsentClaims::Omit,
                api::AbsentClaims::Null => AbsentClaims::Null,
            },
            at_hash: match id_token.at_hash {
                api::AtHash::Always => AtHash::Always,
                api::AtHash::AuthorizationEndpoint => AtHash::AuthorizationEndpoint,
            },
        },
        userinfo_algorithm: userinfo_algorithm(spec.userinfo.signing_algorithm),
        access_token: AccessTokenSettings {
            format: match access_token.format {
                api::AccessTokenFormat::JWT => AccessTokenFormat::Jwt,
                api::AccessTokenFormat::Opaque => AccessTokenFormat::Opaque,
            },
            algorithm: algorithm_of(access_token.signing_algorithm),
            lifetime_seconds: attached.access_token_seconds,
            default_audience: match access_token.default_audience {
                api::DefaultAudience::Issuer => DefaultAudience::Issuer,
                api::DefaultAudience::ClientID => DefaultAudience::ClientId,
            },
            type_header: match access_token.type_header {
                api::TypeHeader::AtJwt => TypeHeader::AtJwt,
                api::TypeHeader::Jwt => TypeHeader::Jwt,
            },
        },
        refresh_token: RefreshTokenSettings {
            issuance: match refresh_token.issuance {
                api::RefreshTokenIssuance::PromptConsent => RefreshTokenIssuance::PromptConsent,
                api::RefreshTokenIssuance::OfflineAccess => RefreshTokenIssuance::OfflineAccess,
            },
            offline_access: attached.offline_access,
            lifetime_seconds: attached.refresh_token_seconds,
            max_lifetime_seconds: refresh_token.max_lifetime_seconds,
            reuse_grace_seconds: refresh_token.reuse_grace_seconds,
        },
        default_max_age_seconds: spec.default_max_age_seconds,
        require_auth_time: spec.require_auth_time,
        policy_uri: spec.policy_uri.as_ref().map(ToString::to_string),
        tos_uri: spec.tos_uri.as_ref().map(ToString::to_string),
    }
}

/// An account of the application: a client that speaks for itself alone, with the tokens of its application.
pub(crate) fn account_client(
    application: &Client,
    account: &Principal<'_>,
    uid: &Uid,
    credentials: Credentials,
) -> Client {
    let Credentials { verifiers, previous_ends, shared, secret: _ } = credentials;
    Client {
        id: ClientId::new(account.client_id.clone()),
        uid: account.uid(uid),
        account: account.account.map(str::to_owned),
        expires_at: account.expires_at,
        authentication: authentication(account, verifiers, previous_ends),
        shared_secrets: shared,
        subject_type: SubjectType::Public,
        sector_key: None,
        redirect_uris: Vec::new(),
        post_logout_redirect_uris: Vec::new(),
        frontchannel_logout: None,
        backchannel_logout: None,
        grant_types: BTreeSet::from([GrantType::ClientCredentials]),
        response_types: BTreeSet::new(),
        scopes: ScopeSet::default(),
        resources: account.resources.clone(),
        introspects: BTreeSet::new(),
        ..application.clone()
    }
}

/// Anything but a public client has to show a secret: one without a verifier never succeeds.
fn authentication(
    principal: &Principal<'_>,
    verifiers: Vec<SecretVerifier>,
    previous_ends: Option<Time>,
) -> ClientAuthentication {
    let authentication = principal.authentication;
    match authentication.type_ {
        api::ClientAuthenticationType::PrivateKeyJwt => match &principal.published {
            Some(published) => ClientAuthentication::PublishedKeys(published.clone()),
            None => ClientAuthentication::Keys(principal.keys.clone().unwrap_or_default()),
        },
        api::ClientAuthenticationType::None => ClientAuthentication::Public,
        api::ClientAuthenticationType::ClientSecret | api::ClientAuthenticationType::ServiceAccountToken => {
            let secret = authentication.client_secret.clone().unwrap_or_default();
            let methods: BTreeSet<ClientAuthMethod> =
                secret.methods.iter().filter_map(|method| ClientAuthMethod::from_wire(method.as_str())).collect();
            ClientAuthentication::Secret { methods, verifiers, previous_ends }
        }
    }
}

fn extra_claim(claim: &api::ExtraClaim) -> Option<ExtraClaim> {
    let value = match (&claim.value, &claim.from_attribute) {
        (Some(value), None) => ExtraValue::Fixed(value.clone()),
        (None, Some(attribute)) => ExtraValue::Attribute(attribute.to_string()),
        (Some(_), Some(_)) | (None, None) => return None,
    };
    let targets = claim.targets.iter().map(|target| match target {
        api::ClaimTarget::IDToken => ClaimTarget::IdToken,
        api::ClaimTarget::Userinfo => ClaimTarget::Userinfo,
        api::ClaimTarget::AccessToken => ClaimTarget::AccessToken,
    });
    Some(ExtraClaim { name: claim.name.to_string(), value, targets: targets.collect() })
}
