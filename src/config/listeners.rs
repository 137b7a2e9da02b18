//! Where the service listens, and how long it lets calls take.

use std::net::SocketAddr;

use super::{
    reader::Reader,
    section::{Reported, Section},
};
use crate::call::Deadlines;

/// The address of a listener for decisions. Only on this machine, as long as callers are not authenticated.
pub(super) fn decisions(section: &mut Section<'_>) -> Result<SocketAddr, Reported> {
    let address = section.address("listen")?;
    if address.ip().is_loopback() {
        return Ok(address);
    }
    let name = section.name();
    let message = format!("{name}.listen: {address} is not a loopback address");
    let hint = "anybody who reaches it could ask for decisions: listen on 127.0.0.1 or [::1], and put a proxy that knows its callers in front";
    Err(section.problem("listen", message, Some(hint)))
}

/// The deadlines of gRPC.
pub(super) fn deadlines(section: &mut Section<'_>) -> Result<Deadlines, Reported> {
    let default = section.duration("deadline");
    let longest = section.duration("deadline_max");
    let (default, longest) = (default?, longest?);
    if default > longest {
        let message = "grpc.deadline is longer than grpc.deadline_max";
        return Err(section.problem("deadline", message, None));
    }
    Ok(Deadlines { default, longest })
}

/// Reports two listeners with one address. Port 0 stands for another port each time.
pub(super) fn check_distinct(
    reader: &mut Reader,
    listeners: &[(&'static str, &Result<SocketAddr, Reported>)],
) {
    let known = listeners
        .iter()
        .filter_map(|(name, address)| Some((*name, address.as_ref().ok()?)));
    let fixed: Vec<_> = known.filter(|(_, address)| address.port() != 0).collect();
    for (index, (name, address)) in fixed.iter().enumerate() {
        let mut before = fixed.iter().take(index);
        if let Some((other, _)) = before.find(|(_, other)| other == address) {
            let message = format!("{name}.listen is the address of {other}.listen");
            reader.section(name).problem("listen", message, None);
        }
    }
}
