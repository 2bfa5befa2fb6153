//! RFC 9110, RFC 9111, RFC 7517 §5: which answers are taken for a client's keys.

use std::time::Duration;

use crypto::Jwks;
use http::{HeaderMap, StatusCode, header};
use oidc::client::ClientKeys;

use super::FetchError;

/// Octets of an answer at the most: a hundred RSA keys with their certificates would not fill it.
pub(super) const MAX_BODY: usize = 64 * 1024;

/// Keys of a set at the most. An assertion without a key ID is tried with each, and anybody may send one.
pub(super) const MAX_KEYS: usize = 20;

/// Characters of a complaint about a document at the most.
const MAX_COMPLAINT: usize = 200;

/// Judges an answer by its head; how long it holds, if it says so.
pub(super) fn head(status: StatusCode, headers: &HeaderMap) -> Result<Option<Duration>, FetchError> {
    if status.is_redirection() {
        return Err(FetchError::Redirect);
    }
    if status != StatusCode::OK {
        return Err(FetchError::Status(status.as_u16()));
    }
    let type_ = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let type_ = type_.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if !matches!(type_.as_str(), "application/jwk-set+json" | "application/json") {
        return Err(FetchError::Type);
    }
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > MAX_BODY) {
        return Err(FetchError::TooLarge);
    }
    Ok(max_age(headers))
}

/// Reads a set. Keys of other types, curves and uses are left out, and those that are too short; one that is malformed or
/// private fails the whole set: its owner has to hear of it.
pub(super) fn keys(body: &[u8]) -> Result<ClientKeys, FetchError> {
    let set: Jwks = serde_json::from_slice(body).map_err(|error| {
        FetchError::Document(error.to_string().chars().filter(|c| !c.is_control()).take(MAX_COMPLAINT).collect())
    })?;
    if set.keys.len() > MAX_KEYS {
        return Err(FetchError::TooManyKeys);
    }
    Ok(ClientKeys::usable(set))
}

/// RFC 9111 §5.2.2: `no-store` and `no-cache` come to the shortest time that is granted. What cannot be read says nothing.
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let lines = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|line| line.to_str().ok());
    let directives = lines.flat_map(|line| line.split(',')).map(|one| one.trim().to_ascii_lowercase());
    let seconds = directives.filter_map(|directive| match directive.as_str() {
        "no-store" | "no-cache" => Some(0),
        other => other.strip_prefix("max-age=")?.trim_matches('"').parse().ok(),
    });
    seconds.min().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use serde_json::{Value, json};

    use super::*;

    fn judged(status: u16, lines: &[(&'static str, &str)]) -> Result<Option<u64>, FetchError> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        head(StatusCode::from_u16(status).unwrap(), &headers).map(|age| age.map(|age| age.as_secs()))
    }

    #[test]
    fn only_json_that_is_there_is_read() {
        for type_ in ["application/json", "application/jwk-set+json", "Application/JSON; charset=utf-8"] {
            assert_eq!(judged(200, &[("content-type", type_)]), Ok(None), "{type_}");
        }
        for type_ in ["text/html", "text/plain", "application/jsonp", "application/problem+json", ""] {
            assert_eq!(judged(200, &[("content-type", type_)]), Err(FetchError::Type), "{type_}");
        }
        assert_eq!(judged(200, &[]), Err(FetchError::Type));
        for status in [201, 204, 206, 400, 401, 404, 500, 503] {
            assert_eq!(judged(status, &[("content-type", "application/json")]), Err(FetchError::Status(status)));
        }
        for status in [301, 302, 303, 304, 307, 308] {
            assert_eq!(judged(status, &[("location", "https://169.254.169.254/")]), Err(FetchError::Redirect));
        }
        let long = [("content-type", "application/json"), ("content-length", "65537")];
        assert_eq!(judged(200, &long), Err(FetchError::TooLarge));
    }

    #[test]
    fn how_long_it_holds_is_the_shortest_that_it_says() {
        for (lines, expect) in [
            (&["max-age=600"][..], Some(600)),
            (&["public, Max-Age=\"600\" , must-revalidate"], Some(600)),
            (&["max-age=600, max-age=60"], Some(60)),
            (&["public", "max-age=60"], Some(60)),
            (&["max-age=600, no-cache"], Some(0)),
            (&["no-store"], Some(0)),
            (&["max-age=-1"], None),
            (&["max-age=99999999999999999999"], None),
            (&["s-maxage=60"], None),
            (&[], None),
        ] {
            let mut headers = vec![("content-type", "application/json")];
            headers.extend(lines.iter().map(|line| ("cache-control", *line)));
            assert_eq!(judged(200, &headers), Ok(expect), "{lines:?}");
        }
    }

    fn read(document: &Value) -> Result<usize, FetchError> {
        keys(document.to_string().as_bytes()).map(|keys| keys.jwks().len())
    }

    #[test]
    fn t_p32_keys_that_prove_nothing_are_not_taken() {
        let key = json!(oidc::testing::KEY.public_jwk());
        assert_eq!(read(&json!({"keys": []})), Ok(0));
        assert_eq!(read(&json!({"keys": [key, {"kty": "EC", "crv": "P-521"}, {"kty": "AKP"}]})), Ok(1));
        let mut other = key.clone();
        other["use"] = "enc".into();
        assert_eq!(read(&json!({"keys": [other, key]})), Ok(1));
        assert_eq!(read(&json!({"keys": vec![&key; 20]})), Ok(20));
        assert_eq!(read(&json!({"keys": vec![&key; 21]})), Err(FetchError::TooManyKeys));
        let refused = |document: &Value, hint: &str| match read(document) {
            Err(FetchError::Document(why)) => {
                assert!(why.contains(hint) && why.len() <= MAX_COMPLAINT, "{why}");
            }
            other => panic!("{document}: {other:?}"),
        };
        let mut private = key.clone();
        private["d"] = "c2VjcmV0".into();
        refused(&json!({"keys": [key, private]}), "private member `d`");
        refused(&json!({"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}), "private member `k`");
        refused(&json!({"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]}), "member `x`");
        refused(&json!({"keys": {}}), "");
        refused(&json!([]), "");
        refused(&json!("x".repeat(5000)), "");
        assert!(matches!(keys(b"<html>"), Err(FetchError::Document(_))));
    }
}
