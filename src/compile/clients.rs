//! The clients that are served, and the Secrets that go with them.
//!
//! An application and each of its accounts prove themselves by what is their own: one whose proof leads nowhere is not
//! served, and the others are. A Secret is there for a client that is served, and for no other: what nobody would accept is
//! not handed out.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::{ConditionType, ObjectKey, Reason};
use crypto::{KeyRing, Secret};
use oidc::client::Client;
use oidc::ids::Uid;
use oidc::uri::Issuer;

use crate::CredentialSecret;
use crate::application::{Application, Attached, Credentials, account_client, client, credentials, sector_key};
use crate::compilation::World;
use crate::inputs::{Inputs, Mode};
use crate::provider::Able;
use crate::record::size;
use crate::rotation::Rotations;
use crate::verdict::Diagnostic;

/// By provider.
pub(crate) type Clients<'i> = BTreeMap<ObjectKey, AtProvider<'i>>;

/// The clients of one provider.
#[derive(Debug, Default)]
pub(crate) struct AtProvider<'i> {
    /// At its own issuer.
    pub(crate) shared: Vec<Arc<Client>>,
    /// At issuers of applications' own.
    pub(crate) dedicated: Vec<Dedicated<'i>>,
}

/// An application with an issuer of its own.
#[derive(Debug)]
pub(crate) struct Dedicated<'i> {
    pub(crate) issuer: Issuer,
    pub(crate) keys: &'i KeyRing,
    /// The application and its accounts.
    pub(crate) clients: Vec<Arc<Client>>,
}

/// By namespace and name.
pub(crate) type Secrets = BTreeMap<ObjectKey, CredentialSecret>;

/// The clients of each provider that can serve any, and the Secrets of their applications.
pub(crate) fn clients<'i>(inputs: &'i Inputs, world: &mut World<'_>) -> (Clients<'i>, Secrets) {
    let mut clients = Clients::new();
    let mut secrets = Secrets::new();
    let World { providers, applications, .. } = world;
    for application in applications.values_mut().filter(|application| application.accepted()) {
        let attached = application.attached.as_ref().and_then(|attached| providers.get(attached.provider));
        let Some(provider) = attached else { continue };
        if inputs.mode == Mode::Check {
            review(application);
            continue;
        }
        let Some(uid) = application.uid.clone() else { continue };
        if provider.material.is_none() {
            if application.principals().any(|principal| principal.plan.is_some()) {
                let message = "the seed of derived secrets is not there yet: wait for it, or restore it from a backup";
                let path = "spec.clientAuthentication.clientSecret";
                application.diagnostics.push(Diagnostic::new(Reason::SeedMissing, path, message));
            }
            continue;
        }
        let Some(able) = provider.able() else { continue };
        let issuer = application.attached.as_ref().and_then(|attached| attached.issuer.clone());
        let own = issuer.map(|issuer| (issuer, inputs.issuer_keys.get(&uid)));
        if let Some((_, None)) = own {
            let message = "the signing keys of this issuer are being made";
            application.diagnostics.push(Diagnostic::pending(ConditionType::Programmed, "spec.issuer.host", message));
            continue;
        }
        let own = own.and_then(|(issuer, keys)| Some((issuer, keys?)));
        let rotations = inputs.rotations.get(&uid);
        let principals = application.principals().count();
        let mut proofs: Vec<_> = (0..principals).map(|index| proved(application, index, able, rotations)).collect();
        let sector_key = sector_key(application, provider, able.material).unwrap_or_else(|diagnostic| {
            application.diagnostics.push(diagnostic);
            // It is not served; its accounts know no people.
            proofs.first_mut().and_then(Option::take);
            None
        });
        if !application.can_be_signed(own.as_ref().map_or(&able.material.signing, |(_, keys)| *keys)) {
            continue;
        }
        let Some(attached) = &application.attached else { continue };
        let served = served(application, attached, &uid, (proofs, sector_key));
        if let Some(too_large) = too_large(application, served.iter().map(|(client, _)| client)) {
            application.diagnostics.insert(0, too_large);
            continue;
        }
        let (all, written): (Vec<_>, Vec<_>) = served.into_iter().unzip();
        secrets.extend(written.into_iter().flatten());
        let all = all.into_iter().map(Arc::new);
        let here = clients.entry(provider.key.clone()).or_default();
        match own {
            None => here.shared.extend(all),
            Some((issuer, keys)) => here.dedicated.push(Dedicated { issuer, keys, clients: all.collect() }),
        }
    }
    (clients, secrets)
}

/// What one of its principals proves itself with; none where it cannot.
fn proved(
    application: &mut Application<'_>,
    index: usize,
    able: Able<'_>,
    rotations: Option<&Rotations>,
) -> Option<Credentials> {
    let (principal, uid) = (application.principals().nth(index)?, application.uid.as_ref()?);
    let issuer = application.attached.as_ref()?.issuer.as_ref().unwrap_or(able.issuer);
    match credentials((application.key, uid), principal, issuer, able, rotations) {
        Ok(found) => found,
        Err(diagnostic) => {
            application.diagnostics.push(diagnostic);
            None
        }
    }
}

/// The clients of an application that prove themselves, each with the Secret to write for it. `proofs` are in the order of
/// its principals.
fn served(
    application: &Application<'_>,
    attached: &Attached<'_>,
    uid: &Uid,
    (proofs, sector_key): (Vec<Option<Credentials>>, Option<Secret<String>>),
) -> Vec<(Client, Option<(ObjectKey, CredentialSecret)>)> {
    let secret = |credentials: &mut Credentials, index| {
        let plan = application.principals().nth(index)?.plan.as_ref()?;
        Some((ObjectKey::new(application.key.namespace.clone(), plan.name.clone()), credentials.secret.take()?))
    };
    let mut proofs = proofs.into_iter();
    let own = proofs.next().flatten();
    let is_served = own.is_some();
    let mut own = own.unwrap_or_default();
    let own_secret = secret(&mut own, 0);
    // What accounts have of their application they have whether or not it can prove itself.
    let own = client(application, attached, uid, own, sector_key);
    let mut all = Vec::new();
    for (index, (account, proof)) in application.accounts.iter().zip(proofs).enumerate() {
        let Some(mut proof) = proof else { continue };
        let secret = secret(&mut proof, index + 1);
        all.push((account_client(&own, account, uid, proof), secret));
    }
    if is_served {
        all.push((own, own_secret));
    }
    all
}

/// Without keys nobody proves anything, and what would be served has the same size.
fn review(application: &mut Application<'_>) {
    let Some(attached) = &application.attached else { return };
    let proofs = application.principals().map(|_| Some(Credentials::default())).collect();
    let served = served(application, attached, &Uid::new(""), (proofs, None));
    let too_large = too_large(application, served.iter().map(|(client, _)| client));
    application.diagnostics.splice(0..0, too_large);
}

/// Whether the record of an application would be too large to be written, and what takes the most room in it.
fn too_large<'c>(application: &Application<'_>, clients: impl Iterator<Item = &'c Client>) -> Option<Diagnostic> {
    let has_issuer = application.attached.as_ref().is_some_and(|attached| attached.issuer.is_some());
    let (mut own, mut accounts, mut template) = (if has_issuer { size::ISSUER } else { 0 }, 0, None);
    for client in clients {
        let room = size::of_client(client);
        match client.account {
            None => own += room,
            Some(_) => accounts += room,
        }
        template = Some(client);
    }
    let (bytes, max) = (own + accounts, size::MAX);
    let client = template.filter(|_| bytes > max)?;
    let parts = [
        ("spec.programmaticAccess", accounts, "have fewer accounts, or put some into an application of their own"),
        ("spec.claims", size::kept(&client.extra_claims), "have fewer or shorter claims"),
        ("spec.redirectURIs", size::kept(&client.redirect_uris), "have fewer or shorter addresses"),
        (
            "spec.resources",
            size::kept(&client.resources),
            "ask for fewer APIs, or have their owners shorten descriptions",
        ),
        ("spec.clientAuthentication", size::kept(&client.authentication), "have fewer keys"),
    ];
    let (path, _, remedy) = parts.into_iter().max_by_key(|(_, room, _)| *room)?;
    let message = format!(
        "what servers have to know of this application takes {bytes} octets, and at most {max} can be stored; this takes \
         the most: {remedy}"
    );
    Some(Diagnostic::new(Reason::UnsupportedValue, path, message))
}
