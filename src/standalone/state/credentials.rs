//! `credentials/<namespace>_<secret>.yaml`: what applications receive, as the Secrets that they would find in a cluster.

use std::collections::{BTreeMap, BTreeSet};

use api::{DeletionPolicy, ObjectKey};
use compile::CredentialSecret;
use compile::credentials::APPLICATION_UID_LABEL;
use compile::inputs::CLIENT_CREDENTIALS_TYPE;
use crypto::Secret;

use super::folder::{Folder, StateError};
use super::manifest::{Content, Manifest, Stored};

const FOLDER: &str = "credentials";

/// What becomes of it when the application goes: once the application is gone, nothing else could say so.
const DELETION_POLICY: &str = "portcullis.dev/deletion-policy";

/// What is known of the applications.
#[derive(Clone, Debug, Default)]
pub struct Owners {
    /// UIDs of those that are written down, whether refused or not.
    pub present: BTreeSet<String>,
    /// UIDs of those that are in order, so that a Secret which they do not ask for is not theirs any more.
    pub settled: BTreeSet<String>,
    /// Whether nothing else can be written down.
    pub complete: bool,
}

impl Owners {
    /// Whether what belongs to this application, and is not asked for, can go.
    pub(super) fn left(&self, uid: &str) -> bool {
        let Self { present, settled, complete } = self;
        settled.contains(uid) || *complete && !present.contains(uid)
    }
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Files that were written.
    pub written: Vec<String>,
    /// Files that were removed.
    pub removed: Vec<String>,
    /// Files that stay as they are since they were kept for an application that is gone, by the application that wants
    /// the name, and its field.
    pub conflicts: BTreeMap<(ObjectKey, String), String>,
}

/// Makes the files what they should be. One that already is is not touched; one that was removed or edited comes back.
pub fn sync(
    folder: &Folder,
    wanted: &BTreeMap<ObjectKey, CredentialSecret>,
    owners: &Owners,
) -> Result<Changes, StateError> {
    let mut changes = Changes::default();
    let present = folder.names(FOLDER)?;
    if !wanted.is_empty() {
        folder.make_folder(FOLDER)?;
    }
    let mut names = BTreeSet::new();
    for (key, secret) in wanted {
        let name = format!("{}_{}.yaml", key.namespace, key.name);
        let path = format!("{FOLDER}/{name}");
        let content = render(key, secret).map_err(|error| StateError::Damaged {
            path: folder.file(&path),
            why: error.to_string(),
            loss: "it is made anew",
        })?;
        let found = folder.read(&path)?.map(Secret::new);
        if found.as_ref().is_some_and(|found| is_kept_for_another(found, secret)) {
            changes.conflicts.insert((secret.application.clone(), format!("{}.name", secret.path)), path);
        } else if !found.is_some_and(|found| found.verify(content.expose().as_bytes())) {
            folder.write(&path, content.expose().as_bytes())?;
            changes.written.push(path);
        }
        names.insert(name);
    }
    for name in present.into_iter().filter(|name| !names.contains(name)) {
        let path = format!("{FOLDER}/{name}");
        let Some(content) = folder.read(&path)?.map(Secret::new) else { continue };
        if is_left_over(&content, owners) {
            folder.remove(&path)?;
            changes.removed.push(path);
        }
    }
    Ok(changes)
}

fn render(key: &ObjectKey, secret: &CredentialSecret) -> Result<Secret<String>, serde_yaml::SerializeError> {
    let CredentialSecret {
        application,
        application_uid,
        account: _,
        path: _,
        labels,
        annotations,
        data,
        epoch: _,
        is_rotating: _,
        deletion_policy,
    } = secret;
    let (mut labels, mut annotations) = (labels.clone(), annotations.clone());
    labels.insert(APPLICATION_UID_LABEL.to_owned(), application_uid.to_string());
    annotations.insert(DELETION_POLICY.to_owned(), deletion_policy.to_string());
    let manifest = Manifest {
        namespace: &key.namespace,
        name: &key.name,
        type_: CLIENT_CREDENTIALS_TYPE,
        labels,
        annotations,
        content: Content::Text(data.iter().map(|(key, value)| (key.as_str(), value)).collect()),
    };
    manifest.to_yaml(&format!("The credentials of the application {application}: keep this file secret."))
}

/// Who a file belongs to, if it says so.
struct Label {
    uid: String,
    retain: bool,
}

fn label(content: &Secret<Vec<u8>>) -> Option<Label> {
    let stored = Stored::from_yaml(content.expose(), CLIENT_CREDENTIALS_TYPE).ok()?;
    let uid = stored.labels.get(APPLICATION_UID_LABEL)?.clone();
    let retain = stored.annotations.get(DELETION_POLICY).map(String::as_str) == Some(DeletionPolicy::Retain.as_str());
    Some(Label { uid, retain })
}

fn is_kept_for_another(content: &Secret<Vec<u8>>, secret: &CredentialSecret) -> bool {
    label(content).is_some_and(|label| label.retain && label.uid != secret.application_uid.as_str())
}

fn is_left_over(content: &Secret<Vec<u8>>, owners: &Owners) -> bool {
    label(content).is_some_and(|Label { uid, retain }| !retain && owners.left(&uid))
}

#[cfg(test)]
mod tests;
