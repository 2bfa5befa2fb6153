//! What travels through a browser under a seal: handles of logins, consents, logouts and the account page.

use crypto::{Purpose, Secret, b64};
use oidc::account_page::AccountForm;
use oidc::authorize::{Binding, Handle};
use oidc::logout::LogoutHandle;
use oidc::testing::{ISSUER, NOW, SERVER_KEYS};

/// Bytes as they are posted; and the same bytes under a good seal of each purpose, as an older or newer server may have
/// made it. What was not sealed opens nothing, and what was opens nothing of another purpose.
pub(super) fn run(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        assert_eq!(opened(text), [false; 6], "{text:?} was never sealed");
    }
    for (own, purpose) in PURPOSES.into_iter().enumerate() {
        let text = b64::encode(&SERVER_KEYS.seal(purpose, &[ISSUER.as_bytes()], bytes));
        for (opened_as, opened) in opened(&text).into_iter().enumerate() {
            assert!(opened_as == own || !opened, "sealed as {own}, opened as {opened_as}");
        }
    }
}

const PURPOSES: [Purpose; 6] = [
    Purpose::LoginHandle,
    Purpose::ResumeHandle,
    Purpose::ConsentHandle,
    Purpose::LogoutResumeHandle,
    Purpose::LogoutHandle,
    Purpose::AccountForm,
];

fn opened(text: &str) -> [bool; 6] {
    let keys = &*SERVER_KEYS;
    let binding = Binding::of(&Secret::new([1; 32]));
    [
        Handle::open_form(keys, ISSUER, text, &binding, NOW).is_ok(),
        Handle::open_resume(keys, ISSUER, text, &binding, NOW).is_ok(),
        Handle::open_consent(keys, ISSUER, text, &binding, NOW).is_ok(),
        LogoutHandle::open_posted(keys, ISSUER, text, NOW).is_ok(),
        LogoutHandle::open_asked(keys, ISSUER, text, &binding, NOW).is_ok(),
        AccountForm::open(keys, ISSUER, text, &binding, NOW).is_ok(),
    ]
}
