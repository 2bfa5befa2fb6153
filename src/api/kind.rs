//! The kinds of this group as values.

use crate::wire::wire_enum;

/// The API group of every kind.
pub const GROUP: &str = "portcullis.dev";

/// The one version that is served and stored.
pub const VERSION: &str = "v1alpha1";

wire_enum! {
    /// A kind that people write. The text is the kind's name.
    pub enum Kind {
        /// One issuer and the policies that say who may attach to it.
        OidcProvider = "OidcProvider",
        /// One relying party.
        OidcApplication = "OidcApplication",
        /// One API.
        OidcResource = "OidcResource",
        /// One person.
        OidcUser = "OidcUser",
        /// Persons who belong together.
        OidcGroup = "OidcGroup",
    }
}

impl Kind {
    /// The plural name in URLs and in the CRD's name; also the stem of the file in `crds/`.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::OidcProvider => "oidcproviders",
            Self::OidcApplication => "oidcapplications",
            Self::OidcResource => "oidcresources",
            Self::OidcUser => "oidcusers",
            Self::OidcGroup => "oidcgroups",
        }
    }

    /// The `apiVersion` of its manifests.
    pub const fn api_version() -> &'static str {
        "portcullis.dev/v1alpha1"
    }
}
