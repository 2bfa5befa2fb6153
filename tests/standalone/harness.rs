//! A provider of its own for each test, on free ports, from a copy of the quickstart.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use url::Url;
use xtask::html::{self, Form};
use xtask::http::Response;
use xtask::process::{Log, Process};
use xtask::quickstart::{self, Addresses};
use xtask::walk::Agent;

/// How long anything may take that is to happen soon, on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(90);

/// A running `portcullis standalone`.
pub(crate) struct Provider {
    pub(crate) addresses: Addresses,
    folder: TempDir,
    flags: Vec<OsString>,
    process: Option<Process>,
}

impl Provider {
    /// Starts on the quickstart.
    pub(crate) fn start() -> Self {
        Self::start_with(|_| {})
    }

    /// Starts on the quickstart after a change to its files.
    pub(crate) fn start_with(change: impl FnOnce(&Path)) -> Self {
        Self::start_as(Addresses::free().unwrap(), Vec::new(), change)
    }

    /// Starts on these addresses, with more flags.
    pub(crate) fn start_as(addresses: Addresses, flags: Vec<OsString>, change: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        quickstart::copy(&folder.path().join("manifests"), addresses).unwrap();
        change(&folder.path().join("manifests"));
        let mut provider = Self { addresses, folder, flags, process: None };
        provider.spawn();
        provider.wait_ready();
        provider
    }

    /// Starts the program and returns at once.
    pub(crate) fn spawn(&mut self) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command.arg("standalone").arg("--manifests").arg(self.manifests()).arg("--state").arg(self.state());
        command.arg("--listen").arg(self.addresses.provider.to_string());
        command.arg("--internal-listen").arg(self.addresses.internal.to_string());
        command.args(&self.flags);
        self.process = Some(Process::start("portcullis", command, Log::File(self.folder.path().join("log"))).unwrap());
    }

    /// Waits until the provider serves.
    pub(crate) fn wait_ready(&mut self) {
        let url = Url::parse(&format!("http://{}/readyz", self.addresses.internal)).unwrap();
        self.process.as_mut().unwrap().wait_ready(&url, PATIENCE).unwrap();
    }

    /// SIGKILL, and nothing else.
    pub(crate) fn kill(&mut self) {
        let mut process = self.process.take().unwrap();
        process.kill();
        while process.exited().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.as_ref().unwrap().id()
    }

    pub(crate) fn manifests(&self) -> PathBuf {
        self.folder.path().join("manifests")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    pub(crate) fn issuer(&self) -> String {
        self.addresses.issuer()
    }

    /// Where the application of the quickstart wants its answers; nobody listens there.
    pub(crate) fn callback(&self) -> String {
        self.addresses.app("/callback")
    }

    pub(crate) fn url(&self, path: &str) -> Url {
        Url::parse(&format!("{}{path}", self.issuer())).unwrap()
    }

    /// The client ID and secret that were written for the application of the quickstart.
    pub(crate) fn credentials(&self) -> (String, String) {
        let read = |key: &str| self.credential(key).unwrap_or_else(|| panic!("no {key}\n{}", self.log()));
        (read("OIDC_CLIENT_ID"), read("OIDC_CLIENT_SECRET"))
    }

    fn credential(&self, key: &str) -> Option<String> {
        demo_credentials(&quickstart::credentials(&self.state()), key)
    }

    /// Waits until `check` finds something.
    pub(crate) fn soon<T>(&self, what: &str, mut check: impl FnMut() -> Option<T>) -> (T, Duration) {
        let started = Instant::now();
        loop {
            if let Some(found) = check() {
                return (found, started.elapsed());
            }
            assert!(started.elapsed() < PATIENCE, "{what} did not happen:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Whatever a test did, none of the secrets may stand in the log.
impl Drop for Provider {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            xtask::secrecy::search(&self.log(), &self.state()).unwrap();
        }
    }
}

/// One value of a Secret manifest, whose `data` is Base64 or whose `stringData` is plain.
pub(crate) fn demo_credentials(path: &Path, key: &str) -> Option<String> {
    use base64::Engine as _;
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Secret {
        #[serde(default)]
        data: std::collections::BTreeMap<String, String>,
        #[serde(default)]
        string_data: std::collections::BTreeMap<String, String>,
    }
    let secret: Secret = serde_yaml::from_str(&fs::read_to_string(path).ok()?).ok()?;
    let decoded = |value: &String| {
        let bytes = base64::engine::general_purpose::STANDARD.decode(value).unwrap();
        String::from_utf8(bytes).unwrap()
    };
    secret.string_data.get(key).cloned().or_else(|| secret.data.get(key).map(decoded))
}

/// Alice, as the quickstart made her.
pub(crate) fn alice() -> (String, String) {
    (quickstart::USERNAME.to_owned(), quickstart::password().unwrap())
}

/// A browser that logs alice in and agrees to everything, up to the answer for the application.
pub(crate) fn authorize(agent: &mut Agent, url: &Url, callback: &str) -> Url {
    let (username, password) = alice();
    let mut at = url.clone();
    let mut response: Response = agent.get(&at).unwrap();
    for _ in 0..10 {
        let location = response.all("location").next().map(str::to_owned);
        if let Some(location) = location {
            at = at.join(&location).unwrap();
            if at.as_str().starts_with(callback) {
                return at;
            }
            response = agent.get(&at).unwrap();
        } else if let Some(mut form) = Form::find(&response.body, "login") {
            form.set("username", &username);
            form.set("password", &password);
            response = agent.submit(&mut at, &form).unwrap();
            assert_eq!(html::text(&response.body, "login-error"), None);
        } else if let Some(mut form) = Form::find(&response.body, "consent") {
            form.set("decision", "allow");
            response = agent.submit(&mut at, &form).unwrap();
        } else {
            panic!("{at} answers {}:\n{}", response.status, response.body);
        }
    }
    panic!("no end at {at}");
}
