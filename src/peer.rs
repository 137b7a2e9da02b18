//! What the listener knows of the other end of a connection: where it connects from, and the certificate that TLS has verified.

mod per_network;

use std::{
    any::Any,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use http::Extensions;
use parking_lot::Mutex;

pub use self::per_network::{NetworkPermit, PerNetwork};

/// The part of an IPv6 address that its holder does not choose: a network of 64 bits is the smallest that is handed out.
const IPV6_NETWORK: u128 = u128::MAX << 64;

/// The other end of a connection. The listener puts it into the extensions of every request.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Where it connects from.
    pub address: PeerAddress,
    /// Its certificate; `None` without TLS, or if it presented none.
    pub certificate: Option<Arc<PeerCertificate>>,
    /// Whether its calls go first.
    pub urgency: Urgency,
    /// Who was authenticated on the connection.
    pub authenticated: Memo,
}

/// A result that is stored with a connection, so that it need not be computed again for each call. Clones share it. Its type says for which input it
/// is the result.
#[derive(Debug, Clone, Default)]
pub struct Memo(Arc<Mutex<Option<Stored>>>);

type Stored = Arc<dyn Any + Send + Sync>;

impl Memo {
    /// What was put in last, if it is of this type.
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        let stored = self.0.lock().clone();
        stored.and_then(|stored| stored.downcast().ok())
    }

    /// Puts this in, in place of what was there.
    pub fn set<T: Send + Sync + 'static>(&self, stored: T) {
        *self.0.lock() = Some(Arc::new(stored));
    }
}

/// Whether the calls of a connection go first where not all can be served: as those of the caller that was last seen on it. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Urgency(Arc<AtomicBool>);

impl Urgency {
    /// Notes whether the calls of a caller go first that was seen on the connection.
    pub fn note(&self, urgent: bool) {
        if self.is_urgent() != urgent {
            self.0.store(urgent, Relaxed);
        }
    }

    /// Whether calls go first.
    pub fn is_urgent(&self) -> bool {
        self.0.load(Relaxed)
    }
}

/// Where a connection comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerAddress {
    /// A TCP connection.
    Ip(SocketAddr),
    /// A Unix socket: a process of this machine.
    Unix,
}

/// The names in a client certificate that TLS has accepted: the chain, the time and the revocation lists were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerCertificate {
    /// Its URIs (subject alternative names), as they stand in it.
    pub uris: Vec<Box<str>>,
    /// Its DNS names (subject alternative names), as they stand in it.
    pub dns_names: Vec<Box<str>>,
}

impl Peer {
    /// The peer of the connection on which a request came.
    pub fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get()
    }

    /// The IP address that the connection comes from; that of the loopback for a Unix socket.
    pub fn ip(&self) -> IpAddr {
        match self.address {
            PeerAddress::Ip(address) => address.ip(),
            PeerAddress::Unix => Ipv4Addr::LOCALHOST.into(),
        }
    }
}

/// Where a request comes from by the word of a proxy that is trusted. For quotas and log lines; it authenticates nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// The IP address that a request comes from: by the word of a proxy that is trusted, otherwise that of the connection.
pub fn ip_of(extensions: &Extensions) -> IpAddr {
    if let Some(ClientAddress(address)) = extensions.get() {
        return *address;
    }
    // The listener always sets it. A call without it shares one quota with others like it, and does not go without a quota.
    Peer::of(extensions).map_or(Ipv4Addr::UNSPECIFIED.into(), Peer::ip)
}

/// The network of an address within which one host can choose its own: the loopback, or an IPv6 network of 64 bits; an IPv4 address is by
/// itself, also when it is written as IPv6.
pub fn network_of(address: IpAddr) -> IpAddr {
    let address = address.to_canonical();
    if address.is_loopback() {
        return Ipv4Addr::LOCALHOST.into();
    }
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & IPV6_NETWORK).into(),
    }
}
