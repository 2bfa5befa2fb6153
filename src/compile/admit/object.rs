//! An admitted manifest.

use std::fmt;

use api::{OidcApplication, OidcGroup, OidcProvider, OidcResource, OidcUser};
use k8s_openapi::api::core::v1::{Namespace, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

/// An admitted manifest.
#[expect(clippy::large_enum_variant, reason = "made once per manifest and taken apart at once")]
#[derive(Clone)]
pub enum Object {
    /// An OidcProvider.
    Provider(OidcProvider),
    /// An OidcApplication.
    Application(OidcApplication),
    /// An OidcUser.
    User(OidcUser),
    /// An OidcGroup.
    Group(OidcGroup),
    /// An OidcResource.
    Resource(OidcResource),
    /// A Secret; `stringData` has been merged into `data`.
    Secret(Secret),
    /// A Namespace.
    Namespace(Namespace),
    /// Something that this program has no use for.
    Other {
        /// `apiVersion`.
        api_version: String,
        /// `kind`.
        kind: String,
        /// `metadata.name`, empty when absent.
        name: String,
    },
}

impl Object {
    /// The kind.
    pub fn kind(&self) -> &str {
        match self {
            Self::Provider(_) => "OidcProvider",
            Self::Application(_) => "OidcApplication",
            Self::User(_) => "OidcUser",
            Self::Group(_) => "OidcGroup",
            Self::Resource(_) => "OidcResource",
            Self::Secret(_) => "Secret",
            Self::Namespace(_) => "Namespace",
            Self::Other { kind, .. } => kind,
        }
    }

    /// Name, namespace, labels and annotations; none of an ignored object.
    pub fn metadata(&self) -> Option<&ObjectMeta> {
        match self {
            Self::Provider(object) => Some(&object.metadata),
            Self::Application(object) => Some(&object.metadata),
            Self::User(object) => Some(&object.metadata),
            Self::Group(object) => Some(&object.metadata),
            Self::Resource(object) => Some(&object.metadata),
            Self::Secret(object) => Some(&object.metadata),
            Self::Namespace(object) => Some(&object.metadata),
            Self::Other { .. } => None,
        }
    }

    /// As [`Object::metadata`], to set what only the holder of the object knows: UID, generation, creation time.
    pub fn metadata_mut(&mut self) -> Option<&mut ObjectMeta> {
        match self {
            Self::Provider(object) => Some(&mut object.metadata),
            Self::Application(object) => Some(&mut object.metadata),
            Self::User(object) => Some(&mut object.metadata),
            Self::Group(object) => Some(&mut object.metadata),
            Self::Resource(object) => Some(&mut object.metadata),
            Self::Secret(object) => Some(&mut object.metadata),
            Self::Namespace(object) => Some(&mut object.metadata),
            Self::Other { .. } => None,
        }
    }
}

impl fmt::Debug for Object {
    /// Kind and name only: a Secret's data must not reach a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let metadata = self.metadata();
        f.debug_struct(self.kind())
            .field("namespace", &metadata.and_then(|metadata| metadata.namespace.as_deref()))
            .field("name", &metadata.and_then(|metadata| metadata.name.as_deref()))
            .finish_non_exhaustive()
    }
}
