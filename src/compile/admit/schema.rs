//! The schemas of the kinds, read once: the structure as a tree of nodes, the CEL rules as programs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use api::{Kind, RuleInfo};
use kube::core::cel::{CompiledSchema, compile_schema};
use regex::Regex;
use serde_json::Value;

/// The schema of one kind.
#[derive(Debug)]
pub(super) struct Schema {
    /// The structure.
    pub(super) root: Node,
    /// The rules.
    pub(super) rules: CompiledSchema,
    /// What the rules are called.
    names: Vec<RuleInfo>,
}

/// What a schema says about the structure of one place.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) kind: ValueKind,
    pub(super) nullable: bool,
    pub(super) default: Option<Value>,
    pub(super) enumeration: Vec<Value>,
    pub(super) pattern: Option<Regex>,
    pub(super) min_length: Option<u64>,
    pub(super) max_length: Option<u64>,
    pub(super) min_items: Option<u64>,
    pub(super) max_items: Option<u64>,
    pub(super) min_properties: Option<u64>,
    pub(super) max_properties: Option<u64>,
    pub(super) minimum: Option<f64>,
    pub(super) maximum: Option<f64>,
    pub(super) format: Option<String>,
    pub(super) required: BTreeSet<String>,
    pub(super) properties: BTreeMap<String, Node>,
    /// Of the values of a map.
    pub(super) additional: Option<Box<Node>>,
    pub(super) items: Option<Box<Node>>,
    pub(super) list: ListType,
    pub(super) list_keys: Vec<String>,
    pub(super) preserve_unknown: bool,
}

/// `type`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ValueKind {
    /// None is given: the place is not judged.
    #[default]
    Any,
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
}

/// `x-kubernetes-list-type`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ListType {
    /// Nothing is unique.
    #[default]
    Atomic,
    /// Items are unique.
    Set,
    /// The keys of items are unique.
    Map,
}

/// A keyword that the walker does not know, or whose value is malformed. It would go unjudged, so nothing is admitted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the schema cannot be read at `{0}`")]
pub(super) struct UnknownKeyword(String);

/// The schema of a kind.
pub(super) fn of(kind: Kind) -> &'static Result<Schema, UnknownKeyword> {
    static SCHEMAS: [OnceLock<Result<Schema, UnknownKeyword>>; 5] = [const { OnceLock::new() }; 5];
    let [provider, application, resource, user, group] = &SCHEMAS;
    let cell = match kind {
        Kind::OidcProvider => provider,
        Kind::OidcApplication => application,
        Kind::OidcResource => resource,
        Kind::OidcUser => user,
        Kind::OidcGroup => group,
    };
    cell.get_or_init(|| {
        let schema = api::schema(kind.as_str()).unwrap_or(&Value::Null);
        let names = api::rules().into_iter().filter(|rule| rule.kind == kind).collect();
        Schema::read(schema, names)
    })
}

impl Schema {
    /// Reads a schema as it stands in a CustomResourceDefinition (`openAPIV3Schema`).
    pub(super) fn read(schema: &Value, names: Vec<RuleInfo>) -> Result<Self, UnknownKeyword> {
        Ok(Self { root: Node::read(schema, "")?, rules: compile_schema(schema), names })
    }

    /// What the rule with this expression is called that was reported at `path`.
    pub(super) fn rule_name(&self, expression: &str, path: &str) -> String {
        let path = without_positions(path);
        let mut same = self.names.iter().filter(|name| name.rule == expression);
        let first = same.clone().next();
        let named = same.find(|name| name.reported_at == path).or(first);
        named.map_or_else(String::new, |name| name.id.clone())
    }
}

impl Node {
    fn read(schema: &Value, path: &str) -> Result<Self, UnknownKeyword> {
        let bad = |keyword: &str| UnknownKeyword(format!("{path}/{keyword}"));
        let map = schema.as_object().ok_or_else(|| bad(""))?;
        let mut node = Self::default();
        for (keyword, value) in map {
            let malformed = || bad(keyword);
            let child = |name: &str, value: &Value| Self::read(value, &format!("{path}/{name}"));
            match keyword.as_str() {
                "type" => node.kind = ValueKind::read(value).ok_or_else(malformed)?,
                "nullable" => node.nullable = value.as_bool().ok_or_else(malformed)?,
                "default" => node.default = Some(value.clone()),
                "enum" => node.enumeration.clone_from(value.as_array().ok_or_else(malformed)?),
                "pattern" => node.pattern = Some(regex(value).ok_or_else(malformed)?),
                "minLength" => node.min_length = Some(value.as_u64().ok_or_else(malformed)?),
                "maxLength" => node.max_length = Some(value.as_u64().ok_or_else(malformed)?),
                "minItems" => node.min_items = Some(value.as_u64().ok_or_else(malformed)?),
                "maxItems" => node.max_items = Some(value.as_u64().ok_or_else(malformed)?),
                "minProperties" => node.min_properties = Some(value.as_u64().ok_or_else(malformed)?),
                "maxProperties" => node.max_properties = Some(value.as_u64().ok_or_else(malformed)?),
                "minimum" => node.minimum = Some(value.as_f64().ok_or_else(malformed)?),
                "maximum" => node.maximum = Some(value.as_f64().ok_or_else(malformed)?),
                "format" => node.format = Some(format(value).ok_or_else(malformed)?),
                "required" => node.required = words(value).ok_or_else(malformed)?.into_iter().collect(),
                "properties" => {
                    for (name, value) in value.as_object().ok_or_else(malformed)? {
                        node.properties.insert(name.clone(), child(name, value)?);
                    }
                }
                "additionalProperties" => node.additional = Some(Box::new(child("*", value)?)),
                "items" => node.items = Some(Box::new(child("[]", value)?)),
                "x-kubernetes-list-type" => node.list = ListType::read(value).ok_or_else(malformed)?,
                "x-kubernetes-list-map-keys" => node.list_keys = words(value).ok_or_else(malformed)?,
                "x-kubernetes-preserve-unknown-fields" => {
                    node.preserve_unknown = value.as_bool().ok_or_else(malformed)?;
                }
                // Words for people, the rules (which have an engine of their own) and how maps merge.
                "description" | "title" | "example" | "x-kubernetes-validations" | "x-kubernetes-map-type" => {}
                _ => return Err(malformed()),
            }
        }
        Ok(node)
    }

    /// The node of a member, if there is one.
    pub(super) fn member(&self, name: &str) -> Option<&Self> {
        self.properties.get(name).or(self.additional.as_deref())
    }
}

impl ValueKind {
    fn read(value: &Value) -> Option<Self> {
        match value.as_str()? {
            "object" => Some(Self::Object),
            "array" => Some(Self::Array),
            "string" => Some(Self::String),
            "integer" => Some(Self::Integer),
            "number" => Some(Self::Number),
            "boolean" => Some(Self::Boolean),
            _ => None,
        }
    }
}

impl ListType {
    fn read(value: &Value) -> Option<Self> {
        match value.as_str()? {
            "atomic" => Some(Self::Atomic),
            "set" => Some(Self::Set),
            "map" => Some(Self::Map),
            _ => None,
        }
    }
}

fn regex(value: &Value) -> Option<Regex> {
    Regex::new(value.as_str()?).ok()
}

/// The formats that are judged; another one would be passed over.
fn format(value: &Value) -> Option<String> {
    let name = value.as_str()?;
    matches!(name, "date-time" | "int32" | "int64").then(|| name.to_owned())
}

fn words(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|word| word.as_str().map(str::to_owned)).collect()
}

/// `a[3].b` as `a[].b`.
fn without_positions(path: &str) -> String {
    let mut inside = false;
    path.chars()
        .filter(|letter| {
            inside = (inside || *letter == '[') && *letter != ']';
            !inside || *letter == '['
        })
        .collect()
}
