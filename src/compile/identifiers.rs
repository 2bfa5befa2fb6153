//! Client IDs, subjects, audiences and issuers: one text is one of these, of one object.
//!
//! Beyond what [`crate::across`] says of names, a client ID that somebody chose and an audience stay with the namespace that
//! had them for a while after they were given up: those who trust the text are slower than whoever waits for it.

use std::collections::BTreeMap;

use api::{Kind, ObjectKey, Reason};
use oidc::ids::Uid;

use crate::across::{Age, Claim, Identifier, Reach, settle_identifiers};
use crate::compilation::World;
use crate::inputs::Inputs;
use crate::names::{Held, Name, Names, Room};
use crate::text::looks_derived;
use crate::verdict::{Diagnostic, ObjectRef};

type Claimed<'a> = (Claim<'a, Identifier<'a>>, Reach<'a>);

/// Judges the claims of all objects. Returns the names that are held, by provider.
pub(crate) fn settle(inputs: &Inputs, world: &mut World<'_>) -> BTreeMap<ObjectKey, Held> {
    let (reserved, claims): (Vec<Claimed<'_>>, Vec<Claimed<'_>>) =
        claims(inputs, world).into_iter().partition(|(claim, reach)| is_reserved(inputs, claim, *reach));
    let reserved: Vec<_> = reserved.iter().map(|(claim, _)| (claim.object(), claim.name.text.to_owned())).collect();
    let losers = settle_identifiers(claims.clone());
    let won = |claim: &Claim<'_, Identifier<'_>>| !losers.contains_key(&(claim.object(), claim.name.text));
    let mut winners: Vec<_> = claims.into_iter().filter(|(claim, _)| won(claim)).collect();
    let crowd = crowd(&mut winners);
    let names = held(world, winners.iter());
    let losers: Vec<_> = losers.into_iter().map(|((loser, text), holder)| (loser, text.to_owned(), holder)).collect();
    for (resource, message) in crowd {
        if let Some(resource) = world.resources.get_mut(&resource) {
            resource.diagnostics.insert(0, Diagnostic::new(Reason::UnsupportedValue, "spec.audience", message));
        }
    }
    for (loser, text) in reserved {
        refuse(world, &loser, &text, None);
    }
    for (loser, text, holder) in losers {
        refuse(world, &loser, &text, Some(&holder));
    }
    names
}

/// Whether a name is another namespace's, who has it or had it until a while ago.
fn is_reserved(inputs: &Inputs, claim: &Claim<'_, Identifier<'_>>, reach: Reach<'_>) -> bool {
    let others =
        |names: &Names| names.get(claim.name.text).is_some_and(|name| name.namespace != claim.age.key().namespace);
    match reach {
        Reach::Provider(provider) => claim.kind != Kind::OidcProvider && inputs.names.get(provider).is_some_and(others),
        Reach::Namespace => {
            inputs.names.iter().any(|(provider, names)| provider.namespace == claim.name.namespace && others(names))
        }
    }
}

/// Takes out the audiences for which there is no room in the table of names, which is one object: whoever could fill it up
/// would keep the provider from ever changing again. Who has one keeps it, and then the older ones come first.
fn crowd(winners: &mut Vec<Claimed<'_>>) -> Vec<(ObjectKey, String)> {
    winners.sort_by(|(one, _), (other, _)| one.age.cmp(&other.age));
    let mut room: BTreeMap<&ObjectKey, Room> = BTreeMap::new();
    let mut out = Vec::new();
    winners.retain(|(claim, reach)| {
        let (Reach::Provider(provider), Kind::OidcResource) = (*reach, claim.kind) else { return true };
        let key = claim.age.key();
        match room.entry(provider).or_default().take(&key.namespace, claim.name.text) {
            Ok(()) => true,
            Err(full) => {
                out.push((key.clone(), full.to_string()));
                false
            }
        }
    });
    out
}

fn held<'c>(world: &World<'_>, winners: impl Iterator<Item = &'c Claimed<'c>>) -> BTreeMap<ObjectKey, Held> {
    let mut all: BTreeMap<ObjectKey, Held> = BTreeMap::new();
    for (claim, reach) in winners {
        let (Reach::Provider(provider), Some(uid)) = (reach, claim.age.uid()) else { continue };
        let name = Name { namespace: claim.age.key().namespace.clone(), uid: Uid::new(uid), until: None };
        let here = all.entry((*provider).clone()).or_default();
        let names = match claim.kind {
            Kind::OidcApplication if is_issuer(world, claim.age.key(), claim.name.text) => &mut here.issuers,
            Kind::OidcApplication if !looks_derived(claim.name.text) => &mut here.client_ids,
            Kind::OidcResource => &mut here.audiences,
            Kind::OidcApplication | Kind::OidcProvider | Kind::OidcUser | Kind::OidcGroup => continue,
        };
        names.insert(claim.name.text.to_owned(), name);
    }
    all
}

/// Whether this is the issuer of the application, and not its client ID.
fn is_issuer(world: &World<'_>, application: &ObjectKey, text: &str) -> bool {
    let application = world.applications.get(application);
    application.is_some_and(|application| application.own.client_id != text)
}

fn claims<'w>(inputs: &Inputs, world: &'w World<'_>) -> Vec<Claimed<'w>> {
    let has = |uid: Option<&Uid>, text: &str| inputs.holds(uid, |held| held.identifiers.contains(text));
    let mut claims = Vec::new();
    for provider in world.providers.values() {
        if let Some(issuer) = &provider.issuer {
            let name = Identifier { namespace: &provider.key.namespace, text: issuer.as_str() };
            let claim = Claim { name, age: Age::ever(provider.key), kind: Kind::OidcProvider };
            claims.push((claim, Reach::Provider(provider.key)));
        }
    }
    for user in world.users.values() {
        // A subject that poses as a client ID is refused, and must not take that ID from its client.
        if let Some(subject) = user.subject.as_ref().filter(|subject| !looks_derived(subject)) {
            let name = Identifier { namespace: &user.key.namespace, text: subject };
            let age = Age::of(&user.object.metadata, user.key).holding(has(user.uid.as_ref(), subject));
            claims.push((Claim { name, age, kind: Kind::OidcUser }, Reach::Namespace));
        }
    }
    for application in world.applications.values() {
        if let Some(attached) = application.attached.as_ref().filter(|attached| attached.may_hold_client_id) {
            let name = Identifier { namespace: &attached.provider.namespace, text: &application.own.client_id };
            let holds = has(application.uid.as_ref(), &application.own.client_id);
            let age = Age::of(&application.object.metadata, application.key).holding(holds);
            claims.push((Claim { name, age, kind: Kind::OidcApplication }, Reach::Provider(attached.provider)));
        }
        if let Some(attached) = application.attached.as_ref().filter(|attached| attached.may_hold_issuer)
            && let Some(issuer) = attached.issuer.as_ref().filter(|issuer| issuer.as_str() != application.own.client_id)
        {
            let name = Identifier { namespace: &attached.provider.namespace, text: issuer.as_str() };
            let holds = has(application.uid.as_ref(), issuer.as_str());
            let age = Age::of(&application.object.metadata, application.key).holding(holds);
            claims.push((Claim { name, age, kind: Kind::OidcApplication }, Reach::Provider(attached.provider)));
        }
    }
    for resource in world.resources.values() {
        if let (Some(provider), true) = (resource.provider, resource.policy_name.is_some()) {
            let audience = resource.object.spec.audience.as_str();
            let name = Identifier { namespace: &provider.namespace, text: audience };
            let uid = resource.object.metadata.uid.clone().map(Uid::new);
            let age = Age::of(&resource.object.metadata, resource.key).holding(has(uid.as_ref(), audience));
            claims.push((Claim { name, age, kind: Kind::OidcResource }, Reach::Provider(provider)));
        }
    }
    claims
}

/// Tells the loser. The holder may be another tenant's, and is not named.
fn refuse(world: &mut World<'_>, loser: &ObjectRef, text: &str, holder: Option<&ObjectRef>) {
    const RESERVED: &str = "was another namespace's until a short while ago and is kept for it for an hour";
    match loser.kind {
        Kind::OidcUser => {
            let Some(user) = world.users.get_mut(&loser.key) else { return };
            let message = match holder {
                Some(holder) if holder.kind == Kind::OidcUser => {
                    format!("is already the subject of OidcUser `{}`: choose another, or leave it out", holder.key.name)
                }
                Some(_) | None => {
                    "is already the name of a client, an API or an issuer: choose another, or leave it out".to_owned()
                }
            };
            user.diagnostics.insert(0, Diagnostic::new(Reason::SubjectConflict, "spec.subject", message));
        }
        Kind::OidcApplication if is_issuer(world, &loser.key, text) => {
            let Some(application) = world.applications.get_mut(&loser.key) else { return };
            // A host that is another issuer's was told already.
            if application.diagnostics.iter().any(|diagnostic| diagnostic.reason == Reason::IssuerConflict) {
                return;
            }
            let message = match holder {
                Some(_) => "the issuer on this host is already the name of something else at this provider: choose another host".to_owned(),
                None => format!("the issuer on this host {RESERVED}: choose another host, or wait"),
            };
            application.diagnostics.insert(0, Diagnostic::new(Reason::IssuerConflict, "spec.issuer.host", message));
        }
        Kind::OidcApplication => {
            let Some(application) = world.applications.get_mut(&loser.key) else { return };
            let path = if application.object.spec.client_id.is_some() { "spec.clientID" } else { "metadata.name" };
            let id = &application.own.client_id;
            let message = match holder {
                Some(_) => format!("client ID `{id}` is already taken at this provider: choose another"),
                None => format!("client ID `{id}` {RESERVED}: choose another, or wait"),
            };
            application.diagnostics.insert(0, Diagnostic::new(Reason::ClientIDConflict, path, message));
        }
        Kind::OidcResource => {
            let Some(resource) = world.resources.get_mut(&loser.key) else { return };
            let message = match holder {
                Some(_) => "this audience is already taken at this provider: choose another".to_owned(),
                None => format!("this audience {RESERVED}: choose another, or wait"),
            };
            resource.diagnostics.insert(0, Diagnostic::new(Reason::AudienceConflict, "spec.audience", message));
        }
        // Groups claim no identifier, and a provider is always the first to claim its issuer.
        Kind::OidcProvider | Kind::OidcGroup => {}
    }
}
