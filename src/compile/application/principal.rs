//! Whoever proves itself under an application: the application, and each of its programmatic access accounts.

use api::{
    ClientAuthentication, ClientAuthenticationType, ClientSecret, ClientSecretMethod, ObjectKey, PrivateKeyJwt,
    ProgrammaticAccess, Reason, SecretRotation, SecretSource,
};
use crypto::{KeyError, PublicJwk};
use oidc::client::{CalledUri, ClientKeys, PrivateAddresses, PublishedKeys, ResourceAccess};
use oidc::ids::Uid;
use oidc::time::Time;
use serde_json::{Map, Value};

use super::secret::Source;
use crate::credentials::{Plan, default_name};
use crate::inputs::Inputs;
use crate::verdict::Diagnostic;

/// One client of an application.
#[derive(Debug)]
pub(crate) struct Principal<'a> {
    /// Name of the account; none: the application itself.
    pub(crate) account: Option<&'a str>,
    pub(crate) client_id: String,
    /// The field in which it says how it proves itself.
    pub(crate) path: String,
    pub(crate) authentication: &'a ClientAuthentication,
    /// The Secret to write, for a client with a secret.
    pub(crate) plan: Option<Plan>,
    /// Whether that name is somebody else's, so that nothing is written. What is mounted already keeps working.
    pub(crate) name_is_taken: bool,
    /// Whether something is signed with its client secret, so that servers have to know it.
    pub(crate) signs_with_secret: bool,
    /// Its own keys, for a client that signs with them.
    pub(crate) keys: Option<ClientKeys>,
    /// Where its own keys are fetched from, if they do not stand in the manifest.
    pub(crate) published: Option<PublishedKeys>,
    /// Where its client secret comes from.
    pub(crate) secret: Source<'a>,
    /// The APIs that it may call.
    pub(crate) resources: Vec<ResourceAccess>,
    /// When it ends.
    pub(crate) expires_at: Option<Time>,
}

impl<'a> Principal<'a> {
    /// The application itself.
    pub(super) fn own(
        key: &ObjectKey,
        client_id: String,
        authentication: &'a ClientAuthentication,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Self {
        let (path, name) = ("spec.clientAuthentication".to_owned(), default_name(&key.name, None));
        Self::new(None, client_id, path, name, authentication, diagnostics)
    }

    /// An account of the application.
    pub(super) fn account(
        key: &ObjectKey,
        index: usize,
        account: &'a ProgrammaticAccess,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Self {
        let ProgrammaticAccess { name, resources: _, client_authentication, expiration_time } = account;
        let client_id = format!("{}.{}.{name}", key.namespace, key.name);
        let path = format!("spec.programmaticAccess[{index}].clientAuthentication");
        let secret = default_name(&key.name, Some(name));
        let principal = Self::new(Some(name.as_str()), client_id, path, secret, client_authentication, diagnostics);
        let expires_at = expiration_time.as_ref().map(|time| Time::from_secs(time.0.as_second()));
        Self { expires_at, ..principal }
    }

    fn new(
        account: Option<&'a str>,
        client_id: String,
        path: String,
        default_name: String,
        authentication: &'a ClientAuthentication,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Self {
        let plan = match authentication.type_ {
            ClientAuthenticationType::ClientSecret => {
                Some(Plan::read(default_name, &path, authentication, diagnostics))
            }
            ClientAuthenticationType::ServiceAccountToken
            | ClientAuthenticationType::PrivateKeyJwt
            | ClientAuthenticationType::None => None,
        };
        let keys = authentication.private_key_jwt.as_ref().map(|own| client_keys(&path, own, diagnostics));
        let published = authentication.private_key_jwt.as_ref().and_then(|own| published(&path, own, diagnostics));
        let secret = authentication.client_secret.as_ref();
        diagnostics.extend(secret.into_iter().flat_map(|secret| rotated_elsewhere(&path, secret)));
        let signs_with_secret =
            secret.is_some_and(|secret| secret.methods.contains(&ClientSecretMethod::ClientSecretJwt));
        Self {
            account,
            client_id,
            path,
            authentication,
            plan,
            name_is_taken: false,
            signs_with_secret,
            keys,
            published,
            secret: Source::None,
            resources: Vec::new(),
            expires_at: None,
        }
    }

    /// Looks up where its client secret comes from.
    pub(super) fn find_secret(&mut self, inputs: &'a Inputs, key: &ObjectKey, diagnostics: &mut Vec<Diagnostic>) {
        self.secret = Source::of(inputs, key, &self.path, self.authentication, diagnostics);
    }

    /// Lets its keys be fetched from private addresses too, where the policy that allows the application says so.
    pub(super) fn fetch_from(&mut self, private: PrivateAddresses) {
        if let Some(published) = &mut self.published {
            published.private_addresses = private;
        }
    }

    /// The UID that its tokens are bound to: an account is not its application.
    pub(crate) fn uid(&self, application: &Uid) -> Uid {
        self.account.map_or_else(|| application.clone(), |account| Uid::new(format!("{application}/{account}")))
    }
}

/// What is asked of the rotation of a secret that somebody else keeps. Its period is judged by the schema.
fn rotated_elsewhere(path: &str, secret: &ClientSecret) -> Vec<Diagnostic> {
    if secret.source != SecretSource::Reference {
        return Vec::new();
    }
    let SecretRotation { period_seconds: _, overlap_seconds, trigger } = &secret.rotation;
    let fields = [
        ("trigger", !trigger.is_empty(), "leave it empty"),
        ("overlapSeconds", *overlap_seconds != SecretRotation::NEVER.overlap_seconds, "leave it out"),
    ];
    let asked = fields.into_iter().filter(|(_, asked, _)| *asked).map(|(field, _, remedy)| {
        let message = format!("with source Reference whoever wrote that Secret rotates it: {remedy}");
        Diagnostic::new(Reason::UnsupportedValue, format!("{path}.clientSecret.rotation.{field}"), message)
    });
    asked.collect()
}

/// The address of the keys. A stored object may be older than the schema.
fn published(path: &str, own: &PrivateKeyJwt, diagnostics: &mut Vec<Diagnostic>) -> Option<PublishedKeys> {
    match CalledUri::parse(own.jwks_uri.as_ref()?) {
        // Until a policy says more.
        Ok(uri) => Some(PublishedKeys { uri, private_addresses: PrivateAddresses::Denied }),
        Err(error) => {
            let path = format!("{path}.privateKeyJwt.jwksURI");
            diagnostics.push(Diagnostic::new(Reason::UnsupportedValue, path, error.to_string()));
            None
        }
    }
}

/// The keys that can be read, and what is wrong with the others. A private key is disclosed to all who read manifests.
fn client_keys(path: &str, own: &PrivateKeyJwt, diagnostics: &mut Vec<Diagnostic>) -> ClientKeys {
    let mut jwks = Vec::new();
    for (index, key) in own.keys.iter().enumerate() {
        let read = |text: &str| -> Result<PublicJwk, String> {
            let mut members: Map<String, Value> =
                serde_json::from_str(text).map_err(|_| "is not a JWK: a JSON object (RFC 7517)".to_owned())?;
            let kid = members.entry("kid").or_insert_with(|| key.key_id.as_str().into());
            if kid.as_str() != Some(key.key_id.as_str()) {
                return Err("the JWK's `kid` differs from keyID".to_owned());
            }
            let jwk: PublicJwk = serde_json::from_value(Value::Object(members)).map_err(|error| error.to_string())?;
            let unusable = "is no usable public key: its numbers do not belong together";
            ClientKeys::try_from(vec![jwk.clone()])
                .map_err(|error| if error == KeyError::Malformed { unusable.to_owned() } else { error.to_string() })?;
            Ok(jwk)
        };
        match read(&key.jwk) {
            Ok(jwk) => jwks.push(jwk),
            Err(message) => {
                let path = format!("{path}.privateKeyJwt.keys[{index}].jwk");
                diagnostics.push(Diagnostic::new(Reason::UnsupportedValue, path, message));
            }
        }
    }
    // Each was tried above.
    ClientKeys::try_from(jwks).unwrap_or_default()
}
