//! The policy set in force. It is read from a file or a folder, compiled as a whole and swapped as a whole: a check is judged by one
//! set from its first rule to its last, and files that do not compile never replace the last good set.
//!
//! [`load()`] reads the first set. After that a [`Reloader`] reads the files again when [`watch()`] wakes it: on an event of the file
//! system, on request, and every 30 seconds in any case. A reading counts once two in a row were equal, so that files that are being
//! replaced one after another are never mixed. A reading that is equal to the last one costs no parsing.

mod in_force;
mod error;
mod load;
mod snapshot;
mod policy_files;
mod list_files;
mod watch_paths;
mod metrics;
mod reload;
mod watch;

#[cfg(test)]
mod tests;

pub use self::{
    error::LoadError,
    in_force::{Live, ReloadFailure},
    load::{check_redirects, load},
    metrics::ReloadOutcome,
    reload::Reloader,
    watch::watch,
};
