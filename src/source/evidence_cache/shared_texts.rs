//! Keeps texts that are the same once: the identifier that a verification is cached under, and what many verifications have in common.

use std::{collections::HashSet, sync::Arc};

use parking_lot::Mutex;

use crate::{
    policy::{Finding, VerificationId},
    source::Known,
};

/// Projects and statuses that are shared. A tenant has few.
const TEXTS_MAX: usize = 256;

/// Projects and statuses of verifications.
#[derive(Debug, Default)]
pub(super) struct SharedTexts(Mutex<HashSet<Arc<str>>>);

impl SharedTexts {
    /// Shares the texts of what was just fetched for this identifier, unless somebody has it already.
    pub(super) fn share(&self, requested: &VerificationId, fetched: &mut Known) {
        let Some(evidence) = Arc::get_mut(&mut fetched.evidence) else {
            return;
        };
        let Finding::Present(verification) = &mut evidence.finding else {
            return;
        };
        let ids = [&mut verification.id, &mut verification.trace_id];
        for id in ids.into_iter().flatten() {
            if id == requested.shared() {
                *id = Arc::clone(requested.shared());
            }
        }
        let common = [&mut verification.project, &mut verification.status];
        for text in common.into_iter().flatten() {
            self.share_text(text);
        }
    }

    fn share_text(&self, text: &mut Arc<str>) {
        let mut texts = self.0.lock();
        if let Some(known) = texts.get(text) {
            *text = Arc::clone(known);
            return;
        }
        // What is not in use any more goes, and the others are shared again.
        if texts.len() >= TEXTS_MAX {
            texts.clear();
        }
        texts.insert(Arc::clone(text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        policy::{Evidence, Verification, from_millis},
        provenance::{Outage, Timings},
    };

    fn fetched(id: &str, project: &str) -> Known {
        let verification = Verification {
            id: Some(id.into()),
            trace_id: Some("t-1".into()),
            project: Some(project.into()),
            status: Some("VERIFIED".into()),
            ..Verification::default()
        };
        Known {
            evidence: Arc::new(Evidence {
                finding: Finding::Present(verification),
                seen_at: from_millis(0),
            }),
            ..Known::nothing(Outage::Failed, from_millis(0), Timings::default())
        }
    }

    fn verification(known: &Known) -> &Verification {
        match &known.evidence.finding {
            Finding::Present(verification) => verification,
            other => panic!("{other:?}"),
        }
    }

    fn is_shared(one: Option<&Arc<str>>, other: Option<&Arc<str>>) -> bool {
        Arc::ptr_eq(one.unwrap(), other.unwrap())
    }

    #[test]
    fn texts_that_are_the_same_are_in_memory_once() {
        let texts = SharedTexts::default();
        let id = VerificationId::parse("v-1").unwrap();
        let (mut one, mut two) = (fetched("v-1", "p-1"), fetched("V-1", "p-1"));
        texts.share(&id, &mut one);
        texts.share(&id, &mut two);
        let (one, two) = (verification(&one), verification(&two));
        assert!(is_shared(one.id.as_ref(), Some(id.shared())));
        assert_eq!(two.id.as_deref(), Some("V-1"));
        assert!(is_shared(one.project.as_ref(), two.project.as_ref()));
        assert!(is_shared(one.status.as_ref(), two.status.as_ref()));
    }

    #[test]
    fn however_many_projects_there_are_few_are_stored() {
        let texts = SharedTexts::default();
        let id = VerificationId::parse("v-1").unwrap();
        for n in 0..10 * TEXTS_MAX {
            let project = format!("p-{n}");
            let mut known = fetched("v-1", &project);
            texts.share(&id, &mut known);
            assert_eq!(verification(&known).project.as_deref(), Some(&*project));
        }
        assert!(texts.0.lock().len() <= TEXTS_MAX);
    }

    #[test]
    fn what_somebody_has_already_is_left_as_it_is() {
        let texts = SharedTexts::default();
        let mut known = fetched("v-1", "p-1");
        let held = Arc::clone(&known.evidence);
        texts.share(&VerificationId::parse("v-1").unwrap(), &mut known);
        assert!(Arc::ptr_eq(&held, &known.evidence));
        assert!(texts.0.lock().is_empty());
    }
}
