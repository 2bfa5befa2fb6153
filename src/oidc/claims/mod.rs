//! OIDC Core §5: claims about a person, and what may go where.

pub mod release;
pub mod request;
pub mod standard;

pub use release::{ClaimTarget, ExtraClaim, ExtraValue, release};
pub(crate) use release::{release_all, release_fixed};
pub(crate) use request::ClaimsParameter;
pub use request::ClaimsRequest;
pub use standard::StandardClaim;
