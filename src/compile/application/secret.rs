//! The client secret: derived, or taken from a Secret whose owner typed it for that.

use api::{OidcApplicationSpec, Reason};
use crypto::{Derivation, DerivedPurpose, Secret, SecretVerifier};
use oidc::ids::Uid;

use super::Application;
use crate::CredentialSecret;
use crate::credentials::Values;
use crate::inputs::{CLIENT_SECRET_INPUT_TYPE, Epoch, Inputs, Mode, ProviderMaterial, SecretInput};
use crate::provider::Provider;
use crate::verdict::Diagnostic;
use api::ObjectKey;

const SOURCE: &str = "spec.clientAuthentication.clientSecret";

/// Where the client secret comes from.
#[derive(Debug)]
pub(crate) enum SecretSource<'a> {
    /// There is none: a public client, or a reference that leads nowhere.
    None,
    /// It is derived.
    Generated,
    /// It is this one.
    Referenced(&'a Secret<Vec<u8>>),
}

impl<'a> SecretSource<'a> {
    /// Follows the reference, if there is one.
    pub(super) fn of(
        inputs: &'a Inputs,
        application: &ObjectKey,
        spec: &OidcApplicationSpec,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Self {
        match spec.client_authentication.type_ {
            api::ClientAuthenticationType::ClientSecret => {}
            api::ClientAuthenticationType::ServiceAccountToken
            | api::ClientAuthenticationType::PrivateKeyJwt
            | api::ClientAuthenticationType::None => return Self::None,
        }
        let secret = spec.client_authentication.client_secret.as_ref();
        let reference = match secret.map(|secret| (secret.source, &secret.reference)) {
            None | Some((api::SecretSource::Generated, _)) => return Self::Generated,
            Some((api::SecretSource::Reference, reference)) => reference,
        };
        let mut refuse = |field: &str, message: String| {
            let path = format!("{SOURCE}.{field}");
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

/// The verifier of the client secret, and the Secret to write. Says why if there can be none.
pub(crate) fn credentials(
    application: &mut Application<'_>,
    provider: &Provider<'_>,
    material: &ProviderMaterial,
    uid: &Uid,
    epoch: Option<Epoch>,
) -> Option<(Vec<SecretVerifier>, Option<CredentialSecret>)> {
    let (Some(attached), Some(issuer), Some(provider_uid)) = (&application.attached, &provider.issuer, &provider.uid)
    else {
        return None;
    };
    let Some(plan) = &application.plan else { return Some((Vec::new(), None)) };
    let Epoch { generation, epoch } = epoch.unwrap_or(Epoch { generation: material.seeds.newest(), epoch: 1 });
    let derive = |purpose, data_key: Option<&str>| {
        material.seeds.derive(&Derivation {
            generation,
            provider_uid: provider_uid.as_str(),
            purpose,
            application_uid: uid.as_str(),
            account: None,
            data_key,
            epoch,
        })
    };
    let generated = match &attached.secret {
        SecretSource::None => return None,
        SecretSource::Referenced(secret) => {
            let text = String::from_utf8(secret.expose().clone()).ok()?;
            let verifier = SecretVerifier::new(&material.server_keys, &application.client_id, &Secret::new(text));
            Ok((verifier, None))
        }
        SecretSource::Generated => derive(DerivedPurpose::ClientSecret, None)
            .map(|secret| (SecretVerifier::new(&material.server_keys, &application.client_id, &secret), Some(secret))),
    };
    let written = generated.and_then(|(verifier, secret)| {
        let values = Values { client_id: &application.client_id, client_secret: secret.as_ref(), issuer };
        let data = plan.render(&values, |key| derive(DerivedPurpose::DerivedKey, Some(key)))?;
        Ok((verifier, data))
    });
    match written {
        Ok((verifier, data)) => {
            let secret = plan.secret(application.key, uid, epoch, data);
            Some((vec![verifier], (!application.name_is_taken).then_some(secret)))
        }
        Err(error) => {
            application.diagnostics.push(Diagnostic::new(Reason::SeedMissing, SOURCE, error.to_string()));
            None
        }
    }
}
