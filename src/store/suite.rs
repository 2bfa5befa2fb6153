//! What every backend must do: one function for each property, over a fresh store.
//!
//! A backend's tests say `store::conformance!(make)`, where `make` gives an empty store and a value that is kept until the
//! check is over (its folder, for example). That makes one test of each function here.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a check that fails must stop the test that called it")]

use std::sync::Arc;

use oidc::acr::Acr;
use oidc::claims::{ClaimsRequest, StandardClaim};
use oidc::ids::{ClientId, CodeId, FamilyId, LoginEpoch, SessionId, Subject, Uid};
use oidc::opaque::ProofHash;
use oidc::permission::{Permission, Permissions};
use oidc::pkce::Challenge;
use oidc::records::{Authorization, CodeRecord, ConsentRecord, FamilyRecord, Generation, SessionRecord};
use oidc::time::Time;
use serde::Serialize;
use uuid::{Builder, Uuid};

pub use self::parts::Parts;
use crate::Store;

pub mod codes;
pub mod consents;
pub mod ends;
pub mod families;
pub mod grants;
pub mod logouts;
pub mod once;
mod parts;
pub mod purge;
pub mod races;
pub mod session_clients;
pub mod sessions;

/// The store under test, as the server holds it.
pub type Subjected = Arc<dyn Store>;

/// Makes a test of each check: `conformance!(make)` where `make` is an expression of type `(impl Store, Guard)`.
#[macro_export]
macro_rules! conformance {
    ($make:expr) => {
        $crate::conformance! { @each $make;
            codes::a_code_is_found_as_it_was_kept
            codes::a_code_without_options_is_found_as_it_was_kept
            codes::an_unknown_code_is_unknown
            codes::a_taken_code_id_is_an_error_and_changes_nothing
            codes::an_expired_code_is_still_told_as_live
            codes::spending_creates_the_family_and_keeps_the_code
            codes::spending_twice_loses_and_writes_nothing
            codes::spending_at_the_exact_expiry_loses
            codes::spending_an_unknown_code_loses
            codes::spending_for_another_family_loses_and_spends_nothing
            codes::spending_joins_the_family_that_is_there
            codes::spending_for_a_revoked_family_spends_for_nothing
            grants::all_of_a_grant_is_written
            grants::nothing_is_granted_in_a_session_that_is_gone
            grants::nothing_rests_on_a_consent_that_was_withdrawn
            grants::of_a_grant_that_fails_nothing_is_written
            families::an_unknown_family_is_nothing
            families::a_family_is_revoked_once
            families::a_family_without_a_code_is_kept_once
            families::revoking_one_family_leaves_the_others
            families::a_family_without_options_is_found_as_it_was_kept
            families::rotating_moves_one_generation_on
            families::rotating_what_is_revoked_or_has_no_refresh_token_loses
            sessions::a_session_is_found_as_it_was_opened
            sessions::opening_ends_the_session_that_is_replaced
            sessions::replacing_what_is_gone_is_no_hindrance
            sessions::a_session_cannot_replace_itself
            sessions::a_taken_session_id_is_an_error_and_ends_nothing
            sessions::touching_moves_forwards_only
            sessions::touching_what_is_gone_says_so
            sessions::a_session_ends_once
            session_clients::clients_of_a_session_are_told_once_each
            session_clients::nobody_joins_a_session_that_is_gone
            session_clients::clients_go_with_their_session_however_it_goes
            session_clients::clients_are_handed_on_when_the_same_person_logs_in_again
            logouts::the_end_of_a_session_is_told_to_its_clients
            logouts::the_end_of_all_sessions_is_told_to_their_clients
            logouts::what_ends_by_itself_or_never_was_is_told_to_nobody
            logouts::the_clients_of_whoever_was_there_before_hear_of_it
            logouts::what_was_taken_up_is_due_again_at_its_time
            logouts::whoever_was_slower_changes_nothing
            logouts::those_due_for_longest_come_first
            logouts::each_notice_is_taken_up_by_one_of_many
            consents::a_consent_is_found_as_it_was_granted
            consents::an_empty_consent_is_found
            consents::scopes_are_united_and_the_latest_time_stays
            consents::each_part_of_the_key_counts
            consents::a_withdrawn_consent_leaves_no_scope_behind
            ends::sessions_of_a_person_are_told_latest_first
            ends::ending_a_session_ends_what_does_not_outlive_it
            ends::what_was_granted_ends_with_the_session_that_goes_on
            ends::what_was_granted_ends_when_another_person_logs_in
            ends::ending_what_is_gone_ends_what_it_left
            ends::all_sessions_of_a_person_end_but_one
            ends::sparing_a_session_of_another_spares_none
            ends::consents_of_a_person_are_told_latest_first
            ends::withdrawing_ends_all_that_the_application_has
            ends::withdrawing_needs_no_consent
            purge::nothing_goes_before_its_time
            purge::a_spent_code_goes_with_its_family
            purge::a_revoked_family_stays_until_its_time
            purge::limits_hold_for_each_table
            purge::consents_never_go
            once::what_was_used_is_not_used_again
            once::what_was_used_is_forgotten_at_its_time
            races::one_of_many_puts_an_id
            races::one_of_many_spends_a_code
            races::one_of_many_is_the_first
            races::one_of_many_rotates_a_family
            races::one_of_many_revokes_a_family
            races::one_of_many_ends_a_session
            races::one_of_many_withdraws_a_consent
            races::each_session_of_a_person_ends_once
            races::no_code_outlives_a_withdrawal
            races::no_code_outlives_its_session
            races::all_scopes_of_many_grants_are_kept
            races::many_sessions_replace_the_same_one
            races::the_latest_of_many_touches_stays
            races::each_row_is_purged_once
            races::a_purge_never_parts_a_spent_code_from_its_family
        }
    };
    (@each $make:expr; $($module:ident::$check:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn $check() {
            let (store, _guard) = $make;
            $crate::suite::$module::$check(std::sync::Arc::new(store)).await;
        }
    )*};
}

/// The instant at which the checks play.
pub const NOW: Time = Time::from_secs(1_700_000_000);

/// A UUID of version 7 that only depends on `n`.
pub fn uuid(n: u64) -> Uuid {
    let mut rest = [0; 10];
    rest[2..].copy_from_slice(&n.to_be_bytes());
    Builder::from_unix_timestamp_millis(1_700_000_000_000 + n, &rest).into_uuid()
}

/// Permissions that are known to be good, for scopes of no API.
pub fn permissions(text: &str) -> Permissions {
    text.split(' ').filter(|word| !word.is_empty()).map(|word| Permission::parse(word).unwrap()).collect()
}

/// A grant with every field filled, and characters that careless quoting would break.
pub fn authorization(n: u64) -> Authorization {
    Authorization {
        issuer: "https://id.example/o'brien".to_owned(),
        client: ClientId::new("default.wiki"),
        application_uid: Uid::new("application"),
        subject: Subject::new(format!("subject-{n}")),
        user_uid: Uid::new("user"),
        login_epoch: LoginEpoch::new(1_764_000_000),
        permissions: permissions("openid profile"),
        nonce: Some("n\"\\; DROP TABLE codes; --\u{0}é🙂".to_owned()),
        auth_time: NOW.plus_secs(-5),
        auth_time_requested: true,
        amr: vec!["pwd".to_owned()],
        acr: Some(Acr::OneFactor),
        claims: ClaimsRequest { id_token: [StandardClaim::Email].into(), userinfo: [StandardClaim::Name].into() },
        session: Some(SessionId::new(uuid(n))),
        resource: Some("https://api.example/a'b".to_owned()),
    }
}

/// A code that expires a minute after [`NOW`].
pub fn code(n: u64) -> CodeRecord {
    CodeRecord {
        id: CodeId::new(uuid(n)),
        proof: ProofHash::from_bytes([7; 32]),
        redirect_uri: "https://app.example/cb?a='b'".to_owned(),
        challenge: Challenge::parse("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        authorization: authorization(n),
        family: family(n).id,
        expires_at: NOW.plus_secs(60),
    }
}

/// A family with a refresh token, that may go an hour after [`NOW`].
pub fn family(n: u64) -> FamilyRecord {
    FamilyRecord {
        id: FamilyId::new(uuid(n)),
        authorization: authorization(n),
        created_at: NOW,
        expires_at: NOW.plus_secs(3600),
        refresh: Some(Generation { number: 0, reached_at: NOW }),
        revoked_at: None,
    }
}

/// A session that ends a day after [`NOW`].
pub fn session(n: u64) -> SessionRecord {
    SessionRecord {
        id: SessionId::new(uuid(n)),
        proof: ProofHash::from_bytes([8; 32]),
        issuer: "https://id.example".to_owned(),
        subject: Subject::new(format!("subject-{n}")),
        user_uid: Uid::new("user"),
        login_epoch: LoginEpoch::new(1_764_000_000),
        auth_time: NOW.plus_secs(-5),
        amr: vec!["pwd".to_owned(), "otp".to_owned()],
        last_seen_at: NOW,
        expires_at: NOW.plus_secs(86_400),
    }
}

/// A consent to some scopes.
pub fn consent(scopes: &str) -> ConsentRecord {
    ConsentRecord {
        issuer: "https://id.example".to_owned(),
        user_uid: Uid::new("user"),
        application_uid: Uid::new("application"),
        client: ClientId::new("default.wiki"),
        permissions: permissions(scopes),
        granted_at: NOW,
    }
}

/// Keeps code `n` and spends it for family `n`.
pub async fn spent(store: &Subjected, n: u64) {
    store.put_code(&code(n)).await.unwrap();
    assert_eq!(store.spend_code(code(n).id, &family(n), NOW).await.unwrap(), crate::Spent::Done);
}

/// Compares whole records; they have no equality of their own, because the hashes in them must not be compared lightly.
pub fn assert_same<T: Serialize>(found: &T, expect: &T) {
    assert_eq!(serde_json::to_value(found).unwrap(), serde_json::to_value(expect).unwrap());
}
