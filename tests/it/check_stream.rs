//! `StreamCheckAccess` from the outside: answers by `request_id` in any order, bounds, and how a stream ends.

mod bounds;
mod ends;
mod foreign;

use std::{collections::BTreeMap, time::Duration};

use futures_util::stream::unfold;
use tokio::{sync::mpsc, time::timeout};
use tonic::{Code, Request, Status, Streaming, transport::Channel};
use verigate::{
    proto::v1::{
        CheckAccessRequest, StreamCheckAccessResponse, access_service_client::AccessServiceClient,
        stream_check_access_response::Result as Wire,
    },
    sim::{ApiCall, Fault, PlannedFault},
};

use crate::world::{World, check_request, gist, until};

/// A stream, as its caller has it.
struct Asking {
    requests: mpsc::Sender<CheckAccessRequest>,
    answers: Streaming<StreamCheckAccessResponse>,
}

impl Asking {
    async fn begin(world: &World) -> Self {
        Self::by(world.client.clone(), |_| {}).await.unwrap()
    }

    async fn by(
        mut client: AccessServiceClient<Channel>,
        adjust: impl FnOnce(&mut Request<()>),
    ) -> Result<Self, Status> {
        let (requests, sent) = mpsc::channel(1);
        let sent = unfold(sent, |mut sent| async {
            let request: CheckAccessRequest = sent.recv().await?;
            Some((request, sent))
        });
        let mut request = Request::new(());
        adjust(&mut request);
        let answers = client.stream_check_access(request.map(|()| sent)).await?;
        Ok(Self {
            requests,
            answers: answers.into_inner(),
        })
    }

    async fn ask(&self, id: &str, policy: &str, verification: &str) {
        let request = CheckAccessRequest {
            request_id: id.to_owned(),
            ..check_request(policy, verification)
        };
        self.requests.send(request).await.unwrap();
    }

    /// The next answer: its id, and its decision with reasons or its code.
    async fn next(&mut self) -> Result<Option<(String, String)>, Status> {
        let next = timeout(Duration::from_secs(10), self.answers.message()).await;
        let next = next.expect("an answer in time")?;
        Ok(next.map(|answer| (answer.request_id.clone(), shown(&answer))))
    }

    async fn answer(&mut self) -> (String, String) {
        self.next().await.unwrap().expect("an answer")
    }

    /// Asks, and gets the next answer.
    async fn check(&mut self, id: &str, policy: &str, verification: &str) -> (String, String) {
        self.ask(id, policy, verification).await;
        self.answer().await
    }
}

fn shown(answer: &StreamCheckAccessResponse) -> String {
    match answer.result.as_ref().expect("a result") {
        Wire::Response(response) => {
            assert_eq!(response.request_id, answer.request_id);
            gist(response)
        }
        Wire::Error(error) => format!("{:?}", Code::from_i32(error.code)),
    }
}

fn pair(id: &str, shown: &str) -> (String, String) {
    (id.to_owned(), shown.to_owned())
}

/// The vendor answers late about this verification.
fn delay(world: &World, id: &str, ms: u64) {
    let planned = PlannedFault {
        call: ApiCall::Details,
        id: Some(id.to_owned()),
        times: None,
        fault: Fault::LatencyMs(ms),
    };
    world.simulator.faults().plan(planned).unwrap();
}

async fn until_metric(world: &World, line: &str) {
    until(line, async || world.metrics().await.contains(line)).await;
}

#[tokio::test]
async fn answers_come_as_they_are_ready_and_name_their_requests() {
    let world = World::new().await;
    delay(&world, "month-old", 500);
    let mut asking = Asking::begin(&world).await;
    asking.ask("slow", "front-door", "month-old").await;
    world.until_asked(1).await;
    assert_eq!(
        asking.check("quick", "front-door", "fresh").await,
        pair("quick", "ALLOW")
    );
    assert_eq!(
        asking.check("bad", "front-door", "a/b").await,
        pair("bad", "InvalidArgument")
    );
    assert_eq!(
        asking.check("none", "no-such-policy", "fresh").await,
        pair("none", "NotFound")
    );
    assert_eq!(
        asking.answer().await,
        pair("slow", "STEP_UP VERIFICATION_TOO_OLD")
    );
    // The caller has sent all: what is in flight is answered, and the stream ends well.
    asking.ask("last", "front-door", "nobody").await;
    let Asking {
        requests,
        mut answers,
    } = asking;
    drop(requests);
    let last = answers.message().await.unwrap().unwrap();
    assert_eq!(shown(&last), "DENY VERIFICATION_NOT_FOUND");
    assert_eq!(answers.message().await.unwrap(), None);
    let metrics = world.metrics().await;
    for line in [
        r#"verigate_call_items_total{code="OK",method="StreamCheckAccess"} 3"#,
        r#"verigate_call_items_total{code="NOT_FOUND",method="StreamCheckAccess"} 1"#,
        r#"verigate_calls_total{code="OK",method="StreamCheckAccess"} 1"#,
        "verigate_check_streams 0",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    let (_, journal) = world.stop().await;
    for id in ["slow", "quick", "last"] {
        let named = format!(r#""request_id":"{id}""#);
        assert_eq!(journal.matches(&named).count(), 1, "{journal}");
    }
    assert_eq!(journal.lines().count(), 3);
}

#[tokio::test]
async fn each_request_needs_an_id_that_no_other_in_flight_has() {
    let world = World::new().await;
    delay(&world, "month-old", 500);
    let mut asking = Asking::begin(&world).await;
    assert_eq!(
        asking.check("", "front-door", "fresh").await,
        pair("", "InvalidArgument")
    );
    asking.ask("a b", "front-door", "month-old").await;
    world.until_asked(1).await;
    // The answer has the id as visible ASCII: in that form it must be the only one.
    for id in ["a b", "a_b", "a\tb"] {
        assert_eq!(
            asking.check(id, "front-door", "fresh").await,
            pair("a_b", "InvalidArgument"),
            "{id:?}"
        );
    }
    assert_eq!(
        asking.answer().await,
        pair("a_b", "STEP_UP VERIFICATION_TOO_OLD")
    );
    assert_eq!(
        asking.check("a b", "front-door", "fresh").await,
        pair("a_b", "ALLOW"),
        "after its answer an id may be used again"
    );
    let long = "x".repeat(129);
    assert_eq!(
        asking.check(&long, "front-door", "fresh").await,
        pair(&long, "InvalidArgument")
    );
    let (_, journal) = world.stop().await;
    assert_eq!(journal.lines().count(), 2);
}

#[tokio::test]
async fn each_check_of_a_stream_is_decided_for_its_own_instant() {
    let world = World::new().await;
    let mut asking = Asking::begin(&world).await;
    let mut seen = BTreeMap::new();
    for (advanced, expected) in [
        (0, "ALLOW"),
        (40, "STEP_UP VERIFICATION_TOO_OLD"),
        (60, "DENY VERIFICATION_TOO_OLD VERIFICATION_TOO_OLD"),
    ] {
        world.clock.advance(Duration::from_hours(24 * advanced));
        let id = advanced.to_string();
        let (_, answer) = asking.check(&id, "front-door", "fresh").await;
        assert_eq!(answer, expected);
        seen.insert(id, answer);
    }
    assert_eq!(seen.len(), 3);
}
