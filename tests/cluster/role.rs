//! Who asks the API server.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::authorization::v1::SelfSubjectAccessReview;
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::{Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde_json::{Value, json};
use xtask::control_plane::ControlPlane;

/// Where the controller has its ServiceAccount.
const SYSTEM: &str = "portcullis-system";

/// What lets the controller write Secrets of a namespace.
pub(crate) const SECRETS_BINDING: &str = "portcullis-secrets";

/// How long roles may take to be aggregated and bound.
const PATIENCE: Duration = Duration::from_secs(30);

/// Somebody with certain rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role<'a> {
    /// May do everything.
    ClusterAdmin,
    /// The controller's ServiceAccount. Provider namespaces of the harness bind it.
    Controller,
    /// The server's ServiceAccount, in this provider namespace.
    Server(&'a str),
    /// May look, in this namespace.
    View(&'a str),
    /// May edit what an application team owns, in this namespace.
    Edit(&'a str),
    /// May edit everything, in this namespace.
    Admin(&'a str),
}

/// What a role is made of.
struct Made<'a> {
    /// Namespace and name of the ServiceAccount.
    account: (&'a str, &'static str),
    /// The ClusterRole bound to it, in the namespace where it is bound.
    bound: Option<(&'static str, &'a str)>,
    /// Something it may do there: verb and resource. Aggregated roles take a moment.
    may: (&'static str, &'static str),
}

impl<'a> Role<'a> {
    /// Whom to make; nobody for the administrator, who needs no ServiceAccount.
    fn made(self) -> Option<Made<'a>> {
        let usual = |name, namespace, verb, resource| Made {
            account: (namespace, name),
            bound: Some((name, namespace)),
            may: (verb, resource),
        };
        match self {
            Self::ClusterAdmin => None,
            Self::Controller => Some(Made {
                account: (SYSTEM, "portcullis-controller"),
                bound: None,
                may: ("list", "oidcapplications"),
            }),
            Self::Server(namespace) => Some(Made {
                account: (namespace, "portcullis-server"),
                bound: None,
                may: ("watch", "oidcclientrecords"),
            }),
            Self::View(namespace) => Some(usual("view", namespace, "list", "oidcapplications")),
            Self::Edit(namespace) => Some(usual("edit", namespace, "create", "oidcapplications")),
            Self::Admin(namespace) => Some(usual("admin", namespace, "create", "oidcusers")),
        }
    }
}

/// A client for the user of a kubeconfig.
pub(crate) async fn client(kubeconfig: &Path) -> Result<Client> {
    let read = Kubeconfig::read_from(kubeconfig).context("read a kubeconfig of ours")?;
    let config = Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await;
    Client::try_from(config.context("use a kubeconfig of ours")?).context("make a client")
}

/// Makes the role if need be, waits until it may do what it should, and writes its kubeconfig.
pub(crate) async fn kubeconfig(plane: &ControlPlane, role: &Role<'_>) -> Result<PathBuf> {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let Some(Made { account: (home, name), bound, may }) = role.made() else { return Ok(plane.kubeconfig()) };
    let admin = client(&plane.kubeconfig()).await?;

    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}});
    let accounts: Api<ServiceAccount> = Api::namespaced(admin.clone(), home);
    accounts.patch(name, &ours(), &Patch::Apply(account)).await.context("make a ServiceAccount")?;
    if let Some((bound_role, namespace)) = bound {
        bind(&admin, namespace, name, bound_role, (home, name)).await?;
    }

    let request: TokenRequest = serde_json::from_value(json!({"spec": {"expirationSeconds": 3600}}))?;
    let token = accounts.create_token_request(name, &PostParams::default(), &request).await;
    let token = token.context("ask for a token")?.status.and_then(|status| status.token);
    let token = token.context("a TokenRequest without an answer")?;
    let namespace = bound.map_or(home, |(_, namespace)| namespace);
    // A token of its own, by which the audit log tells those apart who have one role, in a file of its own.
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = plane.logs().join(format!("{namespace}-{name}-{number}.kubeconfig"));
    plane.write_kubeconfig(&path, &token, namespace)?;
    wait_until_it_may(&client(&path).await?, may, namespace).await?;
    Ok(path)
}

/// Lets the controller write Secrets of a namespace, as the team that owns it would.
pub(crate) async fn permit_secrets(admin: &Client, namespace: &str) -> Result<()> {
    let controller = (SYSTEM, "portcullis-controller");
    bind(admin, namespace, SECRETS_BINDING, "portcullis-tenant-secrets", controller).await
}

/// Grants a ClusterRole in a namespace to a ServiceAccount, given by namespace and name.
async fn bind(admin: &Client, namespace: &str, name: &str, role: &str, (home, account): (&str, &str)) -> Result<()> {
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": home}],
    });
    let bindings: Api<RoleBinding> = Api::namespaced(admin.clone(), namespace);
    bindings.patch(name, &ours(), &Patch::Apply(binding)).await.with_context(|| format!("bind {role}"))?;
    Ok(())
}

fn ours() -> PatchParams {
    PatchParams::apply("roles-of-tests").force()
}

async fn wait_until_it_may(client: &Client, (verb, resource): (&str, &str), namespace: &str) -> Result<()> {
    let what = json!({"verb": verb, "group": "portcullis.dev", "resource": resource, "namespace": namespace});
    let review: SelfSubjectAccessReview = serde_json::from_value::<SelfSubjectAccessReview>(Value::from_iter([(
        "spec".to_owned(),
        json!({"resourceAttributes": what}),
    )]))?;
    let reviews: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let asked = Instant::now();
    while !reviews.create(&PostParams::default(), &review).await?.status.is_some_and(|status| status.allowed) {
        ensure!(asked.elapsed() < PATIENCE, "the role may not {verb} {resource} in {namespace}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
