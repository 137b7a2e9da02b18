//! Sockets that the process got from its service manager (socket activation, `sd_listen_fds(3)`): they outlive the process, so that
//! during a restart connections wait for the next one instead of being refused.

use std::{
    ffi::{OsStr, OsString},
    io,
    net::TcpListener,
    os::{fd::AsFd, unix::net::UnixListener},
    path::PathBuf,
};

use listenfd::ListenFd;
use rustix::net::sockopt::socket_acceptconn;

/// The names of the listeners, in the order in which sockets without a name of these are theirs.
const NAMES: [&str; 4] = ["grpc", "http", "admin", "public"];

/// Sockets that no listener has taken yet.
#[derive(Debug, Default)]
pub struct Inherited(Vec<(&'static str, InheritedSocket)>);

/// A socket that listens already.
#[derive(Debug)]
pub(super) enum InheritedSocket {
    Tcp(TcpListener),
    /// With its path, which belongs to the process that has bound it.
    Unix(UnixListener, PathBuf),
}

/// The sockets that were passed are not those of the listeners.
#[derive(Debug, thiserror::Error)]
pub enum InheritError {
    /// There are more than listeners, or `LISTEN_FDS` is no number.
    #[error(
        "LISTEN_FDS is `{0}`: pass one socket for each of grpc, http, admin and public at most"
    )]
    Count(String),
    /// Not as many names as sockets.
    #[error("LISTEN_FDNAMES has {names} names for {sockets} sockets")]
    Names {
        /// How many names there are.
        names: usize,
        /// How many sockets.
        sockets: usize,
    },
    /// Some names are those of listeners, and one is not.
    #[error(
        "no listener is named `{0}`: set FileDescriptorName= of the socket unit to grpc, http, admin or public"
    )]
    Unknown(String),
    /// Two sockets for one listener.
    #[error("two sockets are named `{0}`")]
    Twice(&'static str),
    /// Not a socket that listens.
    #[error("the socket for `{0}` cannot be used")]
    Unusable(&'static str, #[source] io::Error),
    /// The configuration has no such listener.
    #[error("a socket is named `{0}`, and the configuration has no such listener")]
    NoListener(&'static str),
}

impl Inherited {
    /// Takes the sockets that `LISTEN_FDS`, `LISTEN_FDNAMES` and `LISTEN_PID` announce; none if they are meant for another process.
    /// Called before there are threads: the library removes two of the variables.
    pub fn take_from(environment: &[(OsString, OsString)]) -> Result<Self, InheritError> {
        let variable = |wanted: &str| {
            let mut found = environment.iter().filter(|(name, _)| name == wanted);
            found.next().map(|(_, value)| value.as_os_str())
        };
        let Some(count) = variable("LISTEN_FDS").map(OsStr::to_string_lossy) else {
            return Ok(Self::default());
        };
        if !count.parse().is_ok_and(|count: usize| count <= NAMES.len()) {
            return Err(InheritError::Count(count.into_owned()));
        }
        let mut passed = ListenFd::from_env();
        if passed.len() == 0 {
            // They are meant for another process, which has passed its environment on.
            return Ok(Self::default());
        }
        let names = variable("LISTEN_FDNAMES").map(OsStr::to_string_lossy);
        let names = assign(names.as_deref(), passed.len())?;
        let taken = names.into_iter().enumerate().map(|(index, name)| {
            let socket = take(&mut passed, index);
            socket
                .map(|socket| (name, socket))
                .map_err(|error| InheritError::Unusable(name, error))
        });
        taken.collect::<Result<_, _>>().map(Self)
    }

    /// Gives its socket to the listener of this name.
    pub(super) fn take(&mut self, name: &str) -> Option<InheritedSocket> {
        let index = self.0.iter().position(|(of, _)| *of == name)?;
        Some(self.0.swap_remove(index).1)
    }

    /// An error if a socket is left that no listener has taken.
    pub(super) fn all_taken(&self) -> Result<(), InheritError> {
        match self.0.first() {
            Some((name, _)) => Err(InheritError::NoListener(name)),
            None => Ok(()),
        }
    }
}

/// Which listener each socket is for: by name, or by order if no name is that of a listener. (Without `FileDescriptorName=`, systemd
/// names a socket after its unit.)
fn assign(names: Option<&str>, sockets: usize) -> Result<Vec<&'static str>, InheritError> {
    let names: Vec<&str> = names.map_or_else(Vec::new, |names| names.split(':').collect());
    let known = |name: &str| NAMES.into_iter().find(|known| *known == name);
    if !names.iter().any(|name| known(name).is_some()) {
        return Ok(NAMES.into_iter().take(sockets).collect());
    }
    if names.len() != sockets {
        let names = names.len();
        return Err(InheritError::Names { names, sockets });
    }
    let mut assigned = Vec::new();
    for name in names {
        let name = known(name).ok_or_else(|| InheritError::Unknown(name.to_owned()))?;
        if assigned.contains(&name) {
            return Err(InheritError::Twice(name));
        }
        assigned.push(name);
    }
    Ok(assigned)
}

/// The socket at this position, if it is one that listens.
fn take(passed: &mut ListenFd, index: usize) -> io::Result<InheritedSocket> {
    let missing = || io::Error::other("it is missing");
    if let Ok(tcp) = passed.take_tcp_listener(index) {
        let listener = tcp.ok_or_else(missing)?;
        check_listens(&listener)?;
        listener.set_nonblocking(true)?;
        return Ok(InheritedSocket::Tcp(listener));
    }
    let Ok(unix) = passed.take_unix_listener(index) else {
        return Err(io::Error::other(
            "it is neither a TCP nor a Unix stream socket",
        ));
    };
    let listener = unix.ok_or_else(missing)?;
    check_listens(&listener)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    // Any process in the same network namespace could connect to a name without a file.
    let path = address
        .as_pathname()
        .ok_or_else(|| io::Error::other("it is a Unix socket without a path"))?;
    Ok(InheritedSocket::Unix(listener, path.to_owned()))
}

fn check_listens(socket: &impl AsFd) -> io::Result<()> {
    if socket_acceptconn(socket)? {
        Ok(())
    } else {
        Err(io::Error::other("it does not listen"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assigned(names: Option<&str>, sockets: usize) -> Result<Vec<&'static str>, String> {
        assign(names, sockets).map_err(|error| error.to_string())
    }

    #[test]
    fn sockets_are_assigned_by_name_or_by_order() {
        assert_eq!(assigned(Some("admin:grpc"), 2).unwrap(), ["admin", "grpc"]);
        assert_eq!(assigned(None, 3).unwrap(), ["grpc", "http", "admin"]);
        assert_eq!(assigned(Some(""), 1).unwrap(), ["grpc"]);
        let unit = Some("verigate.socket:verigate.socket");
        assert_eq!(assigned(unit, 2).unwrap(), ["grpc", "http"]);
        assert!(assigned(None, 0).unwrap().is_empty());
    }

    #[test]
    fn names_that_do_not_fit_are_errors() {
        for (names, sockets, expected) in [
            ("grpc:other", 2, "no listener is named `other`"),
            ("grpc:", 2, "no listener is named ``"),
            ("grpc:grpc", 2, "two sockets are named `grpc`"),
            ("grpc", 2, "LISTEN_FDNAMES has 1 names for 2 sockets"),
            ("grpc:http:admin", 2, "has 3 names for 2 sockets"),
        ] {
            let error = assigned(Some(names), sockets).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_number_of_sockets_that_cannot_be_is_an_error() {
        for count in ["", "x", "-1", "5", "18446744073709551616"] {
            let environment = [("LISTEN_FDS".into(), count.into())];
            let error = Inherited::take_from(&environment).unwrap_err().to_string();
            assert!(error.contains(&format!("`{count}`")), "{error}");
        }
        assert!(Inherited::take_from(&[]).unwrap().0.is_empty());
    }

    #[test]
    fn a_socket_without_a_listener_is_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut inherited = Inherited(vec![("public", InheritedSocket::Tcp(listener))]);
        assert!(inherited.take("grpc").is_none());
        let error = inherited.all_taken().unwrap_err().to_string();
        assert!(error.contains("`public`"), "{error}");
        assert!(inherited.take("public").is_some());
        inherited.all_taken().unwrap();
    }
}
