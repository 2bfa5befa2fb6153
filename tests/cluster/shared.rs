//! The control plane that the tests of one binary share.

use std::fs::File;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, anyhow};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::PostParams;
use kube::{Api, Client};
use serde_json::json;
use xtask::control_plane::ControlPlane;
use xtask::{cluster as installation, paths};

use crate::role::{self, Role};

/// A control plane with the kinds, the admission policies and the roles installed.
#[derive(Debug)]
pub struct Cluster {
    plane: ControlPlane,
    /// Held as long as we run: a second run of the same tests waits instead of clearing our logs.
    _alone: File,
}

/// Who lives in a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamespaceKind {
    /// An application team.
    Tenant,
    /// The platform team: labelled as a namespace of providers, persons and groups.
    Provider,
}

/// The control plane of this test binary, started at the first call.
pub fn cluster() -> Result<&'static Cluster> {
    static STARTED: OnceLock<Result<Cluster, String>> = OnceLock::new();
    let started = STARTED.get_or_init(|| Cluster::start("shared").map_err(|error| format!("{error:#}")));
    started.as_ref().map_err(|error| anyhow!("the control plane did not start: {error}"))
}

impl Cluster {
    /// Starts a control plane that belongs to the caller alone. Its logs stay in
    /// `target/cluster/<name>`.
    pub fn start(name: &str) -> Result<Self> {
        let folder = paths::target()?.join("cluster");
        std::fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
        let alone = File::create(folder.join(name).with_extension("lock")).context("make a lock file")?;
        alone.lock().context("wait for another run of these tests")?;
        let plane = ControlPlane::start(&folder.join(name))?;
        installation::install(&plane)?;
        for roles in ["controller.yaml", "roles.yaml"] {
            plane.apply(&paths::root().join("charts/rbac").join(roles))?;
        }
        Ok(Self { plane, _alone: alone })
    }

    /// The processes.
    pub fn plane(&self) -> &ControlPlane {
        &self.plane
    }

    /// The processes, to be killed, stopped and started.
    pub fn plane_mut(&mut self) -> &mut ControlPlane {
        &mut self.plane
    }

    /// A namespace that no other test uses; its name begins with `name`.
    pub async fn namespace(&self, name: &str, kind: NamespaceKind) -> Result<String> {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let name = format!("{name}-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        match kind {
            NamespaceKind::Tenant => {
                let namespace: Namespace = serde_json::from_value(json!({"metadata": {"name": name}}))?;
                let api: Api<Namespace> = Api::all(self.client(&Role::ClusterAdmin).await?);
                let created = api.create(&PostParams::default(), &namespace).await;
                created.with_context(|| format!("create namespace {name}"))?;
            }
            NamespaceKind::Provider => {
                // With the roles of both programs, as its platform team would apply them.
                let path = paths::root().join("charts/rbac/provider.yaml");
                let text = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
                let here = self.plane.logs().join(format!("{name}.yaml"));
                std::fs::write(&here, text.replace("identity", &name)).context("write the roles of a namespace")?;
                self.plane.apply(&here)?;
            }
        }
        Ok(name)
    }

    /// A client that is `role`.
    pub async fn client(&self, role: &Role<'_>) -> Result<Client> {
        role::client(&self.kubeconfig(role).await?).await
    }

    /// A kubeconfig whose user is `role`.
    pub async fn kubeconfig(&self, role: &Role<'_>) -> Result<PathBuf> {
        role::kubeconfig(&self.plane, role).await
    }
}
