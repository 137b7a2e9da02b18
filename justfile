# Everything that is checked before a change lands, in one line: `just ci`.
ci: fmt clippy test doc deny machete

fmt:
    cargo fmt --check

clippy:
    cargo clippy --locked --all-targets -- -D warnings

test:
    cargo test --locked

doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items

deny:
    cargo deny --locked check bans licenses sources

# Known vulnerabilities; needs the advisory database from the network.
advisories:
    cargo deny --locked check advisories

machete:
    cargo machete

# The contract against the STANDARD rules of buf.
lint-proto:
    cd proto && buf lint

# Side by side, in one run.
bench:
    cargo bench --locked

# Take over goldens that were changed on purpose.
bless:
    UPDATE_EXPECT=1 cargo test --locked
