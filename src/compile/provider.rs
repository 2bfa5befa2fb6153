//! An OidcProvider: its issuer, its policies, and whether there are keys to sign with.

use std::collections::BTreeMap;

use api::{ConditionType, ObjectKey, OidcProvider, OidcProviderSpec, Reason, SessionManagement, SigningAlgorithm};
use crypto::{Algorithm, KeyRing, KeyState};
use oidc::catalog::RealmSettings;
use oidc::ids::Uid;
use oidc::uri::Issuer;

use crate::inputs::{Inputs, Mode, ProviderMaterial};
use crate::policy::{Allowances, NamespaceLabels, application_policies, selects};
use crate::text::disguise;
use crate::unsupported;
use crate::verdict::{Diagnostic, KeyFacts};

/// A provider under judgement.
#[derive(Debug)]
pub(crate) struct Provider<'a> {
    pub(crate) key: &'a ObjectKey,
    pub(crate) object: &'a OidcProvider,
    pub(crate) uid: Option<Uid>,
    /// Absent where it cannot be read.
    pub(crate) issuer: Option<Issuer>,
    policies: Vec<Allowances>,
    pub(crate) material: Option<&'a ProviderMaterial>,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// What a provider serves with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Able<'p> {
    pub(crate) issuer: &'p Issuer,
    pub(crate) uid: &'p Uid,
    pub(crate) material: &'p ProviderMaterial,
}

impl<'a> Provider<'a> {
    /// Judges a provider by itself.
    pub(crate) fn judge(inputs: &'a Inputs, key: &'a ObjectKey, object: &'a OidcProvider) -> Self {
        let mut diagnostics = Vec::new();
        let spec = &object.spec;
        let issuer = match Issuer::parse(&spec.issuer) {
            Ok(issuer) => Some(issuer),
            Err(error) => {
                diagnostics.push(Diagnostic::new(Reason::UnsupportedValue, "spec.issuer", error.to_string()));
                None
            }
        };
        if let Some(message) = spec.display_name.as_ref().and_then(|name| disguise(name)) {
            diagnostics.push(Diagnostic::new(Reason::UnsupportedValue, "spec.displayName", message));
        }
        if !spec.signing.algorithms.contains(&SigningAlgorithm::RS256) {
            let message = "must contain RS256: OpenID Connect Discovery §3 requires it of every provider";
            diagnostics.push(Diagnostic::new(Reason::UnsupportedValue, "spec.signing.algorithms", message));
        }
        diagnostics.extend(unsupported::provider(spec));
        let material = match inputs.mode {
            Mode::Check => None,
            Mode::Cluster | Mode::Standalone => inputs.materials.get(key),
        };
        if inputs.mode != Mode::Check {
            keys(spec, material, &mut diagnostics);
        }
        Self {
            key,
            object,
            uid: object.metadata.uid.clone().map(Uid::new),
            issuer,
            policies: application_policies(spec),
            material,
            diagnostics,
        }
    }

    /// Whether nothing speaks against it but, maybe, its keys.
    pub(crate) fn accepted(&self) -> bool {
        self.diagnostics.iter().all(|diagnostic| diagnostic.condition != ConditionType::Accepted)
    }

    /// What it serves with, if it can serve anybody: every relying party may count on RS256 (OIDC Discovery §3).
    pub(crate) fn able(&self) -> Option<Able<'_>> {
        let (issuer, uid, material) = (self.issuer.as_ref()?, self.uid.as_ref()?, self.material?);
        let able = self.accepted() && material.signing.signing(Algorithm::RS256).is_some();
        able.then_some(Able { issuer, uid, material })
    }

    /// The application policies that speak of a namespace.
    pub(crate) fn policies_for(&self, namespace: NamespaceLabels<'_>) -> Vec<&Allowances> {
        let speaks = |allowances: &&Allowances| selects(&allowances.policy.namespaces, &self.key.namespace, namespace);
        self.policies.iter().filter(speaks).collect()
    }

    /// Whether it keeps keys of an algorithm.
    pub(crate) fn lists(&self, algorithm: Algorithm) -> bool {
        self.object.spec.signing.algorithms.iter().any(|listed| algorithm_of(*listed) == algorithm)
    }

    /// The name on its pages.
    pub(crate) fn display_name(&self) -> String {
        let host = || self.issuer.as_ref().map(|issuer| issuer.host().to_owned()).unwrap_or_default();
        self.object.spec.display_name.as_ref().map_or_else(host, ToString::to_string)
    }

    /// What it sets for its issuers.
    pub(crate) fn settings(&self) -> RealmSettings {
        let OidcProviderSpec { signing, tokens, sessions, session_management, .. } = &self.object.spec;
        RealmSettings {
            code_seconds: tokens.authorization_code_lifetime_seconds,
            session_seconds: sessions.lifetime_seconds,
            session_idle_seconds: sessions.idle_seconds,
            jwks_max_age_seconds: signing.jwks_max_age_seconds,
            session_management: *session_management == SessionManagement::Enabled,
        }
    }

    /// What its status shows of its keys.
    pub(crate) fn key_facts(&self) -> Vec<KeyFacts> {
        let retire = self.object.spec.signing.retire_seconds;
        let ring = self.material.map(|material| &material.signing);
        ring.into_iter()
            .flat_map(KeyRing::keys)
            .map(|key| KeyFacts {
                key_id: key.key.kid().to_string(),
                algorithm: key.key.algorithm(),
                state: key.state,
                since: key.since,
                remove_at: (key.state == KeyState::Retiring).then(|| key.since.saturating_add(retire)),
            })
            .collect()
    }
}

/// Whether each algorithm has a key to sign with.
fn keys(spec: &OidcProviderSpec, material: Option<&ProviderMaterial>, diagnostics: &mut Vec<Diagnostic>) {
    let Some(material) = material else {
        let message = "the signing keys are not there yet: wait for them to be made, or restore them from a backup";
        diagnostics.push(Diagnostic::new(Reason::KeySecretMissing, "spec.signing", message));
        return;
    };
    for (index, algorithm) in spec.signing.algorithms.iter().enumerate() {
        if material.signing.signing(algorithm_of(*algorithm)).is_none() {
            let message = format!("no {algorithm} key is active: tokens with it cannot be signed until one is");
            let path = format!("spec.signing.algorithms[{index}]");
            diagnostics.push(Diagnostic::new(Reason::NoActiveKey, path, message));
        }
    }
}

/// The algorithm by the name that a manifest uses.
pub(crate) const fn algorithm_of(algorithm: SigningAlgorithm) -> Algorithm {
    match algorithm {
        SigningAlgorithm::RS256 => Algorithm::RS256,
        SigningAlgorithm::PS256 => Algorithm::PS256,
        SigningAlgorithm::ES256 => Algorithm::ES256,
        SigningAlgorithm::ES384 => Algorithm::ES384,
        SigningAlgorithm::EdDSA => Algorithm::EdDSA,
    }
}

/// The providers, by namespace and name.
pub(crate) type Providers<'a> = BTreeMap<&'a ObjectKey, Provider<'a>>;
