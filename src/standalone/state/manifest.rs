//! Kubernetes Secrets as files: what is kept here can be moved to a cluster with `kubectl apply`.

use std::collections::BTreeMap;

use crypto::Secret;
use k8s_openapi::ByteString;
use serde::{Deserialize, Serialize};

/// A Secret to write.
#[derive(Debug)]
pub(super) struct Manifest<'a> {
    /// Namespace and name.
    pub(super) namespace: &'a str,
    /// Its name.
    pub(super) name: &'a str,
    /// Its type.
    pub(super) type_: &'a str,
    /// Labels.
    pub(super) labels: BTreeMap<String, String>,
    /// Annotations.
    pub(super) annotations: BTreeMap<String, String>,
    /// Content.
    pub(super) content: Content<'a>,
}

/// What a Secret holds.
#[derive(Debug)]
pub(super) enum Content<'a> {
    /// Octets, written as base64.
    Data(BTreeMap<String, &'a [u8]>),
    /// Text, written as it is, for people and scripts to read.
    Text(BTreeMap<&'a str, &'a Secret<String>>),
}

/// A Secret that was read.
pub(super) struct Stored {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
    /// `data`, decoded.
    pub(super) data: BTreeMap<String, Secret<Vec<u8>>>,
}

impl Manifest<'_> {
    /// The file, starting with a comment.
    pub(super) fn to_yaml(&self, comment: &str) -> Result<Secret<String>, serde_yaml::SerializeError> {
        let Self { namespace, name, type_, labels, annotations, content } = self;
        let (data, string_data) = match content {
            Content::Data(data) => {
                let data = data.iter().map(|(key, octets)| (key.as_str(), ByteString(octets.to_vec())));
                (Some(data.collect()), None)
            }
            Content::Text(text) => {
                (None, Some(text.iter().map(|(key, text)| (*key, text.expose().as_str())).collect()))
            }
        };
        let file = Written {
            api_version: "v1",
            kind: "Secret",
            metadata: WrittenMetadata { namespace, name, labels, annotations },
            type_,
            data,
            string_data,
        };
        let yaml = serde_yaml::to_string(&file)?;
        Ok(Secret::new(format!("# {comment}\n{yaml}")))
    }
}

impl Stored {
    /// Reads a file that [`Manifest::to_yaml`] wrote. The message of an error repeats nothing of the file.
    pub(super) fn from_yaml(content: &[u8], type_: &str) -> Result<Self, String> {
        let text = std::str::from_utf8(content).map_err(|_| "it is not UTF-8 text".to_owned())?;
        let read: Read = serde_yaml::from_str(text).map_err(|error| match error.location() {
            Some(at) => format!("line {} is not what belongs into a Secret manifest", at.line()),
            None => "it is not a Secret manifest".to_owned(),
        })?;
        let Read { api_version, kind, metadata, type_: found, data } = read;
        if api_version != "v1" || kind != "Secret" {
            return Err("it is not a Secret manifest (apiVersion v1, kind Secret)".to_owned());
        }
        if found != type_ {
            return Err(format!("the type of the Secret is not {type_}"));
        }
        let ReadMetadata { namespace, name, labels, annotations } = metadata;
        let data = data.into_iter().map(|(key, octets)| (key, Secret::new(octets.0))).collect();
        Ok(Self { namespace, name, labels, annotations, data })
    }
}

#[derive(Serialize)]
struct Written<'a> {
    #[serde(rename = "apiVersion")]
    api_version: &'a str,
    kind: &'a str,
    metadata: WrittenMetadata<'a>,
    #[serde(rename = "type")]
    type_: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<BTreeMap<&'a str, ByteString>>,
    #[serde(rename = "stringData", skip_serializing_if = "Option::is_none")]
    string_data: Option<BTreeMap<&'a str, &'a str>>,
}

#[derive(Serialize)]
struct WrittenMetadata<'a> {
    namespace: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Read {
    #[serde(rename = "apiVersion")]
    api_version: String,
    kind: String,
    metadata: ReadMetadata,
    #[serde(rename = "type")]
    type_: String,
    #[serde(default)]
    data: BTreeMap<String, ByteString>,
}

#[derive(Deserialize)]
struct ReadMetadata {
    namespace: String,
    name: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "portcullis.dev/test";

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let awkward = [("a", "no"), ("b", "012"), ("c", "a: b #c"), ("d", "\"'\n\t"), ("e", "")];
        let octets: Vec<u8> = (0..=255).collect();
        let manifest = Manifest {
            namespace: "on",
            name: "1e3",
            type_: TYPE,
            labels: map(&[("l", "true")]),
            annotations: map(&awkward),
            content: Content::Data([("k.json".to_owned(), octets.as_slice())].into()),
        };
        let yaml = manifest.to_yaml("A comment.").unwrap();
        assert!(yaml.expose().starts_with("# A comment.\napiVersion: v1\nkind: Secret\n"), "{}", yaml.expose());
        let stored = Stored::from_yaml(yaml.expose().as_bytes(), TYPE).unwrap();
        assert_eq!((stored.namespace.as_str(), stored.name.as_str()), ("on", "1e3"));
        assert_eq!(stored.labels, map(&[("l", "true")]));
        assert_eq!(stored.annotations, map(&awkward));
        assert_eq!(stored.data["k.json"].expose(), &octets);
    }

    #[test]
    fn text_is_written_to_be_read() {
        let secret = Secret::new("s3cret".to_owned());
        let manifest = Manifest {
            namespace: "team-a",
            name: "m",
            type_: TYPE,
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            content: Content::Text([("OIDC_CLIENT_SECRET", &secret)].into()),
        };
        assert_eq!(
            manifest.to_yaml("For the application.").unwrap().expose(),
            "# For the application.\napiVersion: v1\nkind: Secret\nmetadata:\n  namespace: team-a\n  name: m\ntype: portcullis.dev/test\nstringData:\n  OIDC_CLIENT_SECRET: s3cret\n"
        );
    }

    #[test]
    fn damaged_files_are_refused_without_repeating_them() {
        let good = "apiVersion: v1\nkind: Secret\nmetadata: {namespace: n, name: m}\ntype: portcullis.dev/test\ndata: {k: aHVudGVyMg==}\n";
        assert!(Stored::from_yaml(good.as_bytes(), TYPE).is_ok());
        for (bad, says) in [
            (String::new(), "Secret manifest"),
            (good.replace("kind: Secret", "kind: ConfigMap"), "kind Secret"),
            (good.replace("portcullis.dev/test", "Opaque"), "the type of the Secret is not portcullis.dev/test"),
            (good.replace("aHVudGVyMg==", "hunter2!"), "line 5"),
            (good.replace("name: m", "nam: m"), "line 3"),
            (good.get(..60).unwrap().to_owned(), "line 3"),
            ("\0".repeat(100), "Secret manifest"),
        ] {
            let error = Stored::from_yaml(bad.as_bytes(), TYPE).err().unwrap();
            assert!(error.contains(says) && !error.contains("hunter2"), "{bad:?}: {error}");
        }
        assert!(Stored::from_yaml(b"\xff\xfe", TYPE).is_err());
    }
}
