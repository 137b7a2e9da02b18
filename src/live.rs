//! The policy set in force. It is read from a file or a folder, compiled as a whole and swapped as a whole: a check is judged by one
//! set from its first rule to its last, and files that do not compile never replace the last good set.
//!
//! [`load()`] reads the first set. After that a [`Reloader`] reads the files again when [`watch()`] wakes it: on an event of the file
//! system, on request, and every 30 seconds in any case. A reading counts once two in a row were equal, so that files that are being
//! replaced one after another are never mixed. A reading that is equal to the last one costs no parsing. Policies that are no longer in
//! the files are held for a few seconds, because a file that is being replaced may be gone for an instant.
//!
//! Shadow policies are a second set that is read in the same way from another path, by a [`Reloader`] of its own ([`Role`]). There may be
//! none: where their files are gone, so are they.

mod role;
mod in_force;
mod error;
mod load;
mod snapshot;
mod policy_files;
mod list_files;
mod metrics;
mod held;
mod reload;
mod watch;

#[cfg(test)]
mod tests;

pub use self::{
    error::LoadError,
    in_force::{Live, ReloadFailure},
    load::{Loaded, Reading, check_exposures, check_redirects, load, load_all, load_shadow},
    metrics::ReloadOutcome,
    reload::Reloader,
    role::Role,
    watch::watch,
};
