//! Front-Channel Logout §2: where an application hears of a logout.

use api::{OidcApplicationSpec, Reason};
use oidc::logout::FrontchannelLogout;
use oidc::uri::{RedirectKind, RedirectUri};

use crate::verdict::Diagnostic;

/// The page that browsers load; none where the manifest names none, or one that cannot be. Whose page it is, its policy
/// has judged; that it is the application's own is said by its redirect URIs.
pub(super) fn frontchannel(
    spec: &OidcApplicationSpec,
    redirect_uris: &[RedirectUri],
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<FrontchannelLogout> {
    let api::FrontchannelLogout { uri, session_required } = &spec.frontchannel_logout;
    if uri.is_empty() {
        return None;
    }
    let mut refuse = |message: String| {
        diagnostics.push(Diagnostic::new(Reason::UnsupportedValue, "spec.frontchannelLogout.uri", message));
    };
    let uri = match RedirectUri::parse(uri) {
        Ok(uri) if uri.kind() != RedirectKind::PrivateUse => uri,
        Ok(_) => {
            refuse("must be an https URL, or http on a loopback host".to_owned());
            return None;
        }
        Err(error) => {
            refuse(error.to_string());
            return None;
        }
    };
    let origin = |uri: &RedirectUri| uri.form_action_source(uri.as_str());
    if !redirect_uris.iter().any(|redirect| origin(redirect) == origin(&uri)) {
        refuse("must have scheme, host and port of one of spec.redirectURIs".to_owned());
        return None;
    }
    Some(FrontchannelLogout { uri, session_required: *session_required })
}
