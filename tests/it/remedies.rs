//! Remedies of examples; and for random policies and cases, that following them leads to ALLOW, and that none of them can be left
//! out.

use proptest::prelude::*;
use verigate::policy::{
    Authentication, BirthDate, ClaimedIdentity, Datum, Effect, Evidence, Facts, Finding, Identity,
    PolicySet, Remedy, Request, Scope, Timestamp, Verification, after, before, from_millis,
    testing,
};

use crate::{
    differential::{compiled, request, verification},
    naive::{
        model::{Requirement, Upstream},
        strategy::scenario_with_files,
    },
};

/// The facts of a case, which remedies change.
#[derive(Clone)]
struct Situation {
    request: Request,
    verification: Verification,
    now: Timestamp,
}

impl Situation {
    fn decide(&self, set: &PolicySet) -> (Effect, Vec<Remedy>) {
        let evidence = Evidence {
            finding: Finding::Present(self.verification.clone()),
            seen_at: self.now,
        };
        let decision = set.find(&self.request.policy).unwrap().decide(&Facts {
            request: &self.request,
            evidence: &evidence,
            now: self.now,
        });
        (decision.effect(), decision.remedies().to_vec())
    }

    /// The situation after these remedies have been followed.
    fn follow(mut self, remedies: &[Remedy]) -> Self {
        for remedy in remedies {
            if let Remedy::Wait(until) = remedy {
                self.now = *until;
            }
        }
        for remedy in remedies {
            match remedy {
                Remedy::Wait(_) => {}
                Remedy::Reverify { .. } => {
                    self.verification.verified_at = Some(self.now);
                    self.verification.status = Some("VERIFIED".into());
                }
                Remedy::Identify => {
                    if let Datum::Known(identity) = &self.verification.identity {
                        self.request.identity = ClaimedIdentity::Known(identity.clone());
                    }
                }
                Remedy::Authenticate(wanted) => {
                    self.request.authentication = Some(Authentication {
                        acr: wanted.acr_any.first().map_or("", |acr| acr).to_owned(),
                        amr: wanted
                            .amr_all_of
                            .iter()
                            .filter_map(|group| group.first())
                            .map(ToString::to_string)
                            .collect(),
                        auth_time: Some(self.now),
                    });
                }
                Remedy::GrantScopes(scopes) => {
                    let unseen = |scope| !self.verification.grants(&scope);
                    let (name, phone, born) = (
                        unseen(Scope::Name),
                        unseen(Scope::Phone),
                        unseen(Scope::DateOfBirth),
                    );
                    let granted = &mut self.verification;
                    granted.scopes.extend(scopes.iter().cloned());
                    fill(&mut granted.name, (), name);
                    fill(
                        &mut granted.identity,
                        Identity::parse("id-new").unwrap(),
                        false,
                    );
                    fill(&mut granted.phone, "+12025550101".into(), phone);
                    let child_of_1970 = "1970-03-01T00:00:00Z".parse().unwrap();
                    let known = BirthDate::at(child_of_1970).unwrap();
                    fill(&mut granted.born, known, born);
                }
            }
        }
        self
    }
}

/// The data that a grant brings where there was none, or none that was readable.
fn fill<T>(datum: &mut Datum<T>, value: T, unseen: bool) {
    if unseen || matches!(datum, Datum::Missing) {
        *datum = Datum::Known(value);
    }
}

/// Whether it reads data that a grant would bring, which is not known in advance.
fn reads_data(requirement: &Requirement) -> bool {
    match requirement {
        Requirement::AnyOf(parts) | Requirement::AllOf(parts) => parts.iter().any(reads_data),
        Requirement::AgeAtLeast(_)
        | Requirement::AgeBelow(_)
        | Requirement::PhonePrefix(_)
        | Requirement::IdentityIn(_)
        | Requirement::IdentityNotIn(_) => true,
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn following_all_remedies_gives_an_allow_and_omitting_one_does_not(
        (policy, case) in scenario_with_files()
    ) {
        let Upstream::Answered(given) = &case.upstream else { return Ok(()) };
        let set = compiled(&policy);
        let before = Situation {
            request: request(&case.request),
            verification: verification(given),
            now: from_millis(case.at),
        };
        let (effect, remedies) = before.decide(&set);
        if effect == Effect::Allow {
            prop_assert!(remedies.is_empty());
            return Ok(());
        }
        let grants = remedies.iter().any(|r| matches!(r, Remedy::GrantScopes(_)));
        let sessions = remedies.iter().filter(|r| matches!(r, Remedy::Authenticate(_)));
        let unknown = grants && policy.rules.iter().any(|rule| reads_data(&rule.requirement));
        if remedies.is_empty() || unknown || sessions.count() > 1 {
            return Ok(());
        }
        prop_assert_eq!(before.clone().follow(&remedies).decide(&set).0, Effect::Allow, "{:?}", remedies);
        for omitted in 0..remedies.len() {
            let mut fewer = remedies.clone();
            fewer.remove(omitted);
            prop_assert!(before.clone().follow(&fewer).decide(&set).0 > Effect::Allow, "{:?}", remedies);
        }
    }
}

/// The remedies at noon on 31 January 2026, for a verification made `days_ago` days before.
fn needed(rules: &str, days_ago: i64, more: impl FnOnce(&mut Situation)) -> Vec<Remedy> {
    let text = format!("version: 1\npolicies:\n  p:\n    require:\n{rules}");
    let set = testing::set(&text);
    let now: Timestamp = "2026-01-31T12:00:00Z".parse().unwrap();
    let mut situation = Situation {
        request: request(&crate::naive::model::Request::default()),
        verification: Verification {
            id: Some("v-1".into()),
            status: Some("VERIFIED".into()),
            verified_at: Some(from_millis(now.as_millisecond() - days_ago * 86_400_000)),
            scopes: [Scope::DateOfBirth].into(),
            identity: Datum::text("id-1").as_identity(),
            born: Datum::Known(BirthDate::at("2008-03-02T00:00:00Z".parse().unwrap()).unwrap()),
            ..Verification::default()
        },
        now,
    };
    more(&mut situation);
    situation.decide(&set).1
}

fn days(days: u64) -> std::time::Duration {
    std::time::Duration::from_hours(24 * days)
}

#[test]
fn an_old_verification_is_made_again_as_young_as_the_tightest_rule_asks() {
    let rules =
        "      - verified_within: 30d\n      - verified_within: 7d\n        otherwise: step_up\n";
    let max_age = Some(days(7));
    assert_eq!(needed(rules, 31, |_| {}), [Remedy::Reverify { max_age }]);
    assert_eq!(needed(rules, 1, |_| {}), []);
}

#[test]
fn only_waiting_helps_who_is_too_young() {
    let until = "2026-03-02T14:00:00Z".parse().unwrap();
    let adults = "      - age_at_least: 18\n";
    assert_eq!(needed(adults, 1, |_| {}), [Remedy::Wait(until)]);
    // By then the verification is too old, so that a new one is needed too.
    let both = format!("{adults}      - verified_within: 30d\n");
    let max_age = Some(days(30));
    assert_eq!(
        needed(&both, 1, |_| {}),
        [Remedy::Wait(until), Remedy::Reverify { max_age }]
    );
}

#[test]
fn nothing_helps_who_is_blocked_or_too_old() {
    assert_eq!(needed("      - identity_not_in: [id-1]\n", 1, |_| {}), []);
    assert_eq!(needed("      - age_below: 16\n", 1, |_| {}), []);
    assert_eq!(needed("      - project: [p-9]\n", 1, |_| {}), []);
}

#[test]
fn the_alternative_that_needs_least_is_the_remedy() {
    let rules = "      - any_of:\n          - all_of: [{scopes: [NAME]}, {verified_within: 1d}]\n          - identity: same_as_request\n";
    assert_eq!(needed(rules, 31, |_| {}), [Remedy::Identify]);
    let mismatch = needed(rules, 31, |s| {
        s.request.identity = ClaimedIdentity::parse("id-2");
    });
    let scopes = [Scope::Name].into();
    let max_age = Some(days(1));
    assert_eq!(
        mismatch,
        [Remedy::Reverify { max_age }, Remedy::GrantScopes(scopes)]
    );
}

#[test]
fn one_session_does_for_several_rules_if_it_can() {
    let rules = "      - authenticated: {within: 12h, amr_any: [hwk, face]}\n      - authenticated: {within: 1h, amr_any: [face, pin]}\n";
    let remedies = needed(rules, 1, |_| {});
    let [Remedy::Authenticate(wanted)] = remedies.as_slice() else {
        panic!("one session would do: {remedies:?}");
    };
    assert_eq!(wanted.max_age, std::time::Duration::from_hours(1));
    assert_eq!(wanted.amr_all_of, [["face".into()].into()]);
    let any = "      - authenticated: {within: 12h}\n      - authenticated: {within: 1d, acr_any: [high]}\n";
    let remedies = needed(any, 1, |_| {});
    let [Remedy::Authenticate(wanted)] = remedies.as_slice() else {
        panic!("one session would do: {remedies:?}");
    };
    assert_eq!(wanted.max_age, std::time::Duration::from_hours(12));
    assert_eq!(wanted.acr_any, ["high".into()].into());
}

#[test]
fn a_verification_from_the_future_need_only_be_waited_for() {
    let rules = "      - verified_within: 30d\n";
    let now: Timestamp = "2026-01-31T12:00:00Z".parse().unwrap();
    let ahead = after(now, std::time::Duration::from_mins(5));
    let remedies = needed(rules, 0, |s| s.verification.verified_at = Some(ahead));
    let until = before(ahead, std::time::Duration::from_mins(1));
    assert_eq!(remedies, [Remedy::Wait(until)]);
}

#[test]
fn of_equally_many_actions_those_that_prove_most_are_the_remedy() {
    let needed = |parts: &str| needed(&format!("      - any_of: [{parts}]\n"), 31, |_| {});
    let max_age = Some(days(1));
    assert_eq!(
        needed("authenticated: {within: 1h}, verified_within: 1d"),
        [Remedy::Reverify { max_age }]
    );
    let remedies = needed("scopes: [NAME], authenticated: {within: 1h}");
    assert!(
        matches!(remedies[..], [Remedy::Authenticate(_)]),
        "{remedies:?}"
    );
    assert_eq!(
        needed("identity: same_as_request, scopes: [NAME]"),
        [Remedy::GrantScopes([Scope::Name].into())]
    );
}

#[test]
fn waiting_is_a_thing_to_do_too() {
    // 31 January 2026 is a Saturday.
    let monday = "schedule: {days: [mon], from: \"07:00\", to: \"19:00\", zone: UTC}";
    let later = format!("all_of: [verified_within: 1d, {monday}]");
    let rules = format!("      - any_of: [{later}, identity: same_as_request]\n");
    assert_eq!(needed(&rules, 31, |_| {}), [Remedy::Identify]);
}

#[test]
fn a_status_asks_for_a_verification_as_young_as_the_rules_ask() {
    let pending = |s: &mut Situation| s.verification.status = Some("PENDING".into());
    let max_age = Some(days(30));
    assert_eq!(
        needed("      - verified_within: 30d\n", 1, pending),
        [Remedy::Reverify { max_age }]
    );
    // An alternative that holds already needs nothing.
    let either = "      - any_of: [verified_within: 1d, scopes: [IDENTITY_ID]]\n";
    let max_age = None;
    assert_eq!(needed(either, 31, pending), [Remedy::Reverify { max_age }]);
}

#[test]
fn a_verification_from_so_far_ahead_that_nobody_waits_is_made_again() {
    let rules = "      - scopes: [IDENTITY_ID]\n";
    let ahead = "2046-01-31T12:00:00Z".parse().unwrap();
    let remedies = needed(rules, 0, |s| s.verification.verified_at = Some(ahead));
    assert_eq!(remedies, [Remedy::Reverify { max_age: None }]);
}

#[test]
fn data_that_a_rule_reads_and_nobody_granted_is_granted() {
    let silent = |s: &mut Situation| s.verification.scopes.clear();
    for (rule, scope) in [
        ("age_at_least: 18", Scope::DateOfBirth),
        ("age_below: 18", Scope::DateOfBirth),
        ("phone_prefix: [\"+1\"]", Scope::Phone),
    ] {
        let remedies = needed(&format!("      - {rule}\n"), 1, silent);
        assert_eq!(remedies, [Remedy::GrantScopes([scope].into())], "{rule}");
    }
}
