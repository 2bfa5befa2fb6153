//! Where the servers of a provider are: the serving endpoints of its EndpointSlices, terminating ones too, since they
//! still answer.

use api::ObjectKey;
use k8s_openapi::api::discovery::v1::EndpointSlice;

use crate::settings::{INTERNAL_PORT, PROVIDER_LABEL};

/// One server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Endpoint {
    /// Its URL without a path; none for the server in this process.
    url: Option<String>,
    /// The UID of its Pod, if that is known beforehand: another process at the same address is another replica.
    instance: Option<String>,
    /// The provider that it serves, if that is known beforehand.
    provider: Option<ObjectKey>,
}

impl Endpoint {
    /// A server that was named on the command line.
    pub(crate) fn named(url: &str) -> Self {
        Self { url: Some(url.trim_end_matches('/').to_owned()), instance: None, provider: None }
    }

    /// The server in this process.
    pub(crate) fn here() -> Self {
        Self { url: None, instance: None, provider: None }
    }

    /// Its URL, for messages.
    pub(crate) fn url(&self) -> &str {
        self.url.as_deref().unwrap_or("this process")
    }

    /// Whom to expect there.
    pub(crate) fn instance(&self) -> Option<&str> {
        self.instance.as_deref()
    }

    /// Whether it could serve this provider, for all that is known before it was heard.
    pub(crate) fn may_serve(&self, provider: &ObjectKey) -> bool {
        self.provider.as_ref().is_none_or(|known| known == provider)
    }

    /// Those of a slice.
    pub(crate) fn of(slice: &EndpointSlice) -> Vec<Self> {
        let metadata = &slice.metadata;
        let name = metadata.labels.as_ref().and_then(|labels| labels.get(PROVIDER_LABEL));
        let (Some(name), Some(namespace)) = (name, &metadata.namespace) else { return Vec::new() };
        let provider = ObjectKey::new(namespace, name);
        let ports = slice.ports.iter().flatten();
        let internal = ports.filter(|port| port.name.as_deref() == Some("internal")).find_map(|port| port.port);
        let port = internal.unwrap_or_else(|| INTERNAL_PORT.into());
        let mut found = Vec::new();
        for endpoint in slice.endpoints.iter().flatten() {
            let serving = endpoint
                .conditions
                .as_ref()
                .is_none_or(|conditions| conditions.serving.or(conditions.ready).unwrap_or(true));
            let Some(address) = endpoint.addresses.first().filter(|_| serving) else { continue };
            let host = if address.contains(':') { format!("[{address}]") } else { address.clone() };
            found.push(Self {
                url: Some(format!("http://{host}:{port}")),
                instance: endpoint.target_ref.as_ref().and_then(|reference| reference.uid.clone()),
                provider: Some(provider.clone()),
            });
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn f49_serving_endpoints_count_even_while_they_terminate() {
        let slice: EndpointSlice = serde_json::from_value(json!({
            "metadata": {"name": "s", "namespace": "identity", "labels": {"portcullis.dev/provider": "default"}},
            "addressType": "IPv4",
            "ports": [{"name": "http", "port": 8080}],
            "endpoints": [
                {"addresses": ["10.0.0.1"], "conditions": {"ready": true, "serving": true}, "targetRef": {"kind": "Pod", "uid": "p1"}},
                {"addresses": ["10.0.0.2"], "conditions": {"ready": false, "serving": true, "terminating": true}},
                {"addresses": ["10.0.0.3"], "conditions": {"ready": false, "serving": false}},
                {"addresses": ["10.0.0.4"], "conditions": {}},
            ],
        }))
        .unwrap();
        let found = Endpoint::of(&slice);
        let urls: Vec<&str> = found.iter().map(Endpoint::url).collect();
        assert_eq!(urls, ["http://10.0.0.1:9090", "http://10.0.0.2:9090", "http://10.0.0.4:9090"]);
        assert_eq!(found[0].instance(), Some("p1"));
        assert!(found[0].may_serve(&ObjectKey::new("identity", "default")));
        assert!(!found[0].may_serve(&ObjectKey::new("identity", "other")));
    }

    #[test]
    fn the_port_may_be_named_and_the_address_of_the_sixth_version() {
        let slice: EndpointSlice = serde_json::from_value(json!({
            "metadata": {"namespace": "n", "labels": {"portcullis.dev/provider": "p"}}, "addressType": "IPv6",
            "ports": [{"name": "internal", "port": 9191}], "endpoints": [{"addresses": ["fd00::1"]}],
        }))
        .unwrap();
        assert_eq!(Endpoint::of(&slice)[0].url(), "http://[fd00::1]:9191");
    }
}
