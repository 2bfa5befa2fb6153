//! OIDC Core §5: claims about a person, and what may go where.

pub mod release;
pub mod standard;

pub use release::{ClaimTarget, ExtraClaim, ExtraValue, release};
pub(crate) use release::{release_all, release_fixed};
pub use standard::StandardClaim;
