//! The verbs as words, for [`StoreError::doing`](crate::StoreError): the same in every backend.

pub(crate) const CLOSE: &str = "close the database";
pub(crate) const CLIENTS_OF_SESSION: &str = "list the clients of a session";
pub(crate) const CONSENTS_OF: &str = "list the consents of a person";
pub(crate) const DEFER_LOGOUT: &str = "put off a notice of a logout";
pub(crate) const END_SESSION: &str = "end a session";
pub(crate) const END_SESSIONS_OF: &str = "end the sessions of a person";
pub(crate) const FIND_CODE: &str = "find a code";
pub(crate) const FIND_CONSENT: &str = "find a consent";
pub(crate) const FIND_FAMILY: &str = "find a family of tokens";
pub(crate) const FIND_SESSION: &str = "find a session";
pub(crate) const GRANT: &str = "keep what was granted";
pub(crate) const OPEN_SESSION: &str = "open a session";
pub(crate) const PURGE: &str = "purge what is of no use any more";
pub(crate) const REVOKE_CONSENT: &str = "withdraw a consent";
pub(crate) const REVOKE_FAMILY: &str = "revoke a family of tokens";
pub(crate) const ROTATE_FAMILY: &str = "rotate a refresh token";
pub(crate) const SESSIONS_OF: &str = "list the sessions of a person";
pub(crate) const SETTLE_LOGOUT: &str = "settle a notice of a logout";
pub(crate) const SPEND_CODE: &str = "spend a code";
pub(crate) const TAKE_LOGOUTS: &str = "take up notices of logouts";
pub(crate) const USE_ONCE: &str = "mark as used what may be used once";
pub(crate) const WAS_USED: &str = "look whether something was used";
pub(crate) const TOUCH_SESSION: &str = "write down that a session was used";
