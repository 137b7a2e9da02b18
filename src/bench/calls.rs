//! What is sent: calls of a service, with their messages prepared, and where their answers have the decisions.

use std::io::Write as _;

use prost::Message as _;

use super::{
    answer::{AnswerShape, cerbos_effect, verigate_decision},
    cerbos::{CheckResourcesRequest, Person},
};
use crate::proto::v1::{BatchCheckAccessRequest, CheckAccessRequest};

pub(super) const UNARY: AnswerShape = AnswerShape {
    checks: &[],
    decision: &[1],
    error: &[],
    meaning: verigate_decision,
};
pub(super) const BATCH: AnswerShape = AnswerShape {
    checks: &[1],
    decision: &[1, 1],
    error: &[2],
    meaning: verigate_decision,
};
pub(super) const STREAM: AnswerShape = AnswerShape {
    checks: &[],
    decision: &[2, 1],
    error: &[3],
    meaning: verigate_decision,
};
pub(super) const CERBOS: AnswerShape = AnswerShape {
    checks: &[2, 2],
    decision: &[2],
    error: &[],
    meaning: cerbos_effect,
};

/// The key of `CheckAccessRequest.request_id`, and that of `CheckResourcesRequest.request_id`.
const REQUEST_ID: u8 = 6 << 3 | 2;
const REQUEST_ID_OF_CERBOS: u8 = 1 << 3 | 2;
/// With what the id of a request begins, which is a UUID as callers have them.
const ID_START: &str = "0192f0c1-2222-7000-8000-";
const ID_BYTES: u8 = 36;

/// The calls of a target.
#[derive(Debug, Clone)]
pub struct Calls {
    /// `unary`, `batch`, `stream` or `cerbos`.
    pub(super) kind: &'static str,
    /// The policy that is asked about, of Verigate.
    pub(super) policy: Option<String>,
    pub(super) path: &'static str,
    pub(super) shape: AnswerShape,
    /// Whether all checks of a connection go on one call.
    pub(super) is_stream: bool,
    /// How many checks a call has; of a stream, how many a message.
    pub(super) checks: u32,
    /// Sent in turn.
    messages: Vec<Vec<u8>>,
    /// The key of the field that gets an id in each message, which no other call of a round has.
    id_key: Option<u8>,
}

impl Calls {
    /// Checks, each a call: of these verifications in turn.
    pub fn unary(check: &CheckAccessRequest, verifications: &[String]) -> Self {
        let of = |id: &String| of(check, id, String::new()).encode_to_vec();
        Self {
            kind: "unary",
            policy: Some(check.policy.clone()),
            path: "/verigate.v1.AccessService/CheckAccess",
            shape: UNARY,
            is_stream: false,
            checks: 1,
            messages: verifications.iter().map(of).collect(),
            id_key: Some(REQUEST_ID),
        }
    }

    /// The same on one stream for each connection.
    pub fn stream(check: &CheckAccessRequest, verifications: &[String]) -> Self {
        Self {
            kind: "stream",
            path: "/verigate.v1.AccessService/StreamCheckAccess",
            shape: STREAM,
            is_stream: true,
            ..Self::unary(check, verifications)
        }
    }

    /// The same in calls of this many checks.
    pub fn batch(check: &CheckAccessRequest, verifications: &[String], size: u32) -> Self {
        let size_of_one = usize::try_from(size).unwrap_or(usize::MAX);
        let endless = verifications.iter().cycle();
        let mut numbered = endless.zip(0_u64..);
        // Each verification is in a message, and so is each place of it.
        let count = verifications.len().div_ceil(size_of_one.max(1));
        let messages = (0..count).map(|_| {
            let part = numbered.by_ref().take(size_of_one);
            let checks = part.map(|(id, number)| of(check, id, request_id(number)));
            let checks = checks.collect();
            BatchCheckAccessRequest { checks }.encode_to_vec()
        });
        Self {
            kind: "batch",
            policy: Some(check.policy.clone()),
            path: "/verigate.v1.AccessService/BatchCheckAccess",
            shape: BATCH,
            is_stream: false,
            checks: size,
            messages: messages.collect(),
            id_key: None,
        }
    }

    /// `CheckResources` of Cerbos, with the same facts.
    pub fn cerbos(person: &Person) -> Self {
        Self {
            kind: "cerbos",
            policy: None,
            path: "/cerbos.svc.v1.CerbosService/CheckResources",
            shape: CERBOS,
            is_stream: false,
            checks: 1,
            messages: vec![CheckResourcesRequest::of(person).encode_to_vec()],
            id_key: Some(REQUEST_ID_OF_CERBOS),
        }
    }

    /// The message of this number, and the field with its id, which is written into `id`.
    pub(super) fn message<'m>(&'m self, number: u64, id: &'m mut Vec<u8>) -> [&'m [u8]; 2] {
        id.clear();
        if let Some(key) = self.id_key {
            id.extend_from_slice(&[key, ID_BYTES]);
            // Writing to a `Vec` cannot fail.
            let _ = write!(id, "{}", request_id(number));
        }
        let count = u64::try_from(self.messages.len()).unwrap_or(1).max(1);
        let place = usize::try_from(number % count).unwrap_or(0);
        [self.messages.get(place).map_or(&[], Vec::as_slice), id]
    }
}

fn of(check: &CheckAccessRequest, verification: &str, request_id: String) -> CheckAccessRequest {
    CheckAccessRequest {
        verification_id: verification.to_owned(),
        request_id,
        ..check.clone()
    }
}

fn request_id(number: u64) -> String {
    format!("{ID_START}{:012x}", number & 0xffff_ffff_ffff)
}

/// The number in the id of a request.
pub(super) fn number_of(request_id: &[u8]) -> Option<u64> {
    let number = request_id.strip_prefix(ID_START.as_bytes())?;
    u64::from_str_radix(std::str::from_utf8(number).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check() -> CheckAccessRequest {
        CheckAccessRequest {
            policy: "front-door".to_owned(),
            identity_id: "id-ada".to_owned(),
            ..CheckAccessRequest::default()
        }
    }

    fn sent(calls: &Calls, number: u64) -> Vec<u8> {
        calls.message(number, &mut Vec::new()).concat()
    }

    #[test]
    fn checks_are_of_the_verifications_in_turn_each_with_an_id_of_its_own() {
        let calls = Calls::unary(&check(), &["a".to_owned(), "b".to_owned()]);
        let decoded = [0, 1, 2, 255].map(|number| {
            let read = CheckAccessRequest::decode(sent(&calls, number).as_slice()).unwrap();
            assert_eq!(
                (read.policy.as_str(), read.identity_id.as_str()),
                ("front-door", "id-ada")
            );
            assert_eq!(number_of(read.request_id.as_bytes()), Some(number));
            read.verification_id
        });
        assert_eq!(decoded, ["a", "b", "a", "b"]);
        assert_eq!(number_of(b"another"), None);
    }

    #[test]
    fn a_batch_has_its_size_and_all_batches_have_all_verifications() {
        let ids: Vec<String> = (0..5).map(|n| n.to_string()).collect();
        let calls = Calls::batch(&check(), &ids, 3);
        let batches = [0, 1, 2].map(|number| {
            let read = BatchCheckAccessRequest::decode(sent(&calls, number).as_slice()).unwrap();
            let ids: Vec<String> = read.checks.into_iter().map(|c| c.verification_id).collect();
            ids.concat()
        });
        assert_eq!(batches, ["012", "340", "012"]);
    }
}
