//! A login without a browser: requests, redirects, cookies and forms.

use anyhow::{Context, Result, bail};
use url::{Url, form_urlencoded};

use crate::html::{self, Form};
use crate::http::{self, Response};

/// More redirects and forms than any login takes.
const STEPS: usize = 20;

/// Who logs in.
#[derive(Clone, Copy, Debug)]
pub struct Person<'a> {
    /// Their user name.
    pub username: &'a str,
    /// Their password.
    pub password: &'a str,
}

/// Starts at `login`, fills in the login and the consent form where they appear, and returns the
/// subject that the relying party shows at the end.
pub fn log_in(login: &Url, person: Person<'_>) -> Result<String> {
    let mut agent = Agent::default();
    let mut asked = false;
    let mut at = login.clone();
    let mut response = agent.get(&at)?;
    for _ in 0..STEPS {
        let location = response.all("location").next().map(str::to_owned);
        if let Some(location) = location {
            at = at.join(&location).with_context(|| format!("redirect to {location}"))?;
            response = agent.get(&at)?;
        } else if let Some(mut form) = Form::find(&response.body, "login") {
            if asked {
                bail!("{at} refuses the login: {}", html::text(&response.body, "login-error").unwrap_or_default());
            }
            asked = true;
            form.set("username", person.username);
            form.set("password", person.password);
            response = agent.submit(&mut at, &form)?;
        } else if let Some(mut form) = Form::find(&response.body, "consent") {
            form.set("decision", "allow");
            response = agent.submit(&mut at, &form)?;
        } else if let Some(subject) = html::text(&response.body, "sub") {
            return Ok(subject);
        } else {
            bail!("{at} answers {} with neither a form nor a signed-in page:\n{}", response.status, response.body);
        }
    }
    bail!("no end after {STEPS} steps; the last was {at}")
}

/// A user agent. It follows no redirect by itself, and like a browser's its cookies know hosts but
/// no ports.
#[derive(Debug, Default)]
pub struct Agent {
    cookies: Vec<Cookie>,
}

#[derive(Debug, PartialEq, Eq)]
struct Cookie {
    host: String,
    path: String,
    name: String,
    value: String,
}

impl Agent {
    /// Opens a page.
    pub fn get(&mut self, url: &Url) -> Result<Response> {
        self.send(url, "GET", "")
    }

    /// Sends a form by POST; `at` is the URL of its page, and afterwards that of the answer.
    pub fn submit(&mut self, at: &mut Url, form: &Form) -> Result<Response> {
        if !form.action.is_empty() {
            *at = at.join(&form.action).with_context(|| format!("form action {}", form.action))?;
        }
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&form.fields).finish();
        self.send(at, "POST", &body)
    }

    fn send(&mut self, url: &Url, method: &str, body: &str) -> Result<Response> {
        let cookie = self.header(url);
        let origin = url.origin().ascii_serialization();
        let mut headers = vec![("accept", "text/html")];
        if !cookie.is_empty() {
            headers.push(("cookie", &cookie));
        }
        if method == "POST" {
            headers.push(("origin", &origin));
            headers.push(("sec-fetch-site", "same-origin"));
            headers.push(("content-type", "application/x-www-form-urlencoded"));
        }
        let response = http::send(url, method, &headers, body)?;
        for value in response.all("set-cookie") {
            self.keep(url, value);
        }
        Ok(response)
    }

    fn header(&self, url: &Url) -> String {
        let host = url.host_str().unwrap_or_default();
        let sent = self.cookies.iter().filter(|cookie| cookie.host == host && under(url.path(), &cookie.path));
        sent.map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect::<Vec<_>>().join("; ")
    }

    /// RFC 6265 §5.3, without domains and dates: a host's own cookie, ended by `Max-Age=0`.
    fn keep(&mut self, url: &Url, header: &str) {
        let mut parts = header.split(';').map(str::trim);
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { return };
        let (mut path, mut ended) = ("/", false);
        for (key, value) in parts.filter_map(|part| part.split_once('=')) {
            if key.eq_ignore_ascii_case("path") {
                path = value;
            } else if key.eq_ignore_ascii_case("max-age") {
                ended = value.parse::<i64>().is_ok_and(|seconds| seconds <= 0);
            }
        }
        let host = url.host_str().unwrap_or_default();
        self.cookies
            .retain(|cookie| (cookie.host.as_str(), cookie.path.as_str(), cookie.name.as_str()) != (host, path, name));
        if !ended {
            self.cookies.push(Cookie { host: host.into(), path: path.into(), name: name.into(), value: value.into() });
        }
    }
}

/// RFC 6265 §5.1.4: a cookie for `/oidc` is sent to `/oidc` and below it, not to `/oidcx`.
fn under(path: &str, cookie: &str) -> bool {
    path.strip_prefix(cookie).is_some_and(|rest| rest.is_empty() || cookie.ends_with('/') || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn cookies_are_kept_replaced_ended_and_sent_where_they_belong() {
        let url = Url::parse("http://127.0.0.1:1/oidc/auth").unwrap();
        let mut agent = Agent::default();
        agent.keep(&url, "a=1; Path=/oidc; HttpOnly");
        agent.keep(&url, "b=2; Path=/");
        agent.keep(&url, "a=3; path=/oidc");
        agent.keep(&url, "not a cookie");
        assert_eq!(agent.header(&url), "b=2; a=3");
        assert_eq!(
            agent.header(&Url::parse("http://127.0.0.1:2/oidcx").unwrap()),
            "b=2",
            "ports do not separate cookies"
        );
        assert_eq!(agent.header(&Url::parse("http://127.0.0.2/oidc").unwrap()), "");
        agent.keep(&url, "b=; Max-Age=0; Path=/");
        assert_eq!(agent.header(&url), "a=3");
    }

    /// A provider and relying party in one, which answers each request of the script in turn and
    /// returns what it was asked.
    fn serve(script: Vec<&'static str>) -> (Url, std::thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = Url::parse(&format!("http://{}/login", listener.local_addr().unwrap())).unwrap();
        let server = std::thread::spawn(move || {
            let mut asked = Vec::new();
            for answer in script {
                let (stream, _) = listener.accept().unwrap();
                let mut reader = BufReader::new(&stream);
                let (mut first, mut length) = (String::new(), 0);
                reader.read_line(&mut first).unwrap();
                loop {
                    let mut line = String::new();
                    reader.read_line(&mut line).unwrap();
                    if let Some(value) = line.strip_prefix("content-length: ") {
                        length = value.trim().parse().unwrap();
                    }
                    if line == "\r\n" {
                        break;
                    }
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                asked.push(format!(
                    "{} {}",
                    first.trim().trim_end_matches(" HTTP/1.0"),
                    String::from_utf8(body).unwrap()
                ));
                (&stream).write_all(answer.as_bytes()).unwrap();
            }
            asked
        });
        (url, server)
    }

    const ALICE: Person<'_> = Person { username: "alice", password: "p w" };
    const LOGIN: &str =
        "HTTP/1.0 200 OK\r\n\r\n<form id=login action=/in><input name=h value=1><p id=login-error>no</p></form>";

    #[test]
    fn a_login_with_consent_ends_at_the_subject() {
        let (url, server) = serve(vec![
            "HTTP/1.0 303 See Other\r\nlocation: /auth?x=1\r\n\r\n",
            LOGIN,
            "HTTP/1.0 200 OK\r\n\r\n<form id=consent action=/ok><input name=h value=2></form>",
            "HTTP/1.0 303 See Other\r\nlocation: /\r\n\r\n",
            "HTTP/1.0 200 OK\r\n\r\n<b id=sub>u1</b>",
        ]);
        assert_eq!(log_in(&url, ALICE).unwrap(), "u1");
        let asked = server.join().unwrap();
        assert_eq!(
            asked,
            [
                "GET /login ",
                "GET /auth?x=1 ",
                "POST /in h=1&username=alice&password=p+w",
                "POST /ok h=2&decision=allow",
                "GET / "
            ]
        );
    }

    #[test]
    fn a_refused_password_is_reported_and_not_tried_again() {
        let (url, server) = serve(vec![LOGIN, LOGIN]);
        let error = log_in(&url, ALICE).unwrap_err().to_string();
        assert!(error.ends_with("/in refuses the login: no"), "{error}");
        server.join().unwrap();
    }

    #[test]
    fn a_page_without_a_form_is_reported() {
        let (url, server) = serve(vec!["HTTP/1.0 500 Oh\r\n\r\n<p>broken</p>"]);
        let error = log_in(&url, ALICE).unwrap_err().to_string();
        assert!(error.contains("answers 500") && error.contains("broken"), "{error}");
        server.join().unwrap();
    }
}
