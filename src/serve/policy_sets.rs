//! The policies that are in force and those that are judged beside them, and what reads them again.

use std::sync::Arc;

use serde_json::json;

use crate::{
    config::Config,
    deps::Deps,
    journal::{ChangeEvent, Journal},
    live::{Live, Reloader},
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
    deps: &Deps,
) -> Result<Arc<Reloader>, prometheus::Error> {
    let redirects = config.step_up.redirects.clone();
    Reloader::new(&config.policies, redirects, Arc::clone(live), deps)
}

/// Records that other policies are in force.
pub(super) fn record_reloads(reloader: &Reloader, journal: Journal) {
    reloader.on_reload(move |policies, revision| {
        let members = [
            ("policies", json!(policies)),
            ("revision", json!(revision.to_string())),
        ];
        let members = members.into_iter();
        journal.record_change(ChangeEvent {
            event: "policies_reloaded",
            members: members
                .map(|(key, value)| (key.to_owned(), value))
                .collect(),
        });
    });
}
