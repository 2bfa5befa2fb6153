//! oauth2-proxy, a relying party that we did not write, built from the version that `tests/tools/oauth2-proxy` pins.

use std::path::PathBuf;

use anyhow::Result;

use crate::go_tools::Module;

const NAME: &str = "oauth2-proxy";
const PACKAGE: &str = "github.com/oauth2-proxy/oauth2-proxy/v7";
const MODULE: Module = Module { folder: "tests/tools/oauth2-proxy", instead: "" };

/// The program, built the first time.
pub fn get() -> Result<PathBuf> {
    let built = MODULE.cache()?.join(NAME);
    if built.is_file() { Ok(built) } else { MODULE.build(NAME, PACKAGE, "") }
}

/// Builds it if it is missing; the remark says so.
pub fn install() -> Result<String> {
    if MODULE.cache()?.join(NAME).is_file() {
        return Ok("nothing missing".to_owned());
    }
    get()?;
    Ok(format!("built {NAME}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_pinned() {
        let module = MODULE.file("go.mod").unwrap();
        assert!(module.lines().any(|line| line.trim().starts_with(&format!("{PACKAGE} v7."))), "{module}");
        assert!(module.contains(&format!("tool {PACKAGE}")), "{module}");
    }
}
