//! A loopback HTTP client, just enough to probe readiness and to walk through a login.
//!
//! It speaks HTTP/1.0, in which the end of the body is the end of the connection.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};
use url::Url;

const PATIENCE: Duration = Duration::from_secs(30);

/// An answer. Header names are in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The headers in their order.
    pub headers: Vec<(String, String)>,
    /// The body; bytes that are not UTF-8 are replaced.
    pub body: String,
}

impl Response {
    /// The values of a header, in their order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Fetches a page without cookies.
pub fn get(url: &Url) -> Result<Response> {
    send(url, "GET", &[], "")
}

/// Sends one request to an `http` URL whose host is an address.
pub fn send(url: &Url, method: &str, headers: &[(&str, &str)], body: &str) -> Result<Response> {
    let address = url.socket_addrs(|| None).with_context(|| format!("find {url}"))?;
    send_to(&address, url, method, headers, body)
}

/// Sends one request to whoever answers at an address, as if it were the URL's host: to one replica among several.
pub fn send_to(
    address: &[SocketAddr],
    url: &Url,
    method: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Response> {
    let mut stream = TcpStream::connect(address).with_context(|| format!("connect to {url}"))?;
    stream.set_read_timeout(Some(PATIENCE)).context("set a time-out")?;
    stream.write_all(request(url, method, headers, body).as_bytes()).with_context(|| format!("send to {url}"))?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).with_context(|| format!("read from {url}"))?;
    parse(&String::from_utf8_lossy(&bytes)).with_context(|| format!("{url} answers no HTTP"))
}

fn request(url: &Url, method: &str, headers: &[(&str, &str)], body: &str) -> String {
    let target = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    let headers: String = headers.iter().map(|(name, value)| [*name, ": ", *value, "\r\n"].concat()).collect();
    let (host, length) = (url.authority(), body.len());
    format!("{method} {target} HTTP/1.0\r\nhost: {host}\r\n{headers}content-length: {length}\r\n\r\n{body}")
}

fn parse(text: &str) -> Option<Response> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Some(Response { status, headers, body: body.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_carries_host_query_and_length() {
        let url = Url::parse("http://127.0.0.1:8080/auth?a=b%20c#f").unwrap();
        assert_eq!(
            request(&url, "POST", &[("cookie", "a=b")], "x=1"),
            "POST /auth?a=b%20c HTTP/1.0\r\nhost: 127.0.0.1:8080\r\ncookie: a=b\r\ncontent-length: 3\r\n\r\nx=1"
        );
    }

    #[test]
    fn an_answer_is_taken_apart() {
        let response = parse("HTTP/1.0 303 See Other\r\nLocation: /x\r\nSet-Cookie: a\r\nset-cookie: b\r\n\r\nbody");
        let response = response.unwrap();
        assert_eq!((response.status, response.body.as_str()), (303, "body"));
        assert_eq!(response.all("set-cookie").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(parse("SSH-2.0-OpenSSH"), None);
    }

    #[test]
    fn nobody_listening_is_an_error_with_the_url() {
        let url = Url::parse(&format!("http://{}/", crate::ports::free().unwrap())).unwrap();
        assert!(format!("{:#}", get(&url).unwrap_err()).contains(url.as_str()));
    }
}
