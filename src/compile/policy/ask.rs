//! What an application asks of a policy, one need at a time.

use api::{
    ClientAuthenticationType, ConsentMode, GrantType, LoopbackRedirects, Reason, ResponseType, SecretReferences,
};

use super::{Allowances, Origin, matches_any};
use crate::verdict::Diagnostic;

/// One need, and the field that has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ask {
    /// The field.
    pub(crate) path: String,
    /// The need.
    pub(crate) need: Need,
}

/// What a policy may allow or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// To send browsers to this host by https.
    WebHost(String),
    /// To send browsers to `127.0.0.1` or `[::1]` by http.
    LoopbackAddress,
    /// To send browsers to localhost by http.
    Localhost,
    /// To send browsers to an app that claims this scheme.
    PrivateUseScheme(String),
    /// To have logout tokens posted to this host.
    LogoutTokenHost(String),
    /// To have keys fetched from this host.
    KeysHost(String),
    /// To have an issuer on this host.
    IssuerHost(String),
    /// A grant type.
    Grant(GrantType),
    /// A response type.
    Response(ResponseType),
    /// A scope.
    Scope(String),
    /// A way of client authentication.
    Authentication(ClientAuthenticationType),
    /// Not to ask people.
    SkipConsent,
    /// A client secret of its own choice.
    SecretReference,
    /// This client ID.
    ClientId(String),
    /// Access tokens that live for so many seconds.
    AccessTokenLifetime(i64),
}

impl Ask {
    pub(crate) fn new(path: impl Into<String>, need: Need) -> Self {
        Self { path: path.into(), need }
    }

    /// Why a policy does not meet the need; `None` if it does.
    pub(crate) fn objection(&self, allowances: &Allowances) -> Option<Diagnostic> {
        (!self.need.is_met_by(allowances)).then(|| {
            let (reason, message) = self.need.explain(allowances);
            Diagnostic::new(reason, &self.path, message)
        })
    }
}

impl Need {
    /// Whether a policy allows it.
    pub(crate) fn is_met_by(&self, allowances: &Allowances) -> bool {
        let Allowances { policy, origin } = allowances;
        match self {
            Self::WebHost(host) => *origin == Origin::Implicit || matches_any(&policy.allowed_redirect_hosts, host),
            Self::LoopbackAddress => policy.loopback_redirects != LoopbackRedirects::Denied,
            Self::Localhost => policy.loopback_redirects == LoopbackRedirects::IncludingLocalhost,
            Self::PrivateUseScheme(scheme) => {
                policy.private_use_schemes.iter().any(|allowed| allowed.as_str() == scheme)
            }
            Self::LogoutTokenHost(host) => matches_any(&policy.backchannel_logout_hosts, host),
            Self::KeysHost(host) => matches_any(&policy.jwks_uri_hosts, host),
            Self::IssuerHost(host) => matches_any(&policy.dedicated_issuer_hosts, host),
            Self::Grant(grant) => policy.grant_types.contains(grant),
            Self::Response(response) => policy.response_types.contains(response),
            Self::Scope(scope) => policy.scopes.iter().any(|allowed| allowed.as_str() == scope),
            Self::Authentication(kind) => policy.client_authentications.contains(kind),
            Self::SkipConsent => policy.consent.contains(&ConsentMode::Skip),
            Self::SecretReference => policy.secret_references == SecretReferences::Allowed,
            Self::ClientId(id) => policy.custom_client_id_prefixes.iter().any(|prefix| id.starts_with(prefix.as_str())),
            Self::AccessTokenLifetime(seconds) => *seconds <= policy.max_access_token_lifetime_seconds,
        }
    }

    /// Why a policy does not allow it, and what it allows instead.
    fn explain(&self, allowances: &Allowances) -> (Reason, String) {
        let Allowances { policy, origin } = allowances;
        let by = match origin {
            Origin::Written => format!("is not allowed by policy `{}`", policy.name),
            Origin::Implicit => "is not allowed by the provider, which has no applicationPolicies".to_owned(),
        };
        let wrong = |reason, what: &str, instead: String| (reason, format!("{what} {by}: {instead}"));
        match self {
            Self::WebHost(host) => {
                let instead = list("hosts", &policy.allowed_redirect_hosts);
                wrong(Reason::RedirectHostNotAllowed, &format!("host `{host}`"), instead)
            }
            Self::LoopbackAddress => {
                let instead = "it needs loopbackRedirects AddressOnly".to_owned();
                wrong(Reason::LoopbackNotAllowed, "http on a loopback address", instead)
            }
            Self::Localhost => {
                let instead = match policy.loopback_redirects {
                    LoopbackRedirects::AddressOnly => "write 127.0.0.1 or [::1]",
                    LoopbackRedirects::Denied | LoopbackRedirects::IncludingLocalhost => {
                        "it needs loopbackRedirects IncludingLocalhost"
                    }
                };
                wrong(Reason::LoopbackNotAllowed, "http on `localhost`", instead.to_owned())
            }
            Self::PrivateUseScheme(scheme) => {
                let instead = list("schemes", &policy.private_use_schemes);
                wrong(Reason::PrivateUseSchemeNotAllowed, &format!("scheme `{scheme}`"), instead)
            }
            Self::LogoutTokenHost(host) => {
                let instead = list("hosts", &policy.backchannel_logout_hosts);
                wrong(Reason::LogoutHostNotAllowed, &format!("host `{host}`"), instead)
            }
            Self::KeysHost(host) => {
                let instead = list("hosts", &policy.jwks_uri_hosts);
                wrong(Reason::JWKSHostNotAllowed, &format!("host `{host}`"), instead)
            }
            Self::IssuerHost(host) => {
                let instead = list("hosts", &policy.dedicated_issuer_hosts);
                wrong(Reason::IssuerHostNotAllowed, &format!("host `{host}`"), instead)
            }
            Self::Grant(grant) => {
                let instead = list("grant types", &policy.grant_types);
                wrong(Reason::GrantTypeNotAllowed, &format!("grant type `{grant}`"), instead)
            }
            Self::Response(response) => {
                let instead = list("response types", &policy.response_types);
                wrong(Reason::ResponseTypeNotAllowed, &format!("response type `{response}`"), instead)
            }
            Self::Scope(scope) => {
                let instead = list("scopes", &policy.scopes);
                wrong(Reason::ScopeNotAllowed, &format!("scope `{scope}`"), instead)
            }
            Self::Authentication(kind) => {
                let instead = list("types", &policy.client_authentications);
                wrong(Reason::ClientAuthenticationNotAllowed, &format!("client authentication `{kind}`"), instead)
            }
            Self::SkipConsent => wrong(Reason::ConsentSkipNotAllowed, "consent Skip", "write Required".to_owned()),
            Self::SecretReference => {
                let instead = "write source Generated".to_owned();
                wrong(Reason::SecretReferenceNotAllowed, "a client secret by reference", instead)
            }
            Self::ClientId(id) => {
                let instead = match policy.custom_client_id_prefixes.as_slice() {
                    [] => "take it out: it allows derived client IDs only".to_owned(),
                    prefixes => list("beginnings", prefixes),
                };
                wrong(Reason::ClientIDNotAllowed, &format!("client ID `{id}`"), instead)
            }
            Self::AccessTokenLifetime(seconds) => {
                let instead = format!("it allows at most {}", policy.max_access_token_lifetime_seconds);
                wrong(Reason::LifetimeTooLong, &format!("a lifetime of {seconds} seconds"), instead)
            }
        }
    }
}

/// What is allowed instead, for the message.
fn list<T: std::fmt::Display>(what: &str, allowed: &[T]) -> String {
    if allowed.is_empty() {
        return format!("it allows no {what}");
    }
    let allowed: Vec<String> = allowed.iter().map(|value| format!("`{value}`")).collect();
    format!("it allows the {what} {}", allowed.join(", "))
}
