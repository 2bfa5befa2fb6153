//! A logout that waits: for a person's word, or for a GET. Sealed and carried by the browser, as a waiting authorization
//! request is; nothing is written for it.

use crypto::{Purpose, ServerKeys};
use serde::{Deserialize, Serialize};

use super::LogoutRequest;
use crate::authorize::{Binding, HandleError};
use crate::ids::SessionId;
use crate::sealed;
use crate::time::Time;

/// Seconds for which the page may be left open.
const PAGE_SECONDS: i64 = 3600;

/// Seconds for a browser to follow a redirect.
const POSTED_SECONDS: i64 = 120;

/// A waiting logout.
#[derive(Debug, Serialize, Deserialize)]
pub struct LogoutHandle {
    #[serde(rename = "q")]
    request: LogoutRequest,
    #[serde(rename = "s")]
    stage: Stage,
    #[serde(rename = "e")]
    expires_at: Time,
}

/// What it waits for.
#[derive(Debug, Serialize, Deserialize)]
enum Stage {
    /// A POST from wherever, to be taken up by a GET so that the browser sends its cookies. It is as much as a link that
    /// anybody could have written, so it is bound to no browser.
    #[serde(rename = "p")]
    Posted,
    /// A person's answer, in the browser that was asked.
    #[serde(rename = "a")]
    Asked {
        #[serde(rename = "b")]
        binding: Binding,
        /// The session that the page spoke of.
        #[serde(rename = "i")]
        session: Option<SessionId>,
    },
}

/// What an answered page is worth.
#[derive(Debug, PartialEq, Eq)]
pub enum Confirmed {
    /// The person of this session, or of none, was asked in this browser, of late.
    Answered(LogoutRequest, Option<SessionId>),
    /// Too old, or made for another browser: nothing of the answer counts, and the person is asked anew.
    Again(LogoutRequest),
}

impl LogoutHandle {
    /// A request that was posted now.
    pub fn posted(request: LogoutRequest, now: Time) -> Self {
        Self { request, stage: Stage::Posted, expires_at: now.plus_secs(POSTED_SECONDS) }
    }

    /// A request about which the person of this session, if there is one, is asked now, in the browser with this binding.
    pub fn asked(request: LogoutRequest, session: Option<SessionId>, binding: Binding, now: Time) -> Self {
        Self { request, stage: Stage::Asked { binding, session }, expires_at: now.plus_secs(PAGE_SECONDS) }
    }

    /// Seals the handle; each kind under a key of its own.
    pub fn seal(&self, keys: &ServerKeys, issuer: &str) -> String {
        let purpose = match self.stage {
            Stage::Posted => Purpose::LogoutResumeHandle,
            Stage::Asked { .. } => Purpose::LogoutHandle,
        };
        sealed::seal(self, purpose, keys, issuer)
    }

    /// Opens what a `resume` parameter carries.
    ///
    /// # Errors
    /// Not of our making, or too old.
    pub fn open_posted(keys: &ServerKeys, issuer: &str, text: &str, now: Time) -> Result<LogoutRequest, HandleError> {
        let handle: Option<Self> = sealed::open(text, Purpose::LogoutResumeHandle, keys, issuer);
        let handle = handle.ok_or(HandleError::Unreadable)?;
        match handle.stage {
            Stage::Posted if handle.expires_at > now => Ok(handle.request),
            Stage::Posted => Err(HandleError::Expired),
            Stage::Asked { .. } => Err(HandleError::Unreadable),
        }
    }

    /// Opens what an answered page sent back; `here` is what the browser is bound by.
    ///
    /// # Errors
    /// Not of our making.
    pub fn open_asked(
        keys: &ServerKeys,
        issuer: &str,
        text: &str,
        here: &Binding,
        now: Time,
    ) -> Result<Confirmed, HandleError> {
        let handle: Option<Self> = sealed::open(text, Purpose::LogoutHandle, keys, issuer);
        let Self { request, stage, expires_at } = handle.ok_or(HandleError::Unreadable)?;
        match stage {
            Stage::Asked { binding, session } if expires_at > now && here.is(&binding) => {
                Ok(Confirmed::Answered(request, session))
            }
            Stage::Asked { .. } => Ok(Confirmed::Again(request)),
            Stage::Posted => Err(HandleError::Unreadable),
        }
    }
}

#[cfg(test)]
mod tests {
    use crypto::Secret;

    use super::*;
    use crate::testing::{ISSUER, NOW, SERVER_KEYS, session};

    fn request() -> LogoutRequest {
        LogoutRequest { state: Some("s1".to_owned()), ..LogoutRequest::default() }
    }

    fn binding(octet: u8) -> Binding {
        Binding::of(&Secret::new([octet; 32]))
    }

    #[test]
    fn t_p27_an_answer_counts_in_the_browser_that_was_asked_and_for_an_hour() {
        let text = LogoutHandle::asked(request(), Some(session(NOW).id), binding(1), NOW).seal(&SERVER_KEYS, ISSUER);
        let check = |here: Binding, seconds: i64, answered: bool| {
            let now = NOW.plus_secs(seconds);
            let opened = LogoutHandle::open_asked(&SERVER_KEYS, ISSUER, &text, &here, now).unwrap();
            let expect = if answered {
                Confirmed::Answered(request(), Some(session(NOW).id))
            } else {
                Confirmed::Again(request())
            };
            assert_eq!(opened, expect, "{here:?} {seconds}");
        };
        check(binding(1), 0, true);
        check(binding(1), PAGE_SECONDS - 1, true);
        check(binding(1), PAGE_SECONDS, false);
        check(binding(2), 0, false);
    }

    #[test]
    fn a_posted_request_is_good_for_two_minutes() {
        let text = LogoutHandle::posted(request(), NOW).seal(&SERVER_KEYS, ISSUER);
        let open = |seconds| LogoutHandle::open_posted(&SERVER_KEYS, ISSUER, &text, NOW.plus_secs(seconds));
        assert_eq!(open(POSTED_SECONDS - 1), Ok(request()));
        assert_eq!(open(POSTED_SECONDS), Err(HandleError::Expired));
    }

    #[test]
    fn t_p28_one_kind_of_handle_is_not_taken_for_the_other_nor_at_another_issuer() {
        let here = binding(1);
        let posted = LogoutHandle::posted(request(), NOW).seal(&SERVER_KEYS, ISSUER);
        let asked = LogoutHandle::asked(request(), None, here.clone(), NOW).seal(&SERVER_KEYS, ISSUER);
        let open_asked = |issuer, text: &str| LogoutHandle::open_asked(&SERVER_KEYS, issuer, text, &here, NOW);
        let open_posted = |issuer, text: &str| LogoutHandle::open_posted(&SERVER_KEYS, issuer, text, NOW);
        for refused in [open_asked(ISSUER, &posted), open_asked("https://b.example", &asked), open_asked(ISSUER, "x")] {
            assert_eq!(refused, Err(HandleError::Unreadable));
        }
        for refused in [open_posted(ISSUER, &asked), open_posted("https://b.example", &posted), open_posted(ISSUER, "")]
        {
            assert_eq!(refused, Err(HandleError::Unreadable));
        }
    }
}
