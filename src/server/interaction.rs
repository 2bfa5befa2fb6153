//! What every posted form of ours must prove before it is looked at: that it came from a page of this issuer, in the
//! browser that the page was made for.

use axum::extract::Request;
use axum::response::Response;
use crypto::Secret;
use http::{HeaderMap, header};
use oidc::authorize::{Binding, Handle, HandleError, Received};
use oidc::form::Form;

use crate::body;
use crate::call::Call;
use crate::flow;
use crate::same_origin::is_same_origin;
use crate::trouble::Trouble;

/// A posted form, whose handle is still sealed.
pub(crate) struct Sent {
    pub(crate) headers: HeaderMap,
    pub(crate) form: Form,
    pub(crate) handle: String,
    /// The cookie that a handle must belong to.
    pub(crate) binding: Secret<[u8; 32]>,
}

/// A posted form whose handle was opened.
pub(crate) struct Posted {
    pub(crate) headers: HeaderMap,
    pub(crate) form: Form,
    pub(crate) handle: Handle,
    pub(crate) binding: Secret<[u8; 32]>,
}

/// Why a posted form is not looked at.
pub(crate) enum Refused {
    /// Something is wrong with it.
    Trouble(Trouble),
    /// It stood on a page that was made under another binding cookie: a browser that opens several pages at once keeps
    /// only the last one. Nothing that was typed is used; the page is shown anew, under the cookie that is here.
    Again(HeaderMap, Received),
}

impl From<Trouble> for Refused {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

impl From<HandleError> for Refused {
    fn from(error: HandleError) -> Self {
        Self::Trouble(Trouble::Handle(error))
    }
}

impl Refused {
    pub(crate) fn respond(self, call: &Call) -> Response {
        match self {
            Self::Trouble(trouble) => trouble.respond(call),
            Self::Again(headers, received) => flow::login_again(call, &headers, received, "", None),
        }
    }
}

/// Which page the form must stand on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    /// The login page or the account chooser.
    Form,
    /// The consent page.
    Consent,
}

/// Reads the form, if it came from a page of this issuer. Its handle and the binding cookie must belong together: neither
/// a form that was made for one browser and lured another into posting it, nor one that was written elsewhere, has both.
pub(crate) async fn sent(call: &Call, request: Request) -> Result<Sent, Trouble> {
    if !is_same_origin(request.headers(), call.realm().issuer.origin()) {
        return Err(Trouble::CrossSite);
    }
    let (parts, mut form) = body::form(request).await?;
    let handle = form.take_text("handle").ok_or(Trouble::Incomplete)?;
    let binding = call.site.cookies.read_binding(&parts.headers).ok_or(HandleError::OtherBrowser)?;
    Ok(Sent { headers: parts.headers, form, handle, binding })
}

/// Renders a page with forms for this browser, which gets its binding cookie if it has none.
pub(crate) fn bound(call: &Call, headers: &HeaderMap, render: impl FnOnce(&Secret<[u8; 32]>) -> Response) -> Response {
    let known = call.site.cookies.read_binding(headers);
    let fresh = known.is_none();
    let binding = known.unwrap_or_else(|| call.shared.entropy.secret());
    let mut response = render(&binding);
    if fresh {
        response.headers_mut().append(header::SET_COOKIE, call.site.cookies.set_binding(&binding));
    }
    response
}

/// Reads the form and opens its handle.
pub(crate) async fn posted(call: &Call, request: Request, page: Page) -> Result<Posted, Refused> {
    let Sent { headers, form, handle: text, binding } = sent(call, request).await?;
    let (keys, expect) = (&call.snapshot.catalog.server_keys, Binding::of(&binding));
    let handle = match page {
        Page::Form => match Handle::open_form(keys, call.issuer(), &text, &expect, call.now) {
            Err(HandleError::OtherBrowser) => {
                let received = Handle::request_of_form(keys, call.issuer(), &text, call.now)?;
                return Err(Refused::Again(headers, received));
            }
            opened => opened,
        },
        Page::Consent => Handle::open_consent(keys, call.issuer(), &text, &expect, call.now),
    }?;
    Ok(Posted { headers, form, handle, binding })
}
