//! RFC 6749 §3.1.2.4, §4.1.2.1: whom the request is from and where the answer goes. Until both are known, an error is a page.

use super::{Addressed, PageError, Param, Received, ReplyTo};
use crate::catalog::Realm;
use crate::client::ResponseMode;
use crate::refusal::{ErrorCode, Why};

impl Received {
    /// Finds the client and matches the redirect URI against its registered ones.
    ///
    /// # Errors
    /// Anything that leaves no verified place to redirect to. A parameter sent twice has no value, whatever it is.
    pub fn address(self, realm: &Realm) -> Result<Addressed<'_>, PageError> {
        let client_id = self.required(
            Param::ClientId,
            "the request must carry `client_id` once",
            "the request carries no `client_id`",
        )?;
        let client = realm.client(client_id).ok_or(PageError {
            code: ErrorCode::InvalidRequest,
            description: "no application with this `client_id` is served here: check the ID, and whether the application is Ready",
            why: Why::ClientUnknown,
        })?;
        let presented = self.required(
            Param::RedirectUri,
            "the request must carry `redirect_uri` once",
            "the request carries no `redirect_uri`",
        )?;
        let registered = client.registered(presented).ok_or(PageError {
            code: ErrorCode::InvalidRequest,
            description: "the `redirect_uri` is not registered for this application: it must equal an entry of spec.redirectURIs character by character",
            why: Why::RedirectUriNotRegistered,
        })?;
        let to = ReplyTo {
            redirect_uri: presented.to_owned(),
            form_action: registered.form_action_source(presented),
            mode: self.mode(),
            state: self.params.get(Param::State).map(str::to_owned),
            issuer: realm.issuer.as_str().to_owned(),
        };
        Ok(Addressed { received: self, realm, client, to })
    }

    /// OAuth 2.0 Multiple Response Types §5: what brings tokens never travels in a query, where servers and proxies write it
    /// down. A mode that is unknown or not allowed is refused by `check`, and that refusal travels by the default one.
    fn mode(&self) -> ResponseMode {
        let brings_tokens = self.params.get(Param::ResponseType).is_some_and(brings_tokens);
        let default = if brings_tokens { ResponseMode::Fragment } else { ResponseMode::Query };
        let asked = self.params.get(Param::ResponseMode).and_then(ResponseMode::from_wire);
        asked.filter(|mode| !(brings_tokens && *mode == ResponseMode::Query)).unwrap_or(default)
    }

    fn required(&self, param: Param, spoiled: &'static str, missing: &'static str) -> Result<&str, PageError> {
        let refuse = |description, why| PageError { code: ErrorCode::InvalidRequest, description, why };
        if self.params.spoiled(param) {
            return Err(refuse(spoiled, Why::DuplicateParameter));
        }
        self.params.get(param).ok_or_else(|| refuse(missing, Why::ParameterMissing))
    }
}

/// Whether a response type, known or not, asks for a token from the authorization endpoint.
pub(super) fn brings_tokens(response_type: &str) -> bool {
    response_type.split(' ').any(|word| matches!(word, "token" | "id_token"))
}
