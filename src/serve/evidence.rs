//! Where the evidence of checks comes from: the sources in front of the vendor, one behind the other.

use std::sync::Arc;

use crate::{
    config::Config,
    deps::Deps,
    incode::Incode,
    live::Live,
    source::{EvidenceCache, Source},
    step_up::{AwaitedSource, FollowingSource, StepUps},
};

/// Builds the evidence cache, which keeps what the policies in force read.
fn cache(
    config: &Config,
    incode: &Arc<Incode>,
    live: &Arc<Live>,
    deps: &Deps,
) -> Result<EvidenceCache, prometheus::Error> {
    let cache = EvidenceCache::new(
        Arc::clone(incode) as _,
        config.cache,
        config.incode.timeout,
        deps,
    )?;
    cache.keep_for(Arc::clone(live));
    Ok(cache)
}

/// Where evidence comes from.
pub(super) struct Sources {
    /// The evidence of each verification.
    pub(super) source: Arc<dyn Source>,
    /// The evidence that checks are judged by.
    pub(super) judged: Arc<dyn Source>,
}

pub(super) fn sources(
    config: &Config,
    incode: &Arc<Incode>,
    live: &Arc<Live>,
    step_ups: &StepUps,
    deps: &Deps,
) -> Result<Sources, prometheus::Error> {
    let cache = cache(config, incode, live, deps)?;
    let source = AwaitedSource::new(Arc::new(cache), step_ups.clone());
    let source: Arc<dyn Source> = Arc::new(source);
    let follows_known = config.step_up.follow_successors;
    let page = config.step_up.page.as_ref();
    let hands_on = page.is_some_and(|page| page.hand_on.is_some());
    let behind = Arc::clone(&source);
    let following = FollowingSource::new(behind, step_ups.clone(), follows_known, deps)?;
    Ok(Sources {
        judged: if follows_known || hands_on {
            Arc::new(following)
        } else {
            Arc::clone(&source)
        },
        source,
    })
}
