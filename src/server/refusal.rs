//! RFC 6749 §5.2, RFC 6750 §3: refusals of the endpoints that programs call.

use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use oidc::client::Client;
use oidc::discovery::Endpoint;
use oidc::form::FormError;
use oidc::refusal::{ErrorCode, Refusal, Why};

use store::StoreError;

use crate::call::Call;
use crate::trouble::{Trouble, json_error};

/// Why a program gets no answer of the kind that it asked for.
#[derive(Debug)]
pub(crate) enum Failed {
    /// The protocol says no.
    Refused(Refusal),
    /// It did not come to that.
    Trouble(Trouble),
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Trouble> for Failed {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::Trouble(error.into())
    }
}

impl From<FormError> for Failed {
    fn from(error: FormError) -> Self {
        Self::Trouble(error.into())
    }
}

/// The one `Authorization` header; more than one is refused for this reason. One that is not text is malformed to whoever
/// reads it.
pub(crate) fn authorization(headers: &HeaderMap, twice: Why) -> Result<Option<&str>, Refusal> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    match (lines.next(), lines.next()) {
        (first, None) => Ok(first.map(|value| value.to_str().unwrap_or_default())),
        (_, Some(_)) => Err(Refusal::new(
            ErrorCode::InvalidRequest,
            twice,
            "the request carries more than one Authorization header",
        )),
    }
}

/// No answer by an endpoint at which clients authenticate. `challenged` says that the caller sent an `Authorization`
/// header: only then is it told by what scheme to authenticate, and by a 401 (RFC 6749 §5.2).
pub(crate) fn token(
    call: &Call,
    endpoint: Endpoint,
    failed: Failed,
    client: Option<&Client>,
    challenged: bool,
) -> Response {
    let refusal = match failed {
        Failed::Refused(refusal) => refusal,
        Failed::Trouble(trouble) => return trouble.respond_json(call),
    };
    call.audit_refusal(endpoint, refusal.code, refusal.why, client);
    let unauthorized = refusal.code == ErrorCode::InvalidClient && challenged;
    let status = if unauthorized { StatusCode::UNAUTHORIZED } else { status(refusal.code) };
    let mut response = json_error(status, refusal.code.as_str(), &refusal.description, &call.id);
    if unauthorized && let Ok(challenge) = HeaderValue::try_from(format!("Basic realm=\"{}\"", call.issuer())) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

/// A refusal by the userinfo endpoint.
pub(crate) fn bearer(call: &Call, refusal: &Refusal, client: Option<&Client>) -> Response {
    call.audit_refusal(Endpoint::Userinfo, refusal.code, refusal.why, client);
    let status = if refusal.code == ErrorCode::InvalidToken {
        StatusCode::UNAUTHORIZED
    } else if refusal.code == ErrorCode::InsufficientScope {
        StatusCode::FORBIDDEN
    } else {
        status(refusal.code)
    };
    let mut response = json_error(status, refusal.code.as_str(), &refusal.description, &call.id);
    // RFC 6750 §3.1: a caller who showed nothing is told the scheme and no error.
    let details = if refusal.why == Why::BearerMissing {
        String::new()
    } else {
        format!(", error=\"{}\", error_description=\"{}\"", refusal.code.as_str(), quotable(&refusal.description))
    };
    if let Ok(challenge) = HeaderValue::try_from(format!("Bearer realm=\"{}\"{details}", call.issuer())) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

fn status(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
        ErrorCode::TemporarilyUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::AccessDenied
        | ErrorCode::AccountSelectionRequired
        | ErrorCode::ConsentRequired
        | ErrorCode::InsufficientScope
        | ErrorCode::InvalidClient
        | ErrorCode::InvalidGrant
        | ErrorCode::InvalidRequest
        | ErrorCode::InvalidScope
        | ErrorCode::InvalidTarget
        | ErrorCode::InvalidToken
        | ErrorCode::LoginRequired
        | ErrorCode::RegistrationNotSupported
        | ErrorCode::RequestNotSupported
        | ErrorCode::RequestUriNotSupported
        | ErrorCode::UnauthorizedClient
        | ErrorCode::UnmetAuthenticationRequirements
        | ErrorCode::UnsupportedGrantType
        | ErrorCode::UnsupportedResponseType
        | ErrorCode::UnsupportedTokenType => StatusCode::BAD_REQUEST,
    }
}

/// RFC 6750 §3: what may stand in `error_description`.
fn quotable(text: &str) -> String {
    text.chars().filter(|c| matches!(c, ' '..='~') && !matches!(c, '"' | '\\')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_cannot_end_its_quotes() {
        assert_eq!(quotable("send `scope` \"x\", error=\\\"y\u{e9}\n"), "send `scope` x, error=y");
    }

    #[test]
    fn only_our_own_faults_are_fives() {
        for code in ErrorCode::ALL.iter().copied() {
            let ours = matches!(code, ErrorCode::ServerError | ErrorCode::TemporarilyUnavailable);
            assert_eq!(status(code).is_server_error(), ours, "{code:?}");
        }
    }
}
