//! RFC 6749 §4.1.2.1, §5.2, RFC 6750 §3.1, OIDC Core §3.1.2.6: refusals as values. The wire code is registered, the
//! description says what to mend, and the reason is for logs and metrics.

use std::borrow::Cow;

use crate::authorize::Param;
use crate::ids::FamilyId;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $wire:literal,)*) => {
        /// A registered error code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ErrorCode { $($(#[$doc])* $variant),* }

        impl ErrorCode {
            /// All codes that this server answers with.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The code on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $wire),* }
            }
        }
    };
}

codes! {
    /// RFC 6749 §4.1.2.1.
    AccessDenied = "access_denied",
    /// OIDC Core §3.1.2.6.
    AccountSelectionRequired = "account_selection_required",
    /// OIDC Core §3.1.2.6.
    ConsentRequired = "consent_required",
    /// RFC 6750 §3.1.
    InsufficientScope = "insufficient_scope",
    /// RFC 6749 §5.2.
    InvalidClient = "invalid_client",
    /// RFC 6749 §5.2.
    InvalidGrant = "invalid_grant",
    /// RFC 6749 §4.1.2.1, §5.2.
    InvalidRequest = "invalid_request",
    /// RFC 6749 §4.1.2.1, §5.2.
    InvalidScope = "invalid_scope",
    /// RFC 8707 §2.
    InvalidTarget = "invalid_target",
    /// RFC 6750 §3.1.
    InvalidToken = "invalid_token",
    /// OIDC Core §3.1.2.6.
    LoginRequired = "login_required",
    /// OIDC Core §3.1.2.6.
    RegistrationNotSupported = "registration_not_supported",
    /// OIDC Core §3.1.2.6.
    RequestNotSupported = "request_not_supported",
    /// OIDC Core §3.1.2.6.
    RequestUriNotSupported = "request_uri_not_supported",
    /// RFC 6749 §4.1.2.1.
    ServerError = "server_error",
    /// RFC 6749 §4.1.2.1.
    TemporarilyUnavailable = "temporarily_unavailable",
    /// OpenID Connect Core Error Code `unmet_authentication_requirements` §2.
    UnmetAuthenticationRequirements = "unmet_authentication_requirements",
    /// RFC 6749 §4.1.2.1, §5.2.
    UnauthorizedClient = "unauthorized_client",
    /// RFC 6749 §5.2.
    UnsupportedGrantType = "unsupported_grant_type",
    /// RFC 6749 §4.1.2.1.
    UnsupportedResponseType = "unsupported_response_type",
    /// RFC 7009 §2.2.1.
    UnsupportedTokenType = "unsupported_token_type",
}

macro_rules! reasons {
    ($($variant:ident = $text:literal,)*) => {
        /// Why something was refused: closed, for logs and metrics, never on the wire.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Why { $(#[doc = concat!("`", $text, "`")] $variant),* }

        impl Why {
            /// All reasons.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The label in logs and metrics.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }
    };
}

reasons! {
    AccountGone = "account_gone",
    AcrUnmet = "acr_unmet",
    AssertionInvalid = "assertion_invalid",
    AssertionReplayed = "assertion_replayed",
    AudienceMismatch = "audience_mismatch",
    BearerMalformed = "bearer_malformed",
    BearerMissing = "bearer_missing",
    BearerTwice = "bearer_twice",
    ClaimsMalformed = "claims_malformed",
    ClientAuthenticationMalformed = "client_authentication_malformed",
    ClientAuthenticationMethod = "client_authentication_method",
    ClientAuthenticationMissing = "client_authentication_missing",
    ClientAuthenticationTwice = "client_authentication_twice",
    ClientExpired = "client_expired",
    ClientKeysUnavailable = "client_keys_unavailable",
    ClientMismatch = "client_mismatch",
    ClientSecretWrong = "client_secret_wrong",
    ClientUnknown = "client_unknown",
    CodeExpired = "code_expired",
    CodeOfAnotherIssuer = "code_of_another_issuer",
    CodeReplayed = "code_replayed",
    CodeSpentByAnother = "code_spent_by_another",
    CodeUnknown = "code_unknown",
    ConsentDenied = "consent_denied",
    ConsentNeeded = "consent_needed",
    DuplicateParameter = "duplicate_parameter",
    FamilyRevoked = "family_revoked",
    GrantTypeNotAllowed = "grant_type_not_allowed",
    GrantTypeUnknown = "grant_type_unknown",
    HintInvalid = "hint_invalid",
    KeyMissing = "key_missing",
    LoginNeeded = "login_needed",
    MaxAgeMalformed = "max_age_malformed",
    NonceMissing = "nonce_missing",
    NotPermitted = "not_permitted",
    ParameterMissing = "parameter_missing",
    ParameterTooLong = "parameter_too_long",
    ParametersMalformed = "parameters_malformed",
    ParametersInQuery = "parameters_in_query",
    PasswordWrong = "password_wrong",
    PkceMalformed = "pkce_malformed",
    PkceMethod = "pkce_method",
    PkceMismatch = "pkce_mismatch",
    PkceMissing = "pkce_missing",
    PkceUnexpected = "pkce_unexpected",
    PromptInvalid = "prompt_invalid",
    RedirectUriMismatch = "redirect_uri_mismatch",
    RedirectUriNotRegistered = "redirect_uri_not_registered",
    RefreshTokenExpired = "refresh_token_expired",
    RefreshTokenReplayed = "refresh_token_replayed",
    RefreshTokenSuperseded = "refresh_token_superseded",
    RefreshTokenUnknown = "refresh_token_unknown",
    RegistrationParameter = "registration_parameter",
    RequestObject = "request_object",
    ResourceAmbiguous = "resource_ambiguous",
    ResourceTwice = "resource_twice",
    ResourceUnknown = "resource_unknown",
    ResponseModeNotAllowed = "response_mode_not_allowed",
    ResponseModeUnknown = "response_mode_unknown",
    ResponseTypeNotAllowed = "response_type_not_allowed",
    ResponseTypeUnknown = "response_type_unknown",
    RevokedByClient = "revoked_by_client",
    ScopeMalformed = "scope_malformed",
    ScopeMissing = "scope_missing",
    ScopeNotAllowed = "scope_not_allowed",
    SelectionNeeded = "selection_needed",
    StoreUnavailable = "store_unavailable",
    SubjectMismatch = "subject_mismatch",
    TokenInvalid = "token_invalid",
    TokenUnrevocable = "token_unrevocable",
}

/// What must still be written when a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Everything issued from one authorization is revoked.
    RevokeFamily(FamilyId),
}

/// A refusal by the token, introspection, revocation or userinfo endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What the client sees.
    pub code: ErrorCode,
    /// What to mend; never holds what was sent.
    pub description: Cow<'static, str>,
    /// What we log.
    pub why: Why,
    /// What must still be written.
    pub effect: Option<Effect>,
}

impl Refusal {
    /// A refusal without effect.
    pub fn new(code: ErrorCode, why: Why, description: impl Into<Cow<'static, str>>) -> Self {
        Self { code, description: description.into(), why, effect: None }
    }

    /// The same refusal, with something to write.
    #[must_use]
    pub fn with_effect(self, effect: Effect) -> Self {
        Self { effect: Some(effect), ..self }
    }

    /// A parameter that was sent more than once.
    pub fn duplicate(name: &str) -> Self {
        // Only names that this server knows are repeated; anything else could be an attacker's text.
        let mut known = Param::ALL.iter().map(|param| param.as_str()).chain(KNOWN_PARAMETERS.iter().copied());
        let description = match known.find(|known| *known == name) {
            Some(known) => Cow::Owned(format!("`{known}` must not be sent more than once")),
            None => Cow::Borrowed("a parameter must not be sent more than once"),
        };
        Self::new(ErrorCode::InvalidRequest, Why::DuplicateParameter, description)
    }
}

/// Names that a description may repeat, besides those of an authorization request.
const KNOWN_PARAMETERS: &[&str] = &[
    "access_token",
    "client_assertion",
    "client_assertion_type",
    "client_secret",
    "code",
    "code_verifier",
    "grant_type",
    "password",
    "refresh_token",
    "token",
    "token_type_hint",
    "username",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_never_repeats_what_was_sent() {
        assert_eq!(Refusal::duplicate("<script>").description, "a parameter must not be sent more than once");
        for known in ["scope", "token", "id_token_hint"] {
            assert_eq!(Refusal::duplicate(known).description, format!("`{known}` must not be sent more than once"));
        }
    }
}
