//! Whoever proves itself under an application: the application, and each of its programmatic access accounts.

use api::{ClientAuthentication, ClientAuthenticationType, ObjectKey, ProgrammaticAccess};
use oidc::client::ResourceAccess;
use oidc::ids::Uid;
use oidc::time::Time;

use super::secret::SecretSource;
use crate::credentials::Plan;
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
    /// Where its client secret comes from.
    pub(crate) secret: SecretSource<'a>,
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
        let (path, name) = ("spec.clientAuthentication".to_owned(), format!("{}-oidc", key.name));
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
        let secret = format!("{}.{name}-oidc", key.name);
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
        Self {
            account,
            client_id,
            path,
            authentication,
            plan,
            name_is_taken: false,
            signs_with_secret: false,
            secret: SecretSource::None,
            resources: Vec::new(),
            expires_at: None,
        }
    }

    /// Looks up where its client secret comes from.
    pub(super) fn find_secret(&mut self, inputs: &'a Inputs, key: &ObjectKey, diagnostics: &mut Vec<Diagnostic>) {
        self.secret = SecretSource::of(inputs, key, &self.path, self.authentication, diagnostics);
    }

    /// The UID that its tokens are bound to: an account is not its application.
    pub(crate) fn uid(&self, application: &Uid) -> Uid {
        self.account.map_or_else(|| application.clone(), |account| Uid::new(format!("{application}/{account}")))
    }
}
