//! What operators change, as it is recorded in the chain of the journal.

use serde_json::{Map, Value, json};

use crate::{
    journal::{ChangeEvent, Journal, signed_note::VerifierKey},
    live::Reloader,
    tls::TlsFiles,
};

/// A change of this name, with these members.
pub(super) fn change<const N: usize>(
    event: &'static str,
    members: [(&str, Value); N],
) -> ChangeEvent {
    let members = members.map(|(key, value)| (key.to_owned(), value));
    ChangeEvent {
        event,
        members: Map::from_iter(members),
    }
}

/// Records that other policies are in force, and that others are judged beside them.
pub(super) fn record_policies(in_force: &Reloader, shadow: Option<&Reloader>, journal: &Journal) {
    let reloaders = [
        (Some(in_force), "policies_reloaded"),
        (shadow, "shadow_policies_reloaded"),
    ];
    for (reloader, event) in reloaders {
        let Some(reloader) = reloader else { continue };
        let journal = journal.clone();
        reloader.on_reload(move |policies, revision| {
            journal.record_change(change(
                event,
                [
                    ("policies", json!(policies)),
                    ("revision", json!(revision.to_string())),
                ],
            ));
        });
    }
}

/// Records that other certificates, keys, CA certificates or revocation lists are in use.
pub(super) fn record_certificates(files: &TlsFiles, journal: &Journal) {
    let journal = journal.clone();
    files.on_reload(move |section| {
        journal.record_change(change(
            "certificates_reloaded",
            [("section", json!(section))],
        ));
    });
}

/// Records by which key checkpoints are signed from here on. A process says so each time it begins, so that another key than before shows.
pub(super) fn record_signing_key(key: &VerifierKey, journal: &Journal) {
    let key = json!(key.to_string());
    journal.record_change(change("signing_key_in_use", [("key", key)]));
}

/// Records that an operator has asked for everything to be read and opened again.
pub(super) fn record_request(journal: &Journal) {
    journal.record_change(change("reload_requested", []));
}
