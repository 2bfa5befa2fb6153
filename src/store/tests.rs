//! The conformance suite over each backend.

use std::sync::Arc;

use crate::memory::Memory;
use crate::sqlite::Sqlite;
use crate::suite::{Subjected, races};

mod memory {
    crate::conformance!((super::Memory::new(), ()));
}

mod sqlite {
    crate::conformance!(super::fresh());
}

fn fresh() -> (Sqlite, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (Sqlite::open(folder.path().join("state.db")).unwrap(), folder)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn t_p07_of_many_redemptions_at_once_exactly_one_succeeds_on_every_backend() {
    let (sqlite, _folder) = fresh();
    let backends: [Subjected; 2] = [Arc::new(Memory::new()), Arc::new(sqlite)];
    for store in backends {
        races::one_of_many_spends_a_code(store).await;
    }
}

/// A check that is missing from the list of `conformance!` would never run.
#[test]
fn every_check_of_the_suite_is_in_its_list() {
    let list = include_str!("suite.rs");
    let modules = [
        ("codes", include_str!("suite/codes.rs")),
        ("consents", include_str!("suite/consents.rs")),
        ("ends", include_str!("suite/ends.rs")),
        ("families", include_str!("suite/families.rs")),
        ("logouts", include_str!("suite/logouts.rs")),
        ("once", include_str!("suite/once.rs")),
        ("purge", include_str!("suite/purge.rs")),
        ("races", include_str!("suite/races.rs")),
        ("session_clients", include_str!("suite/session_clients.rs")),
        ("sessions", include_str!("suite/sessions.rs")),
    ];
    for (module, text) in modules {
        let checks: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("pub async fn ")).collect();
        assert!(checks.len() >= 2, "{module}");
        for check in checks {
            let name = check.split('(').next().unwrap();
            let line = format!("            {module}::{name}");
            assert!(list.lines().any(|listed| listed == line), "{module}::{name}");
        }
    }
}
