//! OIDC Core §5: claims about a person, and what may go where.

pub mod release;
pub mod standard;

pub(crate) use release::release_all;
pub use release::{ClaimTarget, ExtraClaim, ExtraValue, release};
pub use standard::StandardClaim;
