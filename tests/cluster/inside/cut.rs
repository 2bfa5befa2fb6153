//! A client that dies at a chosen write: the request is never sent, or its answer never comes back.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use kube::client::Body;
use tokio::sync::Notify;
use tower::{BoxError, Layer, Service};

/// When the process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Before the write is sent.
    Before,
    /// After it was done, before the answer is read.
    After,
}

/// The write at which everything ends.
#[derive(Clone, Debug)]
pub struct Cut {
    left: Arc<AtomicUsize>,
    moment: Moment,
    happened: Arc<Notify>,
}

impl Cut {
    /// Lets `writes` of them through.
    pub fn after(writes: usize, moment: Moment) -> Self {
        Self { left: Arc::new(AtomicUsize::new(writes)), moment, happened: Arc::new(Notify::new()) }
    }

    /// Waits until it has happened.
    pub async fn happened(&self) {
        self.happened.notified().await;
    }
}

/// Puts the cut before a client.
#[derive(Clone, Debug)]
pub struct CutLayer(pub Cut);

impl<S> Layer<S> for CutLayer {
    type Service = CutService<S>;

    fn layer(&self, inner: S) -> CutService<S> {
        CutService { inner, cut: self.0.clone() }
    }
}

/// A client that dies.
#[derive(Clone, Debug)]
pub struct CutService<S> {
    inner: S,
    cut: Cut,
}

impl<S, R> Service<http::Request<Body>> for CutService<S>
where
    S: Service<http::Request<Body>, Response = R>,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    R: 'static,
{
    type Response = R;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<R, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let reads = [http::Method::GET, http::Method::HEAD].contains(request.method());
        let question = request.uri().path().contains("selfsubject");
        let goes = reads
            || question
            || self.cut.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        if goes {
            let answer = self.inner.call(request);
            return Box::pin(async move { answer.await.map_err(Into::into) });
        }
        let cut = self.cut.clone();
        let answer = (cut.moment == Moment::After).then(|| self.inner.call(request));
        Box::pin(async move {
            if let Some(answer) = answer {
                drop(answer.await);
            }
            cut.happened.notify_one();
            std::future::pending().await
        })
    }
}
