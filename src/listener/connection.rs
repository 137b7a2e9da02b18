//! One connection, from its first byte until it is closed.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
};

use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    select,
    sync::watch,
    time::{MissedTickBehavior, interval},
};

use super::{
    activity::{Activity, READ_AT_ONCE},
    backlog::Backlog,
    call_set::{Arrived, CallSet},
    lifetime::{Lifetime, TICK, Verdict},
    limits::{
        FIRST_BYTE_TIMEOUT, HEAD_BYTES_MAX, HEAD_TIMEOUT, HEADER_LIST_BYTES_MAX, Limits,
        PING_INTERVAL, PING_TIMEOUT, PREFACE_TIMEOUT, RESETS_PENDING_MAX, SEND_BUFFER_BYTES,
        STREAM_WINDOW,
    },
    memory::{Budget, REFUSED_MAX},
    metrics::Closed,
    preface::{self, Preface},
    protocol::{Protocol, stopped},
    service::{OnConnection, Serves},
    silent::Silent,
    stream::Watched,
    task_wakes::TaskWakes,
};
use crate::peer::Peer;

/// What every connection of a listener is served with.
#[derive(Debug, Clone)]
pub(super) struct Serving<S> {
    pub(super) protocol: Protocol,
    pub(super) service: S,
    /// Where its calls wait for their turns; `None` if they do not.
    pub(super) backlog: Option<Arc<Backlog>>,
    pub(super) limits: Limits,
    pub(super) budget: Arc<Budget>,
    pub(super) silent: Silent,
    pub(super) stopping: watch::Receiver<bool>,
}

/// A connection of HTTP/1 or HTTP/2.
trait Connection: Future {
    /// Accepts no more requests, and ends when those in flight have ended.
    fn finish(self: Pin<&mut Self>);
}

impl<I, S> Connection for http1::Connection<I, OnConnection<S>>
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin + 'static,
    S: Serves,
{
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<I, S> Connection for http2::Connection<I, OnConnection<S>, Arrived>
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
    S: Serves,
{
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<S: Serves> Serving<S> {
    /// Serves a connection until it ends; why it has ended.
    pub(super) async fn serve<I>(self, mut stream: I, peer: Peer) -> Closed
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let timeout = match self.protocol {
            Protocol::Http2Only(_) => PREFACE_TIMEOUT,
            Protocol::AnyHttp => HEAD_TIMEOUT,
            // It has few connections, and probes wait for one.
            Protocol::Http1Only => FIRST_BYTE_TIMEOUT,
        };
        let begun = select! {
            // First: who has said something is not silent.
            biased;
            begun = preface::read(&mut stream, timeout) => begun,
            () = stopped(self.stopping.clone()) => return Closed::Stopped,
            () = self.silent.displaced() => return Closed::Displaced,
        };
        match (begun, &self.protocol) {
            (Preface::Http2(read), Protocol::Http2Only(_) | Protocol::AnyHttp) => {
                // In memory of their own: a connection would else take that of either protocol, several times.
                Box::pin(self.http2(stream, read, peer)).await
            }
            (Preface::Http2(read) | Preface::Other(read), Protocol::Http1Only)
            | (Preface::Other(read), Protocol::AnyHttp) => {
                Box::pin(self.http1(stream, read, peer)).await
            }
            (Preface::Other(_), Protocol::Http2Only(report)) => {
                report(&peer);
                preface::reject(&mut stream).await;
                Closed::Protocol
            }
            (Preface::Missing, _) => Closed::Protocol,
            (Preface::Left, _) => Closed::Peer,
        }
    }

    /// A connection on which nothing has happened yet.
    fn activity(&self) -> Arc<Activity> {
        Arc::new(Activity::new(self.budget.enter()))
    }

    async fn http2<I>(self, stream: I, read: Vec<u8>, peer: Peer) -> Closed
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let activity = self.activity();
        let backlog = match self.protocol {
            Protocol::Http2Only(_) => self.backlog,
            Protocol::AnyHttp | Protocol::Http1Only => None,
        };
        let turns = backlog
            .clone()
            .map(|backlog| (backlog, peer.urgency.clone()));
        let watched = Watched::http2(stream, read, Arc::clone(&activity), turns);
        let stream = TokioIo::new(watched);
        let calls = CallSet::default();
        let mut builder = http2::Builder::new(calls.arrived());
        builder
            .timer(TokioTimer::new())
            // No cache stores what the port of gRPC answers, its rejections of other requests included.
            .auto_date_header(matches!(self.protocol, Protocol::AnyHttp))
            .max_concurrent_streams(self.limits.streams_per_connection)
            .initial_connection_window_size(self.limits.connection_window())
            .initial_stream_window_size(STREAM_WINDOW)
            .max_send_buf_size(SEND_BUFFER_BYTES)
            .max_header_list_size(HEADER_LIST_BYTES_MAX)
            .max_pending_accept_reset_streams(RESETS_PENDING_MAX)
            .max_local_error_reset_streams(usize::try_from(REFUSED_MAX).ok())
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT);
        let service = OnConnection::new(self.service, peer, Arc::clone(&activity), backlog);
        let connection = builder.serve_connection(stream, service);
        let lifetime = Lifetime::new(&self.limits, spread(), false);
        drive(connection, calls, lifetime, &activity, self.stopping).await
    }

    async fn http1<I>(self, stream: I, read: Vec<u8>, peer: Peer) -> Closed
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let activity = self.activity();
        let stream = TokioIo::new(Watched::http1(stream, read, Arc::clone(&activity)));
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            // The driver has this timeout: the library's also closes connections that are idle.
            .header_read_timeout(None)
            .max_buf_size(HEAD_BYTES_MAX);
        let service = OnConnection::new(self.service, peer, Arc::clone(&activity), None);
        let connection = builder.serve_connection(stream, service);
        let lifetime = Lifetime::new(&self.limits, spread(), true);
        // None: HTTP/1 has one call at a time, and polls it itself.
        let calls = CallSet::default();
        drive(connection, calls, lifetime, &activity, self.stopping).await
    }
}

/// By how much the age of one connection differs from the configured one, so that not all are replaced at once.
fn spread() -> f64 {
    0.9 + 0.2 * fastrand::f64()
}

/// Drives a connection until it ends by itself or is to be closed.
async fn drive(
    connection: impl Connection,
    mut calls: CallSet,
    mut lifetime: Lifetime,
    activity: &Activity,
    stopping: watch::Receiver<bool>,
) -> Closed {
    let mut connection = pin!(connection);
    let mut stop = pin!(stopped(stopping));
    let mut closed = pin!(activity.holding().closed());
    let wakes = TaskWakes::new();
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first one is at once.
    tick.tick().await;
    let mut now = 0;
    let mut finishing = None;
    loop {
        select! {
            // An error is the peer's, or means that it has left.
            _ = poll_fn(|context| {
                activity.may_read(READ_AT_ONCE);
                wakes.poll(context, &mut calls, connection.as_mut(), || activity.is_readable())
            }) => {
                let flooded = activity.is_flooded().then_some(Closed::Flood);
                let closed = activity.holding().is_closing().then_some(Closed::Memory);
                return flooded.or(closed).or(finishing).unwrap_or(Closed::Peer);
            }
            () = &mut closed => return Closed::Memory,
            _ = tick.tick() => {
                now = activity.advance();
                match lifetime.at(now, activity) {
                    Verdict::Keep => {}
                    Verdict::Finish(why) => {
                        finishing = Some(why);
                        activity.finish();
                        connection.as_mut().finish();
                    }
                    Verdict::Close(why) => return why,
                }
            }
            () = &mut stop, if finishing != Some(Closed::Stopped) => {
                finishing = Some(Closed::Stopped);
                lifetime.stop(now);
                activity.finish();
                connection.as_mut().finish();
            }
        }
    }
}
