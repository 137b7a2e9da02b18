//! The key sets of all issuers. Verifiers that name the same one share it, and it outlives a verifier that is replaced by one like it.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::{
    collector::{SourceCollector, Sources},
    config::{Keys, RsaAlgorithm},
    key_source::{KeySource, KeysError},
    metrics::Metrics,
    provider::install_crypto_provider,
};
use crate::deps::Deps;

/// The key sets of all issuers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct KeySets {
    known: Arc<Mutex<Vec<Known>>>,
    sources: Arc<Sources>,
    deps: Deps,
    pub(super) metrics: Metrics,
}

/// A key set that is in use, or was.
#[derive(Debug)]
struct Known {
    keys: Keys,
    rsa: RsaAlgorithm,
    source: Weak<KeySource>,
}

impl KeySets {
    /// No key set yet. Once for a registry: what is counted is counted for all verifiers together.
    pub fn new(deps: &Deps) -> Result<Self, prometheus::Error> {
        install_crypto_provider();
        let sources = Arc::<Sources>::default();
        let collector = SourceCollector::new(Arc::clone(&sources))?;
        deps.registry.register(Box::new(collector))?;
        Ok(Self {
            known: Arc::default(),
            sources,
            deps: deps.clone(),
            metrics: Metrics::register(&deps.registry)?,
        })
    }

    /// The keys at this place: those that are in use already, or a new source.
    pub(super) fn source(
        &self,
        keys: &Keys,
        rsa: RsaAlgorithm,
    ) -> Result<Arc<KeySource>, KeysError> {
        let mut known = self.known.lock();
        known.retain(|known| known.source.strong_count() > 0);
        let same = known
            .iter()
            .find(|known| known.keys == *keys && known.rsa == rsa);
        if let Some(source) = same.and_then(|known| known.source.upgrade()) {
            return Ok(source);
        }
        let source = KeySource::start(keys, rsa, &self.deps, self.metrics.clone())?;
        let source = Arc::new(source);
        let weak = Arc::downgrade(&source);
        known.push(Known {
            keys: keys.clone(),
            rsa,
            source: Weak::clone(&weak),
        });
        let mut sources = self.sources.lock();
        sources.retain(|source| source.strong_count() > 0);
        sources.push(weak);
        Ok(source)
    }
}
