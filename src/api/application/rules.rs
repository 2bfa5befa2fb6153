//! Rules across the fields of an application, in the order in which the fields stand.
//!
//! They stand on `spec`, since that is the narrowest node that sees their operands; a rule
//! about one field stands on that field. An optional field's immutability is spelled with
//! its whole path from here: a rule on the field would not run while the field is absent,
//! so that taking it out and putting another in would pass.

use serde_json::Value;

use crate::cel::rules_at;
use crate::reference::{PROVIDER_REF_IMMUTABLE, PROVIDER_REF_MESSAGE};

pub(super) fn spec_rules() -> Value {
    rules_at([
        (".providerRef", PROVIDER_REF_IMMUTABLE, PROVIDER_REF_MESSAGE),
        (
            ".clientID",
            "(has(self.clientID) ? self.clientID : '') == (has(oldSelf.clientID) ? oldSelf.clientID : '')",
            "clientID is immutable: the application would become another client; create another OidcApplication instead",
        ),
        (
            ".clientAuthentication",
            "(has(self.clientAuthentication) && has(self.clientAuthentication.clientSecret) && \
             has(self.clientAuthentication.clientSecret.target) && has(self.clientAuthentication.clientSecret.target.name) \
             ? self.clientAuthentication.clientSecret.target.name : '') == \
             (has(oldSelf.clientAuthentication) && has(oldSelf.clientAuthentication.clientSecret) && \
             has(oldSelf.clientAuthentication.clientSecret.target) && has(oldSelf.clientAuthentication.clientSecret.target.name) \
             ? oldSelf.clientAuthentication.clientSecret.target.name : '')",
            "clientSecret.target.name is immutable: the application reads that Secret; create another OidcApplication instead",
        ),
        (
            ".redirectURIs",
            "!self.grantTypes.exists(g, g == 'authorization_code' || g == 'implicit') || \
             (has(self.redirectURIs) && size(self.redirectURIs) > 0)",
            "redirectURIs is required with the grants authorization_code and implicit: add one, or take the grant out",
        ),
        (
            ".redirectURIs",
            "self.applicationType == 'Native' || !has(self.redirectURIs) || \
             self.redirectURIs.all(u, u.matches('^https?:'))",
            "a private-use scheme in redirectURIs needs applicationType Native",
        ),
        (
            ".responseTypes",
            "!has(self.responseTypes) || !self.responseTypes.exists(r, r.startsWith('code')) || \
             self.grantTypes.exists(g, g == 'authorization_code')",
            "a response type with code needs authorization_code in grantTypes",
        ),
        (
            ".responseTypes",
            "!has(self.responseTypes) || !self.responseTypes.exists(r, r != 'code') || \
             self.grantTypes.exists(g, g == 'implicit')",
            "a response type with id_token or token needs implicit in grantTypes",
        ),
        (
            ".scopes",
            "!self.grantTypes.exists(g, g == 'refresh_token') || self.scopes.exists(s, s == 'offline_access')",
            "the grant refresh_token needs offline_access in scopes: add it, and let clients ask for it",
        ),
        (
            ".grantTypes",
            "!self.grantTypes.exists(g, g == 'refresh_token') || self.grantTypes.exists(g, g in \
             ['authorization_code', 'password', 'urn:ietf:params:oauth:grant-type:device_code'])",
            "the grant refresh_token needs a grant that can yield a refresh token: authorization_code, password or device_code",
        ),
        (
            ".grantTypes",
            "self.clientAuthentication.type != 'None' || !self.grantTypes.exists(g, g in ['client_credentials', 'password'])",
            "a public client (clientAuthentication.type None) cannot have client_credentials or password: both need client authentication",
        ),
        (
            ".pkce",
            "self.clientAuthentication.type != 'None' || self.pkce == 'Required'",
            "a public client (clientAuthentication.type None) must require PKCE: set pkce to Required",
        ),
        (
            ".idToken.signingAlgorithm",
            "self.idToken.signingAlgorithm != 'HS256' || self.clientAuthentication.type == 'ClientSecret'",
            "HS256 needs clientAuthentication.type ClientSecret: the client secret is its key",
        ),
        (
            ".clientAuthentication",
            "self.idToken.signingAlgorithm != 'HS256' || !self.grantTypes.exists(g, g == 'implicit') || \
             self.grantTypes.exists(g, g == 'authorization_code') || !has(self.clientAuthentication.clientSecret) || \
             self.clientAuthentication.clientSecret.rotation.periodSeconds == 0",
            "an implicit-only application with HS256 needs clientSecret.rotation.periodSeconds 0: it never shows the server which secret it knows",
        ),
        (
            ".consent",
            "self.applicationType != 'Native' || self.consent == 'Required'",
            "a native application never skips consent: others on the device can pose as it (RFC 8252 §8.6); set consent to Required",
        ),
        (
            ".pairwise",
            "!has(self.pairwise) || self.subjectType == 'Pairwise'",
            "pairwise needs subjectType Pairwise: take it out or change subjectType",
        ),
        (
            ".pairwise",
            "self.subjectType != 'Pairwise' || (has(self.pairwise) && has(self.pairwise.sectorIdentifier)) || \
             (has(self.redirectURIs) && size(self.redirectURIs) > 0 && self.redirectURIs.all(u, \
             u.find('^[a-z0-9+.-]+://[^/:?]*') != '' && u.find('^[a-z0-9+.-]+://[^/:?]*') == \
             self.redirectURIs[0].find('^[a-z0-9+.-]+://[^/:?]*')))",
            "pairwise.sectorIdentifier is required unless all redirectURIs have one host (OpenID Connect Core §8.1)",
        ),
        (
            ".groupsClaim",
            "self.groupsClaim != 'Matching' || self.userAccess.type == 'Groups'",
            "groupsClaim Matching needs userAccess.type Groups: it releases the groups named there",
        ),
    ])
}
