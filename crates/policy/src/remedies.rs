//! The sets of actions that lead to ALLOW: [`Decision::alternatives`](crate::Decision::alternatives).
//!
//! # Definitions
//!
//! There are five [`Remedy`]s, and a set has at most one of each:
//!
//! - *Identify*: the request names the identity of the verification. Only if it named none, or one that cannot be read.
//! - *Authenticate*: a new session replaces the session of the request. It has one of the named context classes, one method of
//!   each group, and is younger than the max age.
//! - *Reverify*: the verification has the status `VERIFIED`, and was made less than the max age ago. Its other data is
//!   unchanged.
//! - *Grant scopes*: the verification carries data of each scope. Data whose scope was granted already is unchanged, even if it
//!   cannot be read; missing or ungranted data becomes any readable data. All rules see the same data: one date of birth, one
//!   number, one identity.
//! - *Wait*: the request is made again at an instant, at most ten years ahead.
//!
//! A set *suffices* if the whole policy is ALLOW when all of it is done, now or at the instant to wait for: with any session and any
//! age of the verification that it permits, and with some data of the granted scopes. A set is *no stricter* than another if each of
//! its actions is in the other with a value that is at least as strict: the same or a shorter max age, the same or fewer classes, the
//! same or more demanding groups, the same or more scopes, the same or a later instant. The values are those of the rules, along one
//! path through every `any_of`. A set is *minimal* if it suffices, no other sufficient set is no stricter, and no part of it suffices.
//! A part has a greater age or an earlier instant; or it lacks an action, a scope, a group or the classes, and its actions are taken
//! as just done. So a limit of age never adds another action: a person who verifies again has a new verification.
//!
//! The minimal sets are listed with fewer actions first, then by kind (in the order above), then with an earlier instant, then with
//! fewer scopes, then in the order of the policy; at most 8.
//!
//! # How they are found
//!
//! At one instant and for one combination of kinds, a requirement holds already, or never, or after a [`plan`]. The
//! minimal plans of a policy are combined from those of its requirements ([`goal`]), for each combination of kinds and each instant at
//! which something may begin to hold ([`moments`]). The work is bounded ([`search`]): a policy with very many alternatives may get
//! fewer sets than exist, none, or stricter values, but never a set that does not suffice, because at the end the whole policy is judged
//! with each set ([`done`]).

mod kinds;
mod work;
mod plan;
mod session;
mod granted;
mod parts;
mod goal;
mod moments;
mod set;
mod search;
mod done;

use self::{done::is_allowed, goal::Goals, search::Search, set::Set};
use crate::{
    limits::YEARS_AHEAD,
    remedy::Remedy,
    rule::{Given, Judged},
    time::{Timestamp, anniversary},
    when::When,
};

/// The sets of actions that lead to ALLOW, for rules of which some do not hold now; at the other instant, too, if there is one.
/// `believed` is when the verification's own time is credible; the time of a new verification always is.
pub(super) fn alternatives<'p>(
    rules: &[Judged<'p>],
    given: &Given<'p>,
    believed: &When,
    now: Timestamp,
    other: Option<Timestamp>,
) -> Vec<Vec<Remedy>> {
    let last = anniversary(now, YEARS_AHEAD);
    let mut goals = Goals::new(*given, now, last);
    let goal = goals.of_rules(rules.iter().map(|judged| judged.rule.requirement()));
    let credible = goals.kept(believed.clone());
    let moments = goals.moments();
    let sets = Search::new(&goal, credible, &moments).sets();
    let sets = sets.into_iter().filter(|set| {
        let at = set.wait.unwrap_or(now);
        let mut instants = [Some(at), other].into_iter().flatten();
        instants.all(|at| is_allowed(rules, given, believed, &set.plan, at))
    });
    sets.map(Set::into_remedies).collect()
}

#[cfg(test)]
mod tests;
