use super::*;
use crate::client::ResponseType;
use crate::testing::{NOW, rotating_client, symmetric_client};

#[test]
fn f20_the_one_before_ends_by_the_clock() {
    let end = NOW.plus_secs(60);
    let client = rotating_client(Some(end));
    let live = |now| client.shared_secrets_at(now).map(|(age, _)| age).collect::<Vec<_>>();
    assert_eq!(live(NOW), [SecretAge::Newest, SecretAge::Previous]);
    assert_eq!(live(NOW.plus_secs(59)), [SecretAge::Newest, SecretAge::Previous]);
    assert_eq!(live(end), [SecretAge::Newest]);
    // Before it is handed out nobody knows when.
    let client = rotating_client(None);
    assert_eq!(client.shared_secrets_at(NOW.plus_secs(1_000_000)).count(), 2);
}

#[test]
fn what_is_signed_with_is_what_the_client_knows() {
    let end = NOW.plus_secs(60);
    let client = rotating_client(Some(end));
    let with = |age, now| client.shared_secret(age, now).map(Secret::expose);
    let [newest, previous] = [0_usize, 1].map(|index| Some(client.shared_secrets[index].expose()));
    assert_eq!(with(SecretAge::Newest, NOW), newest);
    assert_eq!(with(SecretAge::Previous, NOW), previous);
    assert_eq!(with(SecretAge::Previous, end), newest, "the one before is over");
    let alone = symmetric_client();
    assert!(alone.shared_secret(SecretAge::Previous, NOW).is_some(), "there is but one");
}

#[test]
fn whether_the_newest_was_used_matters_only_where_something_is_signed_before_a_client_proves_itself() {
    let end = NOW.plus_secs(60);
    let by_response = |client: Client, response: ResponseType| Client { response_types: [response].into(), ..client };
    let waiting = by_response(rotating_client(Some(end)), ResponseType::IdToken);
    let (id, until) = waiting.awaits_newest(NOW).unwrap();
    assert_eq!(until, end);
    assert!(waiting.awaits_newest(end).is_none(), "the rotation is over");
    let early = by_response(rotating_client(None), ResponseType::IdToken).awaits_newest(NOW).unwrap();
    assert_eq!(early, (id, NOW.plus_secs(REMEMBERED_SECONDS)), "it is the same secret");
    assert!(by_response(rotating_client(Some(end)), ResponseType::Code).awaits_newest(NOW).is_none());
    assert!(by_response(symmetric_client(), ResponseType::IdToken).awaits_newest(NOW).is_none());
    let mut asymmetric = by_response(rotating_client(Some(end)), ResponseType::IdToken);
    asymmetric.id_token.algorithm = Algorithm::ES256;
    assert!(asymmetric.awaits_newest(NOW).is_none());
}
