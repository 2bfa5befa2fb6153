//! The client secret: derived, or taken from a Secret whose owner typed it for that.

use api::{ClientAuthentication, Reason};
use crypto::{Derivation, DeriveError, DerivedPurpose, Secret, SecretVerifier};
use oidc::ids::Uid;
use oidc::time::Time;
use oidc::uri::Issuer;

use super::Principal;
use crate::CredentialSecret;
use crate::credentials::Values;
use crate::inputs::{CLIENT_SECRET_INPUT_TYPE, Inputs, Mode, SecretInput};
use crate::provider::Able;
use crate::rotation::{Epoch, Rotation, Rotations};
use crate::verdict::Diagnostic;
use api::ObjectKey;

/// Where the client secret comes from.
#[derive(Debug)]
pub(crate) enum Source<'a> {
    /// There is none: a public client, or a reference that leads nowhere.
    None,
    /// It is derived.
    Generated,
    /// It is this one.
    Referenced(&'a Secret<Vec<u8>>),
}

impl<'a> Source<'a> {
    /// Follows the reference, if there is one.
    pub(super) fn of(
        inputs: &'a Inputs,
        application: &ObjectKey,
        path: &str,
        authentication: &ClientAuthentication,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Self {
        match authentication.type_ {
            api::ClientAuthenticationType::ClientSecret => {}
            api::ClientAuthenticationType::ServiceAccountToken
            | api::ClientAuthenticationType::PrivateKeyJwt
            | api::ClientAuthenticationType::None => return Self::None,
        }
        let secret = authentication.client_secret.as_ref();
        let reference = match secret.map(|secret| (secret.source, &secret.reference)) {
            None | Some((api::SecretSource::Generated, _)) => return Self::Generated,
            Some((api::SecretSource::Reference, reference)) => reference,
        };
        let mut refuse = |field: &str, message: String| {
            let path = format!("{path}.clientSecret.{field}");
            diagnostics.push(Diagnostic::new(Reason::SecretNotFoundOrWrongType, path, message));
            Self::None
        };
        let Some(reference) = reference else {
            return refuse("reference", "is required with source Reference".to_owned());
        };
        let (name, key) = (&reference.name, &reference.key);
        let content = match inputs.secrets.get(&ObjectKey::new(application.namespace.clone(), name.as_str())) {
            Some(SecretInput::ClientSecretInput(content)) => content,
            None if inputs.mode == Mode::Check => return Self::None,
            // One answer for none and for one of another type: whoever may not read Secrets learns nothing here.
            None | Some(SecretInput::UserPassword(_) | SecretInput::WrongType(_)) => {
                let message =
                    format!("there is no Secret `{name}` of type {CLIENT_SECRET_INPUT_TYPE} in this namespace");
                return refuse("reference.name", message);
            }
        };
        match content.get(key.as_str()) {
            None => refuse("reference.key", format!("Secret `{name}` has no key `{key}`")),
            Some(secret) if is_client_secret(secret.expose()) => Self::Referenced(secret),
            Some(_) => {
                let message = format!(
                    "key `{key}` of Secret `{name}` must hold 32 to 256 printable ASCII characters, without a line break at the end"
                );
                refuse("reference.key", message)
            }
        }
    }
}

fn is_client_secret(bytes: &[u8]) -> bool {
    (32..=256).contains(&bytes.len()) && bytes.iter().all(|byte| matches!(byte, b' '..=b'~'))
}

/// What a principal proves itself with.
#[derive(Debug, Default)]
pub(crate) struct Credentials {
    /// One for each live client secret, the newest first.
    pub(crate) verifiers: Vec<SecretVerifier>,
    /// When the one before the newest ends.
    pub(crate) previous_ends: Option<Time>,
    /// The client secrets themselves in the same order, where something is signed with them.
    pub(crate) shared: Vec<Secret<String>>,
    /// The Secret to write.
    pub(crate) secret: Option<CredentialSecret>,
}

/// What a principal proves itself with; none where a reference leads nowhere.
///
/// # Errors
/// The seed cannot make it.
pub(crate) fn credentials(
    application: (&ObjectKey, &Uid),
    principal: &Principal<'_>,
    issuer: &Issuer,
    able: Able<'_>,
    rotations: Option<&Rotations>,
) -> Result<Option<Credentials>, Diagnostic> {
    let (key, uid) = application;
    let Able { issuer: _, uid: provider_uid, material } = able;
    let Some(plan) = &principal.plan else { return Ok(Some(Credentials::default())) };
    let newest = material.seeds.newest();
    let rotation = rotations.map_or_else(
        || Rotation::begin(Epoch { generation: newest, epoch: 1 }),
        |rotations| rotations.of(principal.account, newest),
    );
    let derive = |Epoch { generation, epoch }, purpose, data_key: Option<&str>| {
        material.seeds.derive(&Derivation {
            generation,
            provider_uid: provider_uid.as_str(),
            purpose,
            application_uid: uid.as_str(),
            account: principal.account,
            data_key,
            epoch,
        })
    };
    let client_secret = |epoch| derive(epoch, DerivedPurpose::ClientSecret, None);
    let handed_out = rotation.next.unwrap_or(rotation.current());
    // The one that is to be handed out comes first.
    let generated = || -> Result<_, DeriveError> {
        let older = rotation.next.map(|_| rotation.current()).or(rotation.previous);
        let live = std::iter::once(handed_out).chain(older).map(client_secret).collect::<Result<Vec<_>, _>>()?;
        Ok((live.first().cloned(), live))
    };
    let live = match &principal.secret {
        Source::None => return Ok(None),
        Source::Referenced(secret) => match String::from_utf8(secret.expose().clone()) {
            Ok(text) => Ok((None, vec![Secret::new(text)])),
            Err(_) => return Ok(None),
        },
        Source::Generated => generated(),
    };
    let written = live.and_then(|(client_secret, live)| {
        let values = Values { client_id: &principal.client_id, client_secret: client_secret.as_ref(), issuer };
        let keys = rotation.keys_of(handed_out);
        let data = plan.render(&values, |key| derive(keys, DerivedPurpose::DerivedKey, Some(key)))?;
        Ok((live, data))
    });
    let (live, data) = written.map_err(|error| {
        Diagnostic::new(Reason::SeedMissing, format!("{}.clientSecret", principal.path), error.to_string())
    })?;
    let settings = principal.authentication.client_secret.as_ref().map(|secret| &secret.rotation);
    let ends = rotation.previous_ends(settings).filter(|_| rotation.next.is_none() && live.len() > 1);
    let place = (principal.account, principal.path.as_str());
    let secret = plan.secret(key, uid, place, (handed_out.epoch, rotation.next.is_some()), data);
    let verifier = |secret: &Secret<String>| SecretVerifier::new(&material.server_keys, &principal.client_id, secret);
    Ok(Some(Credentials {
        verifiers: live.iter().map(verifier).collect(),
        previous_ends: ends.map(Time::from_secs),
        shared: if principal.signs_with_secret { live } else { Vec::new() },
        secret: (!principal.name_is_taken).then_some(secret),
    }))
}
