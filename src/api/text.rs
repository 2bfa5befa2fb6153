//! Restricted strings: each type is declared once with its bounds, which go into the
//! schema. Decoding does not check them; the admission step does, before it decodes.

use crate::cel::{NO_DOT_SEGMENTS, NO_USER_INFORMATION, URI_TEXT, host, label, port, rules, web_origin};

/// Declares a string type and the schema that bounds it.
macro_rules! text {
    ($(#[$meta:meta])* $name:ident, $($schema:tt)+) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The text as written in the manifest.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::ops::Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!($($schema)+)
            }
        }
    };
}

pub(crate) use text;

text!(
    /// The name of a Kubernetes object of this group, or of a namespace: a DNS label.
    LabelName, {"type": "string", "minLength": 1, "maxLength": 63, "pattern": "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"}
);

text!(
    /// The name of a Secret or a ServiceAccount: DNS labels joined by dots.
    SubdomainName, {
        "type": "string", "minLength": 1, "maxLength": 253,
        "pattern": "^[a-z0-9]([a-z0-9-]*[a-z0-9])?([.][a-z0-9]([a-z0-9-]*[a-z0-9])?)*$"
    }
);

text!(
    /// A key of a Secret's data.
    DataKey, {"type": "string", "minLength": 1, "maxLength": 253, "pattern": "^[A-Za-z0-9._-]+$"}
);

text!(
    /// Any text whose change asks for an action, such as a date.
    #[derive(Default)]
    Trigger, {"type": "string", "maxLength": 128}
);

text!(
    /// A name shown to people.
    DisplayName, {
        "type": "string", "minLength": 1, "maxLength": 64,
        "x-kubernetes-validations": rules([(
            r"!self.matches(r'[\x00-\x1f\x7f-\x9f\x{ad}\x{61c}\x{180e}\x{200b}-\x{200f}\x{2028}-\x{202e}\x{2060}-\x{206f}\x{feff}\x{fff9}-\x{fffb}]')",
            "must not contain control, bidi or zero-width characters: they can disguise a name on the consent page",
        )])
    }
);

text!(
    /// The URL of an issuer.
    IssuerUrl, {
        "type": "string", "minLength": 1, "maxLength": 255,
        "x-kubernetes-validations": rules([
            (
                concat!("self.matches(r'^", web_origin!(), "(?:/[A-Za-z0-9._~-]+)*$')"),
                "must be https, or http on a loopback host, and without query, fragment, user information or trailing slash",
            ),
            (NO_DOT_SEGMENTS, "must not contain dot segments (`/./`, `/../`)"),
            ("self == oldSelf", "issuer is immutable: tokens in use name it; create another OidcProvider instead"),
        ])
    }
);

text!(
    /// A host name without scheme, port or path.
    Host, {
        "type": "string", "minLength": 1, "maxLength": 253,
        "x-kubernetes-validations": rules([(
            concat!("self.matches(r'^", host!(), "$')"),
            "must be a host name in lower case, without scheme, port, path or wildcard",
        )])
    }
);

text!(
    /// A host name, or `*.` and a host name: the star stands for exactly one label.
    HostPattern, {
        "type": "string", "minLength": 1, "maxLength": 253,
        "x-kubernetes-validations": rules([(
            concat!("self.matches(r'^(?:[*][.])?(?:", label!(), "[.])*[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$')"),
            "must be a host name in lower case, without scheme, port or path; `*.` may stand in front for exactly one label",
        )])
    }
);

text!(
    /// A private-use URI scheme (RFC 8252 §7.1), without the colon.
    PrivateUseScheme, {
        "type": "string", "minLength": 3, "maxLength": 253,
        "x-kubernetes-validations": rules([(
            "self.matches('^[a-z][a-z0-9+-]*([.][a-z0-9+-]+)+$')",
            "must be a reversed domain name in lower case, such as com.example.app, without the colon",
        )])
    }
);

text!(
    /// An address the browser is sent back to; compared as an exact string.
    RedirectUri, {
        "type": "string", "minLength": 1, "maxLength": 1024,
        "x-kubernetes-validations": rules([
            (
                URI_TEXT,
                "must be printable ASCII without spaces, `#`, `*`, backslash, quotes or brackets; escape anything else as %XX",
            ),
            (NO_USER_INFORMATION, "must not contain user information (`user@`) before the host"),
            (NO_DOT_SEGMENTS, "must not contain dot segments (`/./`, `/../`, also as %2e)"),
            (
                concat!("self.matches(r'^(?:", web_origin!(), "(?:[/?]|$)|[a-z][a-z0-9+-]*(?:[.][a-z0-9+-]+)+:/)')"),
                "must be https, http on a loopback host (127.0.0.1, [::1], localhost) or a private-use scheme with a dot, the host in lower case",
            ),
        ])
    }
);

/// What every web address but a redirect URI has to keep, as one rule.
fn web_uri(shape: &str) -> String {
    format!("{URI_TEXT} && {NO_USER_INFORMATION} && {NO_DOT_SEGMENTS} && {shape}")
}

const WEB_SHAPE: &str = concat!("self.matches(r'^", web_origin!(), "(?:[/?]|$)')");
const HTTPS_SHAPE: &str = concat!("self.matches(r'^https://", host!(), port!(), "(?:[/?]|$)')");
const WEB_MESSAGE: &str = "must be an https URL, or http on a loopback host, in printable ASCII without user information, dot segments, `#` or `*`";
const HTTPS_MESSAGE: &str =
    "must be an https URL in printable ASCII without user information, dot segments, `#` or `*`";

text!(
    /// A web address: https, or http on a loopback host.
    WebUri, {
        "type": "string", "minLength": 1, "maxLength": 1024,
        "x-kubernetes-validations": rules([(&web_uri(WEB_SHAPE), WEB_MESSAGE)])
    }
);

text!(
    /// A web address or nothing: https, or http on a loopback host.
    #[derive(Default)]
    OptionalWebUri, {
        "type": "string", "maxLength": 1024,
        "x-kubernetes-validations": rules([(&format!("self == '' || ({})", web_uri(WEB_SHAPE)), WEB_MESSAGE)])
    }
);

text!(
    /// An https address.
    HttpsUri, {
        "type": "string", "minLength": 1, "maxLength": 1024,
        "x-kubernetes-validations": rules([(&web_uri(HTTPS_SHAPE), HTTPS_MESSAGE)])
    }
);

text!(
    /// An https address or nothing.
    #[derive(Default)]
    OptionalHttpsUri, {
        "type": "string", "maxLength": 1024,
        "x-kubernetes-validations": rules([(&format!("self == '' || ({})", web_uri(HTTPS_SHAPE)), HTTPS_MESSAGE)])
    }
);

text!(
    /// The audience of an API's access tokens (RFC 8707 §2).
    Audience, {
        "type": "string", "minLength": 1, "maxLength": 255,
        "x-kubernetes-validations": rules([
            (
                &format!("{} && !self.contains('?')", web_uri(HTTPS_SHAPE)),
                "must be an https URL in printable ASCII without query, fragment, user information or dot segments",
            ),
            ("self == oldSelf", "audience is immutable: tokens in use name it; create another OidcResource instead"),
        ])
    }
);

text!(
    /// One scope (RFC 6749 §3.3).
    ScopeToken, {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!#-\\[\\]-~]+$"}
);

/// Derived client IDs are DNS labels joined by dots; nothing else may look like one.
pub(crate) const LOOKS_DERIVED: &str =
    "self.matches('^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?([.][A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)+$')";

text!(
    /// A client ID that is not derived from namespace and name.
    CustomClientId, {
        "type": "string", "minLength": 1, "maxLength": 255,
        "x-kubernetes-validations": rules([
            (
                "self.matches('^[A-Za-z0-9._~:/@+=-]+$')",
                "must consist of letters, digits and `. _ ~ : / @ + = -`",
            ),
            (
                &format!("!{LOOKS_DERIVED}"),
                "must not look like a derived client ID (labels joined by dots): those belong to namespaces",
            ),
        ])
    }
);

text!(
    /// The beginning of the custom client IDs that a policy grants.
    ClientIdPrefix, {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[A-Za-z0-9._~:/@+=-]+$"}
);

text!(
    /// The key ID of a JWK (RFC 7517 §4.5).
    KeyId, {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[A-Za-z0-9._~-]+$"}
);

text!(
    /// A subject identifier that is not the object's UID.
    #[derive(Default)]
    PinnedSubject, {
        "type": "string", "maxLength": 255,
        "x-kubernetes-validations": rules([
            ("self.matches('^[!-~]*$')", "must be printable ASCII without spaces (OpenID Connect Core §2)"),
            (
                &format!("!{LOOKS_DERIVED}"),
                "must not look like a client ID (labels joined by dots): a token's sub would be ambiguous",
            ),
        ])
    }
);

text!(
    /// The name a person logs in with.
    Username, {
        "type": "string", "minLength": 1, "maxLength": 128,
        "x-kubernetes-validations": rules([(
            "self.matches('^[a-z0-9]([a-z0-9._@+-]*[a-z0-9])?$')",
            "must be lower case: letters, digits and `. _ @ + -`, starting and ending with a letter or a digit",
        )])
    }
);

text!(
    /// An e-mail address.
    EmailAddress, {
        "type": "string", "minLength": 3, "maxLength": 254,
        "x-kubernetes-validations": rules([(
            concat!(r"self.matches(r'^[^@\x00-\x20\x7f-\x9f]+@(?:", label!(), "[.])*", label!(), "$')"),
            "must be an e-mail address with one `@`, no spaces and the domain in lower case",
        )])
    }
);

text!(
    /// A telephone number with country code (E.164).
    PhoneNumber, {"type": "string", "minLength": 3, "maxLength": 32, "pattern": "^[+][1-9][0-9]{1,14}(;ext=[0-9]{1,10})?$"}
);

text!(
    /// The value of a group in the groups claim.
    GroupClaimValue, {
        "type": "string", "minLength": 1, "maxLength": 253,
        "x-kubernetes-validations": rules([
            ("!self.startsWith('system:')", "must not start with `system:`: Kubernetes gives such groups power"),
            (r"!self.matches(r'[\x00-\x1f\x7f-\x9f]')", "must not contain control characters"),
        ])
    }
);

text!(
    /// The name of a user's attribute.
    AttributeName, {"type": "string", "minLength": 1, "maxLength": 63, "pattern": "^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$"}
);

text!(
    /// The value of a user's attribute.
    AttributeValue, {"type": "string", "maxLength": 1024}
);

text!(
    /// The value of a Kubernetes label.
    LabelValue, {"type": "string", "maxLength": 63, "pattern": "^([A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?)?$"}
);

text!(
    /// The key of a Kubernetes label.
    LabelKey, {
        "type": "string", "minLength": 1, "maxLength": 317,
        "pattern": "^([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$"
    }
);

text!(
    /// A language tag (RFC 5646), as far as this provider uses them.
    Locale, {"type": "string", "minLength": 2, "maxLength": 35, "pattern": "^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$"}
);

text!(
    /// The value of a Kubernetes annotation.
    AnnotationValue, {"type": "string", "maxLength": 1024}
);
