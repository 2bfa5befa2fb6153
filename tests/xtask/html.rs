//! The little of HTML that a walk through a login needs: forms, and the text of an element.

/// A form: where it is sent, and its fields as a browser would send them untouched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// The `action` attribute; empty means the page's own URL.
    pub action: String,
    /// Names and values of its `input` elements, buttons left out.
    pub fields: Vec<(String, String)>,
}

impl Form {
    /// The form with this `id`.
    pub fn find(page: &str, id: &str) -> Option<Self> {
        let (tag, after) = tags(page).find(|(tag, _)| tag.name == "form" && tag.get("id") == Some(id))?;
        let inside = after.split("</form").next().unwrap_or_default();
        let inputs = tags(inside).map(|(tag, _)| tag).filter(|tag| tag.name == "input");
        let fields = inputs.filter_map(|tag| {
            let name = tag.get("name")?.to_owned();
            Some((name, tag.get("value").unwrap_or_default().to_owned()))
        });
        Some(Self { action: tag.get("action").unwrap_or_default().to_owned(), fields: fields.collect() })
    }

    /// The value of the field `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Sets the field `name`, adding it when the form has no such input.
    pub fn set(&mut self, name: &str, value: &str) {
        match self.fields.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => value.clone_into(old),
            None => self.fields.push((name.to_owned(), value.to_owned())),
        }
    }
}

/// The text directly inside the element with this `id`, up to its first tag.
pub fn text(page: &str, id: &str) -> Option<String> {
    let (_, after) = tags(page).find(|(tag, _)| tag.get("id") == Some(id))?;
    Some(unescape(after.split('<').next().unwrap_or_default()).trim().to_owned())
}

struct Tag {
    name: String,
    attributes: Vec<(String, String)>,
}

impl Tag {
    fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Every opening tag, with the page after it.
fn tags(page: &str) -> impl Iterator<Item = (Tag, &str)> {
    let mut rest = page;
    std::iter::from_fn(move || {
        loop {
            let (_, after) = rest.split_once('<')?;
            rest = after;
            if after.starts_with(|c: char| c.is_ascii_alphabetic()) {
                let (tag, after) = tag(after);
                rest = after;
                return Some((tag, after));
            }
        }
    })
}

/// Reads a tag from just after its `<`; returns what follows its `>`.
fn tag(text: &str) -> (Tag, &str) {
    let (name, mut rest) = split(text, |c| c.is_ascii_whitespace() || c == '>');
    let mut attributes = Vec::new();
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        if let Some(after) = rest.strip_prefix('>') {
            return (Tag { name: name.to_ascii_lowercase(), attributes }, after);
        }
        if rest.is_empty() {
            return (Tag { name: name.to_ascii_lowercase(), attributes }, rest);
        }
        let (key, after) = split(rest, |c| c.is_ascii_whitespace() || c == '=' || c == '>');
        let (value, after) = match after.strip_prefix('=') {
            None => ("", after),
            Some(value) => match value.strip_prefix(['"', '\'']) {
                Some(quoted) => {
                    quoted.split_once(if value.starts_with('"') { '"' } else { '\'' }).unwrap_or((quoted, ""))
                }
                None => split(value, |c| c.is_ascii_whitespace() || c == '>'),
            },
        };
        attributes.push((key.to_ascii_lowercase(), unescape(value)));
        rest = after;
    }
}

/// Splits before the first character that `stop` names, which stays in the second half.
fn split(text: &str, stop: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(stop).unwrap_or(text.len()))
}

fn unescape(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let decoded = after.split_once(';').and_then(|(name, after)| Some((entity(name)?, after)));
        let (character, after) = decoded.unwrap_or(('&', after));
        plain.push(character);
        rest = after;
    }
    plain.push_str(rest);
    plain
}

fn entity(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"<!DOCTYPE html><title>a < b</title>
        <form id="other" action="/no"><input name="x" value="no"></form>
        <form method=post id='login' action="/go?a=1&amp;b=2">
          <input type="hidden" name="handle" value="&quot;&#39;&#x2F;&lt;&unknown;&">
          <label for=u>Name</label><input id=u name=username required/>
          <button id="login-submit" name="b" value="c">Log in</button>
        </form><input name="outside" value="1"><p id="sub"> a&amp;b <b>c</b></p>"#;

    #[test]
    fn a_form_is_found_with_its_own_fields_only() {
        let mut form = Form::find(PAGE, "login").unwrap();
        assert_eq!(form.action, "/go?a=1&b=2");
        form.set("username", "alice");
        form.set("decision", "allow");
        let fields: Vec<_> = form.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(fields, [("handle", "\"'/<&unknown;&"), ("username", "alice"), ("decision", "allow")]);
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        assert_eq!(Form::find(PAGE, "consent"), None);
        assert_eq!(text(PAGE, "error"), None);
        assert_eq!(Form::find("<form id=login", "login").map(|form| form.fields), Some(vec![]), "a cut page ends");
    }

    #[test]
    fn the_text_of_an_element_is_unescaped() {
        assert_eq!(text(PAGE, "sub").as_deref(), Some("a&b"));
    }
}
