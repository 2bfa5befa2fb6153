//! RFC 7517 A.2, RFC 7518 §6.2.2 and §6.3.2, RFC 8037 §2: private keys as JWKs.

use aws_lc_rs::encoding::AsBigEndian as _;
use aws_lc_rs::rsa::{KeyPairComponents, PublicKeyComponents};
use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair};
use serde::{Deserialize as _, Serialize, Serializer};
use serde_json::Value;
use zeroize::Zeroizing;

use super::{KeyError, Pair, SigningKey, ecdsa};
use crate::jwk::{JwkError, Material, PublicJwk, RawJwk};
use crate::secret::Secret;
use crate::{b64, der, fail};

pub(super) fn read(jwk: &Value) -> Result<SigningKey, KeyError> {
    // The parser's own message could quote a member's value.
    let raw = RawJwk::deserialize(jwk).map_err(|_| KeyError::Malformed)?;
    raw.check_use()?;
    if raw.oth.is_some() {
        return Err(KeyError::MultiPrime);
    }
    let material = raw.material()?;
    let algorithm = raw.algorithm(&material)?.or(material.only_algorithm()).ok_or(KeyError::AlgorithmMissing)?;
    let pair = match &material {
        Material::Rsa { n, e } => Pair::rsa(algorithm, rsa(&raw, n, e)?)?,
        Material::Ec { x, y, .. } => {
            let point = [&[4], x.as_slice(), y].concat();
            let scalar = private("d", raw.d.as_ref())?;
            Pair::Ec(
                EcdsaKeyPair::from_private_key_and_public_key(ecdsa(algorithm)?, &scalar, &point)
                    .map_err(|_| KeyError::Malformed)?,
            )
        }
        Material::Ed25519 { x } => {
            let seed = private("d", raw.d.as_ref())?;
            Pair::Ed(Ed25519KeyPair::from_seed_and_public_key(&seed, x).map_err(|_| KeyError::Malformed)?)
        }
    };
    let key = SigningKey::new(algorithm, pair)?;
    if raw.kid.is_some_and(|kid| kid != key.kid().as_str()) {
        return Err(KeyError::KeyIdMismatch);
    }
    Ok(key)
}

fn rsa(raw: &RawJwk, n: &[u8], e: &[u8]) -> Result<RsaKeyPair, KeyError> {
    let components = KeyPairComponents {
        public_key: PublicKeyComponents { n, e },
        d: private("d", raw.d.as_ref())?,
        p: private("p", raw.p.as_ref())?,
        q: private("q", raw.q.as_ref())?,
        dP: private("dp", raw.dp.as_ref())?,
        dQ: private("dq", raw.dq.as_ref())?,
        qInv: private("qi", raw.qi.as_ref())?,
    };
    RsaKeyPair::from_components(&components).map_err(|rejected| KeyError::pkcs8(&rejected))
}

fn private(name: &'static str, text: Option<&Secret<String>>) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let text = text.ok_or(JwkError::Missing(name))?;
    Ok(Zeroizing::new(b64::decode(text.expose()).ok_or(JwkError::Malformed(name))?))
}

/// The public members and then the private ones, each base64url.
#[derive(Serialize)]
struct Written<'a> {
    #[serde(flatten)]
    public: &'a PublicJwk,
    d: Text,
    #[serde(flatten)]
    factors: Option<Factors>,
}

#[derive(Serialize)]
struct Factors {
    p: Text,
    q: Text,
    dp: Text,
    dq: Text,
    qi: Text,
}

pub(super) fn write(key: &SigningKey) -> Secret<String> {
    let (d, factors) = match key.pair() {
        Pair::Rsa(..) => {
            let pkcs8 = key.to_pkcs8();
            let numbers = fail::or_abort(der::rsa_numbers(pkcs8.expose()).ok_or(()));
            let der::RsaNumbers { d, p, q, dp, dq, qi } = numbers;
            let factors = Factors {
                p: text(p.expose()),
                q: text(q.expose()),
                dp: text(dp.expose()),
                dq: text(dq.expose()),
                qi: text(qi.expose()),
            };
            (text(d.expose()), Some(factors))
        }
        Pair::Ec(pair) => (text(fail::or_abort(pair.private_key().as_be_bytes()).as_ref()), None),
        Pair::Ed(pair) => {
            let seed = fail::or_abort(pair.seed());
            (text(fail::or_abort(seed.as_be_bytes()).as_ref()), None)
        }
    };
    let written = Written { public: key.public_jwk(), d, factors };
    // Room enough for RSA with 8192 bits, so that no half-written copy is left behind by a growing buffer.
    let mut json = Vec::with_capacity(16 * 1024);
    // Strings in a map, written to memory: there is nothing to fail on.
    fail::or_abort(serde_json::to_writer(&mut json, &written));
    Secret::new(fail::or_abort(String::from_utf8(json)))
}

/// The base64url text of a private number. It can be serialised, which a [`Secret`] cannot, and exists only while the
/// JWK is written.
struct Text(Zeroizing<String>);

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

fn text(octets: &[u8]) -> Text {
    Text(Zeroizing::new(b64::encode(octets)))
}
