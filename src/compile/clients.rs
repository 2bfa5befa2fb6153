//! The clients that are served, and the Secrets that go with them.
//!
//! An application and each of its accounts prove themselves by what is their own: one whose proof leads nowhere is not
//! served, and the others are. A Secret is there for a client that is served, and for no other: what nobody would accept is
//! not handed out.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::{ObjectKey, Reason};
use crypto::Secret;
use oidc::client::Client;
use oidc::ids::Uid;

use crate::CredentialSecret;
use crate::application::{Application, Attached, Credentials, account_client, client, credentials, sector_key};
use crate::compilation::World;
use crate::inputs::{Epoch, Inputs, Mode};
use crate::provider::{Able, Provider};
use crate::verdict::Diagnostic;

/// By provider.
pub(crate) type Clients = BTreeMap<ObjectKey, Vec<Arc<Client>>>;

/// By namespace and name.
pub(crate) type Secrets = BTreeMap<ObjectKey, CredentialSecret>;

/// The clients of each provider that can serve any, and the Secrets of their applications.
pub(crate) fn clients(inputs: &Inputs, world: &mut World<'_>) -> (Clients, Secrets) {
    let mut clients = Clients::new();
    let mut secrets = Secrets::new();
    for application in world.applications.values_mut().filter(|application| application.accepted()) {
        let attached = application.attached.as_ref().and_then(|attached| world.providers.get(attached.provider));
        let (Some(provider), Some(uid)) = (attached, application.uid.clone()) else { continue };
        if provider.material.is_none() {
            if application.principals().any(|principal| principal.plan.is_some()) && inputs.mode != Mode::Check {
                let message = "the seed of derived secrets is not there yet: wait for it, or restore it from a backup";
                let path = "spec.clientAuthentication.clientSecret";
                application.diagnostics.push(Diagnostic::new(Reason::SeedMissing, path, message));
            }
            continue;
        }
        let Some(able) = provider.able() else { continue };
        let epoch = inputs.epochs.get(&uid).copied();
        let principals = application.principals().count();
        let mut proofs: Vec<_> =
            (0..principals).map(|index| proved(application, index, (provider, able), epoch)).collect();
        let sector_key = sector_key(application, provider, able.material).unwrap_or_else(|diagnostic| {
            application.diagnostics.push(diagnostic);
            // It is not served; its accounts know no people.
            proofs.first_mut().and_then(Option::take);
            None
        });
        if !application.can_be_signed(&able.material.signing) {
            continue;
        }
        let Some(attached) = &application.attached else { continue };
        for (client, secret) in served(application, attached, &uid, (proofs, sector_key)) {
            clients.entry(provider.key.clone()).or_default().push(Arc::new(client));
            secrets.extend(secret);
        }
    }
    (clients, secrets)
}

/// What one of its principals proves itself with; none where it cannot.
fn proved(
    application: &mut Application<'_>,
    index: usize,
    (provider, able): (&Provider<'_>, Able<'_>),
    epoch: Option<Epoch>,
) -> Option<Credentials> {
    let (principal, uid) = (application.principals().nth(index)?, application.uid.as_ref()?);
    match credentials((application.key, uid), principal, provider, able.material, epoch) {
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
