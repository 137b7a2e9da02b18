//! What keeps a connection from waiting for ever, and from saying that something was sent that was not.

use tokio::{
    io::{BufStream, duplex, join},
    net::TcpListener,
    time::Instant,
};

use super::*;

const LONG: Duration = Duration::from_secs(30);

#[expect(clippy::disallowed_methods, reason = "time is paused in these tests")]
fn paused_now() -> Instant {
    Instant::now()
}

#[test]
fn each_attempt_takes_the_next_address_of_a_name() {
    let addresses = [1, 2, 3].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    let taken = (0..5).map(|attempt| address_of(&addresses, attempt).unwrap().port());
    assert_eq!(taken.collect::<Vec<_>>(), [1, 2, 3, 1, 2]);
    assert_eq!(address_of(&[], 7), None);
}

#[tokio::test]
async fn a_name_whose_first_address_is_refused_is_connected_to_by_the_next_one() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refused = gone.local_addr().unwrap();
    drop(gone);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stream = connect_to(&[refused, address], LONG).await.unwrap();
    assert_eq!(stream.peer_addr().unwrap(), address);
    assert!(connect_to(&[refused], LONG).await.is_err());
}

#[tokio::test]
async fn a_receiver_that_vanishes_is_noticed_within_the_given_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stream = connect_to(&[address], LONG).await.unwrap();
    assert!(stream.nodelay().unwrap());
    assert!(sockopt::socket_keepalive(&stream).unwrap());
    let idle = sockopt::tcp_keepidle(&stream).unwrap();
    let probes = sockopt::tcp_keepcnt(&stream).unwrap();
    let probing = sockopt::tcp_keepintvl(&stream).unwrap() * probes;
    assert!(probes > 1 && idle + probing <= LONG, "{idle:?} {probing:?}");
    #[cfg(target_os = "linux")]
    assert_eq!(sockopt::tcp_user_timeout(&stream).unwrap(), 30_000);
}

/// As TLS does, which may hold back what it was given.
#[tokio::test(start_paused = true)]
async fn what_was_written_is_on_its_way_before_it_counts() {
    let (ours, mut theirs) = duplex(64);
    let mut connection = Connection::over(BufStream::new(ours));
    let written = connection.write(b"a message", LONG).await;
    assert_eq!(written, Ok(9));
    let mut arrived = [0; 9];
    let reading = theirs.read_exact(&mut arrived);
    timeout(LONG, reading).await.expect("it arrives").unwrap();
    assert_eq!(arrived, *b"a message");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_takes_nothing_is_left() {
    let (open, _theirs) = duplex(64);
    let full = io::Cursor::new(Box::<[u8]>::default());
    let mut connection = Connection::over(join(open, full));
    let written = connection.write(b"a message", LONG).await;
    assert!(written.unwrap_err().contains("takes nothing"));
}

/// It reads nothing any more, and says so by closing its side.
#[tokio::test(start_paused = true)]
async fn a_receiver_that_closes_while_something_is_written_is_left_at_once() {
    let (ours, mut theirs) = duplex(4);
    let mut connection = Connection::over(ours);
    assert_eq!(connection.write(b"full", LONG).await, Ok(4));
    let began = paused_now();
    let (written, closed) = tokio::join!(connection.write(b"more", LONG), theirs.shutdown());
    closed.unwrap();
    assert!(written.unwrap_err().contains("closed"));
    assert!(began.elapsed() < Duration::from_secs(1));
}
