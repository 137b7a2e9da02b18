//! The lines when their output stalls or refuses.

use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;

const SOON: Duration = Duration::from_secs(10);

/// An output that takes a write only when the test gives its result.
struct Gate {
    wanted: Sender<Vec<u8>>,
    verdicts: Receiver<io::Result<usize>>,
}

impl Write for Gate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.wanted.send(bytes.to_vec());
        self.verdicts
            .recv()
            .unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into()))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn gated() -> (LogQueue, Receiver<Vec<u8>>, Sender<io::Result<usize>>) {
    let (wanted, writes) = channel();
    let (verdict, verdicts) = channel();
    let queue = LogQueue::start(Gate { wanted, verdicts }).unwrap();
    (queue, writes, verdict)
}

#[test]
fn an_output_that_stalls_holds_up_nobody_and_the_queue_is_bounded_by_lines_and_by_bytes() {
    let (queue, writes, verdict) = gated();
    queue.push(b"first\n");
    assert_eq!(writes.recv_timeout(SOON).unwrap(), b"first\n");
    for _ in 0..LINES_MAX {
        queue.push(b"line\n");
    }
    assert_eq!(queue.0.state.lock().unreported, 0);
    queue.push(b"one too many\n");
    assert_eq!(queue.0.state.lock().unreported, 1);
    assert!(!queue.flush(Duration::from_millis(1)));
    drop(verdict);

    let (queue, writes, _verdict) = gated();
    queue.push(b"first\n");
    assert_eq!(writes.recv_timeout(SOON).unwrap(), b"first\n");
    let long = vec![b'x'; BYTES_MAX / 2];
    queue.push(&long);
    queue.push(&long);
    queue.push(b"x");
    let state = queue.0.state.lock();
    assert_eq!((state.lines.len(), state.unreported), (2, 1));
}

#[test]
fn a_line_that_is_taken_piece_by_piece_stays_whole() {
    let (queue, writes, verdict) = gated();
    queue.push(b"abc\n");
    assert_eq!(writes.recv_timeout(SOON).unwrap(), b"abc\n");
    verdict.send(Ok(1)).unwrap();
    assert_eq!(writes.recv_timeout(SOON).unwrap(), b"bc\n");
    verdict.send(Err(io::ErrorKind::WouldBlock.into())).unwrap();
    assert_eq!(writes.recv_timeout(SOON).unwrap(), b"bc\n");
    verdict.send(Ok(3)).unwrap();
    assert!(queue.flush(SOON));
}

#[test]
fn a_line_that_is_refused_is_counted_and_the_next_ones_are_tried() {
    let (queue, writes, verdict) = gated();
    queue.push(b"lost\n");
    writes.recv_timeout(SOON).unwrap();
    verdict.send(Err(io::ErrorKind::BrokenPipe.into())).unwrap();
    assert!(queue.flush(SOON));
    assert_eq!(queue.0.state.lock().unreported, 1);
    queue.push(b"kept\n");
    assert_eq!(writes.recv_timeout(SOON).unwrap(), b"kept\n");
    verdict.send(Ok(5)).unwrap();
    assert!(queue.flush(SOON));
    assert_eq!(queue.0.state.lock().unreported, 0);
}
