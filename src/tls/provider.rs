//! The cryptography of TLS, which a process installs once.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

/// Installs the crypto provider of the process. Further calls do nothing.
pub fn install_crypto_provider() {
    // An error says that it was installed before.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The crypto provider, for those who take it as an argument.
pub(super) fn provider() -> Arc<CryptoProvider> {
    rustls::crypto::ring::default_provider().into()
}
