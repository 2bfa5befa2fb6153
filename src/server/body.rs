//! RFC 6749 appendix B: a form out of a request body, within bounds of size and time.

use std::time::Duration;

use axum::extract::Request;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use oidc::form::Form;

use crate::trouble::Trouble;

/// Octets of a request body at the most.
pub(crate) const MAX_BODY: usize = 64 * 1024;

/// The time in which a body must have arrived; whoever sends it by drops does not keep a connection for long.
const DEADLINE: Duration = Duration::from_secs(10);

const FORM: &str = "application/x-www-form-urlencoded";

/// The parts of a request and its form.
pub(crate) async fn form(request: Request) -> Result<(Parts, Form), Trouble> {
    let (parts, body) = request.into_parts();
    if !is_form(&parts.headers) {
        return Err(Trouble::MediaType);
    }
    if declared_length(&parts.headers).is_some_and(|length| length > MAX_BODY) {
        return Err(Trouble::TooLarge);
    }
    let bytes = read(body).await?;
    let form = Form::parse(&bytes)?;
    Ok((parts, form))
}

/// The form in the query of a request.
pub(crate) fn query(parts: &Parts) -> Result<Form, Trouble> {
    Ok(Form::parse(parts.uri.query().unwrap_or_default().as_bytes())?)
}

/// Whether the body says that it is a form.
pub(crate) fn is_form(headers: &HeaderMap) -> bool {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    media_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(FORM)
}

fn declared_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn read(body: axum::body::Body) -> Result<Bytes, Trouble> {
    match tokio::time::timeout(DEADLINE, Limited::new(body, MAX_BODY).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Trouble::TooLarge),
        Ok(Err(_)) => Err(Trouble::Broken),
        Err(_) => Err(Trouble::Slow),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn request(content_type: Option<&str>, body: impl Into<Body>) -> Request {
        let mut request = Request::new(body.into());
        if let Some(content_type) = content_type {
            request.headers_mut().insert(header::CONTENT_TYPE, content_type.parse().unwrap());
        }
        request
    }

    #[tokio::test]
    async fn only_a_form_is_read() {
        for (content_type, taken) in [
            (Some(FORM), true),
            (Some("Application/X-WWW-Form-Urlencoded; charset=UTF-8"), true),
            (Some("application/json"), false),
            (Some("multipart/form-data; boundary=x"), false),
            (Some("text/plain"), false),
            (Some(""), false),
            (None, false),
        ] {
            match form(request(content_type, "a=1")).await {
                Ok((_, mut form)) => assert!(taken && form.take_text("a").as_deref() == Some("1"), "{content_type:?}"),
                Err(trouble) => assert!(!taken && matches!(trouble, Trouble::MediaType), "{content_type:?}"),
            }
        }
    }

    #[tokio::test]
    async fn t_p38_a_large_body_is_refused() {
        let fits = format!("a={}", "x".repeat(MAX_BODY - 2));
        assert!(form(request(Some(FORM), fits.clone())).await.is_ok());
        assert!(matches!(form(request(Some(FORM), fits.clone() + "x")).await, Err(Trouble::TooLarge)));
        // One that does not say how long it is.
        let stream = futures::stream::iter([Ok::<_, std::io::Error>(fits.clone()), Ok(fits)]);
        assert!(matches!(form(request(Some(FORM), Body::from_stream(stream))).await, Err(Trouble::TooLarge)));
        let mut declared = request(Some(FORM), "a=1");
        declared.headers_mut().insert(header::CONTENT_LENGTH, "65537".parse().unwrap());
        assert!(matches!(form(declared).await, Err(Trouble::TooLarge)));
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_or_is_no_form_is_refused() {
        let broken = futures::stream::iter([Ok("a=1"), Err(std::io::Error::other("gone"))]);
        assert!(matches!(form(request(Some(FORM), Body::from_stream(broken))).await, Err(Trouble::Broken)));
        assert!(matches!(form(request(Some(FORM), "a=%zz")).await, Err(Trouble::Form(_))));
    }

    #[tokio::test(start_paused = true)]
    async fn f55_a_body_that_trickles_is_given_up() {
        let endless = futures::stream::pending::<Result<Bytes, std::io::Error>>();
        assert!(matches!(form(request(Some(FORM), Body::from_stream(endless))).await, Err(Trouble::Slow)));
    }
}
