//! Templates: text in which `${Name}` stands for a value. `$${` is a literal `${`; other dollar signs are literal. There
//! are no functions and no look-ups.

use api::ValueSource;

/// A template that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// As it stands.
    Text(String),
    /// A value.
    Value(ValueSource),
}

/// Why a template cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum TemplateError {
    /// `${` without `}`.
    #[error("`${{` without `}}`; write `$${{` for a literal `${{`")]
    Unclosed,
    /// A name that stands for nothing.
    #[error("`${{{0}}}` is unknown; there are: {list}; write `$${{` for a literal `${{`", list = names())]
    Unknown(String),
    /// `$$${`.
    #[error("three or more `$` before `{{` are ambiguous: split the text over two keys")]
    Ambiguous,
}

impl Template {
    /// Nothing but a value.
    pub(super) fn of(value: ValueSource) -> Self {
        Self(vec![Part::Value(value)])
    }

    /// Reads a template.
    pub(super) fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some((before, from_brace)) = rest.find("${").and_then(|at| rest.split_at_checked(at + 1)) {
            // `before` ends with the dollar sign that touches the brace.
            let plain = before.trim_end_matches('$');
            let after = from_brace.get(1..).unwrap_or_default();
            literal.push_str(plain);
            match before.len() - plain.len() {
                1 => {
                    let (name, after) = after.split_once('}').ok_or(TemplateError::Unclosed)?;
                    let value = name.parse().map_err(|_| TemplateError::Unknown(name.chars().take(40).collect()))?;
                    if !literal.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut literal)));
                    }
                    parts.push(Part::Value(value));
                    rest = after;
                }
                2 => {
                    literal.push_str("${");
                    rest = after;
                }
                _ => return Err(TemplateError::Ambiguous),
            }
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        Ok(Self(parts))
    }

    /// The pieces, in order.
    pub(super) fn parts(&self) -> &[Part] {
        &self.0
    }

    /// The values that it names.
    pub(super) fn values(&self) -> impl Iterator<Item = ValueSource> {
        self.0.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Value(value) => Some(*value),
        })
    }

    /// Bytes that it can come to at the most.
    pub(super) fn longest(&self) -> usize {
        let part = |part: &Part| match part {
            Part::Text(text) => text.len(),
            // An issuer has at most 255 bytes, an endpoint's path adds less than 64; a client ID has at most 255.
            Part::Value(_) => 320,
        };
        self.0.iter().map(part).sum()
    }
}

fn names() -> String {
    ValueSource::ALL.iter().map(|value| value.as_str()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// With each value standing for its own name in angle brackets.
    fn rendered(template: &Template) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Value(value) => format!("<{value}>"),
        };
        template.parts().iter().map(part).collect()
    }

    fn check(input: &str, expect: Result<&str, TemplateError>) {
        assert_eq!(
            Template::parse(input).as_ref().map(rendered),
            expect.as_ref().map(|text| (*text).to_owned()),
            "{input}"
        );
    }

    #[test]
    fn references_literals_and_dollars() {
        check("", Ok(""));
        check("CLIENT_ID=${ClientID}\n", Ok("CLIENT_ID=<ClientID>\n"));
        check("${ClientID}${IssuerURL}", Ok("<ClientID><IssuerURL>"));
        check("$${ClientID}", Ok("${ClientID}"));
        check("a$b$$c$", Ok("a$b$$c$"));
        check("$$", Ok("$$"));
        check("$ {ClientID}", Ok("$ {ClientID}"));
        check("{}}${ClientID}}", Ok("{}}<ClientID>}"));
        check("é${ClientID}é", Ok("é<ClientID>é"));
    }

    #[test]
    fn mistakes() {
        check("${ClientID", Err(TemplateError::Unclosed));
        check("${", Err(TemplateError::Unclosed));
        check("${clientID}", Err(TemplateError::Unknown("clientID".to_owned())));
        check("${}", Err(TemplateError::Unknown(String::new())));
        check("${ ClientID }", Err(TemplateError::Unknown(" ClientID ".to_owned())));
        check("${ClientSecret | b64}", Err(TemplateError::Unknown("ClientSecret | b64".to_owned())));
        check("$$${ClientID}", Err(TemplateError::Ambiguous));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn nothing_panics_and_size_is_bounded(text in "(\\$|\\{|\\}|ClientID|DerivedKey|é|.){0,40}") {
            if let Ok(template) = Template::parse(&text) {
                prop_assert!(rendered(&template).len() <= template.longest());
            }
        }

        #[test]
        fn text_without_braces_is_literal(text in "[^{}]{0,40}") {
            prop_assert_eq!(rendered(&Template::parse(&text).unwrap()), text);
        }

        #[test]
        fn an_escaped_brace_is_literal(before in "[a-z]{0,5}", after in "[a-z}]{0,5}") {
            let template = Template::parse(&format!("{before}$${{{after}")).unwrap();
            prop_assert_eq!(rendered(&template), format!("{before}${{{after}"));
        }
    }
}
