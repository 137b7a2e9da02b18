//! Signals: none of them ends the process without a drain.

use verigate::sim::{ApiCall, Fault, PlannedFault};

use super::*;

#[tokio::test]
async fn signals_that_mean_nothing_are_ignored_and_logged() {
    let program = Program::start(Start::default()).await;
    for signal in [
        "-USR1", "-USR2", "-ALRM", "-VTALRM", "-PROF", "-IO", "-XCPU", "-XFSZ", "-PIPE",
    ] {
        program.process.signal(signal);
        program.check("ada-fresh").await.unwrap();
    }
    let mut program = program;
    for _ in 0..8 {
        program = program.until_logged("signal_ignored").await;
    }
    program.stop().await;
}

#[tokio::test]
async fn every_signal_that_stops_it_drains_it() {
    for signal in ["-TERM", "-INT", "-QUIT"] {
        let mut program = Program::start(Start::default()).await;
        let given = program.check("ada-fresh").await.unwrap().decision_id;
        let log = program.stderr.drain();
        drop(program.client);
        program.process.signal(signal);
        assert!(Program::ended(program.process).await.success(), "{signal}");
        assert_eq!(events(&log.join().unwrap(), "service_stopped").len(), 1);
        assert_eq!(recorded(&[&program.journal]), [given]);
    }
}

/// A call in flight would hold up the end for as long as its deadline.
#[tokio::test]
async fn a_second_signal_cuts_calls_in_flight_and_writes_the_journal() {
    let mut program = Program::start(Start::default()).await;
    let given = program.check("ada-fresh").await.unwrap().decision_id;
    let planned = PlannedFault {
        call: ApiCall::Details,
        id: None,
        times: None,
        fault: Fault::LatencyMs(1900),
    };
    program.simulator.faults().plan(planned).unwrap();
    let mut client = program.client.clone();
    let in_flight = tokio::spawn(async move {
        client
            .check_access(check_request("front-door", "ada-month-old"))
            .await
    });
    until("the vendor is asked", async || {
        program.simulator.calls().details > 1
    })
    .await;
    let log = program.stderr.drain();
    program.process.signal("-TERM");
    until("it stops", async || program.get("/readyz").await.0 == 503).await;
    program.process.signal("-INT");
    drop(program.client);
    assert!(Program::ended(program.process).await.success());
    assert!(in_flight.await.unwrap().is_err());
    assert_eq!(events(&log.join().unwrap(), "stop_forced").len(), 1);
    assert_eq!(recorded(&[&program.journal]), [given]);
}
