//! The actions that make some requirements hold, with the least strict values. Two plans are combined into one that serves both.

use std::time::Duration;

use super::{
    granted::Granted,
    kinds::Kinds,
    session::{Choice, SessionPlan},
    work::Work,
};
use crate::remedy::Remedy;

/// Actions other than to wait, at most one of each kind. What few plans have is boxed: plans are copied and moved at every step of the search.
#[derive(Debug, Clone, Default)]
pub(super) struct Plan<'p> {
    pub(super) identify: bool,
    pub(super) session: Option<Box<SessionPlan<'p>>>,
    /// How old a new verification may be.
    pub(super) reverify: Option<MaxAge>,
    pub(super) granted: Option<Box<Granted<'p>>>,
}

/// How old a new verification may be; the greater, the less strict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum MaxAge {
    /// Younger than this.
    Of(Duration),
    /// Of any age.
    Any,
}

impl<'p> Plan<'p> {
    /// To name the identity.
    pub(super) fn identify() -> Self {
        Self {
            identify: true,
            ..Self::default()
        }
    }

    /// To authenticate.
    pub(super) fn authenticate(session: SessionPlan<'p>) -> Self {
        Self {
            session: Some(Box::new(session)),
            ..Self::default()
        }
    }

    /// To verify again.
    pub(super) fn reverify(max_age: MaxAge) -> Self {
        Self {
            reverify: Some(max_age),
            ..Self::default()
        }
    }

    /// To grant scopes.
    pub(super) fn grant(granted: Granted<'p>) -> Self {
        Self {
            granted: Some(Box::new(granted)),
            ..Self::default()
        }
    }

    /// The same without these kinds.
    pub(super) fn without(&self, kinds: Kinds) -> Self {
        let stays = |kind: Kinds| !kind.are_within(kinds);
        Self {
            identify: self.identify && stays(Kinds::IDENTIFY),
            session: self.session.clone().filter(|_| stays(Kinds::AUTHENTICATE)),
            reverify: self.reverify.filter(|_| stays(Kinds::REVERIFY)),
            granted: self.granted.clone().filter(|_| stays(Kinds::GRANT)),
        }
    }

    pub(super) fn kinds(&self) -> Kinds {
        let kinds = [
            (self.identify, Kinds::IDENTIFY),
            (self.session.is_some(), Kinds::AUTHENTICATE),
            (self.reverify.is_some(), Kinds::REVERIFY),
            (self.granted.is_some(), Kinds::GRANT),
        ];
        let kinds = kinds.into_iter().filter(|(is_in, _)| *is_in);
        kinds.fold(Kinds::NONE, |all, (_, kind)| all.and(kind))
    }

    /// Both; `None` if they contradict each other.
    pub(super) fn and(&self, other: &Self, work: &Work) -> Option<Self> {
        work.spend(self.steps_with(other));
        let session = match (&self.session, &other.session) {
            (None, session) | (session, None) => session.clone(),
            (Some(one), Some(other)) => Some(Box::new(one.and(other)?)),
        };
        let granted = match (&self.granted, &other.granted) {
            (None, granted) | (granted, None) => granted.clone(),
            (Some(one), Some(other)) => Some(Box::new(one.and(other, work)?)),
        };
        let reverify = match (self.reverify, other.reverify) {
            (None, max_age) | (max_age, None) => max_age,
            (Some(one), Some(other)) => Some(one.min(other)),
        };
        Some(Self {
            identify: self.identify || other.identify,
            session,
            reverify,
            granted,
        })
    }

    /// Whether everything that fulfils the other plan fulfils this one too.
    pub(super) fn is_no_stricter(&self, other: &Self) -> bool {
        let granted = is_within(
            self.granted.as_deref(),
            other.granted.as_deref(),
            Granted::is_no_stricter,
        );
        granted && self.shows_no_more(other)
    }

    /// The same for what a set of remedies shows: the scopes, not the conditions on their data.
    pub(super) fn shows_no_more(&self, other: &Self) -> bool {
        self.permits_ages_of(other) && self.asks_no_more(other)
    }

    /// The same, regardless of the ages of the session and of the verification.
    pub(super) fn asks_no_more(&self, other: &Self) -> bool {
        let sessions = is_within(
            self.session.as_deref(),
            other.session.as_deref(),
            SessionPlan::asks_no_more,
        );
        sessions && self.asks_no_more_but_a_session(other)
    }

    /// Whether a session of this choice satisfies it, if it asks for one and it is as young as it must be.
    pub(super) fn is_done_by(&self, choice: &Choice<'_, '_>, work: &Work) -> bool {
        let mut session = self.session.iter();
        session.all(|session| session.is_done_by(choice, work))
    }

    /// Whether a part of a session of this choice, by which it is done, does it too.
    pub(super) fn leaves_some_of(&self, choice: &Choice<'_, '_>, work: &Work) -> bool {
        let session = self.session.as_ref();
        session.is_none_or(|session| session.leaves_some_of(choice, work))
    }

    /// The steps of looking at all of it, or of copying it.
    pub(super) fn size(&self) -> usize {
        let session = self.session.as_deref().map_or(0, SessionPlan::size);
        let granted = self.granted.as_deref().map_or(0, Granted::size);
        session.saturating_add(granted).saturating_add(10)
    }

    /// The steps of comparing it with another, or of combining both.
    pub(super) fn steps_with(&self, other: &Self) -> usize {
        let sessions = self.session.as_ref().zip(other.session.as_ref());
        let sessions = sessions.map_or(0, |(one, other)| one.steps_with(other));
        let granted = self.granted.as_ref().zip(other.granted.as_ref());
        let granted = granted.map_or(0, |(one, other)| one.steps_with(other));
        let steps = sessions.saturating_add(granted);
        steps
            .saturating_add(self.size())
            .saturating_add(other.size())
    }

    /// Whether this plan permits ages of the session and of the verification that are at least those of the other.
    pub(super) fn permits_ages_of(&self, other: &Self) -> bool {
        let sessions = [self, other].map(|plan| plan.session.as_deref().map(SessionPlan::max_age));
        let [one, two] = sessions;
        is_within(one.as_ref(), two.as_ref(), |one, two| one >= two)
            && is_within(
                self.reverify.as_ref(),
                other.reverify.as_ref(),
                |one, two| one >= two,
            )
    }

    /// The same, of everything but the session.
    pub(super) fn asks_no_more_but_a_session(&self, other: &Self) -> bool {
        let granted = is_within(
            self.granted.as_deref(),
            other.granted.as_deref(),
            |one, other| one.scopes.is_subset(&other.scopes),
        );
        let reverify = is_within(self.reverify.as_ref(), other.reverify.as_ref(), |_, _| true);
        granted && reverify && self.identify <= other.identify
    }

    /// How many scopes it needs.
    pub(super) fn scopes(&self) -> usize {
        let granted = self.granted.as_ref();
        granted.map_or(0, |granted| granted.scopes.len())
    }

    /// How many demands it has: scopes, groups of methods, lists of classes.
    pub(super) fn demands(&self) -> usize {
        let session = self.session.as_deref().map_or(0, SessionPlan::demands);
        self.scopes().saturating_add(session)
    }

    /// The remedies, the preferred kind first.
    pub(super) fn into_remedies(self) -> impl Iterator<Item = Remedy> {
        let identify = self.identify.then_some(Remedy::Identify);
        let session = self.session.map(|session| session.into_session());
        let reverify = self.reverify.map(|max_age| Remedy::Reverify {
            max_age: match max_age {
                MaxAge::Any => None,
                MaxAge::Of(age) => Some(age),
            },
        });
        let grant = self
            .granted
            .map(|granted| Remedy::GrantScopes(granted.scopes));
        let session = session.map(Remedy::Authenticate);
        [identify, session, reverify, grant].into_iter().flatten()
    }
}

/// Whether the first plan lacks an action, or both have it and it fulfils this condition.
fn is_within<T>(
    one: Option<&T>,
    other: Option<&T>,
    is_no_stricter: impl Fn(&T, &T) -> bool,
) -> bool {
    match (one, other) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(one), Some(other)) => is_no_stricter(one, other),
    }
}
