//! A client that writes only while this process leads.
//!
//! Whoever plans writes asks `Leadership` before, but between the question and the write anything may happen: the
//! process is paused, a token is fetched, a connection is made, the API server asks to come again later. So the
//! question is asked once more where requests leave, every time that something is about to be done for the request:
//! a write that wakes up after its lease is dropped here, and does not rely on the API server noticing.
//!
//! It does not know why this process does not lead, nor whether it led without a break since a write was planned:
//! stop what plans writes when leading ends.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Method, Request};
use kube::client::ClientBuilder;
use tower::{BoxError, Layer, Service};

use crate::lease::Leadership;

/// A client for everything, the election included.
pub fn client(config: kube::Config, leadership: &Leadership) -> Result<kube::Client, kube::Error> {
    Ok(ClientBuilder::try_from(config)?.with_layer(&FenceLayer::new(leadership.clone())).build())
}

/// Whether a request was refused here: not a failure, and nothing to try again.
pub fn is_not_leading(error: &kube::Error) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<NotLeading>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// This process does not lead. The write was not sent, or it was given up while it was on its way.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("this process does not lead, so it does not write")]
pub struct NotLeading;

/// Puts the fence in front of a service. It belongs outermost, where paths are still those of the API.
#[derive(Clone, Debug)]
pub struct FenceLayer {
    leadership: Leadership,
}

impl FenceLayer {
    /// Writes pass while `leadership` leads.
    pub fn new(leadership: Leadership) -> Self {
        Self { leadership }
    }
}

impl<S> Layer<S> for FenceLayer {
    type Service = Fence<S>;

    fn layer(&self, inner: S) -> Fence<S> {
        Fence { inner, leadership: self.leadership.clone() }
    }
}

/// The fence and what is behind it.
#[derive(Clone, Debug)]
pub struct Fence<S> {
    inner: S,
    leadership: Leadership,
}

impl<S, B> Service<Request<B>> for Fence<S>
where
    S: Service<Request<B>>,
    S::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Fenced<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Fenced<S::Future> {
        if is_free(request.method(), request.uri().path()) {
            return Fenced { inner: Some(Box::pin(self.inner.call(request))), leadership: None };
        }
        let inner = self.leadership.leads().then(|| Box::pin(self.inner.call(request)));
        Fenced { inner, leadership: Some(self.leadership.clone()) }
    }
}

/// The answer to a request, as long as it may be waited for.
#[derive(Debug)]
pub struct Fenced<F> {
    /// None once it was refused.
    inner: Option<Pin<Box<F>>>,
    /// Of a write.
    leadership: Option<Leadership>,
}

impl<F, R, E> Future for Fenced<F>
where
    F: Future<Output = Result<R, E>>,
    E: Into<BoxError>,
{
    type Output = Result<R, BoxError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<R, BoxError>> {
        // At every poll: between two of them, the service behind connects, fetches a token, or waits to send again.
        if self.leadership.as_ref().is_some_and(|leadership| !leadership.leads()) {
            self.inner = None;
        }
        match &mut self.inner {
            Some(inner) => inner.as_mut().poll(context).map_err(Into::into),
            None => Poll::Ready(Err(NotLeading.into())),
        }
    }
}

/// What everybody may send: what changes nothing, what the election itself sends, and questions that are asked by
/// posting them.
fn is_free(method: &Method, path: &str) -> bool {
    if [Method::GET, Method::HEAD, Method::OPTIONS].contains(method) {
        return true;
    }
    // Segment by segment, and nothing that the server could read in another way than it is written.
    let segments: Vec<&str> = path.split('/').collect();
    if segments.iter().skip(1).any(|segment| ["", ".", ".."].contains(segment) || segment.contains('%')) {
        return false;
    }
    match segments.as_slice() {
        ["", "apis", "coordination.k8s.io", "v1", "namespaces", _, "leases"]
        | ["", "apis", "coordination.k8s.io", "v1", "namespaces", _, "leases", _] => true,
        ["", "apis", "authorization.k8s.io", "v1", "selfsubjectaccessreviews" | "selfsubjectrulesreviews"] => {
            *method == Method::POST
        }
        ["", "apis", "authentication.k8s.io", "v1", "selfsubjectreviews"] => *method == Method::POST,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
