//! What the feed of the catalogs is measured by. Made anew for each scrape from what the handles say, so that a resource
//! that is no longer loaded leaves no series behind.

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use oidc::acknowledge::Loaded;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The names of resources are the feed's: a short list that no caller can grow.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResourceLabel {
    resource: String,
}

/// The text form. `silence` is the time since the feed has heard from the API server, zero without a feed.
pub(crate) fn encode(silence: Duration, loaded: Option<&Loaded>) -> Result<String, fmt::Error> {
    let stale = Gauge::<f64, AtomicU64>::default();
    stale.set(silence.as_secs_f64());
    let versions = Family::<ResourceLabel, Gauge>::default();
    for (resource, version) in loaded.into_iter().flat_map(|loaded| &loaded.loaded) {
        // A version that is no number cannot be drawn; nothing is better than a wrong one.
        if let Ok(version) = version.parse() {
            versions.get_or_create(&ResourceLabel { resource: resource.clone() }).set(version);
        }
    }
    let mut registry = Registry::with_prefix("portcullis");
    registry.register("catalog_stale_seconds", "Time since the API server was heard from", stale);
    registry.register("catalog_resource_version", "The newest resource version that is loaded", versions);
    let mut out = String::new();
    text::encode(&mut out, &registry)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn samples(silence: Duration, loaded: Option<&Loaded>) -> Vec<String> {
        let text = encode(silence, loaded).unwrap();
        let mut lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect();
        lines.sort();
        lines
    }

    #[test]
    fn without_a_feed_nothing_is_stale() {
        assert_eq!(samples(Duration::ZERO, None), ["portcullis_catalog_stale_seconds 0.0"]);
    }

    #[test]
    fn versions_that_are_numbers_are_shown() {
        let mut loaded = testing::loaded("d1");
        loaded.loaded.insert("configmaps/odd".to_owned(), "x1".to_owned());
        let expect = [
            r#"portcullis_catalog_resource_version{resource="oidcclientrecords"} 12"#,
            r#"portcullis_catalog_resource_version{resource="secrets/default-signing-keys"} 7"#,
            "portcullis_catalog_stale_seconds 1.5",
        ];
        assert_eq!(samples(Duration::from_millis(1500), Some(&loaded)), expect);
    }
}
