//! How a call came, and how long its steps took.

use std::time::Duration;

use super::object::Object;
use crate::{peer::PeerAddress, provenance::Timings};

/// How long the steps took before the decision was recorded, in microseconds. A step that was not taken is absent.
pub(super) fn timings(line: &mut Object<'_>, timings: &Timings) {
    let us = |step: Duration| u64::try_from(step.as_micros()).unwrap_or(u64::MAX);
    line.object("timings", |object| {
        for (name, step) in [
            ("queue_us", timings.queue),
            ("token_us", timings.token),
            ("fetch_us", timings.fetch),
        ] {
            if !step.is_zero() {
                object.number(name, us(step));
            }
        }
        object.number("decide_us", us(timings.decide));
    });
}

/// Where a call came from: an address with a port, or `unix`.
pub(super) fn peer(line: &mut Object<'_>, peer: PeerAddress) {
    match peer {
        PeerAddress::Ip(address) => line.address("peer", address),
        PeerAddress::Unix => line.text("peer", "unix"),
    }
}
