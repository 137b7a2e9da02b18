//! What `verigate bench --demo` compares with: one policy in the language of each product, and people whom the simulated vendor knows.

use std::{fmt::Write as _, time::Duration};

use crate::{
    bench::Person,
    policy::{Timestamp, before},
};

/// Verifications of each kind.
pub(super) const VERIFICATIONS: usize = 1_000;
/// The name of the policy.
pub(super) const POLICY_NAME: &str = "front-door";
/// Whose verifications they are.
pub(super) const IDENTITY: &str = "id-ada";
const BORN: &str = "1990-05-17T00:00:00Z";
const HOUR: Duration = Duration::from_hours(1);

/// Five conditions.
pub(super) const POLICY: &str = "\
version: 1
policies:
  front-door:
    require:
      - status: [VERIFIED]
      - identity: same_as_request
      - verified_within: 365d
        otherwise: step_up
      - scopes: [NAME]
        otherwise: step_up
      - age_at_least: 18
    evidence:
      fresh_for: 1h
    reuse:
      allow: 10m
";

/// The same five, as conditions of CEL over the facts that the request has. 18 years are 6,575 days.
pub(super) const CERBOS_POLICY: &str = "\
apiVersion: api.cerbos.dev/v1
resourcePolicy:
  resource: door
  version: default
  rules:
    - actions: [enter]
      effect: EFFECT_ALLOW
      roles: [person]
      condition:
        match:
          all:
            of:
              - expr: R.attr.status == \"VERIFIED\"
              - expr: R.attr.identity == P.id
              - expr: timestamp(R.attr.verifiedAt).timeSince() < duration(\"8760h\")
              - expr: '\"NAME\" in R.attr.scopes'
              - expr: timestamp(R.attr.bornAt).timeSince() > duration(\"157800h\")
";

/// Which verification.
#[derive(Debug, Clone, Copy)]
pub(super) enum Verified {
    /// An hour ago: ALLOW.
    Recently,
    /// More than a year ago: STEP_UP.
    LongAgo,
}

/// The ids of the verifications, as long as those that a vendor gives.
pub(super) fn verifications(verified: Verified) -> Vec<String> {
    let group = match verified {
        Verified::Recently => "6650b7d4",
        Verified::LongAgo => "7c31a0f2",
    };
    let id = |n: usize| format!("{group}-0000-4000-8000-{n:012}");
    (0..VERIFICATIONS).map(id).collect()
}

/// The people of the vendor.
pub(super) fn cast() -> String {
    let mut cast = format!(
        "people:\n  ada:\n    identity_id: {IDENTITY}\n    full_name: Ada Example\n    first_name: Ada\n    \
         last_name: Example\n    date_of_birth: 1990-05-17\n    phone: \"+12025550101\"\nverifications:\n"
    );
    for (verified, ago) in [(Verified::Recently, "1h"), (Verified::LongAgo, "400d")] {
        for id in verifications(verified) {
            // Writing to a `String` cannot fail.
            let _ = writeln!(
                cast,
                "  {id}:\n    person: ada\n    verified_ago: {ago}\n    scopes: [NAME, DATE_OF_BIRTH, PHONE]"
            );
        }
    }
    cast
}

/// What Cerbos is given: the same facts, because it looks up none.
pub(super) fn person(now: Timestamp) -> Person {
    let ids = verifications(Verified::Recently);
    Person {
        identity: IDENTITY.to_owned(),
        verification: ids.into_iter().next().unwrap_or_default(),
        verified_at: before(now, HOUR),
        // A constant that is an instant.
        born_at: BORN.parse().unwrap_or(Timestamp::UNIX_EPOCH),
    }
}

/// The configuration of a service on free ports, for a caller with this token.
pub(super) fn config(folder: &str, vendor: &str, token_entry: &str, tls: &str) -> String {
    format!(
        "[grpc]\nlisten = '127.0.0.1:0'\n{tls}\
         [http]\nlisten = '127.0.0.1:0'\n[admin]\nlisten = '127.0.0.1:0'\n\
         [policies]\npath = '{folder}/policy.yaml'\n\
         [incode]\nurl = '{vendor}'\napi_key = 'demo-api-key'\nintegration_id = 'demo-integration'\nsecret = 'demo-secret'\n\
         rate = 100000\nburst = 100000\n\
         [journal]\npath = '{folder}/journal'\ndurability = 'written'\nsegment_size = '256MiB'\nretain_size = '1GiB'\n\
         [callers.bench]\ntoken_sha256 = ['{token_entry}']\npolicies = ['*']\nasserts = ['identity']\n\
         fetches_per_second = 100000\nfetches_burst = 100000\n\
         [log]\nformat = 'json'\nlevel = 'info'\n"
    )
}

/// The configuration of Cerbos on these ports: without an audit log and without reloads.
pub(super) fn cerbos_config(folder: &str, grpc_port: u16, http_port: u16) -> String {
    format!(
        "server:\n  grpcListenAddr: \"127.0.0.1:{grpc_port}\"\n  httpListenAddr: \"127.0.0.1:{http_port}\"\n\
         telemetry:\n  disabled: true\naudit:\n  enabled: false\n\
         storage:\n  driver: disk\n  disk:\n    directory: \"{folder}\"\n    watchForChanges: false\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        policy::{SourceText, parse},
        sim::Cast,
    };

    #[test]
    fn the_policy_and_the_people_can_be_read() {
        let source = SourceText {
            path: "policy.yaml".to_owned(),
            text: POLICY.to_owned(),
        };
        let no_lists = |_: &str, _: &str| Err("it has none".to_owned());
        let set = parse(&[source.into()], &no_lists).unwrap();
        assert!(set.iter().any(|(name, _)| name.as_str() == POLICY_NAME));
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let cast = Cast::read("the cast", &cast(), now).unwrap();
        assert_eq!(cast.verifications.len(), 2 * VERIFICATIONS);
    }
}
