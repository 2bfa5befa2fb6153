//! What an application needs a policy for.

use api::{ClientAuthentication, ClientAuthenticationType, ConsentMode, GrantType, OidcApplicationSpec, SecretSource};
use oidc::client::CalledUri;
use oidc::uri::{RedirectKind, RedirectUri};

use super::DEFAULT_LIFETIME_SECONDS;
use crate::policy::{Ask, Need};

/// Every need, in the order of the fields.
pub(super) fn asks(spec: &OidcApplicationSpec) -> Vec<Ask> {
    let OidcApplicationSpec {
        provider_ref: _,
        display_name: _,
        issuer,
        redirect_uris,
        post_logout_redirect_uris,
        grant_types,
        response_types: _,
        scopes,
        pkce: _,
        consent,
        application_type: _,
        subject_type: _,
        pairwise,
        id_token: _,
        access_token,
        userinfo: _,
        refresh_token: _,
        claims: _,
        user_access: _,
        groups_claim: _,
        default_max_age_seconds: _,
        require_auth_time: _,
        initiate_login_uri,
        logo_uri: _,
        policy_uri: _,
        tos_uri: _,
        client_authentication,
        resources: _,
        programmatic_access,
        backchannel_logout,
        frontchannel_logout,
        client_id,
    } = spec;
    let mut asks = Vec::new();
    if let Some(issuer) = issuer {
        asks.push(Ask::new("spec.issuer.host", Need::IssuerHost(issuer.host.to_string())));
    }
    for (index, uri) in redirect_uris.iter().enumerate() {
        browser(&mut asks, format!("spec.redirectURIs[{index}]"), uri);
    }
    for (index, uri) in post_logout_redirect_uris.iter().enumerate() {
        browser(&mut asks, format!("spec.postLogoutRedirectURIs[{index}]"), uri);
    }
    for (index, grant) in grant_types.iter().enumerate() {
        asks.push(Ask::new(format!("spec.grantTypes[{index}]"), Need::Grant(*grant)));
    }
    for (index, response) in spec.effective_response_types().into_iter().enumerate() {
        asks.push(Ask::new(format!("spec.responseTypes[{index}]"), Need::Response(response)));
    }
    for (index, scope) in scopes.iter().enumerate() {
        asks.push(Ask::new(format!("spec.scopes[{index}]"), Need::Scope(scope.to_string())));
    }
    // Whoever names the host of another as its sector sees that one's subjects.
    if let Some(host) = pairwise.as_ref().and_then(|pairwise| pairwise.sector_identifier.as_ref()) {
        asks.push(Ask::new("spec.pairwise.sectorIdentifier", Need::WebHost(host.to_string())));
    }
    match consent {
        ConsentMode::Required => {}
        ConsentMode::Skip => asks.push(Ask::new("spec.consent", Need::SkipConsent)),
    }
    // Where nothing was asked for, nothing is refused: the default is shortened to what the policy allows.
    if access_token.lifetime_seconds != DEFAULT_LIFETIME_SECONDS {
        let need = Need::AccessTokenLifetime(access_token.lifetime_seconds);
        asks.push(Ask::new("spec.accessToken.lifetimeSeconds", need));
    }
    if let Some(uri) = initiate_login_uri {
        browser(&mut asks, "spec.initiateLoginURI".to_owned(), uri);
    }
    let type_ = client_authentication.type_;
    asks.push(Ask::new("spec.clientAuthentication.type", Need::Authentication(type_)));
    let secret = client_authentication.client_secret.as_ref();
    if type_ == ClientAuthenticationType::ClientSecret
        && secret.is_some_and(|secret| secret.source == SecretSource::Reference)
    {
        asks.push(Ask::new("spec.clientAuthentication.clientSecret.source", Need::SecretReference));
    }
    if let Some(host) = keys_host(client_authentication) {
        asks.push(Ask::new("spec.clientAuthentication.privateKeyJwt.jwksURI", Need::KeysHost(host)));
    }
    if !programmatic_access.is_empty() {
        asks.push(Ask::new("spec.programmaticAccess", Need::Grant(GrantType::ClientCredentials)));
    }
    for (index, account) in programmatic_access.iter().enumerate() {
        let path = format!("spec.programmaticAccess[{index}].clientAuthentication");
        let authentication = &account.client_authentication;
        asks.push(Ask::new(format!("{path}.type"), Need::Authentication(authentication.type_)));
        let secret = authentication.client_secret.as_ref();
        if secret.is_some_and(|secret| secret.source == SecretSource::Reference) {
            asks.push(Ask::new(format!("{path}.clientSecret.source"), Need::SecretReference));
        }
        if let Some(host) = keys_host(authentication) {
            asks.push(Ask::new(format!("{path}.privateKeyJwt.jwksURI"), Need::KeysHost(host)));
        }
    }
    if let Some(host) = called_host(&backchannel_logout.uri) {
        asks.push(Ask::new("spec.backchannelLogout.uri", Need::LogoutTokenHost(host)));
    }
    if !frontchannel_logout.uri.is_empty() {
        browser(&mut asks, "spec.frontchannelLogout.uri".to_owned(), &frontchannel_logout.uri);
    }
    if let Some(id) = client_id {
        asks.push(Ask::new("spec.clientID", Need::ClientId(id.to_string())));
    }
    asks
}

/// The need of a URI that browsers are sent to. One that cannot be read needs nothing: it is refused as it stands.
fn browser(asks: &mut Vec<Ask>, path: String, uri: &str) {
    let Ok(uri) = RedirectUri::parse(uri) else { return };
    let need = match uri.kind() {
        RedirectKind::Https => Need::WebHost(uri.host().unwrap_or_default().to_owned()),
        RedirectKind::LoopbackAddress => Need::LoopbackAddress,
        RedirectKind::Localhost => Need::Localhost,
        RedirectKind::PrivateUse => Need::PrivateUseScheme(uri.scheme().to_owned()),
    };
    asks.push(Ask { path, need });
}

/// The host that keys are fetched from.
fn keys_host(authentication: &ClientAuthentication) -> Option<String> {
    called_host(authentication.private_key_jwt.as_ref()?.jwks_uri.as_ref()?)
}

/// The host of an address that the server itself calls, read as whoever calls it reads it. One that cannot be read needs
/// nothing: it is refused as it stands.
fn called_host(uri: &str) -> Option<String> {
    Some(CalledUri::parse(uri).ok()?.host_str().to_owned())
}
