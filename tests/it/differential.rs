//! The evaluator beside a naive one that shares neither code nor time zone data with it: on random policies and cases both agree
//! on the decision, the reasons, the next change, and until when an answer may be reused.
//!
//! A million cases: `PROPTEST_CASES=1000000 cargo test --release --test it differential`.

use std::{collections::BTreeMap, sync::Arc};

use proptest::prelude::*;
use verigate::policy::{
    Authentication, ClaimedIdentity, DataKinds, Datum, Effect, Evidence, Facts, Finding,
    PolicyName, PolicySet, Request, Scope, SourceText, Timestamp, Verification, VerificationId,
    from_millis, parse,
};

use crate::{
    longer::tries,
    naive::{
        eval::evaluate,
        model::{self, Case, Decision, Outcome, Upstream},
        render::{list_files, policy_file},
        strategy::scenario_with_files,
    },
};

pub fn compiled(policy: &model::Policy) -> PolicySet {
    let text = policy_file(&[("p", policy)]);
    let files: BTreeMap<String, String> = list_files(policy).into_iter().collect();
    let lists = |_: &str, name: &str| files.get(name).cloned().ok_or_else(|| "no file".to_owned());
    let source = SourceText {
        path: "p.yaml".to_owned(),
        text: text.clone(),
    };
    parse(&[Arc::new(source)], &lists)
        .map_err(|problems| format!("{problems}\n{text}"))
        .unwrap()
}

fn datum<T>(value: Option<T>) -> Datum<T> {
    value.map_or(Datum::Missing, Datum::Known)
}

fn text(text: Option<&String>) -> Option<Box<str>> {
    text.filter(|text| !text.is_empty())
        .map(|t| t.as_str().into())
}

/// A verification as the decoder of the upstream's answers makes it.
pub fn verification(given: &model::Verification) -> Verification {
    let is_there = |name: &Option<String>| name.as_ref().is_some_and(|name| !name.is_empty());
    let named =
        is_there(&given.full_name) || (is_there(&given.first_name) && is_there(&given.last_name));
    let phone = text(given.phone.as_ref()).map(|phone| {
        let digits = phone.strip_prefix('+').unwrap_or("");
        let readable = (2..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|b| b.is_ascii_digit());
        if readable {
            Datum::Known(phone.clone().into())
        } else {
            Datum::Unreadable
        }
    });
    Verification {
        id: Some("v-1".into()),
        trace_id: None,
        project: text(given.project_id.as_ref()).map(Into::into),
        status: Some(given.status.as_deref().unwrap_or("VERIFIED").into()),
        verified_at: given.verified_at.map(from_millis),
        scopes: given
            .scopes
            .iter()
            .map(|s| Scope::from(s.as_str()))
            .collect(),
        identity: text(given.identity_id.as_ref())
            .map_or(Datum::Missing, Datum::text)
            .as_identity(),
        name: datum(named.then_some(())),
        phone: phone.unwrap_or(Datum::Missing),
        born: given.date_of_birth.map_or(Datum::Missing, Datum::birth),
        kept: DataKinds::ALL,
    }
}

pub fn request(given: &model::Request) -> Request {
    Request {
        policy: PolicyName::parse("p").unwrap(),
        verification: VerificationId::parse("v-1").unwrap(),
        identity: ClaimedIdentity::parse(given.identity_id.as_deref().unwrap_or_default()),
        authentication: given.authentication.as_ref().map(|given| Authentication {
            acr: given.acr.clone().unwrap_or_default(),
            amr: given.amr.clone(),
            auth_time: given.auth_time.map(from_millis),
        }),
        attributes: given.attributes.clone(),
        id: "".into(),
    }
}

pub fn effect(effect: Effect) -> Decision {
    match effect {
        Effect::Allow => Decision::Allow,
        Effect::StepUp => Decision::StepUp,
        Effect::Deny => Decision::Deny,
    }
}

/// The request and the evidence of a case.
pub fn asked(case: &Case) -> (Request, Evidence) {
    let finding = match &case.upstream {
        Upstream::Answered(given) => Finding::Present(verification(given)),
        Upstream::Down => Finding::Unknown,
        Upstream::Absent => Finding::Absent,
    };
    let seen_at = from_millis(case.at);
    (request(&case.request), Evidence { finding, seen_at })
}

/// The outcome of the evaluator, in the types of the naive one.
pub fn judged(set: &PolicySet, case: &Case) -> Outcome {
    let (request, evidence) = asked(case);
    let policy = set.find(&request.policy).unwrap();
    let decision = policy.decide(&Facts {
        request: &request,
        evidence: &evidence,
        now: from_millis(case.at),
    });
    let reasons = decision.reasons().iter();
    let next_change = decision.next_change();
    Outcome {
        decision: effect(decision.effect()),
        reasons: reasons
            .map(|reason| (reason.code.as_str(), effect(reason.effect.into())))
            .collect(),
        next_change: next_change.map(|change| (change.at.as_millisecond(), effect(change.to))),
        valid_until: decision.valid_until().map(Timestamp::as_millisecond),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases_or(4_000)) })]

    #[test]
    fn both_evaluators_say_the_same((policy, case) in scenario_with_files()) {
        let (real, naive) = (judged(&compiled(&policy), &case), evaluate(&policy, &case));
        prop_assert_eq!(real, naive, "{}", policy_file(&[("p", &policy)]));
    }
}

/// The number of random cases: of `PROPTEST_CASES`, or this many.
pub fn cases_or(default: u32) -> u32 {
    tries("PROPTEST_CASES", default)
}
