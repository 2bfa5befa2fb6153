//! What a program that kept its state in a folder must not have logged: every secret that is in there.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::quickstart;

/// Characters of a secret at the least: what is shorter also stands in a log for other reasons.
const SHORTEST: usize = 16;

/// Members of a private JWK (RFC 7518 §6.2.2, §6.3.2; RFC 8037 §2).
const PRIVATE: [&str; 6] = ["d", "p", "q", "dp", "dq", "qi"];

/// Holds a log against the secrets of a state folder, and the demo's password.
pub fn search(log: &str, state: &Path) -> Result<()> {
    let secrets = secrets(state)?;
    ensure!(!secrets.is_empty(), "{} has no secrets", state.display());
    for secret in secrets.iter().chain([&quickstart::password()?]) {
        ensure!(!log.contains(secret.as_str()), "a secret of {} characters was logged:\n{log}", secret.len());
    }
    Ok(())
}

fn secrets(state: &Path) -> Result<BTreeSet<String>> {
    let mut secrets = BTreeSet::new();
    for folder in [state.to_owned(), state.join("credentials")] {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.context("list the state")?.path();
            if path.extension().is_some_and(|end| end == "yaml") {
                let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
                let manifest: Value = serde_yaml::from_str(&text).with_context(|| path.display().to_string())?;
                of_manifest(&manifest, &mut secrets);
            }
        }
    }
    secrets.retain(|secret| secret.len() >= SHORTEST);
    Ok(secrets)
}

/// The forms in which a secret of these octets may be written down: as it is, in Base64, in hexadecimal digits; and what
/// is private of a JWK. Short ones are left out.
pub fn forms(octets: &[u8]) -> BTreeSet<String> {
    let mut hex = String::new();
    // Writing to a string cannot fail.
    for octet in octets {
        write!(hex, "{octet:02x}").unwrap_or_default();
    }
    let mut forms = BTreeSet::from([STANDARD.encode(octets), URL_SAFE_NO_PAD.encode(octets), hex]);
    forms.extend(std::str::from_utf8(octets).ok().map(str::to_owned));
    if let Ok(key) = serde_json::from_slice::<Value>(octets) {
        let jwk = key.get("jwk").unwrap_or(&key);
        forms.extend(PRIVATE.iter().filter_map(|member| jwk.get(*member)?.as_str().map(str::to_owned)));
    }
    forms.retain(|form| form.len() >= SHORTEST);
    forms
}

fn of_manifest(manifest: &Value, secrets: &mut BTreeSet<String>) {
    let values = |member: &str| manifest.get(member).and_then(Value::as_object).into_iter().flatten();
    for (_, value) in values("data") {
        let Some(text) = value.as_str() else { continue };
        secrets.insert(text.to_owned());
        let Ok(octets) = STANDARD.decode(text) else { continue };
        secrets.extend(forms(&octets));
    }
    // What an application is told besides is no secret: addresses, and its client ID.
    let told = values("stringData").filter(|(name, _)| name.contains("SECRET") || name.contains("KEY"));
    secrets.extend(told.filter_map(|(_, value)| value.as_str().map(str::to_owned)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_found_in_whatever_form_it_was_logged() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let octets = [0xab_u8; 32];
        let key = STANDARD.encode(br#"{"jwk":{"kty":"EC","x":"public-public-public","d":"private-private-private"}}"#);
        write("seed.yaml", &format!("kind: Secret\ndata:\n  '1': {}\n", STANDARD.encode(octets)));
        write("signing-keys.yaml", &format!("kind: Secret\ndata:\n  a.json: {key}\n"));
        write(
            "credentials/a.yaml",
            "kind: Secret\nstringData:\n  OIDC_CLIENT_ID: a-client-id-that-is-long\n  OIDC_CLIENT_SECRET: a-client-secret-that-is-long\n",
        );
        let check = |log: &str, fine: bool| assert_eq!(search(log, folder.path()).is_ok(), fine, "{log}");
        check("client=a-client-id-that-is-long x=public-public-public", true);
        check("secret a-client-secret-that-is-long.", false);
        check("d: private-private-private", false);
        check(&format!("seed {}", URL_SAFE_NO_PAD.encode(octets)), false);
        check(&format!("seed {}", "ab".repeat(32)), false);
        check(&quickstart::password().unwrap(), false);
    }
}
