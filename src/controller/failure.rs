//! What the API server had against a request, and when to try again. Each answer has one consequence.

use std::time::Duration;

use kube::Error;

/// Why a write did not happen, or may not have happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// 403: RBAC, an admission policy or a quota.
    Forbidden(String),
    /// 404: the object is gone, or its kind.
    Gone,
    /// 409: it exists already, or has changed meanwhile.
    Conflict(String),
    /// 400, 413, 422: it will never be taken as it is.
    Invalid(String),
    /// 429: too much at once. The API server says when to come back.
    Throttled(Option<Duration>),
    /// This process does not lead any more.
    NotLeading,
    /// 5xx, a time-out, a broken connection: it may have happened all the same.
    Unknown(String),
}

/// The first and the longest pause after a failure that passes by itself.
const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(30);

/// How soon to look again at what only somebody else can mend.
const MENDED_BY_OTHERS: Duration = Duration::from_secs(5);

/// How long a request may take. It may have been done all the same.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

/// Waits for an answer.
///
/// # Errors
/// The API server has something against it, or says nothing.
pub(crate) async fn answer<T>(within: Duration, request: impl Future<Output = Result<T, Error>>) -> Result<T, Failure> {
    match tokio::time::timeout(within, request).await {
        Ok(answer) => answer.map_err(|error| Failure::of(&error)),
        Err(_) => Err(Failure::Unknown("the API server does not answer".to_owned())),
    }
}

/// A number between 0 and 1 that differs from name to name.
pub(crate) fn spread(name: &str) -> f64 {
    let [first, ..] = crypto::hash::sha256(name.as_bytes());
    f64::from(first) / 255.0
}

impl Failure {
    /// From an error.
    fn of(error: &Error) -> Self {
        if crate::fence::is_not_leading(error) {
            return Self::NotLeading;
        }
        let Error::Api(status) = error else { return Self::Unknown(error.to_string()) };
        let message = status.message.clone();
        match status.code {
            403 => Self::Forbidden(message),
            404 => Self::Gone,
            409 => Self::Conflict(message),
            400 | 413 | 422 => Self::Invalid(message),
            429 => {
                let seconds = status.details.as_ref().map(|details| details.retry_after_seconds);
                Self::Throttled(
                    seconds.filter(|seconds| *seconds > 0).map(|seconds| Duration::from_secs(seconds.into())),
                )
            }
            _ => Self::Unknown(message),
        }
    }

    /// When to try again, after so many failures in a row. `spread` is between 0 and 1 and keeps those who failed
    /// together from coming back together.
    pub(crate) fn pause(&self, failures: u32, spread: f64) -> Duration {
        let backed_off = || FIRST.saturating_mul(2_u32.saturating_pow(failures.min(10))).min(LONGEST);
        let pause = match self {
            Self::Conflict(_) if failures < 3 => FIRST,
            Self::Conflict(_) | Self::Unknown(_) | Self::NotLeading | Self::Gone => backed_off(),
            Self::Throttled(Some(pause)) => return *pause + FIRST.mul_f64(spread),
            Self::Throttled(None) => backed_off().max(Duration::from_secs(1)),
            Self::Forbidden(_) | Self::Invalid(_) => MENDED_BY_OTHERS.max(backed_off()),
        };
        pause.mul_f64(0.75 + spread.clamp(0.0, 1.0) / 2.0)
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Forbidden(message) => write!(f, "forbidden: {message}"),
            Self::Gone => f.write_str("it is gone"),
            Self::Conflict(message) => write!(f, "conflict: {message}"),
            Self::Invalid(message) => write!(f, "not accepted: {message}"),
            Self::Throttled(_) => f.write_str("the API server has too much to do"),
            Self::NotLeading => f.write_str("this process does not lead"),
            Self::Unknown(message) => f.write_str(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;
    use serde_json::json;

    use super::*;

    fn failure(code: u16, details: serde_json::Value) -> Failure {
        let status: Status = serde_json::from_value(json!({"code": code, "message": "m", "details": details})).unwrap();
        Failure::of(&Error::Api(status.boxed()))
    }

    #[test]
    fn every_answer_has_its_consequence() {
        let check = |code, expect: Failure| assert_eq!(failure(code, json!({})), expect, "{code}");
        check(403, Failure::Forbidden("m".to_owned()));
        check(404, Failure::Gone);
        check(409, Failure::Conflict("m".to_owned()));
        check(422, Failure::Invalid("m".to_owned()));
        check(413, Failure::Invalid("m".to_owned()));
        check(500, Failure::Unknown("m".to_owned()));
        check(503, Failure::Unknown("m".to_owned()));
    }

    #[test]
    fn f07_the_api_server_says_when_to_come_back() {
        let throttled = failure(429, json!({"retryAfterSeconds": 7}));
        assert_eq!(throttled, Failure::Throttled(Some(Duration::from_secs(7))));
        let pause = throttled.pause(0, 0.5);
        assert!((Duration::from_secs(7)..Duration::from_secs(8)).contains(&pause), "{pause:?}");
        assert!(failure(429, json!({})).pause(0, 0.5) >= Duration::from_secs(1));
    }

    #[test]
    fn f04_pauses_grow_are_bounded_and_differ() {
        let unknown = Failure::Unknown(String::new());
        assert!(unknown.pause(0, 0.0) < unknown.pause(3, 0.0));
        assert!(unknown.pause(60, 1.0) <= LONGEST.mul_f64(1.25));
        assert!(unknown.pause(3, 0.0) < unknown.pause(3, 1.0));
    }
}
