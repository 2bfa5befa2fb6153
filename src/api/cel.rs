//! Pieces of the CEL rules: regular expressions with one owner, and the shape in which
//! a rule stands in a schema.
//!
//! Two engines judge the rules: the API server's and the one in kube that `check` and
//! `standalone` use. They differ on non-ASCII `size()`, `\w`, URL functions, optional
//! field selection and `has()` of a field whose name is a CEL keyword, so none of these
//! occurs here.

use serde_json::{Value, json};

/// One DNS label, lower case, at most 63 characters.
macro_rules! label {
    () => {
        "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
    };
}
pub(crate) use label;

/// A host name whose last label starts with a letter, or a dotted IPv4 address. What is
/// neither (`127.1`, `0x7f.1`) is read as an address by some parsers and as a name by
/// others.
macro_rules! host {
    () => {
        concat!(
            "(?:(?:",
            $crate::cel::label!(),
            "[.])*[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?|(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])[.]){3}(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9]))"
        )
    };
}
pub(crate) use host;

/// An optional port, 1 to 65535 without leading zeros.
macro_rules! port {
    () => {
        "(?::(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?"
    };
}
pub(crate) use port;

/// A loopback host as it stands in a URL.
macro_rules! loopback {
    () => {
        "(?:127[.]0[.]0[.]1|localhost|\\[::1\\])"
    };
}
pub(crate) use loopback;

/// An https origin, or an http one on a loopback host.
macro_rules! web_origin {
    () => {
        concat!(
            "(?:https://(?:",
            $crate::cel::host!(),
            "|\\[::1\\])|http://",
            $crate::cel::loopback!(),
            ")",
            $crate::cel::port!()
        )
    };
}
pub(crate) use web_origin;

/// The characters that RFC 3986 allows in a URI, without `#` and `*`, and with complete
/// percent escapes only.
pub(crate) const URI_TEXT: &str = "self.matches(r'^(?:[A-Za-z0-9._~:/?@!$&()+,;=\\[\\]\\x27-]|%[0-9A-Fa-f]{2})*$')";

/// No user information: `https://id.example@evil.example/` reads as one host to people
/// and as another to browsers.
pub(crate) const NO_USER_INFORMATION: &str = "!self.matches('^[^/?]*//[^/?]*@')";

/// No path segment that a server or a proxy may resolve away (RFC 3986 §5.2.4), plain or
/// escaped, with or without path parameters (`..;/`).
pub(crate) const NO_DOT_SEGMENTS: &str = "!self.matches('^[^?]*/(?:[.]|%2[eE]){1,2}(?:[/?;]|$)')";

/// `metadata.name` becomes part of client IDs and Secret names.
pub(crate) const NAME_RULE: &str =
    "size(self.metadata.name) <= 63 && self.metadata.name.matches('^[a-z0-9]([a-z0-9-]*[a-z0-9])?$')";

/// The message of [`NAME_RULE`].
pub(crate) const NAME_MESSAGE: &str =
    "metadata.name must be a DNS label: at most 63 lower-case letters, digits and hyphens, no dots";

/// The value of `x-kubernetes-validations` for rules given as (rule, message).
pub(crate) fn rules<const N: usize>(list: [(&str, &str); N]) -> Value {
    list.iter().map(|(rule, message)| json!({"rule": rule, "message": message})).collect()
}

/// Like [`rules`], for rules given as (field path, rule, message) whose error belongs to a
/// field below the node.
pub(crate) fn rules_at<const N: usize>(list: [(&str, &str, &str); N]) -> Value {
    list.iter().map(|(path, rule, message)| json!({"rule": rule, "message": message, "fieldPath": path})).collect()
}

/// The uniqueness rule of an atomic list, with its message.
pub(crate) fn unique() -> Value {
    rules([("self.all(x, self.exists_one(y, x == y))", "the list names a value twice: keep one of them")])
}
