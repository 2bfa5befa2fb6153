//! RFC 9110 §15, RFC 6749 §5.2: what keeps a request from being looked at, or from being answered: its shape, its page,
//! or something of ours. Refusals by the protocol itself are values of the protocol member.

use std::borrow::Cow;
use std::error::Error as _;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use oidc::authorize::HandleError;
use oidc::client::Client;
use oidc::form::FormError;
use oidc::issue::IssueError;
use oidc::refusal::ErrorCode;
use store::StoreError;

use crate::call::Call;
use crate::headers::{self, PagePolicy};
use crate::negotiate::Wants;
use crate::pages::{self, ErrorPage, Frame};

/// Seconds after which it is worth asking again when something of ours is away.
const RETRY_SECONDS: u32 = 5;

/// Why a request cannot be answered as asked.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// No endpoint has this path.
    NotFound,
    /// The endpoint does not know the method; the value of `Allow`.
    Method(HeaderValue),
    /// The target, the body or what would have to be sealed is larger than this server takes.
    TooLarge,
    /// A body that is not a form.
    MediaType,
    /// A body that did not arrive in time.
    Slow,
    /// A body that broke off.
    Broken,
    /// Parameters that cannot be read.
    Form(FormError),
    /// A form that lacks what our page put into it.
    Incomplete,
    /// A form that was posted from another site's page.
    CrossSite,
    /// The sealed request cannot be used.
    Handle(HandleError),
    /// Too many attempts, or too many at once (RFC 6585 §4); seconds until the next.
    TooMany(u64),
    /// The store did not answer.
    Store(StoreError),
    /// It took too long.
    Overdue,
    /// A defect of ours.
    Defect,
}

impl Trouble {
    /// The answer: a page for a person, an object for a program.
    pub(crate) fn respond(self, call: &Call) -> Response {
        let wants = call.wants;
        self.respond_as(call, wants)
    }

    /// The answer of an endpoint that only programs call.
    pub(crate) fn respond_json(self, call: &Call) -> Response {
        self.respond_as(call, Wants::Json)
    }

    fn respond_as(self, call: &Call, wants: Wants) -> Response {
        self.log(call);
        let status = self.status();
        let mut response = match wants {
            Wants::Json => json_error(status, self.code().as_str(), &self.description(), &call.id),
            Wants::Html => {
                let page = ErrorPage {
                    frame: Frame::of(&call.site),
                    title: self.title(),
                    description: &self.description(),
                    advice: self.advice(),
                    code: self.code().as_str(),
                    error_id: &call.id,
                };
                pages::respond(status, &page, PagePolicy::Plain)
            }
        };
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(RETRY_SECONDS));
        }
        if let Self::TooMany(seconds) = self {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Self::Method(allow) = self {
            response.headers_mut().insert(header::ALLOW, allow);
        }
        response
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Broken | Self::Form(_) | Self::Incomplete | Self::Handle(_) => StatusCode::BAD_REQUEST,
            Self::CrossSite => StatusCode::FORBIDDEN,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Store(_) | Self::Overdue => StatusCode::SERVICE_UNAVAILABLE,
            Self::Defect => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn code(&self) -> ErrorCode {
        match self {
            Self::NotFound
            | Self::Method(_)
            | Self::TooLarge
            | Self::MediaType
            | Self::Slow
            | Self::Broken
            | Self::Form(_)
            | Self::Incomplete
            | Self::CrossSite
            | Self::Handle(_) => ErrorCode::InvalidRequest,
            Self::TooMany(_) => ErrorCode::TemporarilyUnavailable,
            Self::Store(_) | Self::Overdue | Self::Defect => ErrorCode::ServerError,
        }
    }

    fn title(&self) -> &'static str {
        match self {
            Self::NotFound => "Page not found",
            Self::Method(_)
            | Self::TooLarge
            | Self::MediaType
            | Self::Slow
            | Self::Broken
            | Self::Form(_)
            | Self::Incomplete => "This request cannot be read",
            Self::CrossSite => "This form came from another site",
            Self::Handle(HandleError::Expired) => "This page has expired",
            Self::Handle(HandleError::Unreadable | HandleError::OtherBrowser) => "Please start again",
            Self::TooMany(_) | Self::Store(_) | Self::Overdue => "Temporarily unavailable",
            Self::Defect => "Something went wrong",
        }
    }

    fn description(&self) -> Cow<'static, str> {
        let text = match self {
            Self::NotFound => "There is nothing at this address.",
            Self::Method(_) => "This address does not take requests of this method.",
            Self::TooLarge => "The request is larger than this server takes.",
            Self::MediaType => "The body must be a form: send `Content-Type: application/x-www-form-urlencoded`.",
            Self::Slow => "The request did not arrive in time.",
            Self::Broken => "The request broke off.",
            Self::Form(error) => return Cow::Owned(error.to_string()),
            Self::Incomplete => "The form lacks a field that the page has.",
            Self::CrossSite => "For your safety, forms are only taken from pages of this site.",
            Self::Handle(error) => return Cow::Owned(error.to_string()),
            Self::TooMany(_) => "There were too many attempts: wait as long as Retry-After says.",
            Self::Store(_) | Self::Overdue => "The server cannot answer right now.",
            Self::Defect => "The server could not answer. This is not your fault.",
        };
        Cow::Borrowed(text)
    }

    fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Handle(HandleError::OtherBrowser) => {
                Some("Allow cookies for this site, go back to the application, and sign in again.")
            }
            Self::Handle(HandleError::Unreadable | HandleError::Expired) | Self::Incomplete | Self::CrossSite => {
                Some("Go back to the application and sign in again.")
            }
            Self::TooMany(_) | Self::Store(_) | Self::Overdue | Self::Slow | Self::Broken => {
                Some("Try again in a moment.")
            }
            Self::Defect => Some("If it happens again, tell whoever runs this site the error ID."),
            Self::NotFound | Self::Method(_) | Self::TooLarge | Self::MediaType | Self::Form(_) => None,
        }
    }

    /// What is ours to mend is an error in the log; the rest is not worth a line by default.
    fn log(&self, call: &Call) {
        match self {
            Self::Store(error) => log_store(call, error),
            Self::Overdue => tracing::error!(request.id = %call.id, "the request took too long and was given up"),
            Self::Defect => tracing::error!(request.id = %call.id, "the request failed by a defect of this server"),
            Self::NotFound
            | Self::Method(_)
            | Self::TooLarge
            | Self::MediaType
            | Self::Slow
            | Self::Broken
            | Self::Form(_)
            | Self::TooMany(_)
            | Self::Incomplete => tracing::debug!(request.id = %call.id, trouble = ?self, "request not taken"),
            Self::CrossSite => call.audit_form("cross_site"),
            Self::Handle(error) => call.audit_form(handle_reason(*error)),
        }
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<HandleError> for Trouble {
    fn from(error: HandleError) -> Self {
        Self::Handle(error)
    }
}

impl From<FormError> for Trouble {
    fn from(error: FormError) -> Self {
        Self::Form(error)
    }
}

/// What the log calls a handle that is of no use.
pub(crate) const fn handle_reason(error: HandleError) -> &'static str {
    match error {
        HandleError::Unreadable => "handle_unreadable",
        HandleError::Expired => "handle_expired",
        HandleError::OtherBrowser => "handle_of_another_browser",
    }
}

/// The database's own words are for the log alone.
pub(crate) fn log_store(call: &Call, error: &StoreError) {
    let cause = error.source().map(ToString::to_string);
    tracing::error!(request.id = %call.id, cause, "{error}");
}

/// A key that is missing is ours to mend.
pub(crate) fn log_issue(call: &Call, client: &Client, error: &IssueError) {
    tracing::error!(request.id = %call.id, client.id = %client.id, "cannot issue tokens: {error}");
}

/// An error as an object (RFC 6749 §5.2), with the ID that the log has.
pub(crate) fn json_error(status: StatusCode, code: &str, description: &str, error_id: &str) -> Response {
    #[derive(serde::Serialize)]
    struct ErrorBody<'a> {
        error: &'a str,
        error_description: &'a str,
        error_id: &'a str,
    }
    let body = ErrorBody { error: code, error_description: description, error_id };
    let mut response = json(status, &body);
    headers::no_store(response.headers_mut());
    response
}

/// A value as an answer; the caller says how it may be cached.
pub(crate) fn json<T: serde::Serialize>(status: StatusCode, value: &T) -> Response {
    // Strings, numbers and maps always serialise; an empty body would be seen by every test.
    let body = serde_json::to_vec(value).unwrap_or_default();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    *response.headers_mut() =
        HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    response
}
