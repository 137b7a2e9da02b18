//! The checks, and how each way of asking expresses them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use verigate::proto::v1::{Authentication, CheckAccessRequest};

use crate::{
    authzen::{evaluation, with},
    world::{BEGINNING, at, check_request},
};

/// Policies with every kind of requirement, reuse and remedy.
pub const POLICIES: &str = "\
version: 1
policies:
  young:
    require:
      - verified_within: 90d
      - verified_within: 30d
        otherwise: step_up
    reuse: { allow: 10m }
  own:
    require:
      - verified_within: 90d
      - identity: same_as_request
  hours:
    require:
      - any_of:
          - schedule: { days: [mon, tue], from: '07:00', to: '17:00', zone: Europe/Berlin }
          - all_of: [{ verified_within: 1d }, { scopes: [NAME, PHONE] }]
        otherwise: step_up
      - age_at_least: 16
    reuse: { allow: 5m }
  session:
    require:
      - authenticated: { within: 15m, acr_any: [gold] }
        otherwise: step_up
      - verified_within: 90d
        otherwise: step_up
  site:
    require:
      - attribute: { name: site, in: [hq] }
      - attribute: { name: state, not_in: [closed], if_absent: holds }
";

/// The verifications of the simulated vendor, as facts of a case; `null` for one that does not exist.
pub fn verifications() -> Vec<(&'static str, Value)> {
    let of = |facts: Value, verified_at: Option<&str>, scopes: &[&str]| {
        let mut facts = facts;
        facts["scopes"] = json!(scopes);
        match verified_at {
            Some(instant) => facts["verified_at"] = json!(instant),
            None => facts["status"] = json!("PENDING"),
        }
        facts
    };
    let ada = |scopes: &[&str]| {
        let mut facts = json!({ "identity_id": "id-ada" });
        for (scope, name, value) in [
            ("NAME", "full_name", "Ada Example"),
            ("DATE_OF_BIRTH", "date_of_birth", "1990-05-17"),
            ("PHONE", "phone", "+12025550101"),
        ] {
            if scopes.contains(&scope) {
                facts[name] = json!(value);
            }
        }
        facts
    };
    let all = ["NAME", "DATE_OF_BIRTH", "PHONE"];
    let minor = json!({ "full_name": "Mia Minor", "date_of_birth": "2015-03-09" });
    vec![
        ("fresh", of(ada(&all), Some("2026-01-31T11:50:00Z"), &all)),
        (
            "month-old",
            of(ada(&all[..2]), Some("2025-12-31T12:00:00Z"), &all[..2]),
        ),
        (
            "stale",
            of(ada(&all[..1]), Some("2025-07-15T12:00:00Z"), &all[..1]),
        ),
        ("pending", of(ada(&all[..1]), None, &all[..1])),
        ("minor", of(minor, Some("2026-01-31T11:50:00Z"), &all[..2])),
        ("nobody", Value::Null),
    ]
}

/// What is said of the situation: a name, the request of a case, and what the ways that carry only a verification and an identity can say.
pub fn situations() -> Vec<(Value, bool)> {
    let gold = json!({ "acr": "gold", "amr": ["hwk"], "auth_time": "2026-01-31T11:58:00Z" });
    let old = json!({ "acr": "gold", "amr": [], "auth_time": "2026-01-31T11:00:00Z" });
    vec![
        (json!({}), true),
        (json!({ "identity_id": "id-ada" }), true),
        (json!({ "identity_id": "id-ben" }), true),
        (
            json!({ "authentication": gold, "attributes": { "site": "hq", "state": "open" } }),
            false,
        ),
        (
            json!({ "authentication": old, "attributes": { "site": "lab" } }),
            false,
        ),
        (
            json!({ "attributes": { "site": "hq", "state": "closed" } }),
            false,
        ),
    ]
}

/// One check, in the form of each way.
pub struct Check {
    pub policy: &'static str,
    verification: &'static str,
    facts: Value,
    situation: Value,
    /// Whether it has only a verification and an identity, which every way can carry.
    pub is_plain: bool,
}

impl Check {
    pub fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for policy in ["young", "own", "hours", "session", "site"] {
            for (verification, facts) in verifications() {
                for (situation, is_plain) in situations() {
                    let facts = facts.clone();
                    all.push(Self {
                        policy,
                        verification,
                        facts,
                        situation,
                        is_plain,
                    });
                }
            }
        }
        all
    }

    pub fn grpc(&self, id: usize) -> CheckAccessRequest {
        let text = |name: &str| self.situation[name].as_str().unwrap_or_default().to_owned();
        let session = &self.situation["authentication"];
        let attributes = self.situation["attributes"].as_object();
        CheckAccessRequest {
            request_id: format!("q-{id}"),
            identity_id: text("identity_id"),
            authentication: session.is_object().then(|| Authentication {
                acr: session["acr"].as_str().unwrap().to_owned(),
                amr: serde_json::from_value(session["amr"].clone()).unwrap(),
                auth_time: Some(prost_types::Timestamp {
                    seconds: at(session["auth_time"].as_str().unwrap()).as_second(),
                    nanos: 0,
                }),
            }),
            attributes: (attributes.into_iter().flatten())
                .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
                .collect(),
            ..check_request(self.policy, self.verification)
        }
    }

    pub fn authzen(&self) -> Value {
        let mut asked = evaluation(self.policy, self.verification);
        if let Some(identity) = self.situation.get("identity_id") {
            asked = with(asked, "/subject/properties/identity_id", identity.clone());
        }
        let session = self.situation["authentication"].as_object();
        for (name, value) in session.into_iter().flatten() {
            let value = match name.as_str() {
                "auth_time" => json!(at(value.as_str().unwrap()).as_second()),
                _ => value.clone(),
            };
            asked = with(asked, &format!("/context/{name}"), value);
        }
        let attributes = self.situation["attributes"].as_object();
        for (name, value) in attributes.into_iter().flatten() {
            asked = with(asked, &format!("/context/{name}"), value.clone());
        }
        asked
    }

    /// The headers in which a gateway says it.
    pub fn headers(&self) -> BTreeMap<&'static str, &str> {
        let identity = self.situation["identity_id"].as_str();
        let identity = identity.map(|identity| ("x-identity-id", identity));
        let verification = ("x-verification-id", self.verification);
        [verification].into_iter().chain(identity).collect()
    }

    pub fn case(&self, id: usize) -> Value {
        let mut case = json!({ "name": format!("q-{id}"), "policy": self.policy, "at": BEGINNING, "request": self.situation });
        match &self.facts {
            Value::Null => case["upstream"] = json!("absent"),
            facts => case["verification"] = facts.clone(),
        }
        case
    }
}
