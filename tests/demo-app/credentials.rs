//! Who we are to the provider: read from the Secret that the provider's operator writes.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use openidconnect::{ClientId, ClientSecret, IssuerUrl};
use serde::Deserialize;

/// Where the credentials come from.
pub(crate) enum Source {
    File(PathBuf),
    Given { issuer: String, client_id: String, client_secret: String },
}

/// A client of a provider.
#[derive(Debug)]
pub(crate) struct Credentials {
    pub(crate) issuer: IssuerUrl,
    pub(crate) client_id: ClientId,
    pub(crate) client_secret: ClientSecret,
}

impl Source {
    /// Reads the file anew, so that a rotated secret and a file that appears late are taken up.
    pub(crate) fn read(&self) -> Result<Credentials> {
        match self {
            Self::Given { issuer, client_id, client_secret } => credentials(issuer, client_id, client_secret),
            Self::File(path) => {
                let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
                parse(&text).with_context(|| path.display().to_string())
            }
        }
    }
}

/// The part of a Kubernetes Secret that matters here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Secret {
    /// Values in base64.
    #[serde(default)]
    data: BTreeMap<String, String>,
    /// Plain values, which win over `data`.
    #[serde(default)]
    string_data: BTreeMap<String, String>,
}

impl Secret {
    fn get(&self, key: &str) -> Result<String> {
        if let Some(plain) = self.string_data.get(key) {
            return Ok(plain.clone());
        }
        let encoded = self.data.get(key).with_context(|| format!("the Secret has no key {key}"))?;
        let bytes = STANDARD.decode(encoded.trim()).with_context(|| format!("{key} is not base64"))?;
        String::from_utf8(bytes).with_context(|| format!("{key} is not UTF-8"))
    }
}

fn parse(text: &str) -> Result<Credentials> {
    let secret: Secret = serde_yaml::from_str(text).context("not a Secret in YAML")?;
    credentials(&secret.get("OIDC_ISSUER_URL")?, &secret.get("OIDC_CLIENT_ID")?, &secret.get("OIDC_CLIENT_SECRET")?)
}

fn credentials(issuer: &str, client_id: &str, client_secret: &str) -> Result<Credentials> {
    Ok(Credentials {
        issuer: IssuerUrl::new(issuer.to_owned()).with_context(|| format!("the issuer `{issuer}` is no URL"))?,
        client_id: ClientId::new(client_id.to_owned()),
        client_secret: ClientSecret::new(client_secret.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "apiVersion: v1\nkind: Secret\nmetadata: {name: notes-oidc, namespace: team-a}\n";

    #[test]
    fn a_secret_is_read_encoded_or_plain() {
        let encoded = "data:\n  OIDC_CLIENT_ID: dGVhbS1hLm5vdGVz\n  OIDC_CLIENT_SECRET: czNjcmV0\n  OIDC_ISSUER_URL: aHR0cDovLzEyNy4wLjAuMTo4MDgwL29pZGM=\n";
        let plain = "stringData: {OIDC_CLIENT_ID: team-a.notes, OIDC_CLIENT_SECRET: s3cret, OIDC_ISSUER_URL: 'http://127.0.0.1:8080/oidc'}\n";
        for body in [encoded, plain] {
            let read = parse(&format!("{HEAD}{body}")).unwrap();
            assert_eq!(read.client_id.as_str(), "team-a.notes");
            assert_eq!(read.client_secret.secret(), "s3cret");
            assert_eq!(read.issuer.as_str(), "http://127.0.0.1:8080/oidc");
        }
    }

    /// As `kubectl get secret -o yaml` prints it: more keys and more metadata than matter here.
    #[test]
    fn a_secret_of_an_api_server_is_read() {
        let read = parse(include_str!("secret.yaml")).unwrap();
        assert_eq!(read.client_id.as_str(), "team-a.notes");
        assert_eq!(read.client_secret.secret(), "s3cret");
        assert_eq!(read.issuer.as_str(), "http://127.0.0.1:8080/oidc");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (body, expect) in [
            ("data: {}\n", "no key OIDC_ISSUER_URL"),
            ("data: {OIDC_ISSUER_URL: '%'}\n", "OIDC_ISSUER_URL is not base64"),
            ("stringData: {OIDC_ISSUER_URL: x, OIDC_CLIENT_ID: a, OIDC_CLIENT_SECRET: b}\n", "`x` is no URL"),
            ("data: [1]\n", "not a Secret"),
        ] {
            let error = format!("{:#}", parse(&format!("{HEAD}{body}")).unwrap_err());
            assert!(error.contains(expect), "{body}: {error}");
        }
        let absent = Source::File("/no/such/file".into()).read().unwrap_err();
        assert!(format!("{absent:#}").contains("/no/such/file"));
    }
}
