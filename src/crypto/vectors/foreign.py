#!/usr/bin/env python3
"""Writes foreign.json: keys and tokens made by another implementation (Python's cryptography, on OpenSSL), one per
algorithm, for the tests of jws.rs. Every run makes new keys. Usage: ./foreign.py > foreign.json"""

import base64
import hashlib
import hmac
import json
import secrets

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.hashes import SHA256, SHA384


def b64(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def number(value, length=None):
    return b64(value.to_bytes(length or (value.bit_length() + 7) // 8, "big"))


def rsa_key(pad):
    key = rsa.generate_private_key(65537, 2048)
    private = key.private_numbers()
    jwk = {"kty": "RSA", "n": number(private.public_numbers.n), "e": number(private.public_numbers.e)}
    for name, value in [("d", private.d), ("p", private.p), ("q", private.q), ("dp", private.dmp1),
                        ("dq", private.dmq1), ("qi", private.iqmp)]:
        jwk[name] = number(value)
    return jwk, lambda message: key.sign(message, pad, SHA256())


def ec_key(name, curve, digest, length):
    key = ec.generate_private_key(curve)
    private = key.private_numbers()
    jwk = {"kty": "EC", "crv": name, "x": number(private.public_numbers.x, length),
           "y": number(private.public_numbers.y, length), "d": number(private.private_value, length)}

    def sign(message):
        r, s = utils.decode_dss_signature(key.sign(message, ec.ECDSA(digest)))
        return r.to_bytes(length, "big") + s.to_bytes(length, "big")

    return jwk, sign


def ed_key():
    key = ed25519.Ed25519PrivateKey.generate()
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": b64(key.public_key().public_bytes_raw()),
           "d": b64(key.private_bytes_raw())}
    return jwk, key.sign


def hmac_key():
    secret = b64(secrets.token_bytes(32))
    return secret, lambda message: hmac.new(secret.encode(), message, hashlib.sha256).digest()


CLAIMS = {"iss": "https://op.example", "aud": "app", "exp": 2000, "iat": 1000, "sub": "someone"}
KEYS = {
    "RS256": rsa_key(padding.PKCS1v15()),
    "PS256": rsa_key(padding.PSS(padding.MGF1(SHA256()), padding.PSS.DIGEST_LENGTH)),
    "ES256": ec_key("P-256", ec.SECP256R1(), SHA256(), 32),
    "ES384": ec_key("P-384", ec.SECP384R1(), SHA384(), 48),
    "EdDSA": ed_key(),
    "HS256": hmac_key(),
}

vectors = []
for alg, (key, sign) in KEYS.items():
    if isinstance(key, dict):
        key["alg"] = alg
    message = b64(json.dumps({"alg": alg, "typ": "JWT"}).encode()) + "." + b64(json.dumps(CLAIMS).encode())
    vectors.append({"alg": alg, "key": key, "token": message + "." + b64(sign(message.encode()))})
print(json.dumps(vectors, indent=2))
