//! Signature algorithms as they stand in manifests (RFC 7518 §3.1, RFC 8037 §3.1).

use crate::wire::wire_enum;

wire_enum! {
    /// A signature algorithm with a key pair of the provider.
    #[derive(Default)]
    pub enum SigningAlgorithm {
        /// RSASSA-PKCS1-v1_5 with SHA-256.
        #[default]
        RS256 = "RS256",
        /// RSASSA-PSS with SHA-256.
        PS256 = "PS256",
        /// ECDSA on P-256 with SHA-256.
        ES256 = "ES256",
        /// ECDSA on P-384 with SHA-384.
        ES384 = "ES384",
        /// Ed25519.
        EdDSA = "EdDSA",
    }
}

wire_enum! {
    /// What an ID token may be signed with.
    #[derive(Default)]
    pub enum IdTokenSigningAlgorithm {
        /// RSASSA-PKCS1-v1_5 with SHA-256.
        #[default]
        RS256 = "RS256",
        /// RSASSA-PSS with SHA-256.
        PS256 = "PS256",
        /// ECDSA on P-256 with SHA-256.
        ES256 = "ES256",
        /// ECDSA on P-384 with SHA-384.
        ES384 = "ES384",
        /// Ed25519.
        EdDSA = "EdDSA",
        /// HMAC with SHA-256, keyed with the client secret.
        HS256 = "HS256",
    }
}

wire_enum! {
    /// What a userinfo answer may be signed with.
    #[derive(Default)]
    pub enum UserinfoSigningAlgorithm {
        /// Plain JSON, not signed.
        #[default]
        None = "None",
        /// RSASSA-PKCS1-v1_5 with SHA-256.
        RS256 = "RS256",
        /// RSASSA-PSS with SHA-256.
        PS256 = "PS256",
        /// ECDSA on P-256 with SHA-256.
        ES256 = "ES256",
        /// ECDSA on P-384 with SHA-384.
        ES384 = "ES384",
        /// Ed25519.
        EdDSA = "EdDSA",
    }
}
