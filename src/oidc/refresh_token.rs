//! RFC 6749 §1.5: the refresh token. It names its family and its number, and proves itself by a MAC: garbage, and what was
//! issued to another client, is refused before anything is read, and a successor can be told again without being kept.

use crypto::{Mac, Purpose, Secret, ServerKeys, b64};
use uuid::Uuid;

use crate::catalog::Realm;
use crate::client::Client;
use crate::ids::FamilyId;

/// By this, scanners of repositories and logs know one that leaked.
const PREFIX: &str = "pcr_";

/// Characters of the text form at the most: the prefix, 20 octets, the longest ID of a server key, a MAC.
const MAX_TEXT: usize = 4 + 27 + 1 + 64 + 1 + 43;

/// A refresh token of this issuer, whose MAC held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshToken {
    pub(crate) family: FamilyId,
    pub(crate) number: u32,
}

impl RefreshToken {
    /// Reads what a client presented; `None` for anything that was not issued to it here.
    pub fn open(keys: &ServerKeys, realm: &Realm, client: &Client, text: &Secret<String>) -> Option<Self> {
        let text = text.expose().as_str();
        if text.len() > MAX_TEXT {
            return None;
        }
        let (body, mac) = text.strip_prefix(PREFIX)?.split_once('.')?;
        let body: [u8; 20] = b64::decode(body)?.try_into().ok()?;
        let (family, number) = body.split_first_chunk::<16>()?;
        let token = Self {
            family: FamilyId::new(Uuid::from_bytes(*family)),
            number: u32::from_be_bytes(number.try_into().ok()?),
        };
        let mac = Mac::decode(mac)?;
        token.with_parts(realm, client, |parts| keys.verify_mac(Purpose::RefreshToken, parts, &mac)).then_some(token)
    }

    /// The text to hand out: always the same, as long as the server key is.
    pub(crate) fn text(self, keys: &ServerKeys, realm: &Realm, client: &Client) -> Secret<String> {
        let mac = self.with_parts(realm, client, |parts| keys.mac(Purpose::RefreshToken, parts));
        Secret::new(format!("{PREFIX}{}.{}", b64::encode(&self.body()), mac.encode()))
    }

    /// The family to look up.
    pub fn family(self) -> FamilyId {
        self.family
    }

    fn body(self) -> [u8; 20] {
        let mut body = [0; 20];
        let (family, number) = body.split_at_mut(16);
        family.copy_from_slice(self.family.uuid().as_bytes());
        number.copy_from_slice(&self.number.to_be_bytes());
        body
    }

    /// The application counts by its UID, too: one that takes over a client ID inherits no tokens.
    fn with_parts<R>(self, realm: &Realm, client: &Client, with: impl FnOnce(&[&[u8]]) -> R) -> R {
        let parts = [realm.issuer.as_str().as_bytes(), client.id.as_str().as_bytes(), client.uid.as_str().as_bytes()];
        let [issuer, id, uid] = parts;
        with(&[issuer, id, uid, &self.body()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ClientId, Uid};
    use crate::testing::*;

    const TOKEN: RefreshToken = RefreshToken { family: FAMILY, number: 3 };

    fn open(client: &Client, text: &str) -> Option<RefreshToken> {
        RefreshToken::open(&SERVER_KEYS, &realm(), client, &Secret::new(text.to_owned()))
    }

    #[test]
    fn what_was_handed_out_reads_back() {
        let text = TOKEN.text(&SERVER_KEYS, &realm(), &client());
        assert_eq!(open(&client(), text.expose()), Some(TOKEN));
        assert_eq!(text.expose(), TOKEN.text(&SERVER_KEYS, &realm(), &client()).expose());
        assert!(text.expose().len() <= MAX_TEXT);
    }

    #[test]
    fn t_p21_every_character_counts() {
        let text = TOKEN.text(&SERVER_KEYS, &realm(), &client()).expose().clone();
        for (position, found) in text.char_indices() {
            let other = if found == 'A' { 'B' } else { 'A' };
            let mut altered = text.clone();
            altered.replace_range(position..=position, &other.to_string());
            assert_eq!(open(&client(), &altered), None, "{altered}");
            altered.remove(position);
            assert_eq!(open(&client(), &altered), None, "{altered}");
        }
        for bad in [
            "",
            "pcr_",
            "pcr_..",
            &text.replace(PREFIX, ""),
            &format!("{text}A"),
            &format!("{text}."),
            &format!("{PREFIX}{text}"),
        ] {
            assert_eq!(open(&client(), bad), None, "{bad}");
        }
    }

    #[test]
    fn t_p08_it_is_bound_to_the_client_the_application_and_the_issuer() {
        let text = TOKEN.text(&SERVER_KEYS, &realm(), &client()).expose().clone();
        assert_eq!(open(&Client { id: ClientId::new("team-b.notes"), ..client() }, &text), None);
        assert_eq!(open(&Client { uid: Uid::new("app-9"), ..client() }, &text), None);
        let elsewhere = realm_of("https://other.example.com/oidc", vec![client()], vec![]);
        assert_eq!(RefreshToken::open(&SERVER_KEYS, &elsewhere, &client(), &Secret::new(text)), None);
    }
}
