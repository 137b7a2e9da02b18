//! Where a limit of a policy matters: the checks on which the policy decides otherwise, or for other reasons, on the two sides of the
//! limit; and those on which it decides otherwise if one requirement alone came out otherwise (the *Boolean difference*). The search
//! is exact: what it does not find, while its work budget lasts, is not there.

mod ordered;
mod atom;
mod point;
mod instants;
mod chain;
mod search;
mod facts;
mod query;
mod limit;
mod weekly;

pub(in crate::authoring) use self::{
    atom::{Atom, TimeAxis},
    chain::Outcome,
    instants::Instants,
    limit::Side,
    point::Point,
    query::{Sensitivity, Turning},
    search::Search,
};
