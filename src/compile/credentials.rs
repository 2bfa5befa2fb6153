//! The Secret that an application receives: which keys it has and what stands in them.

mod template;

use std::collections::{BTreeMap, BTreeSet};

use api::{
    ClientAuthentication, DEFAULT_DATA, DeletionPolicy, ObjectKey, OidcApplicationSpec, Reason, SecretSource,
    ValueSource,
};
use crypto::{DeriveError, Secret};
use oidc::discovery::Endpoint;
use oidc::ids::Uid;
use oidc::uri::Issuer;

use crate::CredentialSecret;
use crate::verdict::Diagnostic;
use template::{Part, Template};

/// The field that says what Secret is wanted, of a client that says in `path` how it proves itself.
fn target_path(path: &str) -> String {
    format!("{path}.clientSecret.target")
}

/// The name of the Secret of an application, or of an account of it, unless its target says another.
pub(crate) fn default_name(application: &str, account: Option<&str>) -> String {
    account.map_or_else(|| format!("{application}-oidc"), |account| format!("{application}.{account}-oidc"))
}

/// The names of the Secrets that an application may want: its own, and those of its accounts.
pub fn names(application: &ObjectKey, spec: &OidcApplicationSpec) -> impl Iterator<Item = String> {
    let accounts = spec.programmatic_access.iter();
    let accounts = accounts.map(|account| (Some(account.name.as_str()), &account.client_authentication));
    std::iter::once((None, &spec.client_authentication)).chain(accounts).map(|(account, authentication)| {
        let chosen = authentication.client_secret.as_ref().and_then(|secret| secret.target.name.as_ref());
        chosen.map_or_else(|| default_name(&application.name, account), ToString::to_string)
    })
}

/// Bytes of all values together that the API server takes.
const MAX_BYTES: usize = 1024 * 1024;

/// The label that makes a Secret ours, with the UID of its application.
pub const APPLICATION_UID_LABEL: &str = "portcullis.dev/application-uid";

/// The annotation with the epoch of the secrets inside.
pub const EPOCH_ANNOTATION: &str = "portcullis.dev/epoch";

/// What is to be written, as far as it is known without key material.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Name of the Secret.
    pub(crate) name: String,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    data: BTreeMap<String, Template>,
    deletion_policy: DeletionPolicy,
}

/// What stands for the names in templates.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Values<'a> {
    pub(crate) client_id: &'a str,
    /// Absent where the application's team chose it: then it is theirs to hand on, and is never copied.
    pub(crate) client_secret: Option<&'a Secret<String>>,
    pub(crate) issuer: &'a Issuer,
}

impl Plan {
    /// Reads the target of a client with a client secret, and says what is wrong with it. `path` is the field of its
    /// authentication.
    pub(crate) fn read(
        default_name: String,
        path: &str,
        authentication: &ClientAuthentication,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Self {
        let base = target_path(path);
        let secret = authentication.client_secret.clone().unwrap_or_default();
        let target = secret.target;
        let mut refuse = |path: String, message: String| {
            diagnostics.push(Diagnostic::new(Reason::UnsupportedValue, path, message));
        };
        for (field, keys) in [
            ("labels", target.metadata.labels.keys().collect::<BTreeSet<_>>()),
            ("annotations", target.metadata.annotations.keys().collect()),
        ] {
            for key in keys.into_iter().filter(|key| is_reserved(key)) {
                let message = format!("`{key}` has a reserved prefix: other controllers act on those");
                refuse(format!("{base}.metadata.{field}"), message);
            }
        }
        let available = |value: ValueSource| match value {
            ValueSource::ClientSecret if secret.source == SecretSource::Reference => {
                Err("a client secret by reference is not copied: mount the Secret that it comes from")
            }
            ValueSource::ClientID
            | ValueSource::ClientSecret
            | ValueSource::IssuerURL
            | ValueSource::DiscoveryURL
            | ValueSource::AuthorizationURL
            | ValueSource::TokenURL
            | ValueSource::UserinfoURL
            | ValueSource::JWKSURL
            | ValueSource::EndSessionURL
            | ValueSource::DerivedKey => Ok(()),
        };
        let mut data = BTreeMap::new();
        if target.data.is_empty() {
            let defaults = DEFAULT_DATA.iter().filter(|(_, value)| available(*value).is_ok());
            data.extend(defaults.map(|(key, value)| ((*key).to_owned(), Template::of(*value))));
        }
        for (index, entry) in target.data.iter().enumerate() {
            let path = format!("{base}.data[{index}]");
            let (path, template) = match (&entry.value_from, &entry.template) {
                (Some(value), None) => (format!("{path}.valueFrom"), Ok(Template::of(*value))),
                (None, Some(text)) => (format!("{path}.template"), Template::parse(text)),
                (Some(_), Some(_)) | (None, None) => {
                    refuse(path, "a key has exactly one of valueFrom and template".to_owned());
                    continue;
                }
            };
            match template {
                Ok(template) => {
                    for message in template.values().filter_map(|value| available(value).err()) {
                        refuse(path.clone(), message.to_owned());
                    }
                    data.insert(entry.key.to_string(), template);
                }
                Err(error) => refuse(path, error.to_string()),
            }
        }
        let bytes: usize = data.iter().map(|(key, template)| key.len() + template.longest()).sum();
        if bytes > MAX_BYTES {
            let message = format!("the Secret could have {bytes} bytes, and at most {MAX_BYTES} can be stored");
            refuse(format!("{base}.data"), message);
        }
        Self {
            name: target.name.map_or(default_name, |name| name.to_string()),
            labels: target.metadata.labels.iter().map(|(key, value)| (key.clone(), value.to_string())).collect(),
            annotations: target
                .metadata
                .annotations
                .iter()
                .map(|(key, value)| (key.clone(), value.to_string()))
                .collect(),
            data,
            deletion_policy: target.deletion_policy,
        }
    }

    /// The content. `derive` makes the value of a derived key.
    pub(crate) fn render(
        &self,
        values: &Values<'_>,
        derive: impl Fn(&str) -> Result<Secret<String>, DeriveError>,
    ) -> Result<BTreeMap<String, Secret<String>>, DeriveError> {
        let endpoint = |endpoint: Endpoint| values.issuer.endpoint(endpoint.path());
        let mut data = BTreeMap::new();
        for (key, template) in &self.data {
            let mut text = String::new();
            for part in template.parts() {
                match part {
                    Part::Text(literal) => text.push_str(literal),
                    Part::Value(value) => match value {
                        ValueSource::ClientID => text.push_str(values.client_id),
                        ValueSource::ClientSecret => {
                            text.push_str(
                                values.client_secret.map(|secret| secret.expose().as_str()).unwrap_or_default(),
                            );
                        }
                        ValueSource::IssuerURL => text.push_str(values.issuer.as_str()),
                        ValueSource::DiscoveryURL => text.push_str(&endpoint(Endpoint::Discovery)),
                        ValueSource::AuthorizationURL => text.push_str(&endpoint(Endpoint::Authorization)),
                        ValueSource::TokenURL => text.push_str(&endpoint(Endpoint::Token)),
                        ValueSource::UserinfoURL => text.push_str(&endpoint(Endpoint::Userinfo)),
                        ValueSource::JWKSURL => text.push_str(&endpoint(Endpoint::Jwks)),
                        ValueSource::EndSessionURL => text.push_str(&endpoint(Endpoint::EndSession)),
                        ValueSource::DerivedKey => text.push_str(derive(key)?.expose()),
                    },
                }
            }
            data.insert(key.clone(), Secret::new(text));
        }
        Ok(data)
    }

    /// The Secret with this content. Ours are the type, one label and one annotation; whatever the target says, none of
    /// them can be changed.
    pub(crate) fn secret(
        &self,
        application: &ObjectKey,
        uid: &Uid,
        (account, path): (Option<&str>, &str),
        (epoch, is_rotating): (u64, bool),
        data: BTreeMap<String, Secret<String>>,
    ) -> CredentialSecret {
        let mut labels = self.labels.clone();
        labels.insert(APPLICATION_UID_LABEL.to_owned(), uid.to_string());
        let mut annotations = self.annotations.clone();
        annotations.insert(EPOCH_ANNOTATION.to_owned(), epoch.to_string());
        CredentialSecret {
            application: application.clone(),
            application_uid: uid.clone(),
            account: account.map(str::to_owned),
            path: target_path(path),
            labels,
            annotations,
            data,
            epoch,
            is_rotating,
            deletion_policy: self.deletion_policy,
        }
    }
}

/// Labels and annotations by which other controllers are steered: one turns a Secret into a ServiceAccount's token,
/// another into a cluster credential of Argo CD. That a Secret is part of an application steers nobody.
fn is_reserved(key: &str) -> bool {
    const DOMAINS: [&str; 4] = ["kubernetes.io", "k8s.io", "argoproj.io", "portcullis.dev"];
    if key == "app.kubernetes.io/part-of" {
        return false;
    }
    let Some((prefix, _)) = key.split_once('/') else { return false };
    let prefix = prefix.to_ascii_lowercase();
    DOMAINS.iter().any(|domain| prefix.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

#[cfg(test)]
mod tests;
