//! HTML.

use crate::answer::Refusal;
use crate::provider::Person;

/// The style sheet.
pub(crate) const STYLE: &str = include_str!("style.css");

/// The start page: a login button, or the person.
pub(crate) fn home(person: Option<&Person>) -> String {
    let Some(Person { subject, scope, id_token, userinfo, .. }) = person else {
        return page(
            "Notes",
            "<p>You are not logged in.</p>\n<p><a class=\"button\" id=\"login\" href=\"/login\">Log in</a></p>",
        );
    };
    let body = format!(
        "<p>You are logged in.</p>\n<dl>\n<dt>Subject</dt><dd id=\"sub\">{}</dd>\n<dt>Scope</dt><dd id=\"scope\">{}</dd>\n</dl>\n\
         <h2>Verified id_token</h2>\n<pre id=\"claims\">{}</pre>\n<h2>Userinfo</h2>\n<pre id=\"userinfo\">{}</pre>\n\
         <form method=\"post\" action=\"/logout\"><button class=\"button\" id=\"logout\">Log out here</button></form>\n\
         <form method=\"post\" action=\"/logout/everywhere\"><button class=\"button\" id=\"logout-everywhere\">Log out everywhere</button></form>\n\
         <p><a id=\"login\" href=\"/login\">Log in again</a></p>",
        escape(subject),
        escape(scope),
        escape(id_token),
        escape(userinfo),
    );
    page("Notes", &body)
}

/// A login that came to nothing.
pub(crate) fn refused(refusal: &Refusal) -> String {
    let body = format!(
        "<p>The login did not succeed.</p>\n<p id=\"error\" role=\"alert\">{}</p>\n\
         <p><a class=\"button\" id=\"login\" href=\"/login\">Try again</a></p>\n<p><a href=\"/\">Start page</a></p>",
        escape(&refusal.to_string()),
    );
    page("Not logged in", &body)
}

fn page(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{title} · demo application</title>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <link rel=\"stylesheet\" href=\"/style.css\">\n<link rel=\"icon\" href=\"data:,\">\n</head>\n\
         <body>\n<main>\n<h1>{title}</h1>\n{body}\n</main>\n</body>\n</html>\n"
    )
}

fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(character),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_stays_text() {
        let evil = "<script>&\"'".to_owned();
        let person = Person {
            subject: evil.clone(),
            scope: evil.clone(),
            id_token: evil.clone(),
            userinfo: evil.clone(),
            sid: None,
            leave: None,
        };
        let provider = Refusal::Provider { error: evil.clone(), description: evil };
        for html in [home(Some(&person)), refused(&provider)] {
            assert!(!html.contains("<script"), "{html}");
            assert!(html.contains("&lt;script&gt;&amp;&quot;&#39;"), "{html}");
        }
    }
}
