//! The state folder: what a cluster would keep in Secrets and in metadata.
//!
//! ```text
//! lock               one process at a time
//! seed.yaml          Secret <provider>-seed: what client secrets are derived from
//! server-key.yaml    Secret <provider>-server-key: seals, MACs, handles
//! signing-keys.yaml  Secret <provider>-signing-keys: <kid>.json = {jwk, state, since}
//! issuers/           <namespace>_<application>.yaml: the same of applications' own issuers
//! uids.json          which object is still the same one (crate::identities)
//! credentials/       <namespace>_<secret>.yaml: what applications receive
//! state.db           the store's: sessions, codes, consents
//! ```
//!
//! Every file is replaced as a whole, and is on the disk before anything depends on it.

pub mod credentials;
pub mod folder;
pub mod issuers;
pub mod keys;
mod manifest;
