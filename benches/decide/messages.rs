//! The messages of a call, as the generated code reads and writes them.

use std::hint::black_box;

use criterion::Criterion;
use prost::Message as _;
use verigate::proto::v1::{self, CheckAccessRequest, CheckAccessResponse};

/// A request with all that a gateway sends, and the answers to it.
pub(crate) fn messages(c: &mut Criterion) {
    let mut group = c.benchmark_group("wire");
    let request = CheckAccessRequest {
        verification_id: "6650b7d4-0000-4000-8000-000000000001".to_owned(),
        policy: "front-door".to_owned(),
        identity_id: "id-ada".to_owned(),
        request_id: "0192f0c1-2222-7000-8000-000000000001".to_owned(),
        ..CheckAccessRequest::default()
    };
    let instant = |seconds| prost_types::Timestamp { seconds, nanos: 0 };
    let allow = CheckAccessResponse {
        decision: v1::Decision::Allow.into(),
        decision_id: "0192f0c1-2222-7000-8000-000000000002".to_owned(),
        policy_revision: "0123456789abcdef".to_owned(),
        decided_at: Some(instant(1_767_225_600)),
        valid_until: Some(instant(1_767_226_200)),
        request_id: request.request_id.clone(),
        ..CheckAccessResponse::default()
    };
    let step_up = CheckAccessResponse {
        decision: v1::Decision::StepUp.into(),
        reasons: vec![v1::Reason {
            code: v1::ReasonCode::VerificationTooOld.into(),
            rule: "verified_within".to_owned(),
            effect: v1::Decision::StepUp.into(),
            message: "the verification is older than 30d".to_owned(),
        }],
        ..allow.clone()
    };
    let bytes = request.encode_to_vec();
    group.bench_function("decode a request", |b| {
        b.iter(|| CheckAccessRequest::decode(black_box(bytes.as_slice())).unwrap());
    });
    for (name, answer) in [("encode an ALLOW", allow), ("encode a STEP_UP", step_up)] {
        let mut buffer = Vec::with_capacity(answer.encoded_len());
        group.bench_function(name, |b| {
            b.iter(|| {
                buffer.clear();
                black_box(&answer).encode(&mut buffer).unwrap();
            });
        });
    }
    group.finish();
}
