//! RFC 7517 §4, RFC 7518 §6: a JWK's JSON, read strictly and written canonically.

use serde::de::IgnoredAny;
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Curve, JwkError, Jwks, Material, PublicJwk};
use crate::alg::Algorithm;
use crate::b64;
use crate::secret::Secret;

/// Every member that matters, as text. A member given twice is refused by serde; unknown members are ignored (RFC 7517
/// §4).
#[derive(Deserialize)]
pub(crate) struct RawJwk {
    kty: String,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    pub(crate) alg: Option<String>,
    pub(crate) kid: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    pub(crate) d: Option<Secret<String>>,
    pub(crate) p: Option<Secret<String>>,
    pub(crate) q: Option<Secret<String>>,
    pub(crate) dp: Option<Secret<String>>,
    pub(crate) dq: Option<Secret<String>>,
    pub(crate) qi: Option<Secret<String>>,
    pub(crate) oth: Option<IgnoredAny>,
    k: Option<Secret<String>>,
}

impl RawJwk {
    /// The public numbers, whatever private members stand beside them.
    pub(crate) fn material(&self) -> Result<Material, JwkError> {
        match self.kty.as_str() {
            "RSA" => Ok(Material::Rsa { n: unsigned("n", self.n.as_deref())?, e: unsigned("e", self.e.as_deref())? }),
            "EC" => {
                let curve = match self.crv.as_deref() {
                    Some("P-256") => Curve::P256,
                    Some("P-384") => Curve::P384,
                    Some(_) => return Err(JwkError::Unsupported("crv")),
                    None => return Err(JwkError::Missing("crv")),
                };
                let x = fixed("x", self.x.as_deref(), curve.field_len())?;
                let y = fixed("y", self.y.as_deref(), curve.field_len())?;
                Ok(Material::Ec { curve, x, y })
            }
            "OKP" => match self.crv.as_deref() {
                Some("Ed25519") => Ok(Material::Ed25519 { x: fixed("x", self.x.as_deref(), 32)? }),
                Some(_) => Err(JwkError::Unsupported("crv")),
                None => Err(JwkError::Missing("crv")),
            },
            _ => Err(JwkError::Unsupported("kty")),
        }
    }

    /// `alg`, which must then fit the material.
    pub(crate) fn algorithm(&self, material: &Material) -> Result<Option<Algorithm>, JwkError> {
        let Some(name) = self.alg.as_deref() else { return Ok(None) };
        let algorithm: Algorithm = name.parse().map_err(|_| JwkError::Unsupported("alg"))?;
        if material.fits(algorithm) { Ok(Some(algorithm)) } else { Err(JwkError::AlgorithmMismatch) }
    }

    /// `use` (RFC 7517 §4.2), where given, is for signatures.
    pub(crate) fn check_use(&self) -> Result<(), JwkError> {
        if self.usage.as_deref().is_some_and(|usage| usage != "sig") {
            return Err(JwkError::Unsupported("use"));
        }
        Ok(())
    }

    fn check_public(&self) -> Result<(), JwkError> {
        let members = [
            ("d", self.d.is_some()),
            ("p", self.p.is_some()),
            ("q", self.q.is_some()),
            ("dp", self.dp.is_some()),
            ("dq", self.dq.is_some()),
            ("qi", self.qi.is_some()),
            ("oth", self.oth.is_some()),
            ("k", self.k.is_some()),
        ];
        members.into_iter().find(|(_, given)| *given).map_or(Ok(()), |(name, _)| Err(JwkError::Private(name)))
    }
}

impl TryFrom<RawJwk> for PublicJwk {
    type Error = JwkError;

    fn try_from(raw: RawJwk) -> Result<Self, JwkError> {
        // First of all, so that a disclosed key is named as such whatever else is wrong with it.
        raw.check_public()?;
        raw.check_use()?;
        if raw.key_ops.as_ref().is_some_and(|operations| !operations.iter().any(|operation| operation == "verify")) {
            return Err(JwkError::Unsupported("key_ops"));
        }
        let material = raw.material()?;
        let alg = raw.algorithm(&material)?;
        Ok(Self { material, kid: raw.kid, alg })
    }
}

/// Base64urlUInt (RFC 7518 §2): at least one octet, no leading zero.
fn unsigned(name: &'static str, text: Option<&str>) -> Result<Vec<u8>, JwkError> {
    let octets = b64::decode(text.ok_or(JwkError::Missing(name))?).ok_or(JwkError::Malformed(name))?;
    if octets.first().is_none_or(|first| *first == 0) { Err(JwkError::Malformed(name)) } else { Ok(octets) }
}

/// Octets of exactly the given length.
fn fixed(name: &'static str, text: Option<&str>, length: usize) -> Result<Vec<u8>, JwkError> {
    let octets = b64::decode(text.ok_or(JwkError::Missing(name))?).ok_or(JwkError::Malformed(name))?;
    if octets.len() == length { Ok(octets) } else { Err(JwkError::Malformed(name)) }
}

impl Serialize for PublicJwk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match &self.material {
            Material::Rsa { n, e } => {
                map.serialize_entry("kty", "RSA")?;
                map.serialize_entry("n", &b64::encode(n))?;
                map.serialize_entry("e", &b64::encode(e))?;
            }
            Material::Ec { curve, x, y } => {
                map.serialize_entry("kty", "EC")?;
                map.serialize_entry("crv", curve.name())?;
                map.serialize_entry("x", &b64::encode(x))?;
                map.serialize_entry("y", &b64::encode(y))?;
            }
            Material::Ed25519 { x } => {
                map.serialize_entry("kty", "OKP")?;
                map.serialize_entry("crv", "Ed25519")?;
                map.serialize_entry("x", &b64::encode(x))?;
            }
        }
        if let Some(kid) = &self.kid {
            map.serialize_entry("kid", kid)?;
        }
        if let Some(alg) = self.alg {
            map.serialize_entry("alg", &alg)?;
        }
        map.serialize_entry("use", "sig")?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for PublicJwk {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        RawJwk::deserialize(deserializer)?.try_into().map_err(serde::de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Jwks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct RawJwks {
            keys: Vec<RawJwk>,
        }
        let mut keys = Vec::new();
        for raw in RawJwks::deserialize(deserializer)?.keys {
            match PublicJwk::try_from(raw) {
                Ok(key) => keys.push(key),
                Err(JwkError::Unsupported(_)) => {}
                Err(error) => return Err(serde::de::Error::custom(error)),
            }
        }
        Ok(Self { keys })
    }
}
