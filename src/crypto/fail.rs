//! The one way out of an internal failure of the cryptography library.

/// The value, or the end of the process.
///
/// Only for operations whose failure no input can cause: the operating system's randomness, an HMAC-based expansion to a
/// constant length, an AEAD over buffers of the right size. Going on without the result would mean a predictable key or
/// an unsealed secret, and a caught panic would let the next request try again.
pub(crate) fn or_abort<T, E>(result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        Err(_) => std::process::abort(),
    }
}
