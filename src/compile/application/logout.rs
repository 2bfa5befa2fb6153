//! Front-Channel Logout §2, Back-Channel Logout §2.2: where an application hears of a logout.

use api::{OidcApplicationSpec, Reason};
use oidc::client::{CalledUri, PrivateAddresses};
use oidc::logout::{BackchannelLogout, FrontchannelLogout};
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

/// Where servers post logout tokens to; none where the manifest names no address, or one that is not called. Whose host it
/// is, its policy has judged.
pub(super) fn backchannel(
    spec: &OidcApplicationSpec,
    private_addresses: PrivateAddresses,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<BackchannelLogout> {
    let api::BackchannelLogout { uri, session_required } = &spec.backchannel_logout;
    if uri.is_empty() {
        return None;
    }
    match CalledUri::parse(uri) {
        Ok(uri) => Some(BackchannelLogout { uri, private_addresses, session_required: *session_required }),
        // A stored object may be older than the schema.
        Err(error) => {
            let path = "spec.backchannelLogout.uri";
            diagnostics.push(Diagnostic::new(Reason::UnsupportedValue, path, error.to_string()));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What becomes of a stored address, and what is said of it.
    fn heard(uri: &str) -> Result<String, String> {
        let spec: OidcApplicationSpec = serde_json::from_value(json!({"backchannelLogout": {"uri": uri}})).unwrap();
        let mut diagnostics = Vec::new();
        let found = backchannel(&spec, PrivateAddresses::Denied, &mut diagnostics);
        match diagnostics.as_slice() {
            [] => Ok(found.map(|logout| logout.uri.url().to_string()).unwrap_or_default()),
            [one] => {
                assert_eq!((&*one.path, found), ("spec.backchannelLogout.uri", None));
                Err(one.message.clone())
            }
            more => panic!("{more:?}"),
        }
    }

    #[test]
    fn t_k14_a_stored_address_that_is_not_called_is_refused() {
        assert_eq!(heard(""), Ok(String::new()));
        assert_eq!(heard("https://a.example/out?x=1"), Ok("https://a.example/out?x=1".to_owned()));
        for (uri, message) in [
            ("http://a.example/out", "must be an https URL"),
            ("https://a.example/#x", "no fragment"),
            ("https://me@a.example/", "no user information"),
        ] {
            let refused = heard(uri).unwrap_err();
            assert!(refused.contains(message), "{uri}: {refused}");
        }
    }
}
