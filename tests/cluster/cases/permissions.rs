//! What the programs may do, as the API server itself answers them.
//!
//! A SelfSubjectRulesReview lists every rule that holds for whoever asks in a namespace, those of
//! ClusterRoles and of the groups of every ServiceAccount among them.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use api::Kind;
use cluster::objects::{create, manifest, merge};
use cluster::{Kubectl, NamespaceKind, Role, cluster};
use k8s_openapi::api::authorization::v1::{ResourceRule, SelfSubjectRulesReview};
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ListParams, PostParams};
use kube::{Api, Client, Error};
use serde_json::json;

const GROUP: &str = "portcullis.dev";

/// Verbs that change nothing.
const READING: [&str; 3] = ["get", "list", "watch"];

/// What every user may ask about themselves: `create` is how such a question is put.
const QUESTIONS: [(&str, &str); 3] = [
    ("authorization.k8s.io", "selfsubjectaccessreviews"),
    ("authorization.k8s.io", "selfsubjectrulesreviews"),
    ("authentication.k8s.io", "selfsubjectreviews"),
];

/// How long a RoleBinding may take to come into force.
const PATIENCE: Duration = Duration::from_secs(30);

/// The rules that hold for a client in a namespace.
async fn rules(client: &Client, namespace: &str) -> Result<Vec<ResourceRule>> {
    let review: SelfSubjectRulesReview = serde_json::from_value(json!({"spec": {"namespace": namespace}}))?;
    let reviews: Api<SelfSubjectRulesReview> = Api::all(client.clone());
    let status = reviews.create(&PostParams::default(), &review).await?.status.context("a review without an answer")?;
    assert!(!status.incomplete, "the answer is incomplete: {:?}", status.evaluation_error);
    Ok(status.resource_rules)
}

/// Every verb that the rules allow, with the group and the resource. A `*` stays one.
fn grants(rules: &[ResourceRule]) -> Vec<(&str, &str, &str)> {
    let mut grants = Vec::new();
    for ResourceRule { api_groups, resources, verbs, resource_names: _ } in rules {
        for group in api_groups.iter().flatten() {
            for resource in resources.iter().flatten() {
                grants.extend(verbs.iter().map(|verb| (verb.as_str(), group.as_str(), resource.as_str())));
            }
        }
    }
    grants
}

/// Whether a verb is allowed for a resource, by its name or by a `*`.
fn allows(rules: &[ResourceRule], verb: &str, group: &str, resource: &str) -> bool {
    let is = |granted: &str, asked: &str| granted == asked || granted == "*";
    grants(rules).iter().any(|(v, g, r)| is(v, verb) && is(g, group) && is(r, resource))
}

#[tokio::test]
async fn the_server_may_write_nothing_anywhere() -> Result<()> {
    let cluster = cluster()?;
    let home = cluster.namespace("served", NamespaceKind::Provider).await?;
    let tenant = cluster.namespace("served-tenant", NamespaceKind::Tenant).await?;
    let server = cluster.client(&Role::Server(&home)).await?;
    for namespace in [home.as_str(), &tenant, "default", "portcullis-system"] {
        let rules = rules(&server, namespace).await?;
        let reads_records = allows(&rules, "watch", GROUP, "oidcclientrecords");
        assert_eq!(reads_records, namespace == home, "records in {namespace}: {rules:#?}");
        let reads_secrets = allows(&rules, "get", "", "secrets");
        assert_eq!(reads_secrets, namespace == home, "Secrets in {namespace}: {rules:#?}");
        for (verb, group, resource) in grants(&rules) {
            let harmless = READING.contains(&verb) || (verb == "create" && QUESTIONS.contains(&(group, resource)));
            assert!(harmless, "the server may {verb} {resource} of `{group}` in {namespace}");
        }
    }
    Ok(())
}

/// By name: the seed of the derived secrets, say, is none of them.
#[tokio::test]
async fn the_server_reads_two_secrets_and_no_other() -> Result<()> {
    let cluster = cluster()?;
    let home = cluster.namespace("named", NamespaceKind::Provider).await?;
    let rules = rules(&cluster.client(&Role::Server(&home)).await?, &home).await?;
    let about = |rule: &&ResourceRule| rule.resources.iter().flatten().any(|name| ["secrets", "*"].contains(&&**name));
    for rule in rules.iter().filter(about) {
        let names = rule.resource_names.as_deref().unwrap_or_default();
        assert_eq!(names, ["default-server-key", "default-signing-keys"], "{rule:#?}");
    }
    assert!(rules.iter().any(|rule| about(&rule)));
    Ok(())
}

#[tokio::test]
async fn the_controller_reads_secrets_only_where_a_role_binding_says_so() -> Result<()> {
    let cluster = cluster()?;
    let bound = cluster.namespace("bound", NamespaceKind::Tenant).await?;
    let unbound = cluster.namespace("unbound", NamespaceKind::Tenant).await?;
    let controller = cluster.client(&Role::Controller).await?;
    let any = |rules: &[ResourceRule]| grants(rules).iter().any(|(_, _, resource)| ["secrets", "*"].contains(resource));
    let reads = async |namespace: &str| match Api::<Secret>::namespaced(controller.clone(), namespace)
        .list(&ListParams::default())
        .await
    {
        Ok(_) => Ok(true),
        Err(Error::Api(status)) if status.code == 403 => Ok(false),
        Err(error) => Err(error),
    };
    assert!(!any(&rules(&controller, &bound).await?) && !reads(&bound).await?, "nothing by itself");

    // The very command that the role's comment tells the owner of a namespace.
    let owner = Kubectl::new(cluster, &Role::ClusterAdmin, &bound).await?;
    let words = "create rolebinding portcullis-secrets --clusterrole portcullis-tenant-secrets \
                 --serviceaccount portcullis-system:portcullis-controller";
    owner.output(words, "")?;
    let asked = Instant::now();
    while !reads(&bound).await? {
        assert!(asked.elapsed() < PATIENCE, "the RoleBinding never came into force");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let there = rules(&controller, &bound).await?;
    for verb in ["get", "list", "watch", "create", "patch", "delete"] {
        assert!(allows(&there, verb, "", "secrets"), "{verb}: {there:#?}");
    }
    for elsewhere in [unbound.as_str(), "default", "kube-system"] {
        assert!(!any(&rules(&controller, elsewhere).await?), "Secrets in {elsewhere}");
        assert!(!reads(elsewhere).await?, "Secrets in {elsewhere}");
    }
    Ok(())
}

#[tokio::test]
async fn the_controller_may_not_write_what_people_write() -> Result<()> {
    let cluster = cluster()?;
    let home = cluster.namespace("written", NamespaceKind::Provider).await?;
    let tenant = cluster.namespace("written-tenant", NamespaceKind::Tenant).await?;
    let controller = cluster.client(&Role::Controller).await?;
    for namespace in [&home, &tenant] {
        let rules = rules(&controller, namespace).await?;
        assert!(allows(&rules, "patch", GROUP, "oidcapplications/status"), "it reports: {rules:#?}");
        for kind in Kind::ALL {
            for verb in ["create", "update", "patch", "delete", "deletecollection"] {
                assert!(!allows(&rules, verb, GROUP, kind.plural()), "{verb} {kind} in {namespace}: {rules:#?}");
            }
        }
    }

    let admin = cluster.client(&Role::ClusterAdmin).await?;
    let application = manifest("OidcApplication", "notes", &json!({"redirectURIs": ["https://a.example/cb"]}));
    create(&crate::objects(&admin, Kind::OidcApplication, &tenant), &application).await?.unwrap();
    let theirs = crate::objects(&controller, Kind::OidcApplication, &tenant);
    for patch in [json!({"spec": {"pkce": "Optional"}}), json!({"metadata": {"labels": {"a": "b"}}})] {
        assert_eq!(merge(&theirs, "notes", patch).await?.unwrap_err().code, 403);
    }
    Ok(())
}
