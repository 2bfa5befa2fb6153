//! The manifests of `crds/samples/quickstart`: as they are, or moved to other addresses.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::{paths, ports};

/// The person whom the quickstart makes.
pub const USERNAME: &str = "alice";

/// Where the programs listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// The provider; its issuer is `http://<this>/oidc`.
    pub provider: SocketAddr,
    /// The provider's probes and metrics.
    pub internal: SocketAddr,
    /// The relying party; its redirect URI is `http://<this>/callback`.
    pub app: SocketAddr,
}

impl Addresses {
    /// The addresses that stand in the manifests.
    pub const WRITTEN: Self = Self { provider: loopback(8080), internal: loopback(9090), app: loopback(8081) };

    /// Three free loopback addresses.
    pub fn free() -> Result<Self> {
        Ok(Self { provider: ports::free()?, internal: ports::free()?, app: ports::free()? })
    }

    /// The issuer URL of the quickstart's provider.
    pub fn issuer(&self) -> String {
        format!("http://{}/oidc", self.provider)
    }

    /// A path of the relying party as a URL.
    pub fn app(&self, path: &str) -> String {
        format!("http://{}{path}", self.app)
    }
}

const fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

/// The folder of the committed manifests.
pub fn folder() -> PathBuf {
    paths::root().join("crds/samples/quickstart")
}

/// Writes the manifests into `to`, made anew, with the written addresses replaced by `addresses`.
pub fn copy(to: &Path, addresses: Addresses) -> Result<()> {
    if to.exists() {
        fs::remove_dir_all(to).with_context(|| format!("clear {}", to.display()))?;
    }
    fs::create_dir_all(to).with_context(|| format!("make {}", to.display()))?;
    for entry in fs::read_dir(folder()).context("list the quickstart")? {
        let from = entry.context("list the quickstart")?.path();
        let Some(name) = from.file_name().filter(|_| from.extension().is_some_and(|end| end == "yaml")) else {
            continue;
        };
        let text = fs::read_to_string(&from).with_context(|| format!("read {}", from.display()))?;
        fs::write(to.join(name), moved(&text, addresses)).with_context(|| format!("write {}", to.display()))?;
    }
    Ok(())
}

/// The file in which `standalone` keeps the quickstart application's credentials.
pub fn credentials(state: &Path) -> PathBuf {
    state.join("credentials/team-a_notes-oidc.yaml")
}

/// The password of [`USERNAME`], read from the manifest that sets it.
pub fn password() -> Result<String> {
    let path = folder().join("user.yaml");
    let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let value = text.lines().find_map(|line| line.trim().strip_prefix("password:"));
    Ok(value.with_context(|| format!("no password in {}", path.display()))?.trim().trim_matches('"').to_owned())
}

/// Goes through placeholders, so that an address which is another's old one is not moved twice.
fn moved(text: &str, to: Addresses) -> String {
    text.replace(&Addresses::WRITTEN.provider.to_string(), "\u{1}")
        .replace(&Addresses::WRITTEN.app.to_string(), "\u{2}")
        .replace('\u{1}', &to.provider.to_string())
        .replace('\u{2}', &to.app.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_names_only_the_new_addresses() {
        let to = tempfile::tempdir().unwrap();
        let addresses = Addresses { provider: loopback(8081), internal: loopback(1), app: loopback(7000) };
        copy(to.path(), addresses).unwrap();
        let provider = fs::read_to_string(to.path().join("provider.yaml")).unwrap();
        let application = fs::read_to_string(to.path().join("application.yaml")).unwrap();
        assert!(provider.contains("issuer: http://127.0.0.1:8081/oidc"), "{provider}");
        assert!(application.contains("http://127.0.0.1:7000/callback"), "{application}");
        assert!(!application.contains(":8081"), "{application}");
    }

    #[test]
    fn the_copy_replaces_what_was_there() {
        let to = tempfile::tempdir().unwrap();
        fs::write(to.path().join("old.yaml"), "kind: Old").unwrap();
        copy(to.path(), Addresses::WRITTEN).unwrap();
        assert!(!to.path().join("old.yaml").exists());
    }

    #[test]
    fn the_demo_password_is_found() {
        assert_eq!(password().unwrap(), "correct horse battery staple");
    }
}
