//! Passwords of users, in Secrets of type [`USER_PASSWORD_TYPE`](crate::inputs::USER_PASSWORD_TYPE): each is hashed
//! once per change of its Secret, off every other thread.

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::task::{Context, Poll};

use api::ObjectKey;
use crypto::{HashError, PasswordHash, PasswordPool, Pending, Secret};

use crate::inputs::UserPassword;

/// The content of a Secret.
type Data = BTreeMap<String, Secret<Vec<u8>>>;

/// The hashes of the passwords that were seen, and those being computed.
#[derive(Debug)]
pub struct Passwords {
    pool: PasswordPool,
    /// Makes digests of passwords worthless outside this process.
    pepper: [u8; 32],
    known: BTreeMap<ObjectKey, Known>,
    /// For which the pool had no room yet.
    waiting: VecDeque<(Job, Typed)>,
    running: Vec<(Job, Pending<Result<PasswordHash, HashError>>)>,
}

/// A password by its digest, and what came of it.
#[derive(Debug)]
struct Known {
    digest: [u8; 32],
    outcome: Option<UserPassword>,
}

/// The password of this Secret with this digest.
#[derive(Debug)]
struct Job {
    secret: ObjectKey,
    digest: [u8; 32],
}

/// A password, and the hash that it may have had before.
#[derive(Clone, Debug)]
struct Typed {
    password: Secret<String>,
    before: Option<PasswordHash>,
}

impl Typed {
    fn hash(self) -> Result<PasswordHash, HashError> {
        let Self { password, before } = self;
        match before.filter(|before| before.is_ours() && before.verify(&password)) {
            Some(before) => Ok(before),
            None => crypto::password::hash(&password),
        }
    }
}

impl Passwords {
    /// Hashes on the threads of this pool.
    pub fn new(pool: PasswordPool) -> Self {
        let pepper = crypto::random::bytes();
        Self { pool, pepper, known: BTreeMap::new(), waiting: VecDeque::new(), running: Vec::new() }
    }

    /// What the Secret of a user with this content holds. A password is hashed from the next [`Passwords::poll`] on;
    /// until that is done, the answer is [`UserPassword::Pending`].
    ///
    /// `before` is the last hash that a password of this Secret is known to have had: it is kept where it was made here and still fits, so that
    /// a password that is hashed anew, after a restart, is not taken for another one.
    pub fn look_up(&mut self, key: &ObjectKey, data: &Data, before: Option<&PasswordHash>) -> UserPassword {
        let password = match read(data) {
            Held::Password(password) => password,
            Held::Known(known) => return known,
        };
        let digest = self.digest(&password);
        match self.known.get(key) {
            Some(known) if known.digest == digest => known.outcome.clone().unwrap_or(UserPassword::Pending),
            Some(_) | None => {
                self.known.insert(key.clone(), Known { digest, outcome: None });
                let job = Job { secret: key.clone(), digest };
                self.waiting.push_back((job, Typed { password, before: before.cloned() }));
                UserPassword::Pending
            }
        }
    }

    /// Takes a hash that was computed from this very content earlier, so that a restart does not compute it again. That
    /// it was is for the caller to know: a check here would take as long as hashing. Does nothing where the content
    /// holds no password to hash.
    pub fn remember(&mut self, key: &ObjectKey, data: &Data, hash: PasswordHash) {
        let Held::Password(password) = read(data) else { return };
        let digest = self.digest(&password);
        self.known.insert(key.clone(), Known { digest, outcome: Some(UserPassword::Hash(hash)) });
        // What runs already goes on, since its end is what leads to those that still wait.
        self.waiting.retain(|(job, _)| job.secret != *key);
    }

    /// Forgets all but these Secrets.
    pub fn retain(&mut self, mut keep: impl FnMut(&ObjectKey) -> bool) {
        let Self { known, waiting, running, pool: _, pepper: _ } = self;
        known.retain(|key, _| keep(key));
        let wanted = |job: &Job| known.get(&job.secret).is_some_and(|known| known.digest == job.digest);
        waiting.retain(|(job, _)| wanted(job));
        running.retain(|(job, _)| wanted(job));
    }

    /// Whether everything that was asked for is hashed.
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.running.is_empty()
    }

    /// Ready when some password has been hashed that was not before; pending for ever while there is nothing to hash.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut progress = Poll::Pending;
        self.submit();
        let Self { known, running, .. } = self;
        running.retain_mut(|(job, pending)| {
            let Poll::Ready(outcome) = Pin::new(pending).poll(context) else { return true };
            let outcome = match outcome {
                Ok(Ok(hash)) => UserPassword::Hash(hash),
                Ok(Err(error)) => UserPassword::Unsupported(error.to_string()),
                Err(lost) => UserPassword::Unsupported(lost.to_string()),
            };
            // A hash that was remembered meanwhile stays.
            if let Some(known) = known.get_mut(&job.secret).filter(|known| known.digest == job.digest) {
                known.outcome.get_or_insert(outcome);
            }
            progress = Poll::Ready(());
            false
        });
        progress
    }

    fn digest(&self, password: &Secret<String>) -> [u8; 32] {
        crypto::hash::sha256(&[self.pepper.as_slice(), password.expose().as_bytes()].concat())
    }

    /// Fills the pool. With no room left, jobs are running, and the next one that ends leads here again.
    fn submit(&mut self) {
        while let Some((job, typed)) = self.waiting.pop_front() {
            let own = typed.clone();
            let Ok(pending) = self.pool.submit(move || own.hash()) else {
                self.waiting.push_front((job, typed));
                return;
            };
            self.running.push((job, pending));
        }
    }
}

enum Held {
    Password(Secret<String>),
    Known(UserPassword),
}

/// What stands in this content.
fn read(data: &Data) -> Held {
    let unsupported = |why: &str| Held::Known(UserPassword::Unsupported(why.to_owned()));
    let text = |octets: &Secret<Vec<u8>>| std::str::from_utf8(octets.expose()).ok().map(str::to_owned).map(Secret::new);
    match (data.get("hash"), data.get("password")) {
        (None, None) => Held::Known(UserPassword::Missing),
        (Some(_), Some(_)) => unsupported("has both `hash` and `password`: remove one of them"),
        (Some(hash), None) => {
            // A hash in a block scalar ends in a line break; no hash does.
            let hash = text(hash).map(|hash| PasswordHash::parse(hash.expose().trim_end_matches(['\r', '\n'])));
            Held::Known(match hash {
                Some(Ok(hash)) => UserPassword::Hash(hash),
                Some(Err(error)) => UserPassword::Unsupported(error.to_string()),
                None => UserPassword::Unsupported("`hash` is not text".to_owned()),
            })
        }
        (None, Some(password)) => match text(password) {
            None => unsupported("`password` is not UTF-8 text"),
            Some(password) if password.expose().is_empty() => unsupported("`password` is empty"),
            Some(password) if password.expose().contains(['\r', '\n']) => {
                unsupported("`password` has a line break, which nobody can type: write it in quotes on one line")
            }
            Some(password) => Held::Password(password),
        },
    }
}

/// What a Secret with this content holds where nothing is hashed: a password that could be is as good as its hash.
pub fn without_hashing(data: &Data) -> UserPassword {
    match read(data) {
        Held::Password(_) => UserPassword::Pending,
        Held::Known(known) => known,
    }
}

#[cfg(test)]
mod tests;
