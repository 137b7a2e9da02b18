//! The policies that are in force and those that are judged beside them, and what reads them again.

use std::sync::Arc;

use crate::{
    config::Config,
    deps::Deps,
    live::{Live, Reading, Reloader},
    policy::{DataKinds, PolicySet},
};

/// The policies in force, and those that are judged beside them, which are read here.
pub(super) fn live(
    config: &Config,
    set: PolicySet,
    deps: &Deps,
) -> Result<(Arc<Live>, Option<Arc<Reloader>>), prometheus::Error> {
    let mut live = Live::new(set);
    if config.journal.auditor.is_some() {
        // Facts are sealed in full, so that other policies can judge them.
        live = live.keeping(DataKinds::ALL);
    }
    let Some(path) = &config.shadow else {
        return Ok((Arc::new(live), None));
    };
    let shadow = Arc::new(Live::new(PolicySet::new([].into())));
    let redirects = config.step_up.redirects.clone();
    let reloader = Reloader::of_shadow(path, redirects, Arc::clone(&shadow), deps)?;
    Ok((Arc::new(live.with_shadow(shadow)), Some(reloader)))
}

/// Reloads the policies.
pub(super) fn reloader(
    config: &Config,
    live: &Arc<Live>,
    reading: Option<Reading>,
    deps: &Deps,
) -> Result<Arc<Reloader>, prometheus::Error> {
    let redirects = config.step_up.redirects.clone();
    Reloader::new(&config.policies, redirects, Arc::clone(live), reading, deps)
}
