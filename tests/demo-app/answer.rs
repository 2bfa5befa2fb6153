//! The authorization response (RFC 6749 §4.1.2, RFC 9207, OAuth 2.0 Form Post Response Mode) and
//! what is checked of it before the code is used.

use std::collections::BTreeMap;
use std::fmt;

use openidconnect::AuthorizationCode;
use url::form_urlencoded;

/// Parameters, each given at most once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parameters(BTreeMap<String, String>);

/// Why a login did not succeed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// RFC 6749 §3.1: a parameter given twice.
    Repeated(String),
    /// No login with this state waits here: it was finished, or never started.
    UnknownState,
    /// Another browser started the login (login CSRF).
    OtherBrowser,
    /// The answer does not name our issuer (RFC 9207 §2.4).
    WrongIssuer { expected: String, named: Option<String> },
    /// The provider says no.
    Provider { error: String, description: String },
    /// Neither a code nor an error.
    NoCode,
    /// The code was not exchanged for verified claims.
    Failed(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repeated(name) => write!(f, "The parameter {name} came twice."),
            Self::UnknownState => f.write_str("This login is already finished, or was not started here."),
            Self::OtherBrowser => f.write_str("This login was started in another browser."),
            Self::WrongIssuer { expected, named: Some(named) } => {
                write!(f, "The answer is from {named}, not from {expected}.")
            }
            Self::WrongIssuer { expected, named: None } => {
                write!(f, "The answer does not say that it is from {expected}.")
            }
            Self::Provider { error, description } => write!(f, "{error}: {description}"),
            Self::NoCode => f.write_str("The answer holds neither a code nor an error."),
            Self::Failed(why) => f.write_str(why),
        }
    }
}

impl Parameters {
    /// Reads a query or a form body.
    pub(crate) fn parse(text: &str) -> Result<Self, Refusal> {
        let mut known = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            if known.insert(name.clone().into_owned(), value.into_owned()).is_some() {
                return Err(Refusal::Repeated(name.into_owned()));
            }
        }
        Ok(Self(known))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The code of a response from `issuer`. The issuer comes first: an error of another provider
    /// says nothing about this login either.
    pub(crate) fn code(&self, issuer: &str) -> Result<AuthorizationCode, Refusal> {
        if self.get("iss") != Some(issuer) {
            return Err(Refusal::WrongIssuer {
                expected: issuer.to_owned(),
                named: self.get("iss").map(str::to_owned),
            });
        }
        if let Some(error) = self.get("error") {
            let description = self.get("error_description").unwrap_or_default().to_owned();
            return Err(Refusal::Provider { error: error.to_owned(), description });
        }
        self.get("code").map(|code| AuthorizationCode::new(code.to_owned())).ok_or(Refusal::NoCode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "http://127.0.0.1:8080/oidc";

    fn check(text: &str) -> Result<String, Refusal> {
        Parameters::parse(text)?.code(ISSUER).map(AuthorizationCode::into_secret)
    }

    #[test]
    fn a_response_yields_a_code_or_says_why_not() {
        let iss = "iss=http%3A%2F%2F127.0.0.1%3A8080%2Foidc";
        let wrong =
            |named: Option<&str>| Refusal::WrongIssuer { expected: ISSUER.to_owned(), named: named.map(str::to_owned) };
        assert_eq!(check(&format!("code=a%2Bb&{iss}")), Ok("a+b".to_owned()));
        assert_eq!(check("code=a"), Err(wrong(None)));
        assert_eq!(check("code=a&iss=http://evil"), Err(wrong(Some("http://evil"))));
        assert_eq!(check("error=access_denied&iss=http://evil"), Err(wrong(Some("http://evil"))));
        assert_eq!(
            check(&format!("error=access_denied&error_description=no+thanks&{iss}&code=a")),
            Err(Refusal::Provider { error: "access_denied".to_owned(), description: "no thanks".to_owned() })
        );
        assert_eq!(check(iss), Err(Refusal::NoCode));
        assert_eq!(check(&format!("code=a&code=a&{iss}")), Err(Refusal::Repeated("code".to_owned())));
    }
}
