use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Waker;

use http::Response;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use kube::client::Body;
use tower::service_fn;

use super::*;

/// A client whose requests that pass the fence are counted.
fn counted(leadership: &Leadership) -> (kube::Client, Arc<AtomicUsize>) {
    let passed = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&passed);
    let service = service_fn(move |_: Request<Body>| {
        count.fetch_add(1, Ordering::SeqCst);
        async { Ok::<_, Infallible>(Response::new(Body::from(br#"{"metadata": {"name": "a"}}"#.to_vec()))) }
    });
    let client = ClientBuilder::new(service, "ns").with_layer(&FenceLayer::new(leadership.clone())).build();
    (client, passed)
}

#[tokio::test]
async fn who_does_not_lead_only_reads() {
    let leadership = Leadership::elected();
    let (client, passed) = counted(&leadership);
    let api: Api<ConfigMap> = Api::default_namespaced(client);
    let object = ConfigMap::default();
    api.get("a").await.unwrap();
    assert_eq!(passed.load(Ordering::SeqCst), 1);
    let refusals = [
        api.create(&PostParams::default(), &ConfigMap { metadata: named("a"), ..object.clone() }).await.unwrap_err(),
        api.replace("a", &PostParams::default(), &object).await.unwrap_err(),
        api.patch("a", &PatchParams::default(), &Patch::Merge(&object)).await.unwrap_err(),
        api.delete("a", &DeleteParams::default()).await.unwrap_err(),
    ];
    for refusal in refusals {
        assert!(is_not_leading(&refusal), "{refusal:?}");
    }
    assert_eq!(passed.load(Ordering::SeqCst), 1);
}

fn named(name: &str) -> kube::api::ObjectMeta {
    kube::api::ObjectMeta { name: Some(name.to_owned()), ..Default::default() }
}

#[tokio::test]
async fn f43_a_write_after_the_deadline_is_refused() {
    let (leadership, hand) = Leadership::by_hand(1000);
    let (client, passed) = counted(&leadership);
    let api: Api<ConfigMap> = Api::default_namespaced(client);
    hand.store(999, Ordering::SeqCst);
    api.replace("a", &PostParams::default(), &ConfigMap::default()).await.unwrap();
    hand.store(1000, Ordering::SeqCst);
    let refusal = api.replace("a", &PostParams::default(), &ConfigMap::default()).await.unwrap_err();
    assert!(is_not_leading(&refusal), "{refusal:?}");
    assert_eq!(passed.load(Ordering::SeqCst), 1);
}

/// The write waits for a connection while the process is paused past its lease: it is never polled again.
#[test]
fn f43_a_write_that_wakes_up_too_late_is_given_up() {
    let (leadership, hand) = Leadership::by_hand(1000);
    let polled = Arc::new(AtomicUsize::new(0));
    let polls = Arc::clone(&polled);
    let mut fence = FenceLayer::new(leadership).layer(service_fn(move |_: Request<()>| {
        let polls = Arc::clone(&polls);
        async move {
            polls.fetch_add(1, Ordering::SeqCst);
            pending::<Result<(), Infallible>>().await
        }
    }));
    let call = |fence: &mut Fence<_>, method| Service::call(fence, request(method, "/api/v1/namespaces/ns/configmaps"));
    let mut early = call(&mut fence, Method::POST);
    let mut late = call(&mut fence, Method::POST);
    let mut read = call(&mut fence, Method::GET);
    let context = &mut Context::from_waker(Waker::noop());
    assert!(Pin::new(&mut early).poll(context).is_pending());
    hand.store(5000, Ordering::SeqCst);
    for write in [&mut early, &mut late] {
        let Poll::Ready(Err(error)) = Pin::new(write).poll(context) else { panic!("still waits") };
        assert!(error.is::<NotLeading>());
    }
    assert_eq!(polled.load(Ordering::SeqCst), 1);
    assert!(Pin::new(&mut read).poll(context).is_pending());
}

fn request(method: Method, path: &str) -> Request<()> {
    Request::builder().method(method).uri(path).body(()).unwrap()
}

#[test]
fn what_everybody_may_send() {
    let lease = "/apis/coordination.k8s.io/v1/namespaces/ns/leases";
    for (method, path, free) in [
        (Method::GET, "/api/v1/secrets", true),
        (Method::HEAD, "/api/v1/secrets", true),
        (Method::OPTIONS, "/api/v1/secrets", true),
        (Method::POST, lease, true),
        (Method::PUT, "/apis/coordination.k8s.io/v1/namespaces/ns/leases/portcullis", true),
        (Method::PUT, "/apis/coordination.k8s.io/v1/namespaces/ns/leases/portcullis/status", false),
        (Method::PUT, "/apis/coordination.k8s.io/v1/namespaces/ns/leasesandmore/a", false),
        (Method::PUT, "/apis/coordination.k8s.io/v1/namespaces/ns/leases/../secrets", false),
        (Method::PUT, "/apis/coordination.k8s.io/v1/namespaces/../leases/a", false),
        (Method::PUT, "/apis/coordination.k8s.io/v1/namespaces/ns/leases/a%2fb", false),
        (Method::PUT, "/apis/coordination.k8s.io/v1/namespaces//leases/a", false),
        (Method::PUT, "/apis/coordination.k8s.io/v1beta1/namespaces/ns/leases/a", false),
        (Method::PUT, "/x/apis/coordination.k8s.io/v1/namespaces/ns/leases/a", false),
        (Method::POST, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", true),
        (Method::POST, "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", true),
        (Method::POST, "/apis/authorization.k8s.io/v1/subjectaccessreviews", false),
        (Method::DELETE, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", false),
        (Method::POST, "/api/v1/namespaces/ns/secrets", false),
        (Method::PUT, "/api/v1/namespaces/ns/secrets/a", false),
        (Method::PATCH, "/api/v1/namespaces/ns/secrets/a", false),
        (Method::DELETE, "/api/v1/namespaces/ns/secrets/a", false),
        (Method::TRACE, "/", false),
        (Method::CONNECT, "/", false),
    ] {
        assert_eq!(is_free(&method, path), free, "{method} {path}");
    }
}

#[tokio::test]
async fn lease_writes_and_the_only_leader_pass() {
    let lease = k8s_openapi::api::coordination::v1::Lease { metadata: named("a"), ..Default::default() };
    let (client, passed) = counted(&Leadership::elected());
    let api: Api<k8s_openapi::api::coordination::v1::Lease> = Api::default_namespaced(client);
    api.create(&PostParams::default(), &lease).await.unwrap();
    api.replace("a", &PostParams::default(), &lease).await.unwrap();
    assert_eq!(passed.load(Ordering::SeqCst), 2);

    let (client, passed) = counted(&Leadership::always());
    let api: Api<ConfigMap> = Api::default_namespaced(client);
    api.replace("a", &PostParams::default(), &ConfigMap::default()).await.unwrap();
    assert_eq!(passed.load(Ordering::SeqCst), 1);
}

#[test]
fn other_errors_are_not_ours() {
    let error = kube::Error::Service("the connection was closed".into());
    assert!(!is_not_leading(&error));
    assert!(is_not_leading(&kube::Error::Service(NotLeading.into())));
}
