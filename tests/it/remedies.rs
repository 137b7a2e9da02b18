//! Remedies: examples, and random policies and cases compared with a naive search.

mod random;
mod bounds;
mod sessions;

use std::{collections::BTreeSet, time::Duration};

use verigate::policy::{
    Authentication, BirthDate, ClaimedIdentity, Datum, Evidence, Facts, Finding, NewSession,
    PolicySet, Remedy, Request, Scope, Timestamp, Verification, after, before, from_millis,
    testing,
};

use crate::differential::request;

/// The facts of a case, which remedies change.
#[derive(Clone)]
struct Situation {
    request: Request,
    verification: Verification,
    now: Timestamp,
}

impl Situation {
    fn alternatives(&self, set: &PolicySet) -> Vec<Vec<Remedy>> {
        let evidence = Evidence {
            finding: Finding::Present(self.verification.clone()),
            seen_at: self.now,
        };
        let decision = set.find(&self.request.policy).unwrap().decide(&Facts {
            request: &self.request,
            evidence: &evidence,
            now: self.now,
        });
        let first = decision.alternatives().first();
        assert_eq!(decision.remedies(), first.map_or(&[][..], |set| set));
        decision.alternatives().to_vec()
    }
}

/// The preferred remedies at noon on 31 January 2026, for a verification made `days_ago` days before.
fn needed(rules: &str, days_ago: i64, more: impl FnOnce(&mut Situation)) -> Vec<Remedy> {
    let alternatives = sets(rules, days_ago, more);
    alternatives.into_iter().next().unwrap_or_default()
}

/// All alternatives.
fn sets(rules: &str, days_ago: i64, more: impl FnOnce(&mut Situation)) -> Vec<Vec<Remedy>> {
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
    situation.alternatives(&set)
}

fn days(days: u64) -> Duration {
    Duration::from_hours(24 * days)
}

#[test]
fn an_old_verification_is_made_again_as_young_as_the_tightest_rule_asks() {
    let rules =
        "      - verified_within: 30d\n      - verified_within: 7d\n        otherwise: step_up\n";
    let max_age = Some(days(7));
    assert_eq!(needed(rules, 31, |_| {}), [Remedy::Reverify { max_age }]);
    assert_eq!(needed(rules, 1, |_| {}), []);
}

/// The remedies of each set, where nothing was granted and no session is known.
fn sets_with_nothing_granted(rules: &str) -> Vec<Vec<Remedy>> {
    sets(rules, 1, |situation| {
        situation.verification.scopes.clear();
        situation.verification.identity = Datum::Missing;
    })
}

#[test]
fn a_part_of_one_way_through_the_rules_that_another_way_makes_suffice_brings_the_data_of_that_way()
{
    let session = |hours| {
        Remedy::Authenticate(NewSession {
            max_age: Duration::from_hours(hours),
            acr_any: BTreeSet::new(),
            amr_all_of: Vec::new(),
        })
    };
    let birth = || Remedy::GrantScopes([Scope::DateOfBirth].into());
    let phone = || Remedy::GrantScopes([Scope::Phone].into());
    let of_two_ages = "      - any_of: [scopes: [DATE_OF_BIRTH, EMAIL], age_at_least: 21]\n      - authenticated: {within: 1h}\n        otherwise: step_up\n      - authenticated: {within: 12h}\n";
    assert_eq!(
        sets_with_nothing_granted(of_two_ages),
        [[session(1), birth()]]
    );
    let of_a_method = "      - all_of: [scopes: [DATE_OF_BIRTH], authenticated: {within: 30d}, any_of: [authenticated: {within: 1h, amr_any: [otp]}, age_at_least: 1]]\n";
    assert!(sets_with_nothing_granted(of_a_method).contains(&vec![session(720), birth()]));
    let of_an_age = "      - authenticated: {within: 1h}\n        otherwise: step_up\n      - scopes: [DATE_OF_BIRTH]\n      - any_of: [authenticated: {within: 15m}, age_at_least: 16]\n";
    assert!(sets_with_nothing_granted(of_an_age).contains(&vec![session(1), birth()]));
    let of_a_class = "      - any_of: [authenticated: {within: 1d, acr_any: [b]}, phone_prefix: [\"+120\"]]\n        otherwise: step_up\n      - all_of: [phone_prefix: [\"+1\"], authenticated: {within: 12h}]\n";
    assert_eq!(
        sets_with_nothing_granted(of_a_class),
        [[session(12), phone()]]
    );
}

#[test]
fn remedies_suffice_by_both_clocks_while_they_are_apart() {
    let set = testing::set(
        "version: 1\npolicies:\n  p:\n    require:\n      - verified_within: 30d\n        otherwise: step_up\n      - schedule: {days: [sat], from: \"11:00\", to: \"13:00\", zone: UTC}\n        otherwise: step_up\n",
    );
    let now: Timestamp = "2026-01-31T12:00:00Z".parse().unwrap();
    let request = request(&crate::naive::model::Request::default());
    let verification = Verification {
        id: Some("v-1".into()),
        status: Some("VERIFIED".into()),
        verified_at: Some(before(now, days(31))),
        ..Verification::default()
    };
    let evidence = Evidence {
        finding: Finding::Present(verification),
        seen_at: now,
    };
    let facts = Facts {
        request: &request,
        evidence: &evidence,
        now,
    };
    let policy = set.find(&request.policy).unwrap();
    let within_the_hour = policy.decide_for_both(&facts, after(now, Duration::from_mins(30)));
    assert_eq!(within_the_hour.remedies(), [reverify(30)]);
    // By the other clock the schedule is closed: to verify again does not suffice.
    let closed = policy.decide_for_both(&facts, after(now, Duration::from_hours(2)));
    assert!(closed.alternatives().is_empty(), "{closed:?}");
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

/// To authenticate in such a session.
fn session(hours: u64, groups: &[&[&str]], acr: &[&str]) -> Remedy {
    let texts = |texts: &[&str]| texts.iter().map(|text| Box::from(*text)).collect();
    Remedy::Authenticate(NewSession {
        max_age: Duration::from_hours(hours),
        acr_any: texts(acr),
        amr_all_of: groups.iter().map(|group| texts(group)).collect(),
    })
}

fn reverify(count: u64) -> Remedy {
    let max_age = Some(days(count));
    Remedy::Reverify { max_age }
}

fn grant<const N: usize>(scopes: [Scope; N]) -> Remedy {
    Remedy::GrantScopes(scopes.into())
}

#[test]
fn either_alternative_of_a_rule_is_a_set() {
    let rules = "      - any_of: [verified_within: 30d, authenticated: {within: 12h, amr_any: [mfa, hwk]}]\n        otherwise: step_up\n";
    assert_eq!(
        sets(rules, 31, |_| {}),
        [
            vec![session(12, &[&["hwk", "mfa"]], &[])],
            vec![reverify(30)]
        ]
    );
}

#[test]
fn a_new_session_must_satisfy_the_rules_of_the_old_one() {
    let rules = "      - authenticated: {within: 12h, amr_any: [hwk]}\n      - authenticated: {within: 1h, acr_any: [a]}\n";
    let with_key = |s: &mut Situation| {
        s.request.authentication = Some(Authentication {
            acr: "b".to_owned(),
            amr: vec!["hwk".to_owned()],
            auth_time: Some(s.now),
        });
    };
    assert_eq!(
        sets(rules, 1, with_key),
        [vec![session(1, &[&["hwk"]], &["a"])]]
    );
}

#[test]
fn data_that_nobody_has_helps_nobody() {
    let silent = |s: &mut Situation| s.verification.scopes.clear();
    let none: Vec<Vec<Remedy>> = Vec::new();
    let rules = "      - age_at_least: 65\n      - age_below: 18\n";
    assert_eq!(sets(rules, 1, silent), none);
    assert_eq!(sets("      - age_at_least: 150\n", 1, silent), none);
    assert_eq!(sets("      - age_below: 0\n", 1, silent), none);
    let rules = "      - phone_prefix: [\"+1\"]\n      - phone_prefix: [\"+49\"]\n";
    assert_eq!(sets(rules, 1, silent), none);
    let nobody = |s: &mut Situation| s.verification.identity = Datum::Missing;
    let rules = "      - identity_in: [id-1]\n      - identity_not_in: [id-1]\n";
    assert_eq!(sets(rules, 1, nobody), none);
    // One of two alternatives is possible.
    let rules =
        "      - age_at_least: 65\n      - any_of: [age_below: 18, phone_prefix: [\"+1\"]]\n";
    let both = grant([Scope::DateOfBirth, Scope::Phone]);
    assert_eq!(sets(rules, 1, silent), [vec![both]]);
}

#[test]
fn a_person_who_can_have_all_the_data_is_asked_for_it_once() {
    let silent = |s: &mut Situation| s.verification.scopes.clear();
    let rules = "      - age_at_least: 17\n      - age_below: 18\n      - phone_prefix: [\"+1\", \"+4\"]\n      - phone_prefix: [\"+49\"]\n";
    let both = grant([Scope::DateOfBirth, Scope::Phone]);
    assert_eq!(sets(rules, 1, silent), [vec![both]]);
    // A verification without an identity gets one that the rules permit, and the request names it.
    let nobody = |s: &mut Situation| s.verification.identity = Datum::Missing;
    let rules = "      - identity_in: [id-1, id-2]\n      - identity_not_in: [id-1]\n      - identity: same_as_request\n";
    assert_eq!(
        sets(rules, 1, nobody),
        [vec![Remedy::Identify, grant([Scope::IdentityId])]]
    );
    let as_another = |s: &mut Situation| {
        s.verification.identity = Datum::Missing;
        s.request.identity = ClaimedIdentity::parse("id-1");
    };
    let none: Vec<Vec<Remedy>> = Vec::new();
    assert_eq!(sets(rules, 1, as_another), none);
}

#[test]
fn the_least_strict_sufficient_values_are_listed() {
    let rules = "      - any_of: [scopes: [NAME, PHONE, DATE_OF_BIRTH], scopes: [NAME]]\n";
    let silent = |s: &mut Situation| s.verification.scopes.clear();
    assert_eq!(sets(rules, 1, silent), [vec![grant([Scope::Name])]]);
    let rules = "      - any_of: [verified_within: 5m, verified_within: 30d]\n";
    assert_eq!(sets(rules, 31, |_| {}), [vec![reverify(30)]]);
    let rules = "      - any_of: [authenticated: {within: 1h, amr_any: [hwk]}, authenticated: {within: 12h, amr_any: [hwk, face]}, authenticated: {within: 1d, amr_any: [pwd]}]\n";
    assert_eq!(
        sets(rules, 1, |_| {}),
        [
            vec![session(12, &[&["face", "hwk"]], &[])],
            vec![session(24, &[&["pwd"]], &[])]
        ]
    );
}

#[test]
fn alternatives_are_ordered_by_number_and_then_by_kind() {
    let rules = "      - any_of:
          - age_at_least: 18
          - scopes: [NAME]
          - all_of: [verified_within: 1d, authenticated: {within: 1h, amr_any: [hwk]}]
          - verified_within: 7d
          - authenticated: {within: 1h}
          - identity: same_as_request
          - all_of: [scopes: [PHONE], identity: same_as_request]
";
    let until = "2026-03-02T14:00:00Z".parse().unwrap();
    assert_eq!(
        sets(rules, 31, |_| {}),
        [
            vec![Remedy::Identify],
            vec![session(1, &[], &[])],
            vec![reverify(7)],
            vec![grant([Scope::Name])],
            vec![Remedy::Wait(until)],
        ]
    );
}

#[test]
fn each_opening_hour_that_needs_less_is_an_alternative() {
    // 31 January 2026 is a Saturday.
    let rules = "      - any_of:
          - all_of: [verified_within: 1d, schedule: {days: [mon], from: \"07:00\", to: \"19:00\", zone: UTC}]
          - all_of: [verified_within: 30d, schedule: {days: [tue], from: \"07:00\", to: \"19:00\", zone: UTC}]
          - schedule: {days: [wed], from: \"07:00\", to: \"19:00\", zone: UTC}
";
    let [monday, tuesday, wednesday] =
        [2, 3, 4].map(|day| Remedy::Wait(format!("2026-02-0{day}T07:00:00Z").parse().unwrap()));
    assert_eq!(
        sets(rules, 31, |_| {}),
        [
            vec![wednesday],
            vec![monday, reverify(1)],
            vec![tuesday, reverify(30)],
        ]
    );
}

#[test]
fn a_verification_from_the_future_is_made_again_or_waited_for() {
    let rules = "      - verified_within: 30d\n";
    let now: Timestamp = "2026-01-31T12:00:00Z".parse().unwrap();
    let ahead = after(now, Duration::from_mins(5));
    let until = before(ahead, Duration::from_mins(1));
    assert_eq!(
        sets(rules, 0, |s| s.verification.verified_at = Some(ahead)),
        [
            vec![Remedy::Reverify {
                max_age: Some(days(30))
            }],
            vec![Remedy::Wait(until)]
        ]
    );
}

#[test]
fn a_verification_from_before_the_vendor_is_made_again() {
    let rules = "      - scopes: [IDENTITY_ID]\n";
    let ancient = "2014-12-31T23:59:59Z".parse().unwrap();
    let remedies = sets(rules, 0, |s| s.verification.verified_at = Some(ancient));
    assert_eq!(remedies, [vec![Remedy::Reverify { max_age: None }]]);
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

#[test]
fn the_last_instant_to_wait_for_is_ten_years_ahead() {
    // 31 January 2036, noon.
    let ahead = |ms| {
        let last: Timestamp = "2036-01-31T12:00:00Z".parse().unwrap();
        from_millis(last.as_millisecond() + 60_000 + ms)
    };
    let all_week = "schedule: {days: [mon, tue, wed, thu, fri, sat, sun], from: \"12:00\", to: \"11:00\", zone: UTC}";
    let rules = format!("      - {all_week}\n");
    let again = vec![Remedy::Reverify { max_age: None }];
    let waited = |ms| sets(&rules, 0, |s| s.verification.verified_at = Some(ahead(ms)));
    let last = Remedy::Wait("2036-01-31T12:00:00Z".parse().unwrap());
    assert_eq!(waited(-1), [again.clone(), vec![last.clone()]]);
    assert_eq!(waited(0), [again.clone(), vec![last]]);
    assert_eq!(waited(1), [again]);
}
