//! Grants of one part: what most checks need.

use futures::future::{BoxFuture, FutureExt as _};
use oidc::ids::SessionId;
use oidc::records::{CodeRecord, ConsentRecord, FamilyRecord, SessionClient};

use crate::{Grant, Granted, Store, StoreError};

/// Verbs over [`Store::grant`].
pub trait Parts: Store {
    /// A code that rests on nothing.
    fn put_code<'a>(&'a self, code: &'a CodeRecord) -> BoxFuture<'a, Result<(), StoreError>> {
        done(self.grant(Grant { code: Some(code), ..Grant::default() }))
    }

    /// A family that rests on nothing.
    fn put_family<'a>(&'a self, family: &'a FamilyRecord) -> BoxFuture<'a, Result<(), StoreError>> {
        done(self.grant(Grant { family: Some(family), ..Grant::default() }))
    }

    /// A consent, outside of any session.
    fn grant_consent<'a>(&'a self, consent: &'a ConsentRecord) -> BoxFuture<'a, Result<(), StoreError>> {
        done(self.grant(Grant { consent: Some(consent), ..Grant::default() }))
    }

    /// A client that is logged in to from a session.
    fn join_session<'a>(
        &'a self,
        session: SessionId,
        client: &'a SessionClient,
    ) -> BoxFuture<'a, Result<Granted, StoreError>> {
        self.grant(Grant { session: Some(session), client: Some(client), ..Grant::default() })
    }
}

impl<S: Store + ?Sized> Parts for S {}

fn done(grant: BoxFuture<'_, Result<Granted, StoreError>>) -> BoxFuture<'_, Result<(), StoreError>> {
    grant.map(|granted| granted.map(|granted| assert_eq!(granted, Granted::Done))).boxed()
}
