//! The targets, one file for what belongs together.

mod authorization;
mod client_credentials;
mod form;
mod manifests;
mod record;
mod redirect_uri;
mod sealed;
mod token;

use crate::Target;

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "authorization_request", run: authorization::request },
    Target { name: "basic", run: client_credentials::basic },
    Target { name: "claims", run: authorization::claims },
    Target { name: "form", run: form::run },
    Target { name: "jwt", run: token::jwt },
    Target { name: "manifests", run: manifests::run },
    Target { name: "record", run: record::run },
    Target { name: "redirect_uri", run: redirect_uri::run },
    Target { name: "sealed", run: sealed::run },
    Target { name: "token_request", run: client_credentials::token_request },
];
