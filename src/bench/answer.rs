//! What an answer says: the decisions in a message, read without decoding the rest of it, so that every answer can be checked at full load.

use prost::{
    DecodeError, Message as _,
    encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field},
};
use tonic::Code;

use crate::proto::{code_name, v1::CheckError};

/// An answer that is no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an answer is no valid message")]
pub(super) struct MessageError;

impl From<DecodeError> for MessageError {
    fn from(_: DecodeError) -> Self {
        Self
    }
}

/// The decision of one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Decided {
    /// ALLOW, and EFFECT_ALLOW of Cerbos.
    Allow,
    /// STEP_UP.
    StepUp,
    /// DENY, and EFFECT_DENY of Cerbos.
    Deny,
    /// None of these: an error in place of a decision, or a value that is not known.
    None,
}

impl Decided {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Allow, Self::StepUp, Self::Deny, Self::None];

    /// As the contract has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Allow => "ALLOW",
            Self::StepUp => "STEP_UP",
            Self::Deny => "DENY",
            Self::None => "NO_DECISION",
        }
    }
}

/// Where the decisions stand in a message, by the numbers of fields.
#[derive(Debug, Clone, Copy)]
pub(super) struct AnswerShape {
    /// The path to the answer of each check; empty where the message is one.
    pub(super) checks: &'static [u32],
    /// The path from there to the number of the decision.
    pub(super) decision: &'static [u32],
    /// The path from there to the error that stands in place of a decision; empty where there is none.
    pub(super) error: &'static [u32],
    /// What the numbers mean.
    pub(super) meaning: fn(u64) -> Decided,
}

/// `Decision` of the contract.
pub(super) fn verigate_decision(number: u64) -> Decided {
    match number {
        1 => Decided::Allow,
        2 => Decided::StepUp,
        3 => Decided::Deny,
        _ => Decided::None,
    }
}

/// `Effect` of Cerbos.
pub(super) fn cerbos_effect(number: u64) -> Decided {
    match number {
        1 => Decided::Allow,
        2 => Decided::Deny,
        _ => Decided::None,
    }
}

impl AnswerShape {
    /// Calls `found` with the decision of each check in this message.
    pub(super) fn decisions(
        self,
        message: &[u8],
        found: &mut dyn FnMut(Decided),
    ) -> Result<(), MessageError> {
        if self.checks.is_empty() {
            found(self.decision_of(message)?);
            return Ok(());
        }
        let mut failed = None;
        descend(message, self.checks, &mut |field| {
            if let Field::Bytes(check) = field {
                match self.decision_of(check) {
                    Ok(decision) => found(decision),
                    Err(error) => failed = Some(error),
                }
            }
        })?;
        failed.map_or(Ok(()), Err)
    }

    /// What was wrong with the first check that has an error in place of a decision: its code and its message.
    pub(super) fn error(self, message: &[u8]) -> Option<String> {
        if self.error.is_empty() {
            return None;
        }
        let mut first = None;
        let path = [self.checks, self.error].concat();
        let read = descend(message, &path, &mut |field| {
            if let (Field::Bytes(error), None) = (field, &first) {
                first = CheckError::decode(error).ok();
            }
        });
        let error = read.ok().and(first)?;
        let code = code_name(Code::from(error.code));
        Some(format!("{code}: {}", error.message))
    }

    fn decision_of(self, check: &[u8]) -> Result<Decided, MessageError> {
        let mut decision = Decided::None;
        descend(check, self.decision, &mut |field| {
            if let Field::Number(number) = field {
                decision = (self.meaning)(number);
            }
        })?;
        Ok(decision)
    }
}

/// The content of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field<'m> {
    Number(u64),
    Bytes(&'m [u8]),
}

/// Calls `found` with each field at the end of this path.
pub(super) fn descend<'m>(
    mut message: &'m [u8],
    path: &[u32],
    found: &mut dyn FnMut(Field<'m>),
) -> Result<(), MessageError> {
    let Some((wanted, rest)) = path.split_first() else {
        return Ok(());
    };
    while !message.is_empty() {
        let (tag, wire) = decode_key(&mut message)?;
        match wire {
            WireType::Varint => {
                let number = decode_varint(&mut message)?;
                if tag == *wanted && rest.is_empty() {
                    found(Field::Number(number));
                }
            }
            WireType::LengthDelimited if tag == *wanted => {
                let length = usize::try_from(decode_varint(&mut message)?).unwrap_or(usize::MAX);
                let (bytes, after) = message.split_at_checked(length).ok_or(MessageError)?;
                message = after;
                if rest.is_empty() {
                    found(Field::Bytes(bytes));
                } else {
                    descend(bytes, rest, found)?;
                }
            }
            other => skip_field(other, tag, &mut message, DecodeContext::default())?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        bench::calls::{BATCH, CERBOS, STREAM, UNARY},
        proto::v1::{
            BatchCheckAccessResponse, BatchCheckAccessResult, CheckAccessResponse, Reason,
            StreamCheckAccessResponse, batch_check_access_result, stream_check_access_response,
        },
    };

    fn decisions(shape: AnswerShape, message: &[u8]) -> Result<Vec<Decided>, MessageError> {
        let mut found = Vec::new();
        shape.decisions(message, &mut |decision| found.push(decision))?;
        Ok(found)
    }

    fn answer(decision: i32) -> CheckAccessResponse {
        CheckAccessResponse {
            decision,
            reasons: vec![Reason {
                effect: 1,
                rule: "status".to_owned(),
                ..Reason::default()
            }],
            decision_id: "0192f0c1-2222-7000-8000-000000000001".to_owned(),
            degraded: true,
            ..CheckAccessResponse::default()
        }
    }

    #[test]
    fn the_decision_of_one_check_is_read_beside_whatever_else_there_is() {
        for (number, decision) in (0..).zip([
            Decided::None,
            Decided::Allow,
            Decided::StepUp,
            Decided::Deny,
            Decided::None,
        ]) {
            let message = answer(number).encode_to_vec();
            assert_eq!(decisions(UNARY, &message), Ok(vec![decision]), "{number}");
        }
        assert_eq!(decisions(UNARY, &[]), Ok(vec![Decided::None]));
    }

    #[test]
    fn each_result_of_a_batch_counts_and_an_error_is_no_decision() {
        use batch_check_access_result::Result::{Error, Response};
        let result = |result| BatchCheckAccessResult {
            result: Some(result),
        };
        let error = CheckError {
            code: 4,
            message: "out of time".to_owned(),
            ..CheckError::default()
        };
        let results = vec![
            result(Response(answer(1))),
            result(Error(error)),
            result(Response(answer(2))),
        ];
        let message = BatchCheckAccessResponse { results }.encode_to_vec();
        let expected = vec![Decided::Allow, Decided::None, Decided::StepUp];
        assert_eq!(decisions(BATCH, &message), Ok(expected));
        let error = Some("DEADLINE_EXCEEDED: out of time".to_owned());
        assert_eq!(BATCH.error(&message), error);
    }

    #[test]
    fn an_answer_on_a_stream_is_one_decision_or_an_error() {
        use stream_check_access_response::Result::{Error, Response};
        let of = |result| {
            let request_id = "a".to_owned();
            let result = Some(result);
            StreamCheckAccessResponse { request_id, result }.encode_to_vec()
        };
        assert_eq!(
            decisions(STREAM, &of(Response(answer(3)))),
            Ok(vec![Decided::Deny])
        );
        let error = of(Error(CheckError {
            code: 8,
            message: "no room".to_owned(),
            ..CheckError::default()
        }));
        assert_eq!(decisions(STREAM, &error), Ok(vec![Decided::None]));
        let text = Some("RESOURCE_EXHAUSTED: no room".to_owned());
        assert_eq!(STREAM.error(&error), text);
        assert_eq!(STREAM.error(&of(Response(answer(3)))), None);
    }

    /// `results: [{ resource: { id: "r" }, actions: { "enter": EFFECT_ALLOW, "see": EFFECT_DENY } }]`.
    #[test]
    fn each_action_of_an_answer_of_cerbos_counts() {
        let message = b"\x0a\x01q\x12\x19\x0a\x03\x1a\x01r\x12\x09\x0a\x05enter\x10\x01\x12\x07\x0a\x03see\x10\x02";
        assert_eq!(
            decisions(CERBOS, message),
            Ok(vec![Decided::Allow, Decided::Deny])
        );
    }

    #[test]
    fn a_message_that_is_cut_is_an_error() {
        let message = answer(1).encode_to_vec();
        let cut = message.split_last().map(|(_, rest)| rest).unwrap();
        assert_eq!(decisions(UNARY, cut), Err(MessageError));
        assert_eq!(decisions(BATCH, &[0x0a, 0x05, 0x0a]), Err(MessageError));
    }
}
