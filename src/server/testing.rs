//! One small realm for the unit tests: literal values, a clock that stands still, randomness that repeats.

mod faulty;
mod log;
mod server;

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use crypto::{PasswordHash, Secret};
use futures::future::BoxFuture;
use oidc::account::Account;
use oidc::acknowledge::Loaded;
use oidc::catalog::{Catalog, Realm};
use oidc::client::Client;
use oidc::ids::{ClientId, Uid};
use oidc::opaque::Opaque;
pub(crate) use oidc::testing::{CALLBACK, CHALLENGE, ISSUER, NOW, SERVER_KEYS, VERIFIER, client, realm_of};
use oidc::time::Time;
use uuid::Uuid;

pub(crate) use self::faulty::Faulty;
pub(crate) use self::log::captured;
pub(crate) use self::server::{Answer, Browser, Server};
use crate::clock::Clock;
use crate::entropy::Entropy;

pub(crate) const PASSWORD: &str = "correct horse";
/// The secret of [`client`], as a form carries it.
pub(crate) const SECRET_IN_FORM: &str = "s3cret%2Bwith+special%25characters";
/// Seconds that a session may be idle.
pub(crate) const IDLE: i64 = 600;

/// Made once: a hash is slow on purpose.
static HASH: LazyLock<PasswordHash> =
    LazyLock::new(|| crypto::password::hash(&Secret::new(PASSWORD.to_owned())).unwrap());

/// Alice, who has a password.
pub(crate) fn account() -> Account {
    Account { password: Some(HASH.clone()), ..oidc::testing::account() }
}

pub(crate) fn client_named(id: &str) -> Client {
    Client { id: ClientId::new(id), uid: Uid::new(format!("uid-{id}")), ..client() }
}

pub(crate) fn realm() -> Realm {
    realm_of(ISSUER, vec![client()], vec![account()])
}

pub(crate) fn catalog(realms: Vec<Realm>, digest: &str) -> Arc<Catalog> {
    Arc::new(Catalog::new(Uid::new("provider-1"), SERVER_KEYS.clone(), realms, digest.to_owned()))
}

/// What a feed says of a catalog with this digest.
pub(crate) fn loaded(digest: &str) -> Loaded {
    let versions = [("oidcclientrecords", "12"), ("secrets/default-signing-keys", "7")];
    Loaded {
        provider: Uid::new("provider-1"),
        record_formats: vec![1],
        loaded: versions.map(|(resource, version)| (resource.to_owned(), version.to_owned())).into(),
        unreadable: [("r2".to_owned(), "its MAC does not hold".to_owned())].into(),
        more_unreadable: 0,
        digest: digest.to_owned(),
    }
}

pub(crate) fn opaque(number: u8) -> Opaque {
    Opaque::new(Uuid::from_u128(number.into()), [number; 32])
}

/// A clock that stands still until it is moved; whoever sleeps moves it.
#[derive(Clone, Debug)]
pub(crate) struct FixedClock(Arc<AtomicI64>);

impl Default for FixedClock {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(NOW.millis())))
    }
}

impl FixedClock {
    pub(crate) fn advance(&self, secs: i64) {
        self.0.fetch_add(secs * 1000, Ordering::SeqCst);
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Time {
        Time::from_millis(self.0.load(Ordering::SeqCst))
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst).abs_diff(NOW.millis()))
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.0.fetch_add(i64::try_from(duration.as_millis()).unwrap(), Ordering::SeqCst);
        Box::pin(std::future::ready(()))
    }
}

/// The same octets in every run, and never the same twice in one.
#[derive(Debug, Default)]
pub(crate) struct SeededEntropy(AtomicU64);

impl Entropy for SeededEntropy {
    fn fill(&self, buf: &mut [u8]) {
        for chunk in buf.chunks_mut(32) {
            let draw = self.0.fetch_add(1, Ordering::SeqCst);
            chunk.copy_from_slice(&crypto::hash::sha256(&draw.to_be_bytes())[..chunk.len()]);
        }
    }
}

/// An authorization request of [`client`], with `more` at its end.
pub(crate) fn auth_url(more: &str) -> String {
    format!(
        "/oidc/auth?client_id=team-a.notes&response_type=code&scope=openid+email&redirect_uri={CALLBACK}\
         &code_challenge={CHALLENGE}&code_challenge_method=S256{more}"
    )
}

/// A token request of [`client`] with its secret.
pub(crate) fn token_form(code: &str) -> String {
    format!(
        "grant_type=authorization_code&client_id=team-a.notes&client_secret={SECRET_IN_FORM}&code={code}\
         &redirect_uri={CALLBACK}&code_verifier={VERIFIER}"
    )
}

/// A code that nobody was given.
pub(crate) fn unknown_code() -> String {
    opaque(9).text().expose().clone()
}
