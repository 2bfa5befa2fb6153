//! All that is logged in these tests, at every level, held against every secret that is sent or received in them.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use http::{HeaderMap, header};
use tracing_subscriber::fmt::MakeWriter;
use url::Url;
use url::form_urlencoded;

/// Parameters and members of answers whose values are nobody's business but those of the two who talk.
const SECRET: &[&str] = &[
    "access_token",
    "assertion",
    "client_assertion",
    "client_secret",
    "code",
    "code_verifier",
    "handle",
    "id_token",
    "id_token_hint",
    "password",
    "refresh_token",
    "resume",
    "token",
];

/// Characters of a secret at the least: what is shorter also stands in a log for other reasons.
const SHORTEST: usize = 8;

static WATCH: LazyLock<Mutex<Watch>> = LazyLock::new(|| {
    let log = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false).with_writer(Log);
    tracing::subscriber::set_global_default(log.finish()).unwrap();
    Mutex::default()
});

fn watch() -> MutexGuard<'static, Watch> {
    WATCH.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Begins to listen.
pub(crate) fn listen() {
    drop(watch());
}

/// What a request says.
pub(crate) fn sent(target: &str, headers: &[(&str, &str)], body: &str) {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    parameters(query);
    parameters(body);
    for (name, value) in headers {
        match *name {
            "authorization" => secret(value.split(' ').next_back().unwrap_or_default()),
            "cookie" => value.split("; ").filter_map(|pair| pair.split_once('=')).for_each(|(_, value)| secret(value)),
            _ => {}
        }
    }
}

/// What an answer says.
pub(crate) fn received(headers: &HeaderMap, body: &str) {
    for set in headers.get_all(header::SET_COOKIE) {
        let pair = set.to_str().unwrap().split(';').next().unwrap_or_default();
        secret(pair.split_once('=').map_or("", |(_, value)| value));
    }
    if let Some(url) = headers.get(header::LOCATION).and_then(|value| Url::parse(value.to_str().unwrap()).ok()) {
        parameters(url.query().unwrap_or_default());
        parameters(url.fragment().unwrap_or_default());
    }
    if let Ok(serde_json::Value::Object(members)) = serde_json::from_str(body) {
        for name in SECRET {
            secret(members.get(*name).and_then(|value| value.as_str()).unwrap_or_default());
        }
    }
}

fn parameters(text: &str) {
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        if SECRET.contains(&name.as_ref()) {
            secret(&value);
        }
    }
}

fn secret(text: &str) {
    let leak = (text.len() >= SHORTEST).then(|| watch().secret(text)).flatten();
    assert_eq!(leak, None, "a secret stands in the log");
}

/// Fails where a secret was logged, by whichever test.
pub(crate) fn holds_no_secret() {
    let leak = watch().leak.clone();
    assert_eq!(leak, None, "a secret stands in the log");
}

/// Lines and secrets so far.
#[derive(Default)]
struct Watch {
    lines: Vec<String>,
    secrets: BTreeSet<String>,
    /// The first line with a secret.
    leak: Option<String>,
}

impl Watch {
    /// A line that was logged.
    fn line(&mut self, line: String) {
        if self.leak.is_none() && self.secrets.iter().any(|secret| line.contains(secret.as_str())) {
            self.leak = Some(line.clone());
        }
        self.lines.push(line);
    }

    /// A secret; the answer is a line in which it already stands.
    fn secret(&mut self, secret: &str) -> Option<String> {
        if self.secrets.insert(secret.to_owned()) {
            let known = self.lines.iter().find(|line| line.contains(secret));
            self.leak = self.leak.take().or_else(|| known.cloned());
        }
        self.leak.clone()
    }
}

struct Log;

/// One event.
struct Line(Vec<u8>);

impl<'a> MakeWriter<'a> for Log {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line(Vec::new())
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        watch().line(String::from_utf8_lossy(&self.0).into_owned());
    }
}

#[test]
fn a_secret_is_found_whether_it_was_logged_before_or_after_it_was_known() {
    let mut watch = Watch::default();
    watch.line("a code was issued: c0de-of-alice".to_owned());
    assert_eq!(watch.secret("another-code"), None);
    assert_eq!(watch.secret("c0de-of-alice").as_deref(), Some("a code was issued: c0de-of-alice"));

    let mut watch = Watch::default();
    assert_eq!(watch.secret("s3cret+with"), None);
    watch.line("nothing of interest".to_owned());
    assert_eq!(watch.leak, None);
    watch.line("client_secret: s3cret+with special".to_owned());
    assert_eq!(watch.leak.as_deref(), Some("client_secret: s3cret+with special"));
}

/// The log is there at all, down to its finest level: an empty one holds no secret either.
#[tokio::test]
async fn t_p40_the_log_of_every_test_is_searched_for_every_secret() {
    let provider = crate::harness::Provider::new();
    let code = provider.code().await;
    provider.redeem(&code, &[("code_verifier", "-")]).await;
    let watch = watch();
    assert!(watch.secrets.contains(&code) && watch.secrets.contains(crate::harness::PASSWORD));
    for levels in ["DEBUG access: answered route=\"token\"", " INFO audit: event=\"login\""] {
        assert!(watch.lines.iter().any(|line| line.contains(levels)), "{levels}: {:?}", watch.lines);
    }
}
