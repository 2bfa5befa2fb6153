//! OpenID Connect as values: a request and the facts about it go in, a decision comes out.
//!
//! Reading order: [`ids`], [`time`], [`scope`], [`permission`], [`uri`] (words) → [`client`], [`account`], [`catalog`] (what is served)
//! → [`records`] (what survives a restart) → [`authorize`] (the request as stages) → [`client_auth`], [`token`],
//! [`issue`] (the token endpoint) → [`access_token`], [`refresh_token`] (read back), [`userinfo`],
//! [`introspection`], [`revocation`] → [`logout`], [`account_page`] → [`discovery`].
//!
//! This member waits for nothing, reads no clock and draws no randomness: all three are arguments. It knows no HTTP
//! framework and no database.

#[macro_use]
mod wire;

pub mod access_token;
pub mod account;
pub mod account_page;
pub mod acknowledge;
pub mod acr;
pub mod audience;
pub mod authorize;
pub mod browser_state;
pub mod catalog;
pub mod claims;
pub mod client;
pub mod client_auth;
pub mod discovery;
mod family;
pub mod form;
mod id_token_hint;
pub mod ids;
pub mod introspection;
pub mod issue;
pub mod logout;
pub mod opaque;
pub mod permission;
pub mod pkce;
pub mod prompt;
pub mod records;
pub mod refresh_token;
pub mod refusal;
pub mod revocation;
pub mod scope;
mod sealed;
pub mod subject;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod time;
pub mod token;
pub mod uri;
pub mod userinfo;
