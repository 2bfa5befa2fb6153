//! One task per watch: what the API server tells becomes messages to the one task that thinks.
//!
//! A watch is never given up. Where it may not look (403), or there is nothing to look at yet (the definition is not
//! installed: 404), that is said once, and looked again in a few seconds: whoever binds the role or installs the kind
//! needs no restart.

use std::fmt::Debug;
use std::time::Duration;

use futures::StreamExt as _;
use kube::Api;
use kube::runtime::watcher::{self, watcher};
use kube::{Error, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::decode::{key, version};
use crate::tracker::{Event, Object};

/// The server ends a watch after so many seconds, and the client believes it dead soon after: a connection that nobody
/// answers any more costs that much.
pub(crate) const WATCH_SECONDS: u32 = 60;

/// Pauses after something went wrong.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The longest pause after RBAC has said no: there may be many such namespaces.
const LONGEST_DENIED: Duration = Duration::from_secs(10);

/// Without any news for so long, everything is listed anew: a net under whatever else may hang.
const RELIST: Duration = Duration::from_mins(15);

/// Why a watch does not deliver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// RBAC says no.
    Forbidden(String),
    /// There is no such kind.
    NotInstalled,
    /// The API server is away, or something else that passes.
    Away(String),
}

/// What a watch tells.
#[derive(Clone, Debug)]
pub(crate) enum Told<T> {
    /// Something about the objects.
    Event(Event<T>),
    /// That it cannot say anything for now.
    Trouble(Trouble),
}

/// A watch that ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Watch(AbortHandle);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Which objects.
#[derive(Clone, Debug)]
pub(crate) struct Select {
    fields: Option<String>,
    labels: Option<String>,
    seconds: u32,
}

impl Select {
    /// All.
    pub(crate) fn all() -> Self {
        Self { fields: None, labels: None, seconds: WATCH_SECONDS }
    }

    /// The same, watched anew after so many seconds.
    pub(crate) fn for_seconds(self, seconds: u32) -> Self {
        Self { seconds, ..self }
    }

    /// Those with this name.
    pub(crate) fn named(name: &str) -> Self {
        Self { fields: Some(format!("metadata.name={name}")), ..Self::all() }
    }

    /// Secrets of this type.
    pub(crate) fn of_type(type_: &str) -> Self {
        Self { fields: Some(format!("type={type_}")), ..Self::all() }
    }

    /// Those with this label, whatever its value.
    pub(crate) fn labelled(label: &str) -> Self {
        Self { labels: Some(label.to_owned()), ..Self::all() }
    }
}

/// Watches until dropped. `convert` reads an object, off the task that thinks; `wrap` addresses the message.
pub(crate) fn watch<K, T, M>(
    api: Api<K>,
    select: Select,
    convert: fn(K) -> T,
    wrap: impl Fn(Told<T>) -> M + Send + 'static,
    out: mpsc::Sender<M>,
) -> Watch
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
    T: Send + 'static,
    M: Send + 'static,
{
    let mut config = watcher::Config::default().streaming_lists().timeout(select.seconds);
    config.field_selector = select.fields;
    config.label_selector = select.labels;
    let task = async move {
        let mut pause = FIRST_PAUSE;
        loop {
            let mut events = Box::pin(watcher(api.clone(), config.clone()));
            while let Ok(Some(event)) = tokio::time::timeout(RELIST, events.next()).await {
                let told = match event {
                    Ok(event) => Told::Event(convert_event(event, convert)),
                    Err(error) => Told::Trouble(trouble(&error)),
                };
                let longest = match &told {
                    Told::Event(_) => None,
                    Told::Trouble(Trouble::Forbidden(_)) => Some(LONGEST_DENIED),
                    Told::Trouble(Trouble::NotInstalled | Trouble::Away(_)) => Some(LONGEST_PAUSE),
                };
                // A watch that is resumed after it was forbidden tells nothing while nothing changes: only a list
                // says that it may look again.
                let anew = matches!(told, Told::Trouble(Trouble::Forbidden(_)));
                if out.send(wrap(told)).await.is_err() {
                    return;
                }
                match longest {
                    None => pause = FIRST_PAUSE,
                    Some(longest) => {
                        tokio::time::sleep(pause).await;
                        pause = (pause * 2).min(longest);
                    }
                }
                if anew {
                    break;
                }
            }
        }
    };
    Watch(tokio::spawn(task).abort_handle())
}

fn convert_event<K: Resource, T>(event: watcher::Event<K>, convert: fn(K) -> T) -> Event<T> {
    let seen = |object: K| {
        let (key, version) = (key(&object), version(&object));
        Event::Seen(Object { key, version, value: convert(object) })
    };
    match event {
        watcher::Event::Init => Event::Begin,
        watcher::Event::InitApply(object) | watcher::Event::Apply(object) => seen(object),
        watcher::Event::InitDone => Event::Complete,
        watcher::Event::Delete(object) => Event::Gone(key(&object), version(&object)),
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotInstalled => f.write_str("the kind is not installed"),
            Self::Forbidden(message) | Self::Away(message) => f.write_str(message),
        }
    }
}

fn trouble(error: &watcher::Error) -> Trouble {
    let status = match error {
        watcher::Error::InitialListFailed(Error::Api(status))
        | watcher::Error::WatchStartFailed(Error::Api(status))
        | watcher::Error::WatchFailed(Error::Api(status))
        | watcher::Error::WatchError(status) => Some(status),
        watcher::Error::InitialListFailed(_)
        | watcher::Error::WatchStartFailed(_)
        | watcher::Error::WatchFailed(_)
        | watcher::Error::NoResourceVersion => None,
    };
    match status {
        Some(status) if status.code == 403 => Trouble::Forbidden(status.message.clone()),
        Some(status) if status.code == 404 => Trouble::NotInstalled,
        Some(_) | None => Trouble::Away(error.to_string()),
    }
}
