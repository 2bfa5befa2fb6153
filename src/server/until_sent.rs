//! Answers that nobody fetches. A peer of HTTP/2 that opens no window leaves what was answered in our memory: whatever
//! bounds requests at work must bound that too.
//!
//! What there is a window for counts as sent, also where the peer then reads nothing from its socket. That is little:
//! nothing more is read from a connection that takes nothing, and a ping that is not answered ends it within a minute.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Version;
use hyper::body::{Body, Frame, SizeHint};

/// A body that keeps something, such as a place, until it is dropped: when all of it was sent, or was given up.
#[derive(Debug)]
pub(crate) struct UntilSent<B, K> {
    body: B,
    /// Whether the last octet goes by itself. A frame counts as sent once there is a window for its first octet, and waits
    /// for the rest where nobody counts it; the last octet waits until there is a window for all before it.
    apart: bool,
    last: Option<Bytes>,
    _kept: K,
}

impl<B, K> UntilSent<B, K> {
    /// As it is.
    pub(crate) fn new(body: B, keep: K) -> Self {
        Self { body, apart: false, last: None, _kept: keep }
    }

    /// As it is sent by this version of HTTP: HTTP/1 has no windows, and one answer at a time.
    pub(crate) fn by(version: Version, body: B, keep: K) -> Self {
        Self { apart: version == Version::HTTP_2, ..Self::new(body, keep) }
    }
}

impl<B: Body<Data = Bytes> + Unpin, K: Unpin> Body for UntilSent<B, K> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Some(last) = self.last.take() {
            return Poll::Ready(Some(Ok(Frame::data(last))));
        }
        let polled = ready!(Pin::new(&mut self.body).poll_frame(context));
        let ends = self.apart && self.body.is_end_stream();
        Poll::Ready(polled.map(|frame| match frame?.into_data() {
            Ok(mut data) => {
                if ends && data.len() > 1 {
                    self.last = Some(data.split_off(data.len() - 1));
                }
                Ok(Frame::data(data))
            }
            Err(other) => Ok(other),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.last.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let last = self.last.as_ref().map_or(0, |last| last.len() as u64);
        let body = self.body.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(body.lower().saturating_add(last));
        if let Some(upper) = body.upper() {
            hint.set_upper(upper.saturating_add(last));
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http_body_util::{BodyExt as _, Empty, Full};

    use super::*;

    #[tokio::test]
    async fn what_is_kept_is_kept_until_the_body_is_dropped() {
        let kept = Arc::new(());
        let mut body = UntilSent::new(Full::new(Bytes::from_static(b"text")), Arc::clone(&kept));
        assert_eq!(body.size_hint().exact(), Some(4));
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "text");
        assert!(body.is_end_stream() && body.frame().await.is_none());
        assert_eq!(Arc::strong_count(&kept), 2, "it is handed over, and not sent");
        drop(body);
        assert_eq!(Arc::strong_count(&kept), 1);
    }

    #[tokio::test]
    async fn the_last_octet_goes_by_itself_where_there_are_windows() {
        for (text, version, expect) in [
            ("text", Version::HTTP_2, vec!["tex", "t"]),
            ("t", Version::HTTP_2, vec!["t"]),
            ("text", Version::HTTP_11, vec!["text"]),
        ] {
            let mut body = UntilSent::by(version, Full::new(Bytes::from_static(text.as_bytes())), ());
            let (mut frames, mut left) = (Vec::new(), text.len());
            while !body.is_end_stream() {
                assert_eq!(body.size_hint().exact(), Some(left as u64));
                let data = body.frame().await.unwrap().unwrap().into_data().unwrap();
                left -= data.len();
                frames.push(data);
            }
            assert_eq!(frames, expect, "{version:?}");
        }
        assert!(UntilSent::by(Version::HTTP_2, Empty::<Bytes>::new(), ()).is_end_stream());
    }
}
