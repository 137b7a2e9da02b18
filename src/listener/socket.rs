//! Binds the sockets of listeners, and accepts connections on them.

use std::{
    fs, io,
    os::unix::{
        fs::{FileTypeExt as _, PermissionsExt as _},
        net::UnixStream as StdUnixStream,
    },
    path::{Path, PathBuf},
};

use tokio::net::{TcpListener, UnixListener};

use super::{address::ListenAddress, inherited::InheritedSocket, stream::NewConnection};
use crate::peer::PeerAddress;

/// Who may connect to a Unix socket: its owner and its group.
const UNIX_SOCKET_MODE: u32 = 0o660;

/// A bound socket.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener, SocketFile),
}

/// The file of a Unix socket. It is removed when the listener ends, unless another process has replaced or bound it.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    inode: Option<u64>,
}

impl Socket {
    /// Binds an address. The file of a Unix socket on which nobody listens any more is replaced.
    pub(super) async fn bind(address: &ListenAddress) -> io::Result<Self> {
        match address {
            ListenAddress::Tcp(address) => TcpListener::bind(address).await.map(Self::Tcp),
            ListenAddress::Unix(path) => {
                remove_abandoned(path)?;
                let listener = UnixListener::bind(path)?;
                let file = SocketFile {
                    path: path.clone(),
                    inode: inode(path),
                };
                fs::set_permissions(path, fs::Permissions::from_mode(UNIX_SOCKET_MODE))?;
                Ok(Self::Unix(listener, file))
            }
        }
    }

    /// Uses a socket that another process has bound, in place of one at this address. It may not be reached from further away.
    pub(super) fn inherit(socket: InheritedSocket, configured: &ListenAddress) -> io::Result<Self> {
        let socket = match socket {
            InheritedSocket::Tcp(listener) => Self::Tcp(TcpListener::from_std(listener)?),
            InheritedSocket::Unix(listener, path) => {
                let file = SocketFile { path, inode: None };
                Self::Unix(UnixListener::from_std(listener)?, file)
            }
        };
        let bound = socket.address()?;
        if configured.is_local() && !bound.is_local() {
            return Err(io::Error::other(format!(
                "the socket that was passed listens on {bound}, which other machines can reach: pass one of this machine, or change the setting"
            )));
        }
        Ok(socket)
    }

    /// The address that is bound.
    pub(super) fn address(&self) -> io::Result<ListenAddress> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(ListenAddress::Tcp),
            Self::Unix(_, file) => Ok(ListenAddress::Unix(file.path.clone())),
        }
    }

    /// Accepts one connection.
    pub(super) async fn accept(&self) -> io::Result<(NewConnection, PeerAddress)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                // With Nagle's algorithm an answer may wait for the peer's ACK. If it cannot be disabled, answers are only slower.
                let _ = stream.set_nodelay(true);
                Ok((
                    NewConnection::Tcp(stream.into_std()?),
                    PeerAddress::Ip(peer),
                ))
            }
            Self::Unix(listener, _) => {
                let (stream, _) = listener.accept().await?;
                Ok((NewConnection::Unix(stream.into_std()?), PeerAddress::Unix))
            }
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.inode.is_some() && inode(&self.path) == self.inode {
            // It is replaced at the next start if it cannot be removed.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn inode(path: &Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt as _;
    fs::symlink_metadata(path).ok().map(|found| found.ino())
}

/// Removes a socket on which nobody listens. Anything else at this path stays, and binding fails.
fn remove_abandoned(path: &Path) -> io::Result<()> {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    if !is_socket {
        return Ok(());
    }
    match StdUnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_that_was_passed_is_reached_from_no_further_than_its_setting_says() {
        let pass = |bound: &str, configured: &str| {
            let listener = std::net::TcpListener::bind(bound).unwrap();
            listener.set_nonblocking(true).unwrap();
            let configured = configured.parse().unwrap();
            Socket::inherit(InheritedSocket::Tcp(listener), &configured)
        };
        pass("127.0.0.1:0", "127.0.0.1:1").unwrap();
        pass("127.0.0.1:0", "0.0.0.0:1").unwrap();
        pass("0.0.0.0:0", "0.0.0.0:1").unwrap();
        for configured in ["127.0.0.1:1", "[::1]:1", "unix:/run/x"] {
            let error = pass("0.0.0.0:0", configured).unwrap_err().to_string();
            assert!(error.contains("other machines can reach"), "{error}");
        }
    }

    #[tokio::test]
    async fn the_file_of_a_socket_that_was_passed_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("grpc.sock");
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        listener.set_nonblocking(true).unwrap();
        let passed = InheritedSocket::Unix(listener, path.clone());
        let configured = "127.0.0.1:1".parse().unwrap();
        let socket = Socket::inherit(passed, &configured).unwrap();
        assert_eq!(socket.address().unwrap(), ListenAddress::Unix(path.clone()));
        drop(socket);
        assert!(path.exists());
    }

    #[tokio::test]
    async fn the_socket_of_a_dead_process_is_replaced_and_that_of_a_live_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("grpc.sock");
        let address = ListenAddress::Unix(path.clone());
        // A listener that ends without removing its file.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let first = Socket::bind(&address).await.unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o660
        );
        let second = Socket::bind(&address).await.unwrap_err();
        assert_eq!(second.kind(), io::ErrorKind::AddrInUse);
        assert!(path.exists(), "the socket in use stays");
        drop(first);
        assert!(!path.exists(), "the socket is removed with its listener");
        fs::write(&path, "a file").unwrap();
        Socket::bind(&address).await.unwrap_err();
        assert_eq!(fs::read_to_string(&path).unwrap(), "a file");
    }
}
