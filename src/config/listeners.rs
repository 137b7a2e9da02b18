//! Where the service listens, and how long it lets calls take.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use url::{Host, Url};

use super::{
    reader::Reader,
    section::{Reported, Section},
};
use crate::{
    call::Deadlines,
    listener::{Limits, ListenAddress, Runtimes},
};

/// Where the gRPC listener is, for those who call it on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrpcListener {
    /// Its address, as it is set.
    pub address: ListenAddress,
    /// Its certificate chain; `None` if it speaks plain text.
    pub certificate: Option<PathBuf>,
}

/// The gRPC listener alone.
pub(super) fn grpc(reader: &mut Reader) -> Result<GrpcListener, Reported> {
    let certificate = reader.section("grpc.tls").text("certificate");
    let certificate = (!certificate.is_empty()).then(|| certificate.into());
    let address = reader.section("grpc").address("listen")?;
    Ok(GrpcListener {
        address,
        certificate,
    })
}

/// An address, if it is set and as it was read.
type Read<'a> = Option<&'a Result<ListenAddress, Reported>>;

/// The addresses of the listeners, each with the name of its section.
pub(super) fn named<'a>(
    grpc: &'a Result<ListenAddress, Reported>,
    http: &'a Result<ListenAddress, Reported>,
    public: Read<'a>,
    admin: &'a Result<ListenAddress, Reported>,
) -> [(&'static str, Read<'a>); 4] {
    [
        ("grpc", Some(grpc)),
        ("http", Some(http)),
        ("public", public),
        ("admin", Some(admin)),
    ]
}

/// The address of a listener for decisions. Only on this machine, unless callers are authenticated or that is dispensed with.
pub(super) fn decisions(
    section: &mut Section<'_>,
    anywhere: bool,
) -> Result<ListenAddress, Reported> {
    let address = section.address("listen")?;
    if anywhere || address.is_local() {
        return Ok(address);
    }
    let name = section.name();
    let message = format!("{name}.listen: {address} is not a loopback address");
    let hint = "anybody who reaches it could ask for decisions: configure callers ([callers.NAME]), or listen on 127.0.0.1, [::1] or a Unix socket; `insecure_allow_anonymous = true` accepts that";
    Err(section.problem("listen", message, Some(hint)))
}

/// The address of the listener for the Internet, which serves no decisions. `None` if it is not set.
pub(super) fn public(section: &mut Section<'_>) -> Result<Option<ListenAddress>, Reported> {
    if !section.text("listen").is_empty() {
        return section.address("listen").map(Some);
    }
    let unused = ["hosts", "trusted_proxies"].map(|key| {
        if section.list(key).is_empty() {
            return Ok(());
        }
        let message = format!("public.{key} is set, but public.listen is not");
        let hint = format!("set public.listen, or move it to http.{key}");
        Err(section.problem(key, message, Some(&hint)))
    });
    unused.into_iter().collect::<Result<(), _>>()?;
    Ok(None)
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

/// A listener's section, and its address if that is valid.
pub(super) type Listening<'l> = (&'static str, &'l Result<ListenAddress, Reported>);

/// Reports listeners of which only one can be bound. Port 0 stands for another port each time.
pub(super) fn check_distinct(reader: &mut Reader, listeners: &[Listening<'_>]) {
    let paths = listeners
        .iter()
        .filter_map(|(name, address)| match address {
            Ok(ListenAddress::Unix(path)) => Some((*name, path)),
            _ => None,
        });
    let paths: Vec<_> = paths.collect();
    for (index, (name, path)) in paths.iter().enumerate() {
        let mut before = paths.iter().take(index);
        if let Some((other, _)) = before.find(|(_, other)| other == path) {
            let message = format!("{name}.listen is the address of {other}.listen");
            reader.section(name).problem("listen", message, None);
        }
    }
    let fixed = fixed(listeners);
    for (index, (name, address)) in fixed.iter().enumerate() {
        let mut before = fixed.iter().take(index);
        if let Some((other, taken)) = before.find(|(_, other)| clash(*other, *address)) {
            let message = if taken == address {
                format!("{name}.listen is the address of {other}.listen")
            } else {
                format!("{name}.listen: {address} conflicts with {other}.listen ({taken})")
            };
            reader.section(name).problem("listen", message, None);
        }
    }
}

/// Reports an address to call at which the service itself would answer.
pub(super) fn check_not_called(
    reader: &mut Reader,
    listeners: &[Listening<'_>],
    section: &'static str,
    key: &str,
    url: Option<&Url>,
) {
    let called = url.and_then(|url| Some((url.host()?, url.port_or_known_default()?)));
    let Some((host, port)) = called else { return };
    let at = |ip| SocketAddr::new(ip, port);
    let called = match host {
        Host::Ipv4(ip) => vec![at(ip.into())],
        Host::Ipv6(ip) => vec![at(ip.into())],
        Host::Domain("localhost") => {
            vec![
                at(Ipv4Addr::LOCALHOST.into()),
                at(Ipv6Addr::LOCALHOST.into()),
            ]
        }
        Host::Domain(_) => return,
    };
    let mut fixed = fixed(listeners).into_iter();
    let own = fixed.find(|(_, own)| {
        let answers = |called: &SocketAddr| called.ip().is_loopback() && clash(*own, *called);
        called.iter().any(answers)
    });
    if let Some((name, _)) = own {
        let message = format!("{section}.{key} is the address of {name}.listen");
        reader.section(section).problem(key, message, None);
    }
}

/// The listeners with a port of their own.
fn fixed(listeners: &[Listening<'_>]) -> Vec<(&'static str, SocketAddr)> {
    let valid = listeners.iter();
    let valid = valid.filter_map(|(name, address)| Some((*name, address.as_ref().ok()?.tcp()?)));
    valid.filter(|(_, address)| address.port() != 0).collect()
}

/// Whether only one of two addresses can be bound. An unspecified address stands for all of its family, and `[::]` for all of IPv4 too.
fn clash(one: SocketAddr, other: SocketAddr) -> bool {
    let (one_ip, other_ip) = (one.ip().to_canonical(), other.ip().to_canonical());
    let covers = |all: IpAddr, ip: IpAddr| match all {
        IpAddr::V4(all) => all.is_unspecified() && ip.is_ipv4(),
        IpAddr::V6(all) => all.is_unspecified(),
    };
    let same_ip = one_ip == other_ip || covers(one_ip, other_ip) || covers(other_ip, one_ip);
    one.port() == other.port() && same_ip
}

/// The limits of connections, the calls in flight, and the time for which the service drains.
pub(super) fn limits(section: &mut Section<'_>) -> Result<(Limits, usize, Duration), Reported> {
    let connections = section.count("connections");
    let per_address = section.count("connections_per_address");
    let streams = section.count("streams_per_connection");
    let in_flight = section.count("in_flight");
    let age = section.duration("connection_age");
    let grace = section.duration("connection_grace");
    let drain = section.duration("drain");
    let memory = section.bytes("memory");
    let whole = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
    let (connections, per_address) = (whole(connections?), whole(per_address?));
    if per_address > connections {
        let message = "limits.connections_per_address is above limits.connections";
        return Err(section.problem("connections_per_address", message, None));
    }
    let limits = Limits {
        connections,
        connections_per_address: per_address,
        streams_per_connection: streams?,
        connection_age: age?,
        connection_grace: grace?,
        memory: memory?,
        runtimes: Runtimes::OnePerProcessor,
    };
    Ok((limits, whole(in_flight?), drain?))
}
