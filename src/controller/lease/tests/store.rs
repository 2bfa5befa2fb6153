//! The API server, as far as one lease goes.

use super::*;

#[derive(Default)]
pub(super) struct Store {
    lease: Option<Lease>,
    writes: u64,
}

impl Store {
    pub(super) fn handle(&mut self, request: &Request) -> Answer {
        match (request, &self.lease) {
            (Request::Create(_), Some(_)) => Answer::Conflict,
            (Request::Read | Request::Replace(_), None) => Answer::Absent,
            (Request::Read, Some(lease)) => Answer::Read(Box::new(lease.clone())),
            (Request::Create(lease), None) => {
                let mut lease = (**lease).clone();
                lease.metadata.uid = Some(format!("uid-{}", self.writes));
                Answer::Written(Box::new(self.put(lease)))
            }
            (Request::Replace(new), Some(old)) => {
                assert!(new.metadata.resource_version.is_some(), "a replacement without a version");
                if new.metadata.resource_version != old.metadata.resource_version {
                    return Answer::Conflict;
                }
                assert!(**new != *old, "the API server takes it for no write");
                let new = (**new).clone();
                Answer::Written(Box::new(self.put(new)))
            }
        }
    }

    fn put(&mut self, mut lease: Lease) -> Lease {
        self.writes += 1;
        lease.metadata.resource_version = Some(self.writes.to_string());
        self.lease = Some(lease.clone());
        lease
    }

    pub(super) fn edit(&mut self, edit: impl FnOnce(&mut Lease)) {
        if let Some(mut lease) = self.lease.clone() {
            edit(&mut lease);
            self.put(lease);
        }
    }

    pub(super) fn edit_spec(&mut self, edit: impl FnOnce(&mut LeaseSpec)) {
        self.edit(|lease| edit(lease.spec.get_or_insert_default()));
    }

    pub(super) fn delete(&mut self) {
        self.lease = None;
    }

    pub(super) fn lease(&self) -> Lease {
        self.lease.clone().unwrap()
    }

    pub(super) fn spec(&self) -> LeaseSpec {
        self.lease().spec.unwrap()
    }
}
