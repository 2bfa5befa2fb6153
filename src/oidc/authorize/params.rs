//! OIDC Core §3.1.2.1: the parameters of an authorization request. Unknown ones are ignored (RFC 6749 §3.1).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::form::Form;

macro_rules! parameters {
    ($($variant:ident = $wire:literal, $max:literal;)*) => {
        /// A parameter that this server reads.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Param { $(#[doc = concat!("`", $wire, "`")] #[serde(rename = $wire)] $variant),* }

        impl Param {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $wire),* }
            }

            /// Bytes of the value at the most.
            pub const fn max_length(self) -> usize {
                match self { $(Self::$variant => $max),* }
            }
        }
    };
}

parameters! {
    AcrValues = "acr_values", 512;
    Claims = "claims", 4096;
    ClientId = "client_id", 256;
    CodeChallenge = "code_challenge", 128;
    CodeChallengeMethod = "code_challenge_method", 16;
    Display = "display", 32;
    IdTokenHint = "id_token_hint", 8192;
    LoginHint = "login_hint", 256;
    MaxAge = "max_age", 16;
    Nonce = "nonce", 1024;
    Prompt = "prompt", 128;
    RedirectUri = "redirect_uri", 1024;
    Registration = "registration", 4096;
    Request = "request", 8192;
    RequestUri = "request_uri", 1024;
    Resource = "resource", 1024;
    ResponseMode = "response_mode", 32;
    ResponseType = "response_type", 64;
    Scope = "scope", 4096;
    State = "state", 4096;
    UiLocales = "ui_locales", 256;
}

/// The parameters of one request. Of what was sent twice or was too long only that fact is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Params {
    #[serde(rename = "v", default, skip_serializing_if = "BTreeMap::is_empty")]
    values: BTreeMap<Param, String>,
    #[serde(rename = "d", default, skip_serializing_if = "BTreeSet::is_empty")]
    duplicates: BTreeSet<Param>,
    #[serde(rename = "l", default, skip_serializing_if = "BTreeSet::is_empty")]
    too_long: BTreeSet<Param>,
}

impl Params {
    /// Takes the known parameters out of a form.
    pub fn read(form: &mut Form) -> Self {
        let mut params = Self::default();
        for param in Param::ALL.iter().copied() {
            if form.duplicates().contains(param.as_str()) {
                params.duplicates.insert(param);
            }
            match form.take_text(param.as_str()) {
                Some(value) if value.len() > param.max_length() => {
                    params.too_long.insert(param);
                }
                Some(value) => {
                    params.values.insert(param, value);
                }
                None => {}
            }
        }
        params
    }

    /// The value, where it was sent once and fits.
    pub fn get(&self, param: Param) -> Option<&str> {
        self.values.get(&param).map(String::as_str)
    }

    /// The first parameter that was sent more than once. RFC 8707 §2 lets a client name several resources: that is a
    /// matter for the check of targets.
    pub(super) fn duplicate(&self) -> Option<Param> {
        self.duplicates.iter().copied().find(|param| *param != Param::Resource)
    }

    /// The first parameter whose value was too long.
    pub(super) fn too_long(&self) -> Option<Param> {
        self.too_long.iter().copied().next()
    }

    /// Whether the parameter was sent, in whatever form.
    pub(super) fn sent(&self, param: Param) -> bool {
        self.values.contains_key(&param) || self.duplicates.contains(&param) || self.too_long.contains(&param)
    }

    /// Whether the parameter was sent in a form that cannot be used.
    pub(super) fn spoiled(&self, param: Param) -> bool {
        self.duplicates.contains(&param) || self.too_long.contains(&param)
    }
}
