//! OIDC Core §8.1: the sector of an application, and the key from which the subjects of that sector are made.

use std::collections::BTreeSet;

use api::{OidcApplicationSpec, Reason, SubjectType};
use crypto::{Derivation, DerivedPurpose, Secret};
use oidc::uri::RedirectUri;

use super::Application;
use crate::inputs::ProviderMaterial;
use crate::provider::Provider;
use crate::verdict::Diagnostic;

/// The host that it names, or the one that all its redirect URIs have; none where subjects are public.
///
/// # Errors
/// Neither: the schema says so, and a stored object may be older than the schema.
pub(super) fn sector(spec: &OidcApplicationSpec, redirect_uris: &[RedirectUri]) -> Result<Option<String>, Diagnostic> {
    match spec.subject_type {
        SubjectType::Public => return Ok(None),
        SubjectType::Pairwise => {}
    }
    if let Some(host) = spec.pairwise.as_ref().and_then(|pairwise| pairwise.sector_identifier.as_ref()) {
        return Ok(Some(host.to_lowercase()));
    }
    let hosts: BTreeSet<Option<String>> = redirect_uris.iter().map(|uri| uri.host().map(str::to_lowercase)).collect();
    let mut hosts = hosts.into_iter();
    if let (Some(host), None) = (hosts.next().flatten(), hosts.next()) {
        return Ok(Some(host));
    }
    let message = "is required unless all redirectURIs have one host";
    Err(Diagnostic::new(Reason::UnsupportedValue, "spec.pairwise.sectorIdentifier", message))
}

/// The key of its sector, if it has one. It is derived from the oldest generation of the seed and of no epoch: nothing
/// that is rotated may make everybody somebody else.
///
/// # Errors
/// The seed cannot make it.
pub(crate) fn sector_key(
    application: &Application<'_>,
    provider: &Provider<'_>,
    material: &ProviderMaterial,
) -> Result<Option<Secret<String>>, Diagnostic> {
    let (Some(sector), Some(provider_uid)) = (&application.sector, &provider.uid) else { return Ok(None) };
    let derivation = Derivation {
        generation: material.seeds.oldest(),
        provider_uid: provider_uid.as_str(),
        purpose: DerivedPurpose::SectorKey,
        application_uid: "",
        account: None,
        data_key: Some(sector),
        epoch: 0,
    };
    let key = material.seeds.derive(&derivation);
    key.map(Some).map_err(|error| Diagnostic::new(Reason::SeedMissing, "spec.subjectType", error.to_string()))
}
