//! OIDC Core §3.1.2.1: the `prompt` parameter.

use std::collections::BTreeSet;

macro_rules! prompts {
    ($($(#[$doc:meta])* $variant:ident = $wire:literal;)*) => {
        /// One value of `prompt`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Prompt { $($(#[$doc])* $variant),* }

        impl Prompt {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The text on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $wire),* }
            }
        }
    };
}

prompts! {
    /// Show no page; answer with an error where one would be needed.
    None = "none";
    /// Log in again, whoever is logged in.
    Login = "login";
    /// Ask for consent again.
    Consent = "consent";
    /// Let the person choose the account.
    SelectAccount = "select_account";
}

/// Why a `prompt` parameter cannot be obeyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PromptError {
    /// A value outside the table.
    #[error("`prompt` holds a value other than none, login, consent and select_account")]
    Unknown,
    /// `none` and something else.
    #[error("`prompt` value none must be used alone")]
    NoneWithOthers,
}

/// Reads the parameter; an empty one is the empty set.
pub fn parse(text: &str) -> Result<BTreeSet<Prompt>, PromptError> {
    let read =
        |word: &str| Prompt::ALL.iter().copied().find(|prompt| prompt.as_str() == word).ok_or(PromptError::Unknown);
    let prompts = text.split(' ').filter(|word| !word.is_empty()).map(read).collect::<Result<BTreeSet<_>, _>>()?;
    if prompts.contains(&Prompt::None) && prompts.len() > 1 { Err(PromptError::NoneWithOthers) } else { Ok(prompts) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        assert_eq!(parse(""), Ok(BTreeSet::new()));
        assert_eq!(parse("login consent login"), Ok(BTreeSet::from([Prompt::Login, Prompt::Consent])));
        assert_eq!(parse("none"), Ok(BTreeSet::from([Prompt::None])));
        assert_eq!(parse("none login"), Err(PromptError::NoneWithOthers));
        assert_eq!(parse("create"), Err(PromptError::Unknown));
        assert_eq!(parse("LOGIN"), Err(PromptError::Unknown));
    }
}
