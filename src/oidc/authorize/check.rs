//! OIDC Core §3.1.2.2, RFC 7636 §4.4.1, RFC 9700 §2.1.1: one ordered list of checks on a request whose reply address is known.

use std::collections::BTreeSet;

use super::address::brings_tokens;
use super::{Addressed, Checked, Demands, Dropped, Param, RedirectError};
use crate::audience::{self, Untargeted};
use crate::claims::ClaimsParameter;
use crate::client::{GrantType, Pkce, RefreshTokenIssuance, ResponseMode, ResponseType};
use crate::id_token_hint;
use crate::ids::Subject;
use crate::pkce::Challenge;
use crate::prompt::{self, Prompt, PromptError};
use crate::refusal::{ErrorCode, Why};
use crate::scope::{ScopeSet, StandardScope};
use crate::time::Time;

/// One failed check.
type Fault = Untargeted;

impl<'c> Addressed<'c> {
    /// Judges everything that needs no person.
    ///
    /// # Errors
    /// The first check that fails; the error goes to the client.
    pub fn check(self, now: Time) -> Result<Checked<'c>, RedirectError> {
        match self.demands(now) {
            Ok(demands) => {
                let Self { received, realm, client, to } = self;
                Ok(Checked { received, realm, client, to, demands })
            }
            Err((code, why, description)) => Err(self.to.refuse(code, why, description)),
        }
    }

    fn demands(&self, now: Time) -> Result<Demands, Fault> {
        self.parameters_once()?;
        self.no_request_object()?;
        self.response_mode()?;
        let response_type = self.response_type()?;
        let prompts = self.prompts()?;
        let (scope, dropped) = self.offline_access(self.scope()?, response_type, &prompts);
        if scope.is_empty() {
            return Err(audience::NOTHING_KNOWN);
        }
        let challenge = if response_type.has_code() { self.challenge()? } else { None };
        let max_age_seconds = self.max_age()?;
        let (hint, claims) = (self.hint(now)?, self.claims()?);
        let ClaimsParameter { about, subject, auth_time, acr, acr_values: _ } = claims;
        if hint.as_ref().zip(subject.as_ref()).is_some_and(|(hint, subject)| hint != subject) {
            let description = "`id_token_hint` and the `sub` that `claims` asks for are of two people";
            return Err((ErrorCode::InvalidRequest, Why::HintInvalid, description));
        }
        let resource = self.resource()?;
        let permissions = self.client.permissions(&scope, resource.as_deref())?;
        if resource.is_some() || response_type.has_token() {
            // For a code alone, the token request may yet say which API is meant.
            audience::target(self.realm, self.client, &permissions, resource.as_deref())?;
        }
        let nonce = self.param(Param::Nonce).map(str::to_owned);
        if response_type.has_id_token() {
            id_token_from_here(&scope, nonce.as_deref())?;
        }
        Ok(Demands {
            response_type,
            permissions,
            prompts,
            max_age_seconds,
            challenge,
            nonce,
            hint: hint.or(subject),
            claims: about.of(self.client),
            wants_auth_time: auth_time || max_age_seconds.is_some() || self.client.require_auth_time,
            wants_acr: acr || self.param(Param::AcrValues).is_some_and(|values| !values.is_empty()),
            resource,
            dropped,
        })
    }

    fn resource(&self) -> Result<Option<String>, Fault> {
        let params = &self.received.params;
        match params.get(Param::Resource) {
            None if params.sent(Param::Resource) => Err(audience::TWICE),
            named => Ok(named.map(str::to_owned)),
        }
    }

    fn param(&self, param: Param) -> Option<&str> {
        self.received.params.get(param)
    }

    fn parameters_once(&self) -> Result<(), Fault> {
        if self.received.params.duplicate().is_some() {
            return Err((
                ErrorCode::InvalidRequest,
                Why::DuplicateParameter,
                "a parameter must not be sent more than once",
            ));
        }
        if self.received.params.too_long().is_some() {
            return Err((
                ErrorCode::InvalidRequest,
                Why::ParameterTooLong,
                "a parameter is longer than this server accepts",
            ));
        }
        Ok(())
    }

    fn no_request_object(&self) -> Result<(), Fault> {
        for (param, code, why, description) in [
            (
                Param::Request,
                ErrorCode::RequestNotSupported,
                Why::RequestObject,
                "`request` is not supported: send plain parameters",
            ),
            (
                Param::RequestUri,
                ErrorCode::RequestUriNotSupported,
                Why::RequestObject,
                "`request_uri` is not supported: send plain parameters",
            ),
            (
                Param::Registration,
                ErrorCode::RegistrationNotSupported,
                Why::RegistrationParameter,
                "`registration` is not supported: applications are declared as OidcApplication objects",
            ),
        ] {
            if self.received.params.sent(param) {
                return Err((code, why, description));
            }
        }
        Ok(())
    }

    fn response_mode(&self) -> Result<(), Fault> {
        match self.param(Param::ResponseMode) {
            Some(mode) if ResponseMode::from_wire(mode).is_none() => Err((
                ErrorCode::InvalidRequest,
                Why::ResponseModeUnknown,
                "`response_mode` must be one of query, fragment, form_post",
            )),
            Some(mode)
                if mode == ResponseMode::Query.as_str()
                    && self.param(Param::ResponseType).is_some_and(brings_tokens) =>
            {
                Err((
                    ErrorCode::InvalidRequest,
                    Why::ResponseModeNotAllowed,
                    "`response_mode=query` is not allowed with tokens, which must not end up in logs: use fragment or form_post",
                ))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn response_type(&self) -> Result<ResponseType, Fault> {
        let sent = self.param(Param::ResponseType).ok_or((
            ErrorCode::InvalidRequest,
            Why::ParameterMissing,
            "the request carries no `response_type`",
        ))?;
        let response_type = ResponseType::parse(sent).ok_or((
            ErrorCode::UnsupportedResponseType,
            Why::ResponseTypeUnknown,
            "this `response_type` is not supported here",
        ))?;
        if self.client.response_types.contains(&response_type) {
            Ok(response_type)
        } else {
            Err((
                ErrorCode::UnauthorizedClient,
                Why::ResponseTypeNotAllowed,
                "this `response_type` is not among the application's spec.responseTypes",
            ))
        }
    }

    fn prompts(&self) -> Result<BTreeSet<Prompt>, Fault> {
        prompt::parse(self.param(Param::Prompt).unwrap_or_default()).map_err(|error| {
            let description = match error {
                PromptError::Unknown => "`prompt` holds a value other than none, login, consent and select_account",
                PromptError::NoneWithOthers => "`prompt` value none must be used alone",
            };
            (ErrorCode::InvalidRequest, Why::PromptInvalid, description)
        })
    }

    fn scope(&self) -> Result<ScopeSet, Fault> {
        let asked = audience::read_scope(self.param(Param::Scope).unwrap_or_default())?;
        audience::known(self.client, &asked)
    }

    /// `offline_access` where a refresh token can come of it.
    fn offline_access(
        &self,
        scope: ScopeSet,
        response_type: ResponseType,
        prompts: &BTreeSet<Prompt>,
    ) -> (ScopeSet, Option<Dropped>) {
        if !scope.has(StandardScope::OfflineAccess) {
            return (scope, None);
        }
        let prompted = match self.client.refresh_token.issuance {
            RefreshTokenIssuance::PromptConsent => prompts.contains(&Prompt::Consent),
            RefreshTokenIssuance::OfflineAccess => true,
        };
        let dropped = if !response_type.has_code() {
            Dropped::NoCode
        } else if !self.client.grant_types.contains(&GrantType::RefreshToken) {
            Dropped::NoGrant
        } else if !prompted {
            Dropped::NoPrompt
        } else {
            return (scope, None);
        };
        (scope.filter(|token| token.as_str() != StandardScope::OfflineAccess.as_str()), Some(dropped))
    }

    fn challenge(&self) -> Result<Option<Challenge>, Fault> {
        let fault = |why, description| (ErrorCode::InvalidRequest, why, description);
        let method = self.param(Param::CodeChallengeMethod);
        let Some(challenge) = self.param(Param::CodeChallenge) else {
            if method.is_some() {
                return Err(fault(Why::PkceMissing, "`code_challenge_method` was sent without `code_challenge`"));
            }
            return match (self.client.pkce, self.client.is_public()) {
                (Pkce::Optional, false) => Ok(None),
                (Pkce::Required, _) | (_, true) => Err(fault(
                    Why::PkceMissing,
                    "this application must use PKCE: send `code_challenge` and `code_challenge_method=S256`",
                )),
            };
        };
        if method != Some("S256") {
            return Err(fault(Why::PkceMethod, "`code_challenge_method` must be S256"));
        }
        Challenge::parse(challenge)
            .map(Some)
            .ok_or(fault(Why::PkceMalformed, "`code_challenge` must be the base64url form of a SHA-256, 43 characters"))
    }

    fn max_age(&self) -> Result<Option<i64>, Fault> {
        let Some(text) = self.param(Param::MaxAge) else { return Ok(self.client.default_max_age_seconds) };
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let seconds = if digits { text.parse().ok() } else { None };
        seconds.map(Some).ok_or((
            ErrorCode::InvalidRequest,
            Why::MaxAgeMalformed,
            "`max_age` must be a whole number of seconds, 0 or more",
        ))
    }

    /// OIDC Core §5.5.
    fn claims(&self) -> Result<ClaimsParameter, Fault> {
        let Some(text) = self.param(Param::Claims) else { return Ok(ClaimsParameter::default()) };
        let claims = ClaimsParameter::parse(text).map_err(|_| {
            let description =
                "`claims` must be a JSON object with members id_token and userinfo, whose members are null or objects";
            (ErrorCode::InvalidRequest, Why::ClaimsMalformed, description)
        })?;
        if !claims.acr_can_be_met() {
            // §5.5.1.1: as if the login had failed.
            let description =
                "the authentication context that `claims` demands cannot be reached here: see acr_values_supported";
            return Err((ErrorCode::UnmetAuthenticationRequirements, Why::AcrUnmet, description));
        }
        Ok(claims)
    }

    /// OIDC Core §3.1.2.1: a hint must be an id_token of this issuer for this client; an expired one will do.
    fn hint(&self, now: Time) -> Result<Option<Subject>, Fault> {
        let Some(text) = self.param(Param::IdTokenHint) else { return Ok(None) };
        let hint = id_token_hint::read(self.realm, Some(self.client), text, now).ok_or((
            ErrorCode::InvalidRequest,
            Why::HintInvalid,
            "`id_token_hint` is not an id_token that this issuer made for this application",
        ))?;
        Ok(Some(hint.subject))
    }
}

/// OIDC Core §3.2.2.1: an id_token from this endpoint answers a nonce, by which the client knows that it is not replayed.
fn id_token_from_here(scope: &ScopeSet, nonce: Option<&str>) -> Result<(), Fault> {
    if !scope.has(StandardScope::OpenId) {
        return Err((
            ErrorCode::InvalidScope,
            Why::ScopeMissing,
            "`scope` must contain openid with this `response_type`, since it asks for an id_token",
        ));
    }
    nonce.filter(|nonce| !nonce.is_empty()).map(drop).ok_or((
        ErrorCode::InvalidRequest,
        Why::NonceMissing,
        "`nonce` is required with this `response_type`: send a random value that belongs to the browser's session",
    ))
}
