use std::error::Error;

use oidc::ids::ClientId;

use super::*;
use crate::suite::{self, NOW, Parts as _};

/// As many as may wait, for one application; none for another.
#[tokio::test]
async fn an_application_that_takes_nothing_does_not_fill_the_memory() {
    let memory = Memory::new();
    let client = |name: &str| SessionClient {
        application_uid: Uid::new(name),
        client: ClientId::new("c"),
        sid: suite::session(0).id,
    };
    for n in 1..u64::from(MAX_LOGOUTS) {
        let SessionRecord { id, issuer, subject, .. } = suite::session(1000 + n);
        let client = client("application");
        let notice = LogoutNotice { session: id, client, issuer, subject, ended_at: NOW, attempt: 0 };
        memory.0.lock().unwrap().logouts.insert((id, Uid::new("application")), (NOW, notice));
    }
    for (n, dropped) in [(1, 0), (2, 1), (3, 1)] {
        let session = suite::session(n);
        memory.open_session(&session, None).await.unwrap();
        memory.join_session(session.id, &client("application")).await.unwrap();
        memory.join_session(session.id, &client("other")).await.unwrap();
        let ended = memory.end_session(session.id, NOW).await.unwrap();
        assert_eq!(ended, EndedSessions { sessions: 1, dropped }, "{n}");
    }
}

#[tokio::test]
async fn after_a_panic_inside_a_verb_every_verb_is_an_error() {
    let memory = std::sync::Arc::new(Memory::new());
    let shared = memory.clone();
    let died = tokio::spawn(async move { shared.answer::<()>("die", |_| panic!("on purpose")).await }).await;
    assert!(died.unwrap_err().is_panic());
    let error = memory.end_session(SessionId::new(uuid::Uuid::from_u128(1)), Time::from_secs(0)).await.unwrap_err();
    assert_eq!(error.to_string(), "the store did not answer while it tried to end a session");
    assert!(error.source().unwrap().to_string().contains("panic"), "{error:?}");
}
