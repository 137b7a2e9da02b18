//! Secrets from the configuration. One that a file holds is read again while the service runs, so that it can be replaced without a
//! restart. None is ever shown, and the memory of each is overwritten when it is dropped.

mod wiped;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use secrecy::{ExposeSecret, SecretString};
use tracing::info;

pub use self::wiped::{WipedBytes, header, json, read_text};
use crate::{
    files::{Exposure, readers, writers},
    log_throttle::{LogThrottle, throttled},
};

/// The size of a file with a secret, in bytes.
const FILE_BYTES_MAX: usize = 16 * 1024;

/// A secret, and the file that holds it if one does.
#[derive(Debug, Clone)]
pub struct Secret {
    value: SecretString,
    file: Option<SecretFile>,
}

/// A file that holds a secret.
#[derive(Debug, Clone)]
pub struct SecretFile {
    /// The setting that names the file.
    pub setting: String,
    /// The file.
    pub path: PathBuf,
    /// What is wrong with a secret, without quoting it.
    pub check: Check,
}

/// What is wrong with a secret, in words that follow its name; never with the secret itself.
pub type Check = fn(&str) -> Result<(), String>;

/// Why the secret of a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// The file cannot be read.
    #[error("`{path}` cannot be read: {error}", path = .0.display(), error = .1)]
    Unreadable(PathBuf, String),
    /// What it holds cannot be a secret.
    #[error("the secret in `{path}` {flaw}", path = .0.display(), flaw = .1)]
    Unusable(PathBuf, String),
}

impl SecretFile {
    /// Reads the secret, without the end of its line. Blocks.
    pub fn read(self) -> Result<Secret, SecretFileError> {
        Ok(Secret {
            value: self.value()?,
            file: Some(self),
        })
    }

    fn value(&self) -> Result<SecretString, SecretFileError> {
        let unreadable = |why: String| SecretFileError::Unreadable(self.path.clone(), why);
        // Opening a pipe could wait for ever, and it is read only once.
        if self.path.exists() && !self.path.is_file() {
            return Err(unreadable("it is not a regular file".to_owned()));
        }
        // A person who can change the secret decides what it is.
        if let Some(exposure) = writers(&self.path).iter().find(|found| found.is_writable()) {
            let flaw = format!("is not used, because {exposure}");
            return Err(SecretFileError::Unusable(self.path.clone(), flaw));
        }
        let text =
            read_text(&self.path, FILE_BYTES_MAX).map_err(|error| unreadable(error.to_string()))?;
        let secret = text.trim_end_matches(['\r', '\n']);
        match (self.check)(secret) {
            Ok(()) => Ok(secret.into()),
            Err(flaw) => Err(SecretFileError::Unusable(self.path.clone(), flaw)),
        }
    }
}

impl Secret {
    /// How its file is exposed, if one holds it: others can read it, or add files beside it. Blocks.
    pub fn exposures(&self) -> Vec<Exposure> {
        let path = self.file.as_ref().map(|file| file.path.as_path());
        path.into_iter().flat_map(exposures).collect()
    }
}

/// How a file with a secret is exposed: others can read it, or add files beside it. Blocks.
pub fn exposures(path: &Path) -> Vec<Exposure> {
    writers(path).into_iter().chain(readers(path)).collect()
}

impl<T: Into<String>> From<T> for Secret {
    /// A secret that no file holds.
    fn from(text: T) -> Self {
        Self {
            value: text.into().into(),
            file: None,
        }
    }
}

impl ExposeSecret<str> for Secret {
    fn expose_secret(&self) -> &str {
        self.value.expose_secret()
    }
}

/// A secret in use, which may be replaced by what its file holds by now.
#[derive(Debug)]
pub struct SecretInUse {
    current: ArcSwap<SecretString>,
    file: Option<SecretFile>,
    log: LogThrottle,
}

impl SecretInUse {
    /// Begins with the secret as it was configured.
    pub fn new(secret: &Secret) -> Self {
        Self {
            current: ArcSwap::from_pointee(secret.value.clone()),
            file: secret.file.clone(),
            log: LogThrottle::default(),
        }
    }

    /// The secret as it is now.
    pub fn get(&self) -> Arc<SecretString> {
        self.current.load_full()
    }

    /// Reads the file again; whether the secret is another one now. A file that cannot be used changes nothing, and is logged. Blocks.
    pub fn reload(&self, uptime: Duration) -> bool {
        let Some(file) = &self.file else { return false };
        let setting = file.setting.as_str();
        match file.value() {
            Ok(secret) if secret.expose_secret() == self.get().expose_secret() => false,
            Ok(secret) => {
                self.current.store(Arc::new(secret));
                info!(
                    event = "credentials_reloaded",
                    setting, "a new secret was read from its file, and is used from now on"
                );
                true
            }
            Err(error) => {
                throttled!(
                    self.log,
                    uptime,
                    error,
                    "credentials_reload_failed",
                    setting,
                    %error,
                    "the file with a secret cannot be used; the old secret stays in use: correct the file, then send SIGHUP"
                );
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<(), String> {
        match text {
            "" => Err("is empty".to_owned()),
            _ => Ok(()),
        }
    }

    #[test]
    fn a_file_that_cannot_be_used_keeps_the_old_secret_and_a_good_one_replaces_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "first\n").unwrap();
        let file = SecretFile {
            setting: "incode.api_key_file".to_owned(),
            path: path.clone(),
            check,
        };
        let secret = SecretInUse::new(&file.read().unwrap());
        let reload = |then: &str| {
            let changed = secret.reload(Duration::ZERO);
            assert_eq!(secret.get().expose_secret(), then);
            changed
        };
        assert!(!reload("first"));
        for bad in ["", "\n"] {
            std::fs::write(&path, bad).unwrap();
            assert!(!reload("first"));
        }
        std::fs::remove_file(&path).unwrap();
        assert!(!reload("first"));
        std::fs::write(&path, "second\r\n").unwrap();
        assert!(reload("second"));
        assert!(!reload("second"));
    }
}
