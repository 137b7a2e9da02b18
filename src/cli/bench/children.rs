//! The servers that `verigate bench --demo` starts, each a process of its own, which ends with the command.

use std::{
    ffi::OsStr,
    io::{BufRead as _, BufReader, Read, copy, sink},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    thread,
    time::Duration,
};

use anyhow::{Context as _, bail};

/// How long a server may take to listen.
const START_MAX: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);
/// What is kept of the output of a server that does not start.
const OUTPUT_BYTES_MAX: u64 = 64 * 1024;

/// A server that runs. Ends when it is dropped.
#[derive(Debug)]
pub(super) struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // Errors mean that it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Where a server writes the line with its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    Stdout,
    Stderr,
}

impl Server {
    /// The id of its process.
    pub(super) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Starts a program: the server, and how messages name it. What it writes is read from where it `says`, and dropped otherwise.
    fn spawn(
        program: &OsStr,
        arguments: &[&str],
        says: Option<Says>,
    ) -> anyhow::Result<(Self, String)> {
        let piped = |of| {
            if says == Some(of) {
                Stdio::piped()
            } else {
                Stdio::null()
            }
        };
        let first = arguments.first().unwrap_or(&"");
        let shown = format!("{} {first}", program.to_string_lossy());
        let child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(piped(Says::Stdout))
            .stderr(piped(Says::Stderr))
            .spawn();
        let child = child.with_context(|| format!("cannot start `{shown}`"))?;
        Ok((Self(child), shown))
    }

    /// Starts a program that writes where it listens: the server, and the address behind `mark` in the first line with it.
    pub(super) fn start(
        program: &OsStr,
        arguments: &[&str],
        (says, mark): (Says, &str),
        stop: &AtomicBool,
    ) -> anyhow::Result<(Self, SocketAddr)> {
        Self::start_within(START_MAX, program, arguments, (says, mark), stop)
    }

    fn start_within(
        start_max: Duration,
        program: &OsStr,
        arguments: &[&str],
        (says, mark): (Says, &str),
        stop: &AtomicBool,
    ) -> anyhow::Result<(Self, SocketAddr)> {
        let (mut server, shown) = Self::spawn(program, arguments, Some(says))?;
        let output: Option<Box<dyn Read + Send>> = match says {
            Says::Stdout => server.0.stdout.take().map(|out| Box::new(out) as _),
            Says::Stderr => server.0.stderr.take().map(|out| Box::new(out) as _),
        };
        let lines = lines_of(output.context("a pipe is missing")?);
        let (mut all, mut waited) = (String::new(), Duration::ZERO);
        loop {
            match lines.recv_timeout(POLL) {
                Ok(line) => match address(&line, mark) {
                    Some(address) => return Ok((server, address)),
                    None => all.push_str(&line),
                },
                Err(RecvTimeoutError::Disconnected) => {
                    bail!("`{shown}` does not listen:\n{}", all.trim_end())
                }
                Err(RecvTimeoutError::Timeout) => waited += POLL,
            }
            if stop.load(Ordering::Relaxed) {
                bail!("interrupted");
            }
            if waited > start_max {
                bail!(
                    "`{shown}` does not listen after {} s:\n{}",
                    start_max.as_secs(),
                    all.trim_end()
                );
            }
        }
    }

    /// Starts a program that listens on this port, and waits until it does.
    pub(super) fn start_on(
        program: &OsStr,
        arguments: &[&str],
        address: SocketAddr,
        stop: &AtomicBool,
    ) -> anyhow::Result<Self> {
        let (mut server, shown) = Self::spawn(program, arguments, None)?;
        let mut waited = Duration::ZERO;
        while TcpStream::connect_timeout(&address, POLL).is_err() {
            if let Some(ended) = server.0.try_wait()? {
                bail!("`{shown}` does not listen: {ended}");
            }
            if waited > START_MAX || stop.load(Ordering::Relaxed) {
                bail!("`{shown}` does not listen on {address}");
            }
            thread::sleep(POLL);
            waited += POLL;
        }
        Ok(server)
    }
}

/// The lines of an output, read by a thread that may wait for them. What comes after the first ones is dropped, and never fills the pipe.
fn lines_of(output: Box<dyn Read + Send>) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut lines = BufReader::new(output.take(OUTPUT_BYTES_MAX));
        loop {
            let mut line = String::new();
            let read = lines.read_line(&mut line).unwrap_or(0);
            if read == 0 || sender.send(line).is_err() {
                break;
            }
        }
        let mut rest = lines.into_inner().into_inner();
        // The end of the server ends it.
        let _ = copy(&mut rest, &mut sink());
    });
    receiver
}

/// The address behind the mark.
fn address(line: &str, mark: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once(mark)?;
    let end = rest.find(|c: char| !c.is_ascii_digit() && !".:".contains(c));
    rest.get(..end.unwrap_or(rest.len()))?.parse().ok()
}

/// A port that is free now.
pub(super) fn free_port() -> std::io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_what_stands_behind_the_mark() {
        let line =
            "{\"event\":\"service_ready\",\"grpc\":\"127.0.0.1:5\",\"http\":\"127.0.0.1:6\"}";
        assert_eq!(
            address(line, "\"grpc\":\""),
            Some(([127, 0, 0, 1], 5).into())
        );
        assert_eq!(
            address("listens on http://127.0.0.1:7\n", "http://"),
            Some(([127, 0, 0, 1], 7).into())
        );
        assert_eq!(address("http://localhost", "http://"), None);
        assert_eq!(address("nothing", "http://"), None);
    }

    #[test]
    fn a_program_that_does_not_listen_is_an_error_with_what_it_says() {
        let arguments = ["-c", "echo no room >&2"];
        let (stop, mark) = (AtomicBool::new(false), (Says::Stderr, "http://"));
        let error = Server::start(OsStr::new("sh"), &arguments, mark, &stop).unwrap_err();
        assert_eq!(error.to_string(), "`sh -c` does not listen:\nno room");
        let missing = OsStr::new("/nonexistent/program");
        assert!(Server::start(missing, &[], (Says::Stdout, "x"), &stop).is_err());
    }

    #[test]
    fn a_program_that_says_nothing_is_not_waited_for_for_ever() {
        let arguments = ["-c", "echo a; exec sleep 600"];
        let mark = (Says::Stdout, "http://");
        let start = |stop| {
            let sh = OsStr::new("sh");
            let error =
                Server::start_within(2 * POLL, sh, &arguments, mark, &AtomicBool::new(stop));
            error.unwrap_err().to_string()
        };
        assert!(start(false).contains("does not listen after 0 s"));
        assert_eq!(start(true), "interrupted");
    }
}
