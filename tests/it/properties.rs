//! Properties of every policy and every evidence.

use std::time::Duration;

use proptest::prelude::*;
use verigate::policy::{
    BirthDate, Change, Datum, Decision, Effect, Evidence, EvidenceTerms, Facts, Finding, Flaw,
    Policy, PolicyName, Refusal, Remedy, Request, Requirement, Rule, Scope, Timestamp,
    Verification, VerificationId, from_millis, testing,
};

const DAY_MS: i64 = 86_400_000;
/// The instant around which everything happens: 2026-01-31T00:00:00Z.
const NOW_MS: i64 = 1_769_817_600_000;

/// The decision of a policy of these rules; its effect alone is the same.
fn verdict(rules: Vec<Rule>, finding: &Finding, now: Timestamp) -> Decision {
    let verification = VerificationId::parse("v-1").unwrap();
    let request = Request::bare(PolicyName::parse("p").unwrap(), verification);
    let evidence = Evidence {
        finding: finding.clone(),
        seen_at: now,
    };
    let reuse = Duration::from_mins(10);
    let facts = Facts {
        request: &request,
        evidence: &evidence,
        now,
    };
    let policy = Policy::new(None, rules, EvidenceTerms::default(), reuse);
    let decision = policy.decide(&facts);
    assert_eq!(policy.effect(&facts), decision.effect());
    decision
}

/// Durations and instants from a small pool, so that edges coincide.
fn days() -> impl Strategy<Value = Duration> {
    let whole = prop::sample::select(vec![0_u64, 1, 7, 30, 31, 90, 4000]);
    (whole, 0_u64..3).prop_map(|(days, ms)| Duration::from_millis(days * 86_400_000 + ms))
}

fn instant() -> impl Strategy<Value = i64> {
    let whole = prop::sample::select(vec![-4000_i64, -90, -31, -30, -7, -1, 0, 1, 30]);
    let near = (whole, -2_i64..3).prop_map(|(days, ms)| NOW_MS + days * DAY_MS + ms);
    prop_oneof![8 => near, 1 => Just(NOW_MS + 60_000), 1 => Just(NOW_MS + 60_001), 1 => any::<i64>()]
}

fn born() -> impl Strategy<Value = Datum<BirthDate>> {
    let year = 366 * DAY_MS;
    prop_oneof![
        Just(Datum::Missing),
        Just(Datum::Unreadable),
        instant().prop_map(|ms| Datum::birth(ms - ms.rem_euclid(900_000))),
        instant().prop_map(Datum::birth),
        (1_i64..160, 0..year).prop_map(move |(years, ms)| {
            let born = NOW_MS.saturating_sub(years * year).saturating_add(ms);
            Datum::birth(born - born.rem_euclid(900_000))
        }),
    ]
}

fn scopes() -> impl Strategy<Value = Vec<Scope>> {
    let all = ["NAME", "DATE_OF_BIRTH", "PHONE", "IDENTITY_ID", "BADGE"];
    prop::sample::subsequence(all.map(Scope::from).to_vec(), 0..=5)
}

fn datum() -> impl Strategy<Value = Datum<()>> {
    prop_oneof![
        Just(Datum::Missing),
        Just(Datum::Unreadable),
        Just(Datum::Known(()))
    ]
}

prop_compose! {
    fn verification()(
        status in prop::option::of(prop::sample::select(vec!["VERIFIED", "PENDING", ""])),
        verified_at in prop::option::of(instant()),
        granted in scopes(),
        name in datum(),
        phone in datum(),
        born in born(),
        about in prop::bool::weighted(0.95),
    ) -> Verification {
        Verification {
            id: Some(if about { "v-1" } else { "v-2" }.into()),
            status: status.map(Into::into),
            verified_at: verified_at.map(from_millis),
            scopes: granted.into_iter().collect(),
            name,
            phone: phone.map(|()| "+12025550101".into()),
            born,
            ..Verification::default()
        }
    }
}

fn finding() -> impl Strategy<Value = Finding> {
    prop_oneof![
        16 => verification().prop_map(Finding::Present),
        1 => Just(Finding::Absent),
        1 => Just(Finding::Unusable(Flaw::Unreadable)),
        1 => Just(Finding::Unknown),
    ]
}

fn requirement() -> impl Strategy<Value = Requirement> {
    prop_oneof![
        1 => Just(Requirement::Status(["VERIFIED".into(), "PENDING".into()].into())),
        4 => days().prop_map(Requirement::VerifiedWithin),
        2 => scopes().prop_map(Requirement::Scopes),
        2 => (0_u16..=150).prop_map(Requirement::AgeAtLeast),
    ]
}

fn rule() -> impl Strategy<Value = Rule> {
    let otherwise = prop::sample::select(vec![Refusal::StepUp, Refusal::Deny]);
    (requirement(), otherwise)
        .prop_map(|(requirement, otherwise)| Rule::new(requirement, otherwise))
}

fn rules() -> impl Strategy<Value = Vec<Rule>> {
    prop::collection::vec(rule(), 0..6)
}

fn now() -> impl Strategy<Value = Timestamp> {
    instant().prop_map(from_millis)
}

fn plus_ms(at: Timestamp, ms: i64) -> Timestamp {
    from_millis(at.as_millisecond().saturating_add(ms))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_makes_a_decision_panic_and_no_refusal_is_without_a_reason(
        rules in rules(), finding in finding(), now in now()
    ) {
        let decision = verdict(rules, &finding, now);
        let strictest = decision.reasons().iter().map(|r| Effect::from(r.effect)).max();
        prop_assert_eq!(strictest.unwrap_or(Effect::Allow), decision.effect());
    }

    #[test]
    fn of_two_instants_the_stricter_decision_counts_and_promises_nothing(
        rules in rules(), finding in finding(), now in now(), other in now()
    ) {
        let request = Request::bare(PolicyName::parse("p").unwrap(), VerificationId::parse("v-1").unwrap());
        let evidence = Evidence { finding, seen_at: now };
        let policy = Policy::new(None, rules, EvidenceTerms::default(), Duration::from_mins(10));
        let facts = Facts { request: &request, evidence: &evidence, now };
        let (ours, others) = (policy.decide(&facts), policy.decide(&Facts { now: other, ..facts }));
        let both = policy.decide_for_both(&facts, other);
        prop_assert_eq!(both.effect(), ours.effect().max(others.effect()));
        let counts = if others.effect() > ours.effect() { others } else { ours };
        prop_assert_eq!(both.reasons(), counts.reasons());
        prop_assert_eq!((both.decided_at(), both.valid_until(), both.next_change()), (now, None, None));
        let waits = |set: &Vec<Remedy>| set.iter().any(|r| matches!(r, Remedy::Wait(_)));
        // Those that suffice at the other instant, too.
        let known = |set: &Vec<Remedy>| counts.alternatives().contains(set) && !waits(set);
        prop_assert!(both.alternatives().iter().all(known));
    }

    #[test]
    fn another_rule_never_loosens(
        rules in rules(), more in rule(), finding in finding(), now in now()
    ) {
        let about_status = |rule: &Rule| matches!(rule.requirement(), Requirement::Status(_));
        // A rule about the status replaces the implicit one.
        prop_assume!(!about_status(&more) || rules.iter().any(about_status));
        let before = verdict(rules.clone(), &finding, now).effect();
        let after = verdict([rules, vec![more]].concat(), &finding, now).effect();
        prop_assert!(after >= before);
    }

    #[test]
    fn order_never_matters_to_the_decision(
        (rules, shuffled) in rules().prop_flat_map(|r| (Just(r.clone()), Just(r).prop_shuffle())),
        finding in finding(),
        now in now()
    ) {
        let (one, other) = (verdict(rules, &finding, now), verdict(shuffled, &finding, now));
        prop_assert_eq!(one.effect(), other.effect());
        prop_assert_eq!(one.next_change(), other.next_change());
    }

    #[test]
    fn waiting_never_loosens_a_policy_of_verified_within_rules(
        limits in prop::collection::vec((days(), prop::bool::ANY), 0..6),
        verification in verification(),
        now in now(),
        later in 0_i64..(100 * DAY_MS)
    ) {
        let skewed = verification.verified_at.is_some_and(|at| at > plus_ms(now, 60_000));
        prop_assume!(!skewed);
        let rules: Vec<Rule> = limits
            .into_iter()
            .map(|(limit, deny)| {
                let otherwise = if deny { Refusal::Deny } else { Refusal::StepUp };
                Rule::new(Requirement::VerifiedWithin(limit), otherwise)
            })
            .collect();
        let finding = Finding::Present(verification);
        let before = verdict(rules.clone(), &finding, now).effect();
        let after = verdict(rules, &finding, plus_ms(now, later)).effect();
        prop_assert!(after >= before);
    }

    #[test]
    fn the_next_change_is_exact(
        rules in rules(), finding in finding(), now in now(), part in 0.0_f64..1.0
    ) {
        let decision = verdict(rules.clone(), &finding, now);
        let effect_at = |instant| verdict(rules.clone(), &finding, instant).effect();
        match decision.next_change() {
            Some(Change { at, to }) => {
                prop_assert!(at > now);
                prop_assert_ne!(to, decision.effect());
                prop_assert_eq!(effect_at(at), to);
                prop_assert_eq!(effect_at(plus_ms(at, -1)), decision.effect());
                let span = at.as_millisecond() - now.as_millisecond();
                #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "any instant between will do")]
                let between = plus_ms(now, ((span - 1) as f64 * part) as i64);
                prop_assert_eq!(effect_at(between), decision.effect());
            }
            None => {
                // Nor does the effect change at an edge of a rule.
                for days in [1, 7, 30, 31, 90, 365, 3650] {
                    for ms in -62_000..-59_000 {
                        if ms % 1000 == 0 {
                            prop_assert_eq!(effect_at(plus_ms(now, days * DAY_MS + ms)), decision.effect());
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn an_answer_may_be_reused_only_while_it_stays_the_same(
        rules in rules(), finding in finding(), now in now()
    ) {
        let decision = verdict(rules.clone(), &finding, now);
        if let Some(until) = decision.valid_until() {
            prop_assert_eq!(decision.effect(), Effect::Allow);
            prop_assert!(until > now && until <= plus_ms(now, 600_000));
            prop_assert_eq!(verdict(rules, &finding, plus_ms(until, -1)).effect(), Effect::Allow);
        }
    }
}

/// Texts that have to be quoted in YAML, and any others.
fn odd_text() -> impl Strategy<Value = String> {
    let odd =
        "[\\x00-\\x7f\u{80}-\u{a0}\u{ad}\u{200b}-\u{200f}\u{2028}-\u{202f}\u{feff}\u{fffd}äß語😀]";
    let words = vec![
        "~",
        "null",
        "yes",
        "No",
        "1",
        "007",
        "1e5",
        "0x1f",
        "2026-01-31",
        "-",
        "- a",
        "---",
        "...",
        "a: b",
        ": ",
        "a #b",
        "#",
        "'",
        "\"",
        "\\",
        "\\n",
        "[",
        "}",
        "&a",
        "*a",
        "!a",
        "|",
        ">",
        "%",
        "@",
        "`",
        "?",
        " a ",
    ];
    let word = prop::sample::select(words).prop_map(str::to_owned);
    let pieces =
        prop_oneof![2 => word.clone(), 3 => odd, 1 => any::<char>().prop_map(String::from)];
    let joined = prop::collection::vec(pieces, 1..6).prop_map(|pieces| pieces.concat());
    prop_oneof![1 => word, 4 => joined]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_rule_that_is_shown_means_the_same_when_it_is_pasted_back(
        name in odd_text(),
        accepted in prop::collection::btree_set(odd_text(), 1..4),
    ) {
        let accepted = accepted.iter().map(|text| text.as_str().into()).collect();
        let requirement = Requirement::Attribute(name.as_str().into(), accepted);
        let rule = Rule::new(requirement, Refusal::Deny);
        let text = format!("version: 1\npolicies:\n  p:\n    require:\n      - {}\n", rule.text());
        let set = testing::set(&text);
        let (_, policy) = set.iter().next().unwrap();
        let pasted = policy.rules().last().unwrap();
        prop_assert_eq!(pasted.requirement(), rule.requirement());
    }
}
