//! An OidcGroup: its value in the claim, and its members.

use std::collections::{BTreeMap, BTreeSet};

use api::{ObjectKey, OidcGroup, OidcUser, Reason};
use oidc::ids::GroupName;

use crate::verdict::Diagnostic;

/// A group under judgement.
#[derive(Debug)]
pub(crate) struct Group<'a> {
    pub(crate) key: &'a ObjectKey,
    pub(crate) object: &'a OidcGroup,
    pub(crate) claim_value: GroupName,
    /// Members that exist.
    pub(crate) members: BTreeSet<&'a ObjectKey>,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

impl<'a> Group<'a> {
    /// Judges a group by itself and against the users of its namespace.
    pub(crate) fn judge(users: &'a BTreeMap<ObjectKey, OidcUser>, key: &'a ObjectKey, object: &'a OidcGroup) -> Self {
        let mut diagnostics = Vec::new();
        let claim_value = object.spec.claim_value.as_ref().map_or(key.name.as_str(), |value| value.as_str());
        // Kubernetes gives groups of this name power by itself.
        if claim_value.to_lowercase().trim_start().starts_with("system:") {
            let message = "must not start with `system:`: Kubernetes gives such groups power";
            diagnostics.push(Diagnostic::new(Reason::UnsupportedValue, "spec.claimValue", message));
        }
        let mut members = BTreeSet::new();
        let mut member_key = ObjectKey::new(key.namespace.clone(), String::new());
        for (index, member) in object.spec.members.iter().enumerate() {
            let name = member.name.as_str();
            name.clone_into(&mut member_key.name);
            if let Some((user, _)) = users.get_key_value(&member_key) {
                members.insert(user);
            } else {
                let message = format!("there is no OidcUser `{name}` in namespace `{}`", key.namespace);
                let path = format!("spec.members[{index}]");
                diagnostics.push(Diagnostic::new(Reason::MemberNotFound, path, message));
            }
        }
        Self { key, object, claim_value: GroupName::new(claim_value), members, diagnostics }
    }

    /// Whether membership in it means anything.
    pub(crate) fn accepted(&self) -> bool {
        self.diagnostics.iter().all(|diagnostic| diagnostic.reason == Reason::MemberNotFound)
    }
}

/// The groups, by namespace and name.
pub(crate) type Groups<'a> = BTreeMap<&'a ObjectKey, Group<'a>>;

/// The groups of each user.
pub(crate) fn memberships<'a>(groups: &Groups<'a>) -> BTreeMap<&'a ObjectKey, BTreeSet<GroupName>> {
    let mut memberships: BTreeMap<&ObjectKey, BTreeSet<GroupName>> = BTreeMap::new();
    for group in groups.values().filter(|group| group.accepted()) {
        for member in &group.members {
            memberships.entry(member).or_default().insert(group.claim_value.clone());
        }
    }
    memberships
}
