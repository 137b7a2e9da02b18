//! What the log tells in an outage: little, what to do, and of nobody.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use tracing::subscriber::{DefaultGuard, set_default};
use verigate::sim::{ApiCall, Fault};

use crate::world::{FAILED_FOR_MAX, World};

/// What is logged on this thread, on which a test's whole world lives.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for &Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn begin() -> (Self, DefaultGuard) {
        let log = Self::default();
        let writer = Arc::new(log.clone());
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::WARN)
            .with_ansi(false)
            .with_writer(writer)
            .finish();
        (log, set_default(subscriber))
    }

    fn lines(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

/// A minute of checks while the upstream fails so; what the log has afterwards.
async fn a_minute_of(faults: &[(ApiCall, Fault)]) -> Vec<String> {
    let (log, _logging) = Log::begin();
    let world = World::new().await;
    for (call, fault) in faults {
        world.spoil(*call, None, fault.clone());
    }
    for n in 0..(60_000 / FAILED_FOR_MAX.as_millis()) {
        for verification in ["fresh", "stale", "minor", "nobody"] {
            world.check("front-door", verification).await;
            world
                .check("tolerant", &format!("{verification}-{n}"))
                .await;
        }
        world.clock.advance(FAILED_FOR_MAX);
    }
    log.lines()
}

#[tokio::test]
async fn a_minute_of_an_outage_is_a_few_lines_that_say_where_to_look() {
    for (faults, told) in [
        (
            vec![(ApiCall::Details, Fault::Status(503))],
            "it is theirs to mend",
        ),
        (
            vec![(ApiCall::Details, Fault::Status(429))],
            "lower incode.rate",
        ),
        (
            vec![(ApiCall::Details, Fault::Html)],
            "look for a proxy in between",
        ),
        (
            vec![(ApiCall::Details, Fault::Status(406))],
            "406: api-version",
        ),
        (
            vec![(ApiCall::Details, Fault::ExpiredToken)],
            "refuses a token that it has just issued",
        ),
        (
            vec![(ApiCall::Authorize, Fault::Status(403))],
            "check incode.api_key",
        ),
        (
            vec![(ApiCall::Authorize, Fault::Status(404))],
            "without `/v1`",
        ),
    ] {
        let lines = a_minute_of(&faults).await;
        assert!((1..=4).contains(&lines.len()), "{faults:?}: {lines:#?}");
        assert!(lines.iter().any(|l| l.contains(told)), "{told}: {lines:#?}");
        for id in ["fresh", "minor", "nobody", "Ada"] {
            assert!(!lines.iter().any(|l| l.contains(id)), "{id}: {lines:#?}");
        }
    }
}

#[tokio::test]
async fn a_caller_without_quota_is_told_of_once() {
    let (log, _logging) = Log::begin();
    let world = World::with(|config| {
        config.quota.burst = 1;
        config.quota.per_second = 1;
    })
    .await;
    for n in 0..50 {
        let _ = world
            .ask(crate::world::question("front-door", &format!("v-{n}")))
            .await;
    }
    let lines = log.lines();
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert!(lines[0].contains("quota.fetches_per_second"), "{lines:#?}");
}
