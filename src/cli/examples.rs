//! The examples at the end of each command's help. A test runs them or parses their arguments.

pub(super) const VERIGATE: &str = "\
Examples:
  verigate demo                                        try it: vendor, policies and service in one process
  verigate policy check policies                       what is wrong with policies
  verigate serve --config deploy/sim/verigate.toml     run the service, here beside verigate sim

Each command has examples of its own: verigate check --help";

pub(super) const SERVE: &str = "\
Examples:
  verigate serve --config deploy/sim/verigate.toml --check
  verigate serve --config deploy/sim/verigate.toml
  VERIGATE_LOG__LEVEL=debug verigate serve --config /etc/verigate/verigate.toml";

pub(super) const DEMO: &str = "\
Examples:
  verigate demo
  verigate demo --policies my-policies        with policies of your own
  verigate demo --json > decisions.jsonl";

pub(super) const SIM: &str = "\
Examples:
  verigate sim
  verigate sim --webhook http://127.0.0.1:8080/webhooks/incode
  verigate sim --latency 200ms --fail 503";

pub(super) const CHECK: &str = "\
Examples:
  verigate check --policy front-door --verification ada-fresh --identity id-ada
  verigate check --policy sso-admin --verification ada-month-old \\
      --identity id-ada --amr hwk --auth-ago 5m
  verigate check --policy front-door --verification ada-fresh \\
      --server https://verigate.example.com --ca ca.pem --timeout 1s --json";

pub(super) const HEALTHCHECK: &str = "\
Examples:
  verigate healthcheck --config /etc/verigate/verigate.toml
  verigate healthcheck --server https://verigate.example.com --ca ca.pem --timeout 500ms";

pub(super) const POLICY: &str = "\
Examples:
  verigate policy check policies
  verigate policy test --policies policies tests/samples
  verigate policy explain --policies policies tests/samples --case staff
  verigate policy diff old-policies policies";

pub(super) const POLICY_DIFF: &str = "\
Examples:
  verigate policy diff old-policies policies
  verigate policy diff old.yaml new.yaml --policy front-door --examples
  git worktree add /tmp/main main &&
      verigate policy diff /tmp/main/policies policies --fail-on loosens,added";

pub(super) const POLICY_EXPLAIN: &str = "\
Examples:
  verigate policy explain --policies policies tests/samples/samples.yaml
  verigate policy explain --policies policies tests/samples/samples.yaml \\
      --case staff --format json
  verigate policy explain --policies policies --policy front-door \\
      --verified-ago 40d --identity id-ada --verified-identity id-ada \\
      --scope NAME --full-name Ada --scope DATE_OF_BIRTH --date-of-birth 1990-05-17";

pub(super) const POLICY_NEEDS: &str = "\
Examples:
  verigate policy needs policies
  verigate policy needs policies --format json";

pub(super) const POLICY_SCHEMA: &str = "\
Examples:
  verigate policy schema policy > policy.schema.json
  verigate policy schema cases > cases.schema.json";

pub(super) const POLICY_TEST: &str = "\
Examples:
  verigate policy test --policies policies tests/samples
  verigate policy test --policies policies tests/samples --coverage
  verigate policy test --policies policies --generate > generated.yaml
  verigate policy test --policies policies tests/samples --format junit > report.xml";

pub(super) const AUDIT: &str = "\
Examples:
  verigate audit keygen journal.key > journal.vkey
  verigate audit verify /var/log/verigate --key journal.vkey";

pub(super) const AUDIT_TAIL: &str = "\
Examples:
  verigate audit tail /var/log/verigate
  verigate audit tail -f /var/log/verigate --decision deny
  verigate audit tail -f decisions.jsonl --json";

pub(super) const AUDIT_REPLAY: &str = "\
Examples:
  verigate audit replay /var/log/verigate --policies new-policies
  verigate audit replay decisions.jsonl --policies new.yaml --fail-on 'allow->deny'
  verigate audit replay /var/log/verigate --policies new-policies --auditor-key auditor.key";

pub(super) const AUDIT_SHADOW: &str = "\
Examples:
  verigate audit shadow /var/log/verigate --window 24h
  verigate audit shadow /var/log/verigate --window 7d --max 'allow->deny=0' --min 1000
  verigate audit shadow /var/log/verigate --policies policies --shadow new-policies";

pub(super) const AUDIT_SEARCH: &str = "\
Examples:
  verigate audit search /var/log/verigate --since 24h --decision deny
  verigate audit search /var/log/verigate --policy front-door --reason VERIFICATION_TOO_OLD
  verigate audit search decisions.jsonl --verification ada-fresh --json
  verigate audit search /var/log/verigate --identity ID --identifier-key identifiers.key";

pub(super) const AUDIT_SHOW: &str = "\
Examples:
  verigate audit show 0198c5a0-1b2c-7d3e-8f40-5a6b7c8d9e0f /var/log/verigate
  verigate audit show 0198c5a0-1b2c-7d3e-8f40-5a6b7c8d9e0f decisions.jsonl --json
  verigate audit show 0198c5a0-1b2c-7d3e-8f40-5a6b7c8d9e0f journal --facts --auditor-key a.key";

pub(super) const AUDIT_STATS: &str = "\
Examples:
  verigate audit stats /var/log/verigate --since 7d
  verigate audit stats /var/log/verigate --caller door-1 --json";

pub(super) const AUDIT_EXPORT: &str = "\
Examples:
  verigate audit export /var/log/verigate --since 24h --format csv > decisions.csv
  verigate audit export /var/log/verigate --format ocsf --policy front-door
  verigate audit export decisions.jsonl --format syslog";

pub(super) const AUDIT_PROVE: &str = "\
Examples:
  verigate audit prove 0198c5a0-1b2c-7d3e-8f40-5a6b7c8d9e0f /var/log/verigate \\
      --key journal.vkey > proof.json
  verigate audit prove --consistency 104500 /var/log/verigate \\
      --key journal.vkey > growth.json
  verigate audit check-proof proof.json --key journal.vkey";

pub(super) const AUDIT_CHECK_PROOF: &str = "\
Examples:
  verigate audit check-proof proof.json --key journal.vkey
  verigate audit check-proof proof.json --key journal.vkey --json";

pub(super) const AUDIT_VERIFY: &str = "\
Examples:
  verigate audit verify /var/log/verigate --key journal.vkey
  verigate audit verify decisions.jsonl --json
  verigate audit verify /var/log/verigate --key journal.vkey --checkpoint copy-of-checkpoints";

pub(super) const AUDIT_KEYGEN: &str = "\
Examples:
  verigate audit keygen journal.key > journal.vkey
  verigate audit keygen /etc/verigate/journal.key --name journal.example.com/berlin
  verigate audit keygen --auditor auditor.key > auditor.pub
  verigate audit keygen --identifiers /etc/verigate/identifiers.key
  verigate audit keygen journal.key --json";

pub(super) const PURGE: &str = "\
Examples:
  verigate purge --identity id-ada --token-file operator.token
  verigate purge --verification ada-fresh --server https://verigate.example.com:9090 \\
      --ca ca.pem --token-file operator.token --json > receipt.json";

pub(super) const BENCH: &str = "\
Examples:
  verigate bench --policy front-door --verification ada-fresh --identity id-ada --expect ALLOW
  verigate bench --policy front-door --verification ada-fresh --identity id-ada \\
      --rate 2000 --connections 5 --streams 10 --duration 30s
  verigate bench --targets targets.toml --json > measured.json
  verigate bench --demo --chart compared.svg";

pub(super) const COMPLETIONS: &str = "\
Examples:
  source <(verigate completions bash)                  for this shell alone
  verigate completions bash > ~/.local/share/bash-completion/completions/verigate
  verigate completions zsh > ~/.zfunc/_verigate        with ~/.zfunc in $fpath
  verigate completions fish > ~/.config/fish/completions/verigate.fish";

pub(super) const MAN: &str = "\
Examples:
  verigate man | man -l -                              the page of verigate
  verigate man --folder ~/.local/share/man/man1        a page for each command,
                                                       then: man verigate-check";

pub(super) const TOKEN_NEW: &str = "\
Examples:
  umask 077; verigate token new door-1 > door-1.token
  head -n 1 door-1.token                               the token, for the caller
  tail -n 1 door-1.token                               for token_sha256 of [callers.door-1]";
