//! What expires when, and whether that is soon.

use std::{fmt, time::Duration};

use crate::policy::Timestamp;

/// How long before its expiry a certificate, and a revocation list, is to be replaced; as the alerts say it.
const CERTIFICATE_SOON: Duration = Duration::from_hours(7 * 24);
const LIST_SOON: Duration = Duration::from_hours(6);
/// The setting of revocation lists.
const LIST: &str = "client_crl";

/// When the first certificate or revocation list in the file of a setting expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiry {
    pub(super) section: &'static str,
    pub(super) key: &'static str,
    pub(super) at: Timestamp,
}

impl Expiry {
    /// Whether it is time to replace the file.
    pub fn is_soon(&self, now: Timestamp) -> bool {
        let soon = match self.key {
            LIST => LIST_SOON,
            _ => CERTIFICATE_SOON,
        };
        Duration::try_from(self.at.duration_since(now)).is_ok_and(|left| left < soon)
            || self.at < now
    }
}

impl fmt::Display for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { section, key, at } = self;
        let what = match *key {
            LIST => "a revocation list",
            _ => "a certificate",
        };
        write!(
            f,
            "{section}.{key}: {what} in the file expires at {at}: replace the file, which is read again without a restart"
        )
    }
}
