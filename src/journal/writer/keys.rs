//! The keys by which lines protect what is about a person: the journal says which are in use, before a line uses them.

use std::time::Duration;

use super::{
    super::{
        own::{IdentifierKeyChange, Own},
        sealing::DataKey,
    },
    WriterThread,
};
use crate::log_throttle::throttled;

/// How long facts are sealed with one data key.
const DATA_KEY_LIFE: Duration = Duration::from_hours(24);
/// Data keys that a new file says: the one in use, and the one before, with which facts may still be sealed that are queued.
const DATA_KEYS: usize = 2;

impl WriterThread {
    /// When a data key is replaced that is used from now on.
    pub(super) fn data_key_ends(&self) -> Duration {
        self.clock.moment().uptime.saturating_add(DATA_KEY_LIFE)
    }

    /// The key of identifiers is another one than before the process began.
    pub(super) fn compare_identifier_key(&mut self, from: Option<Box<str>>) {
        let to = self.header.identifier_key.clone();
        if self.state.chain.index() > 0 && from != to {
            let change = Own::IdentifierKey(IdentifierKeyChange { from, to });
            self.state.owed.push(change);
        }
    }

    /// Another data key for facts, if that is due; its event is owed, and the key is used once that is written.
    pub(super) fn renew_data_key(&mut self) -> Option<DataKey> {
        let uptime = self.clock.moment().uptime;
        let sealer = self.sealer.as_ref()?;
        if uptime < self.state.renew_key_at {
            return None;
        }
        match sealer.next() {
            Ok((key, sealed)) => {
                self.state.renew_key_at = self.data_key_ends();
                let known = &mut self.header.facts_keys;
                known.push(sealed.clone());
                let old = known.len().saturating_sub(DATA_KEYS);
                known.drain(..old);
                self.state.owed.push(Own::FactsKey(sealed));
                Some(key)
            }
            Err(error) => {
                throttled!(
                    self.log,
                    uptime,
                    error,
                    "journal_data_key_not_renewed",
                    %error,
                    "the key that facts are sealed with could not be replaced, and stays in use: find out why the system gives no random bytes"
                );
                None
            }
        }
    }
}
