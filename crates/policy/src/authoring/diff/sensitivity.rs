//! Where a limit of a policy matters: the checks for which the decision or its reasons differ on the two sides of the limit; and the
//! checks for which the decision changes if the result of one requirement is inverted (the *Boolean difference*). The search is
//! exact: within its work budget, what it does not find does not exist.

mod ordered;
mod atom;
mod point;
mod history;
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
    history::History,
    instants::Instants,
    limit::Side,
    point::Point,
    query::{Sensitivity, Turning},
    search::Search,
    weekly::Transition,
};
