//! OIDC Core §5.1: the claims that a user's object holds.

use std::collections::BTreeMap;

use api::{Address, OidcUserSpec, Profile, Verification};
use oidc::claims::StandardClaim;
use serde_json::{Map, Value};

/// The standard claims that have a value, `groups` excepted.
pub(super) fn standard(spec: &OidcUserSpec, username: &str, changed: Option<i64>) -> BTreeMap<StandardClaim, Value> {
    let mut claims = BTreeMap::new();
    let mut text = |claim: StandardClaim, value: Option<&str>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            claims.insert(claim, Value::String(value.to_owned()));
        }
    };
    let nothing = Profile::default();
    let Profile {
        name,
        given_name,
        family_name,
        middle_name,
        nickname,
        preferred_username,
        profile,
        picture,
        website,
        gender,
        birthdate,
        zoneinfo,
        locale,
        address,
    } = spec.profile.as_ref().unwrap_or(&nothing);
    text(StandardClaim::Name, name.as_deref());
    text(StandardClaim::GivenName, given_name.as_deref());
    text(StandardClaim::FamilyName, family_name.as_deref());
    text(StandardClaim::MiddleName, middle_name.as_deref());
    text(StandardClaim::Nickname, nickname.as_deref());
    text(StandardClaim::PreferredUsername, Some(preferred_username.as_deref().unwrap_or(username)));
    text(StandardClaim::Profile, profile.as_deref());
    text(StandardClaim::Picture, picture.as_deref());
    text(StandardClaim::Website, website.as_deref());
    text(StandardClaim::Gender, gender.as_deref());
    text(StandardClaim::Birthdate, birthdate.as_deref());
    text(StandardClaim::Zoneinfo, zoneinfo.as_deref());
    text(StandardClaim::Locale, locale.as_deref());
    text(StandardClaim::Email, spec.email.as_deref());
    text(StandardClaim::PhoneNumber, spec.phone_number.as_deref());
    // Whether an address is verified is said only of one that is there.
    for (address, verified, verification) in [
        (StandardClaim::Email, StandardClaim::EmailVerified, spec.email_verification),
        (StandardClaim::PhoneNumber, StandardClaim::PhoneNumberVerified, spec.phone_number_verification),
    ] {
        if claims.contains_key(&address) {
            claims.insert(verified, Value::Bool(verification == Verification::Verified));
        }
    }
    if let Some(seconds) = changed {
        claims.insert(StandardClaim::UpdatedAt, seconds.into());
    }
    if let Some(address) = address.as_ref().map(address_claim).filter(|members| !members.is_empty()) {
        claims.insert(StandardClaim::Address, Value::Object(address));
    }
    claims
}

/// OIDC Core §5.1.1.
fn address_claim(address: &Address) -> Map<String, Value> {
    let Address { formatted, street_address, locality, region, postal_code, country } = address;
    [
        ("formatted", formatted),
        ("street_address", street_address),
        ("locality", locality),
        ("region", region),
        ("postal_code", postal_code),
        ("country", country),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), Value::String(value.clone().filter(|text| !text.is_empty())?))))
    .collect()
}
