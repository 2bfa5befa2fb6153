//! The payload of an OidcUserRecord.

use std::collections::{BTreeMap, BTreeSet};

use crypto::{PasswordHash, ServerKeys, record_aad};
use oidc::account::Account;
use oidc::claims::StandardClaim;
use oidc::ids::{GroupName, Subject, Uid, Username};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Record, RecordError};
use crate::logins::{Logins, SealedLogins};

/// What the servers and a later controller must know of a person.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UserPayload {
    /// The account without its password; none while the person is refused or disabled.
    account: Option<AccountPayload>,
    /// The hash of their password, sealed.
    password: Option<String>,
    /// Which content of which Secret that hash was made from: a restart hashes nothing again.
    password_source: Option<KnownPassword>,
    /// When their claims changed last.
    claims: Option<ClaimsAt>,
    /// Under which of their logins they stand, disabled or not.
    logins: Option<SealedLogins>,
}

/// A Secret's content, by what the API server changes with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KnownPassword {
    /// UID of the Secret.
    pub uid: String,
    /// Its resource version.
    pub resource_version: String,
}

/// The last change of a person's claims.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClaimsAt {
    /// Digest of the claims.
    pub digest: String,
    /// In seconds since 1970.
    pub updated_at: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AccountPayload {
    subject: Subject,
    username: Username,
    claims: BTreeMap<StandardClaim, Value>,
    groups: BTreeSet<GroupName>,
    attributes: BTreeMap<String, String>,
}

impl UserPayload {
    /// Takes an account apart. The hash is sealed for the record of this person at this provider.
    pub fn new(
        keys: &ServerKeys,
        provider: &Uid,
        user: &Uid,
        account: Option<&Account>,
        password: Option<(&PasswordHash, KnownPassword)>,
        claims: Option<ClaimsAt>,
        logins: Option<SealedLogins>,
    ) -> Self {
        let account = account.map(|account| {
            let Account { subject, uid: _, login_epoch: _, username, password: _, claims, groups, attributes } =
                account.clone();
            AccountPayload { subject, username, claims, groups, attributes }
        });
        let (password, password_source) = password.unzip();
        let seal = |hash: &PasswordHash| super::seal(keys, &aad(provider, user), hash.as_secret_str());
        Self { account, password: password.map(seal), password_source, claims, logins }
    }

    /// Reads a record.
    pub fn read(keys: &ServerKeys, record: &Record) -> Result<Self, RecordError> {
        record.open(keys)
    }

    /// The account that is served, if there is one. A hash that does not come out of its seal is an error: without it
    /// the person would be locked out, and nobody would know why.
    pub fn account(&self, keys: &ServerKeys, record: &Record) -> Result<Option<Account>, RecordError> {
        let Some(account) = &self.account else { return Ok(None) };
        let AccountPayload { subject, username, claims, groups, attributes } = account.clone();
        let password = self.password(keys, record)?;
        let uid = record.source_uid.clone();
        let login_epoch = self.logins.as_ref().map(|logins| logins.epoch).unwrap_or_default();
        Ok(Some(Account { subject, uid, login_epoch, username, password, claims, groups, attributes }))
    }

    /// The hash of their password.
    pub fn password(&self, keys: &ServerKeys, record: &Record) -> Result<Option<PasswordHash>, RecordError> {
        let Some(sealed) = &self.password else { return Ok(None) };
        let what = "the password hash";
        let text = super::unseal(keys, &aad(&record.provider, &record.source_uid), sealed, what)?;
        PasswordHash::parse(text.expose()).map(Some).map_err(|error| super::unreadable(what, &error.to_string()))
    }

    /// Logins as the record of this person at this provider keeps them.
    pub fn seal_logins(keys: &ServerKeys, provider: &Uid, user: &Uid, logins: &Logins) -> SealedLogins {
        logins.seal(keys, &logins_aad(provider, user))
    }

    /// The same, as it stands there.
    pub fn sealed_logins(&self) -> Option<&SealedLogins> {
        self.logins.as_ref()
    }

    /// Under which of their logins they stand; none where that cannot be read.
    pub fn logins(&self, keys: &ServerKeys, record: &Record) -> Option<Logins> {
        self.logins.as_ref()?.open(keys, &logins_aad(&record.provider, &record.source_uid))
    }

    /// See [`KnownPassword`].
    pub fn password_source(&self) -> Option<&KnownPassword> {
        self.password_source.as_ref()
    }
}

fn aad(provider: &Uid, user: &Uid) -> Vec<u8> {
    aad_at(provider, user, "spec.payload.password")
}

fn logins_aad(provider: &Uid, user: &Uid) -> Vec<u8> {
    aad_at(provider, user, "spec.payload.logins.password")
}

fn aad_at(provider: &Uid, user: &Uid, path: &str) -> Vec<u8> {
    record_aad(provider.as_str(), api::RecordKind::OidcUserRecord.as_str(), user.as_str(), path)
}
