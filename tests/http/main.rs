//! Every endpoint over HTTP, in one process, with a clock that stands still and seeded randomness.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

mod account;
mod again;
mod assertions;
mod authorize;
mod backchannel_logout;
mod claims;
mod client_credentials;
mod client_secrets;
mod consent;
mod counting;
mod documents;
mod formats;
mod front_channel;
mod front_channel_logout;
mod harness;
mod interaction;
mod introspection;
mod issuers;
mod log;
mod logout;
mod matrix;
mod meanwhile;
mod pairwise;
mod password;
mod refresh;
mod refusals;
mod replaced_session;
mod seed;
mod session_management;
mod token;
mod userinfo;
mod withdrawn;
