//! The sets of actions that lead to ALLOW: [`Decision::alternatives`](crate::Decision::alternatives).
//!
//! # What is meant
//!
//! There are five [`Remedy`]s, and a set has at most one of each:
//!
//! - *Identify*: the request names the identity of the verification. Only where it named none, or one that cannot be read.
//! - *Authenticate*: one session takes the place of the request's. It has one context class of those that are named, one method of
//!   each group, and is younger than the max age.
//! - *Reverify*: the verification has the status `VERIFIED`, and was made less than the max age ago. All else that was known of
//!   it stays as it was.
//! - *Grant scopes*: the verification carries data of each scope. Data that was there, and whose scope was granted, stays; in the
//!   place of what was missing or not granted comes any readable data. It is one datum for all rules: one date of birth, one number,
//!   one identity. What is granted already and cannot be read is not repaired by a grant.
//! - *Wait*: the request is made again at an instant, at most ten years ahead.
//!
//! A set *suffices* if the whole policy is ALLOW when all of it is done, at now or at the instant that is waited for: with whatever
//! session, at whatever age of the verification it permits, and with some data that a grant may bring. A set is *no stricter* than
//! another if each of its actions is in the other with a value that is as strict: a max age that is as short or shorter, classes
//! that are fewer, groups that say more, scopes that are more, an instant that is as late. The values are those of the rules, along one
//! way through every `any_of`. A set is *minimal* if it suffices, no other such set that suffices is no stricter, and no part of it
//! suffices: at a greater age or at an earlier instant; or without an action, a scope, a group or the classes, where what is done has
//! just been done. So an age alone never asks for another action: who verifies again has a verification that is young.
//!
//! The minimal sets are listed with fewer actions first, then by kind (in the order above), then with an earlier instant, then with
//! fewer scopes, then in the order of the policy; at most 8.
//!
//! # How they are found
//!
//! At one instant and for one combination of kinds, a requirement holds already, or it does not, or it does after a [`plan`]. The
//! minimal plans of a policy are combined from those of its requirements ([`goal`]), for each combination of kinds and each instant at
//! which something may begin to hold ([`moments`]). The work is bounded ([`search`]): a policy with very many alternatives may get
//! fewer sets than there are, or stricter values, never a set that does not suffice, because the whole policy is judged with each set at the end ([`done`]).

mod kinds;
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
/// `believed` is when the verification's own time may be believed; that of a new verification always may.
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
