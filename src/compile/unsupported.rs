//! Values of the kinds whose behaviour is not built yet: one list per kind. A default is never among them, and nothing
//! in the list is passed over in silence. Building a behaviour means taking its line out.

use api::{
    ClientAuthentication, ClientAuthenticationType, GrantType, LoginIdentifier, OidcApplicationSpec, OidcProviderSpec,
    Reason,
};

use crate::verdict::Diagnostic;

/// The languages that the pages speak.
const LOCALES: &[&str] = &["en"];

/// Collects what is not supported.
#[derive(Debug, Default)]
struct Found(Vec<Diagnostic>);

impl Found {
    /// Notes a value if it `is` there; `instead` completes "not supported yet: …".
    fn note(&mut self, is: bool, path: impl Into<String>, what: &str, instead: &str) {
        if is {
            let message = format!("{what} is not supported yet: {instead}");
            self.0.push(Diagnostic::new(Reason::UnsupportedValue, path, message));
        }
    }
}

/// What an application asks for in vain.
pub(crate) fn application(spec: &OidcApplicationSpec) -> Vec<Diagnostic> {
    const REMOVE: &str = "take it out";
    let mut found = Found::default();
    for (index, grant) in spec.grant_types.iter().enumerate() {
        let missing = match grant {
            GrantType::AuthorizationCode
            | GrantType::Implicit
            | GrantType::RefreshToken
            | GrantType::ClientCredentials
            | GrantType::Password => false,
            GrantType::DeviceCode | GrantType::TokenExchange => true,
        };
        found.note(missing, format!("spec.grantTypes[{index}]"), &format!("grant type `{grant}`"), REMOVE);
    }
    found.note(spec.initiate_login_uri.is_some(), "spec.initiateLoginURI", "login that starts elsewhere", REMOVE);
    found.note(spec.logo_uri.is_some(), "spec.logoURI", "a logo", REMOVE);
    client_authentication("spec", &spec.client_authentication, &mut found);
    for (index, account) in spec.programmatic_access.iter().enumerate() {
        client_authentication(&format!("spec.programmaticAccess[{index}]"), &account.client_authentication, &mut found);
    }
    found.0
}

fn client_authentication(base: &str, authentication: &ClientAuthentication, found: &mut Found) {
    const INSTEAD: &str = "use ClientSecret, PrivateKeyJwt, or None for a public client";
    let ClientAuthentication { type_, client_secret: _, service_account_token: _, private_key_jwt: _ } = authentication;
    let missing = match type_ {
        ClientAuthenticationType::ClientSecret
        | ClientAuthenticationType::PrivateKeyJwt
        | ClientAuthenticationType::None => false,
        ClientAuthenticationType::ServiceAccountToken => true,
    };
    found.note(missing, format!("{base}.clientAuthentication.type"), type_.as_str(), INSTEAD);
}

/// What a provider is told to do in vain. Policies are permissions: they may run ahead of the behaviour.
pub(crate) fn provider(spec: &OidcProviderSpec) -> Vec<Diagnostic> {
    let mut found = Found::default();
    for (index, identifier) in spec.login.identifiers.iter().enumerate() {
        let missing = *identifier != LoginIdentifier::Username;
        found.note(missing, format!("spec.login.identifiers[{index}]"), identifier.as_str(), "use [Username]");
    }
    let locales = &spec.login.supported_locales;
    for (index, locale) in locales.iter().enumerate() {
        let missing = !LOCALES.contains(&locale.as_str());
        let path = format!("spec.login.supportedLocales[{index}]");
        found.note(missing, path, &format!("language `{locale}`"), &format!("use {}", LOCALES.join(", ")));
    }
    let english = locales.iter().any(|locale| locale.as_str() == "en");
    found.note(!english, "spec.login.supportedLocales", "a login page without `en`", "add it");
    found.note(!spec.login.branding.logo_url.is_empty(), "spec.login.branding.logoURL", "a logo", "leave it empty");
    found.0
}

#[cfg(test)]
mod tests;
