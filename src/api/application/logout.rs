//! Where an application hears of a logout.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::text::{OptionalHttpsUri, OptionalWebUri};

/// Logout notices from server to server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct BackchannelLogout {
    /// The https address that a logout token is posted to. Empty: none.
    pub uri: OptionalHttpsUri,

    /// Whether the logout token names the session (`sid`).
    pub session_required: bool,
}

impl Default for BackchannelLogout {
    fn default() -> Self {
        Self { uri: OptionalHttpsUri::default(), session_required: true }
    }
}

/// Logout notices through the browser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct FrontchannelLogout {
    /// The address that the logout page loads in a frame. Scheme, host and port are those of
    /// one of the redirect URIs. Browsers keep the application's cookies back from a frame
    /// unless they are SameSite=None, and many do even then: have `sessionRequired`, and end
    /// the session that `sid` names. Empty: none.
    pub uri: OptionalWebUri,

    /// Whether issuer and session (`iss`, `sid`) are added to the address.
    pub session_required: bool,
}

impl Default for FrontchannelLogout {
    fn default() -> Self {
        Self { uri: OptionalWebUri::default(), session_required: true }
    }
}
